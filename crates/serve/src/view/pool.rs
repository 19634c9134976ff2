//! Pools of instances that are kept ready, what holding them costs, and claims on them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RunLimits, StartView, Timestamp};

/// A pool: instances that are alike in runtime, imports, limits and tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolView {
    /// Its id.
    pub id: String,
    /// For whom.
    pub tenant: String,
    /// The file system that its instances see.
    pub image: String,
    /// The runtime: `exec`, `sh`, `python` or `node`.
    pub runtime: String,
    /// Modules that are loaded already.
    pub imports: Vec<String>,
    /// What an instance may use.
    pub limits: RunLimits,
    /// Instances that wait, ready at once.
    pub waiting: u32,
    /// Instances that are ready but frozen.
    pub frozen: u32,
    /// How many the planner wants to wait.
    pub wanted_waiting: u32,
    /// How many the planner wants frozen.
    pub wanted_frozen: u32,
    /// The fewest that are kept ready, whatever the planner wants.
    pub at_least: u32,
    /// The most that are kept ready.
    pub at_most: u32,
    /// Instances that run code.
    pub running: u32,
    /// Starts that found an instance waiting.
    pub hits_warm: u64,
    /// Starts that found a frozen one.
    pub hits_thawed: u64,
    /// Starts that found none and were cold.
    pub misses: u64,
    /// Instances made.
    pub made: u64,
    /// Instances that could not be made, or never became ready.
    pub failed: u64,
    /// Instances given up, unused.
    pub evicted: u64,
    /// Memory held by instances that were not used, integrated over time: gigabyte-hours.
    pub idle_gb_hours: f64,
    /// Memory that ready instances hold now.
    pub idle_bytes: u64,
    /// Memory that one ready instance holds.
    pub instance_bytes: u64,
    /// How long a cold start takes.
    pub cold_ms: f64,
    /// The chance of a use within the planner's coming step, 0 to 1.
    pub chance: Option<f64>,
    /// For how long an unused instance is kept now.
    pub keep_alive_seconds: Option<f64>,
    /// Why the planner wants what it wants.
    pub why: Option<String>,
}

/// All pools, and what holds for all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolPage {
    /// What a second of waiting is worth against holding memory idle: more keeps more ready.
    pub lambda: f64,
    /// Memory that ready instances of all pools hold.
    pub memory_bytes: u64,
    /// The most that they may hold.
    pub memory_max_bytes: u64,
    /// The pools, by their ids.
    pub pools: Vec<PoolView>,
}

/// The bounds of a pool, which is made where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolRequest {
    /// The runtime: `exec`, `sh`, `python` or `node`.
    #[schema(example = "python")]
    pub runtime: String,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Modules that are loaded already.
    #[serde(default)]
    pub imports: Vec<String>,
    /// What an instance may use.
    #[serde(default)]
    pub limits: RunLimits,
    /// The fewest that are kept ready; unchanged when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,
    /// The most that are kept ready; unchanged when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
}

/// What a second of waiting is worth against holding memory idle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LambdaBody {
    /// Above 0, at most 1,000,000; more keeps more ready.
    pub lambda: f64,
}

/// What a pool would have done under other lambdas: its own history, replayed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolCurve {
    /// Which pool.
    pub pool: String,
    /// How many uses the history has.
    pub uses: u64,
    /// How many steps.
    pub steps: u64,
    /// The points, by rising lambda.
    pub points: Vec<CurvePoint>,
}

/// What one lambda would have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CurvePoint {
    /// The lambda.
    pub lambda: f64,
    /// Share of the uses that would have found an instance ready, 0 to 100.
    pub hit_percent: f64,
    /// Memory that would have been held unused: gigabyte-hours.
    pub idle_gb_hours: f64,
    /// Whether it is the lambda in force.
    pub current: bool,
}

/// Asks for an instance that is held for the caller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The runtime: `exec`, `sh`, `python` or `node`.
    #[schema(example = "python")]
    pub runtime: String,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Modules that are loaded already.
    #[serde(default)]
    pub imports: Vec<String>,
    /// What the instance may use.
    #[serde(default)]
    pub limits: RunLimits,
    /// For how long it is held when no run uses it; the configured time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<f64>,
}

/// An instance that is held for somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClaimView {
    /// Its number: a run names it as `claim`.
    pub id: u64,
    /// The pool it is of.
    pub pool: String,
    /// How it was come by.
    pub start: StartView,
    /// When it is given up unless a run uses it.
    pub expires_at: Timestamp,
}
