//! The state of the daemon as a whole.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ModeName, Timestamp};

/// The state of the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// The daemon's version.
    pub version: String,
    /// The host's name.
    pub host: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// The mode of the whole; a planner or a target may be stricter.
    pub mode: ModeName,
    /// Whether the kill switch is engaged: nothing is changed then, whatever the mode.
    pub kill_switch: bool,
    /// How many targets are watched.
    pub targets: u64,
    /// Samples taken since the store was made.
    pub samples_total: u64,
    /// Decisions since the store was made.
    pub decisions_total: u64,
    /// Decisions since midnight UTC.
    pub decisions_today: u64,
    /// Age of the newest sample; absent before the first.
    pub last_sample_age_seconds: Option<f64>,
    /// How long the last step of the engine took.
    pub engine_step_ms: Option<f64>,
    /// What the host has, and what its targets use and are allotted.
    pub capacity: CapacityView,
    /// What lower limits gave back since midnight UTC.
    pub saved_today: SavedView,
    /// The store.
    pub store: StoreView,
    /// What does not work here, and how to mend it.
    pub degraded: Vec<DegradedView>,
}

/// What the host has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CapacityView {
    /// CPU of all cores.
    pub cpu_cores: f64,
    /// CPU in use by targets.
    pub cpu_cores_in_use: f64,
    /// Sum of the CPU quotas of targets that have one.
    pub cpu_cores_allotted: f64,
    /// Memory less what the kernel and forerun need.
    pub memory_bytes: u64,
    /// Memory in use by targets.
    pub memory_bytes_in_use: u64,
    /// Sum of the memory limits of targets that have one.
    pub memory_bytes_allotted: u64,
}

/// Allotment that was given back, integrated over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SavedView {
    /// Core-hours.
    pub cpu_core_hours: f64,
    /// Gibibyte-hours.
    pub memory_gib_hours: f64,
}

/// The store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoreView {
    /// Bytes on disk.
    pub bytes: u64,
    /// Samples kept.
    pub samples: u64,
}

/// Something that does not work on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DegradedView {
    /// What does not work.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do about it.
    pub remedy: String,
}
