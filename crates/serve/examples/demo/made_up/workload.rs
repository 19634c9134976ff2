//! The invented workloads: their use over time, and the forecasts that fit it.

use serve::view::{
    Amount, BoundsView, ForecastView, KindName, MemberName, MemberView, MetricName, MetricView, ModeName, PressureView,
    QuantilesView, ResourceName, ResourceView, SeriesView, TargetView, TierName,
};

use super::wave;

/// How far the forecasts look ahead.
pub const HORIZON_SECONDS: i64 = 300;
const GIB: f64 = 1_073_741_824.0;

/// One invented workload.
pub struct Workload {
    /// Its id.
    pub id: &'static str,
    kind: KindName,
    tier: TierName,
    application: Option<&'static str>,
    /// Cores at rest and added at the peak of its pattern.
    cores: (f64, f64),
    /// Gibibytes at rest and added at the peak of its pattern.
    gib: (f64, f64),
    /// Seconds of one pattern, and where in it this workload is at time 0.
    period: (f64, f64),
    limited: bool,
    /// Too young for a forecast.
    young: bool,
}

const fn steady(id: &'static str, kind: KindName, cores: (f64, f64), gib: (f64, f64), period: (f64, f64)) -> Workload {
    let tier = TierName::Standard;
    Workload { id, kind, tier, application: None, cores, gib, period, limited: true, young: false }
}

/// All of them.
pub static WORKLOADS: [Workload; 7] = [
    Workload {
        tier: TierName::Critical,
        application: Some("checkout"),
        ..steady("docker:checkout-api-1", KindName::Container, (0.6, 2.4), (1.4, 0.5), (1_800.0, 0.0))
    },
    steady("cgroup:/system.slice/postgresql.service", KindName::Service, (0.9, 1.5), (5.2, 1.1), (2_400.0, 0.3)),
    Workload {
        application: Some("thumbnails"),
        ..steady("docker:thumbnails-worker-3", KindName::Container, (0.05, 3.4), (0.5, 0.9), (900.0, 0.55))
    },
    steady("cgroup:/system.slice/nginx.service", KindName::Service, (0.15, 0.5), (0.2, 0.05), (1_800.0, 0.05)),
    Workload {
        tier: TierName::BestEffort,
        ..steady("forerun:examples/batch", KindName::Own, (0.0, 1.8), (0.3, 1.6), (1_200.0, 0.8))
    },
    Workload {
        limited: false,
        ..steady("cgroup:/user.slice/user-1000.slice", KindName::Group, (0.2, 0.7), (3.1, 0.4), (3_600.0, 0.6))
    },
    Workload {
        young: true,
        application: Some("checkout"),
        ..steady("docker:checkout-api-2", KindName::Container, (0.5, 2.2), (1.3, 0.4), (1_800.0, 0.02))
    },
];

impl Workload {
    /// The pattern without noise, in the metric's unit.
    fn pattern(&self, metric: MetricName, seconds: i64) -> f64 {
        let (period, phase) = self.period;
        let shape = wave(seconds as f64, period, phase).powi(3) * 0.85 + wave(seconds as f64, period / 3.0, phase) * 0.15;
        match metric {
            MetricName::Cpu => self.cores.0 + self.cores.1 * shape,
            MetricName::Memory => (self.gib.0 + self.gib.1 * shape) * GIB,
            _ => 2e6 * (0.2 + shape) * self.cores.1,
        }
    }

    /// Use at a time, in the metric's unit.
    pub fn in_use(&self, metric: MetricName, seconds: i64) -> f64 {
        let jitter = noise(seconds / 5, self.id.len() as i64);
        let share = if metric == MetricName::Memory { 0.02 } else { 0.16 };
        self.pattern(metric, seconds) * (1.0 + share * (jitter - 0.5))
    }

    /// The quantiles that had been forecast for that time: p50, p90 and p99 of the peak around it.
    fn foreseen(&self, metric: MetricName, seconds: i64) -> Option<[f64; 3]> {
        let drift = (noise(seconds / 600, 7) - 0.5) * 0.08;
        let peak = (-60..=60).step_by(30).map(|near| self.pattern(metric, seconds + near)).fold(0.0, f64::max);
        let spread = if metric == MetricName::Memory { 0.35 } else { 1.0 };
        let quantile = |above: f64| peak * (1.0 + drift * spread + above * spread);
        (!self.young).then(|| [quantile(-0.02), quantile(0.11), quantile(0.24)])
    }

    /// The limit that holds at a time: raised ahead of the peak, lowered after it.
    pub fn limit(&self, metric: MetricName, seconds: i64) -> Option<f64> {
        if !self.limited || !matches!(metric, MetricName::Cpu | MetricName::Memory) {
            return None;
        }
        let begin = seconds.div_euclid(120) * 120;
        let window = (begin - 120..=begin + HORIZON_SECONDS).step_by(30);
        let peak = window.map(|at| self.pattern(metric, at)).fold(0.0, f64::max);
        let grain = if metric == MetricName::Cpu { 0.25 } else { GIB / 8.0 };
        // The young one has what somebody gave it.
        let margin = if self.young { 1.02 } else { 1.3 };
        Some((peak * margin / grain).ceil() * grain)
    }

    /// As the API shows it.
    pub fn view(&self, seconds: i64) -> TargetView {
        let metrics = [MetricName::Cpu, MetricName::Memory, MetricName::DiskWrite, MetricName::NetworkTransmit];
        TargetView {
            id: self.id.into(),
            kind: self.kind,
            tier: self.tier,
            application: self.application.map(str::to_owned),
            mode: ModeName::Act,
            bounds: BoundsView::default(),
            resources: vec![
                self.resource(ResourceName::CpuQuota, MetricName::Cpu, seconds),
                self.resource(ResourceName::MemoryLimit, MetricName::Memory, seconds),
            ],
            metrics: metrics.into_iter().map(|metric| self.metric(metric, seconds)).collect(),
            pressure: Some(PressureView { cpu_some_share: 0.012, io_some_share: 0.003, ..PressureView::default() }),
            throttled_share: Some(if self.young { 0.081 } else { 0.0 }),
            oom_kills: 0,
        }
    }

    fn resource(&self, resource: ResourceName, metric: MetricName, seconds: i64) -> ResourceView {
        let limit = self.limit(metric, seconds);
        let (wait, detail) = match self.young {
            true => ("learning", "has seen 3 of the 12 windows it needs"),
            false => ("fits", "what is set fits the forecast"),
        };
        ResourceView {
            resource,
            unit: resource.unit().into(),
            in_use: Some(self.in_use(metric, seconds)),
            limit: limit.map_or(Amount::UNLIMITED, Amount::At),
            recommended: (!self.young).then(|| self.limit(metric, seconds + 120).map_or(Amount::UNLIMITED, Amount::At)),
            wait: Some(wait.into()),
            wait_detail: Some(detail.into()),
            in_flight: None,
        }
    }

    fn metric(&self, metric: MetricName, seconds: i64) -> MetricView {
        let member = |member, loss, weight| MemberView { member, loss: Some(loss), weight };
        MetricView {
            metric,
            unit: model::Metric::from(metric).unit().into(),
            current: Some(self.in_use(metric, seconds)),
            forecast: self.forecast(metric, seconds),
            members: match self.young {
                true => Vec::new(),
                false => vec![
                    member(MemberName::Seasonal, 0.021, 0.58),
                    member(MemberName::Recurrent, 0.024, 0.31),
                    member(MemberName::Histogram, 0.061, 0.08),
                    member(MemberName::Persistence, 0.083, 0.03),
                ],
            },
        }
    }

    /// The forecast for the stretch after that time.
    pub fn forecast(&self, metric: MetricName, seconds: i64) -> Option<ForecastView> {
        let ahead = (0..=HORIZON_SECONDS).step_by(30).filter_map(|ahead| self.foreseen(metric, seconds + ahead));
        let [p50, p90, p99] = ahead.max_by(|one, other| one[2].total_cmp(&other[2]))?;
        let quantiles = QuantilesView {
            p10: p50 * 0.9,
            p50,
            p80: p50 * 0.3 + p90 * 0.7,
            p90,
            p95: (p90 + p99) / 2.0,
            p99,
            p999: p99 * 1.1,
        };
        Some(ForecastView {
            horizon_seconds: HORIZON_SECONDS as f64,
            quantiles,
            member: MemberName::Seasonal,
            coverage: Some(0.992),
        })
    }

    /// History on a grid.
    pub fn series(&self, metric: MetricName, from: i64, to: i64, step: i64) -> SeriesView {
        let mut view = SeriesView::empty(self.id, metric, step as f64);
        view.horizon_seconds = Some(HORIZON_SECONDS as f64);
        // The young one was seen for the first time ten minutes before the end.
        let from = if self.young { from.max(to - 600) } else { from };
        for at in (from.div_euclid(step)..to.div_euclid(step)).map(|index| index * step) {
            let foreseen = self.foreseen(metric, at);
            view.t.push(at as f64);
            view.in_use.push(Some(self.in_use(metric, at)));
            view.limit.push(self.limit(metric, at));
            view.p50.push(foreseen.map(|quantiles| quantiles[0]));
            view.p90.push(foreseen.map(|quantiles| quantiles[1]));
            view.p99.push(foreseen.map(|quantiles| quantiles[2]));
            let short = self.limit(metric, at).is_some_and(|limit| self.in_use(metric, at) > limit * 0.93);
            view.throttled_share.push(Some(if short { 0.1 } else { 0.0 }));
        }
        view
    }
}

/// A number between 0 and 1 that looks random and depends on its arguments only (the finisher of SplitMix64).
fn noise(index: i64, seed: i64) -> f64 {
    let mut bits = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
