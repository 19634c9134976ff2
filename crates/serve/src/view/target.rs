//! Targets: what is managed, its use, its limits and its forecasts.

use model::{Bytes, MilliCores};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Amount, KindName, MemberName, MetricName, ModeName, ResourceName, TierName, Timestamp};

/// One target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetView {
    /// The lasting name, unique on this host. Percent-encode it in a path.
    #[schema(example = "cgroup:/system.slice/nginx.service")]
    pub id: String,
    /// What it is.
    pub kind: KindName,
    /// Its priority class.
    pub tier: TierName,
    /// The application it is an instance of.
    pub application: Option<String>,
    /// The mode that holds for it: the strictest of all scopes.
    pub mode: ModeName,
    /// Its hard bounds.
    pub bounds: BoundsView,
    /// Its knobs; one that is missing is not supported on this host.
    pub resources: Vec<ResourceView>,
    /// What is measured of it.
    pub metrics: Vec<MetricView>,
    /// Pressure stall information, where the kernel has it.
    pub pressure: Option<PressureView>,
    /// Share of the last sampling interval in which its tasks were held back by the CPU quota, 0 to 1.
    pub throttled_share: Option<f64>,
    /// Kills for lack of memory since the daemon first saw it.
    pub oom_kills: u64,
}

/// Hard bounds; every decision stays within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoundsView {
    /// Never less CPU than this.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub cpu_cores_min: Option<f64>,
    /// Never more CPU than this.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub cpu_cores_max: Option<f64>,
    /// Never less memory than this.
    #[serde(default)]
    pub memory_bytes_min: Option<u64>,
    /// Never more memory than this.
    #[serde(default)]
    pub memory_bytes_max: Option<u64>,
}

impl BoundsView {
    /// What is wrong with these bounds, in words.
    pub fn fault(&self) -> Option<String> {
        for (name, cores) in [("cpu_cores_min", self.cpu_cores_min), ("cpu_cores_max", self.cpu_cores_max)] {
            if cores.is_some_and(|cores| !(cores.is_finite() && cores >= 0.0)) {
                return Some(format!("bounds.{name} is not a number of cores from 0 up"));
            }
        }
        if matches!((self.cpu_cores_min, self.cpu_cores_max), (Some(low), Some(high)) if low > high) {
            return Some("bounds.cpu_cores_min is above bounds.cpu_cores_max".into());
        }
        if matches!((self.memory_bytes_min, self.memory_bytes_max), (Some(low), Some(high)) if low > high) {
            return Some("bounds.memory_bytes_min is above bounds.memory_bytes_max".into());
        }
        None
    }
}

impl From<model::Bounds> for BoundsView {
    fn from(bounds: model::Bounds) -> Self {
        let cores = |cpu: MilliCores| cpu.0 as f64 / 1_000.0;
        BoundsView {
            cpu_cores_min: bounds.cpu_min.map(cores),
            cpu_cores_max: bounds.cpu_max.map(cores),
            memory_bytes_min: bounds.memory_min.map(|bytes| bytes.0),
            memory_bytes_max: bounds.memory_max.map(|bytes| bytes.0),
        }
    }
}

impl From<BoundsView> for model::Bounds {
    fn from(view: BoundsView) -> Self {
        let cpu = |cores: f64| MilliCores((cores * 1_000.0).round() as u64);
        model::Bounds {
            cpu_min: view.cpu_cores_min.map(cpu),
            cpu_max: view.cpu_cores_max.map(cpu),
            memory_min: view.memory_bytes_min.map(Bytes),
            memory_max: view.memory_bytes_max.map(Bytes),
        }
    }
}

/// One knob of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResourceView {
    /// Which knob.
    pub resource: ResourceName,
    /// The unit of `in_use`, `limit` and `recommended`: `cores`, `weight`, `bytes` or `bytes_per_second`.
    pub unit: String,
    /// Present use; absent for a weight.
    pub in_use: Option<f64>,
    /// What the knob holds.
    pub limit: Amount,
    /// What the planner wants it to hold; absent while it waits.
    pub recommended: Option<Amount>,
    /// Why nothing is done now, such as `learning`, `fits` or `cooldown`; absent right after a decision.
    pub wait: Option<String>,
    /// The same for people, with figures.
    pub wait_detail: Option<String>,
    /// The ticket of the decision that is being carried out.
    pub in_flight: Option<u64>,
}

/// One measured metric of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricView {
    /// Which metric.
    pub metric: MetricName,
    /// Its unit: `cores`, `bytes`, `bytes_per_second`, `gpus`, or empty for the application's own.
    pub unit: String,
    /// The newest reading.
    pub current: Option<f64>,
    /// The forecast; absent while too little is known.
    pub forecast: Option<ForecastView>,
    /// The methods that compete for this series.
    pub members: Vec<MemberView>,
}

/// The distribution of a metric's peak over the coming window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastView {
    /// How far the window reaches from now.
    pub horizon_seconds: f64,
    /// Quantiles of the peak, in the metric's unit.
    pub quantiles: QuantilesView,
    /// The method with the most weight.
    pub member: MemberName,
    /// Share of recent windows whose peak lay under the quantile that was used, 0 to 1.
    pub coverage: Option<f64>,
}

/// Quantiles of a peak; none is below the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuantilesView {
    /// 10 %.
    pub p10: f64,
    /// 50 %.
    pub p50: f64,
    /// 80 %.
    pub p80: f64,
    /// 90 %.
    pub p90: f64,
    /// 95 %.
    pub p95: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
}

impl From<&model::Forecast> for ForecastView {
    fn from(forecast: &model::Forecast) -> Self {
        let [p10, p50, p80, p90, p95, p99, p999] = forecast.quantiles.map(f64::from);
        ForecastView {
            horizon_seconds: forecast.horizon.as_secs_f64(),
            quantiles: QuantilesView { p10, p50, p80, p90, p95, p99, p999 },
            member: forecast.member.into(),
            coverage: forecast.coverage.map(f64::from),
        }
    }
}

/// How well one method did on this series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// Which method.
    pub member: MemberName,
    /// Its rolling pinball loss at the quantile that is used, in the metric's unit.
    pub loss: Option<f64>,
    /// Its weight in the blend, 0 to 1.
    pub weight: f64,
}

/// Stalled shares of the last ten seconds, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PressureView {
    /// Some task waited for CPU.
    pub cpu_some_share: f64,
    /// Some task waited for memory.
    pub memory_some_share: f64,
    /// All tasks waited for memory.
    pub memory_full_share: f64,
    /// Some task waited for storage.
    pub io_some_share: f64,
}

impl From<model::Pressure> for PressureView {
    fn from(pressure: model::Pressure) -> Self {
        let share = |permille: model::Permille| f64::from(permille.0) / 1_000.0;
        PressureView {
            cpu_some_share: share(pressure.cpu_some),
            memory_some_share: share(pressure.memory_some),
            memory_full_share: share(pressure.memory_full),
            io_some_share: share(pressure.io_some),
        }
    }
}

/// Which targets to list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TargetQuery {
    /// Only those whose id or application contains this text, whatever its case.
    pub filter: Option<String>,
    /// Only those of this kind.
    pub kind: Option<KindName>,
    /// Only those of this tier.
    pub tier: Option<TierName>,
    /// At most this many, 1 to 1,000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// Only those after this id, in the order of ids: `next` of the page before.
    pub after: Option<String>,
}

/// A page of targets, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetPage {
    /// The targets.
    pub targets: Vec<TargetView>,
    /// How many match in all.
    pub total: u64,
    /// `after` of the next page; absent on the last.
    pub next: Option<String>,
}

/// The forecasts of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastReport {
    /// Of which target.
    pub target: String,
    /// When they were made.
    pub at: Timestamp,
    /// Forecast and competing methods per metric.
    pub metrics: Vec<MetricView>,
}
