//! History for charts: use and limit, with the forecasts that were made then.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{MetricName, Timestamp};

/// Which stretch of history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeriesQuery {
    /// Which metric; `cpu` when absent.
    pub metric: Option<MetricName>,
    /// From when (RFC 3339, or seconds since 1970-01-01 UTC); one hour before `to` when absent.
    #[param(value_type = Option<String>)]
    pub from: Option<Timestamp>,
    /// Until when; now when absent.
    #[param(value_type = Option<String>)]
    pub to: Option<Timestamp>,
    /// The grid in seconds; such that about 240 points result when absent.
    #[param(minimum = 1)]
    pub step_seconds: Option<u32>,
}

/// A stretch of history in columns of equal length; `null` where nothing is known. Values are in `unit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeriesView {
    /// Of which target.
    pub target: String,
    /// Of which metric.
    pub metric: MetricName,
    /// The unit of every value but `throttled_share`.
    pub unit: String,
    /// The grid.
    pub step_seconds: f64,
    /// How far ahead each forecast looked: the point at `t` was forecast no later than `t` less this.
    pub horizon_seconds: Option<f64>,
    /// Begin of each step, in seconds since 1970-01-01 UTC, ascending.
    pub t: Vec<f64>,
    /// Peak use in the step.
    pub in_use: Vec<Option<f64>>,
    /// The limit that held; `null` when unlimited or unknown.
    pub limit: Vec<Option<f64>>,
    /// The median that had been forecast for the step.
    pub p50: Vec<Option<f64>>,
    /// The 90 % quantile that had been forecast for the step.
    pub p90: Vec<Option<f64>>,
    /// The 99 % quantile that had been forecast for the step.
    pub p99: Vec<Option<f64>>,
    /// Share of the step in which the target was throttled, 0 to 1.
    pub throttled_share: Vec<Option<f64>>,
}

impl SeriesView {
    /// An empty stretch of a metric.
    pub fn empty(target: &str, metric: MetricName, step_seconds: f64) -> Self {
        SeriesView {
            target: target.to_owned(),
            metric,
            unit: model::Metric::from(metric).unit().to_owned(),
            step_seconds,
            horizon_seconds: None,
            t: Vec::new(),
            in_use: Vec::new(),
            limit: Vec::new(),
            p50: Vec::new(),
            p90: Vec::new(),
            p99: Vec::new(),
            throttled_share: Vec::new(),
        }
    }
}
