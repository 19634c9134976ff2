//! What people and programs tell the daemon: modes, bounds, announcements, samples.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BoundsView, MetricName, ModeName, PlannerName, TierName, Timestamp};

/// A change of mode. Without `planner` and `target` it holds for everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeBody {
    /// The mode to set.
    pub mode: ModeName,
    /// Only for this planner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planner: Option<PlannerName>,
    /// Only for this target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What a mode applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeScope {
    /// Everything.
    All,
    /// One planner.
    Planner(PlannerName),
    /// The target of this id.
    Target(String),
}

/// The kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KillSwitchBody {
    /// `true`: nothing is changed any more, whatever the mode.
    pub engaged: bool,
}

/// Changes of one target; what is absent stays. Bounds are replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetPatch {
    /// The target's own mode.
    #[serde(default)]
    pub mode: Option<ModeName>,
    /// Its hard bounds.
    #[serde(default)]
    pub bounds: Option<BoundsView>,
    /// Its priority class.
    #[serde(default)]
    pub tier: Option<TierName>,
}

/// A change of load that is known beforehand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnouncementRequest {
    /// Whom it concerns.
    pub target: String,
    /// Which metric; `cpu` when absent.
    #[serde(default)]
    pub metric: Option<MetricName>,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// The load to expect, in the metric's unit; learned from earlier announcements of the same source when absent.
    #[serde(default)]
    pub expected: Option<f64>,
    /// What announces it, such as `release 4.2`; the caller's name when absent. Announcements of one source are
    /// taken to be alike.
    #[serde(default)]
    pub source: Option<String>,
}

/// An announcement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnnouncementView {
    /// Its number.
    pub id: u64,
    /// Whom it concerns.
    pub target: String,
    /// Which metric.
    pub metric: MetricName,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// The load to expect, in the metric's unit.
    pub expected: Option<f64>,
    /// Where it came from, such as `cron:/etc/cron.d/backup:3`.
    pub source: String,
}

/// The announcements that are not over, by their begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnnouncementList {
    /// The announcements.
    pub announcements: Vec<AnnouncementView>,
}

/// Readings of applications' own metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushedSamples {
    /// The readings, at most 10,000.
    pub samples: Vec<PushedSample>,
}

/// One reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushedSample {
    /// Of which target.
    pub target: String,
    /// Which metric; `app` when absent.
    #[serde(default)]
    pub metric: Option<MetricName>,
    /// The reading, in the metric's unit, from 0 up.
    pub value: f64,
    /// When it was taken; now when absent.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// How many readings were taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SamplesAccepted {
    /// How many readings.
    pub accepted: u64,
}
