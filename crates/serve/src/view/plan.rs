//! What would be done now, and what waits.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Amount, BecauseView, ModeName, ResourceName, Timestamp, TriggerView};

/// What would be done now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// When it was computed.
    pub at: Timestamp,
    /// The changes, in the order in which they would be made.
    pub steps: Vec<PlanStepView>,
    /// How many knobs wait, by the name of the wait.
    pub waiting: Vec<WaitingCount>,
}

/// One change that would be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanStepView {
    /// For which target.
    pub target: String,
    /// Which knob.
    pub resource: ResourceName,
    /// The unit of `before` and `after`.
    pub unit: String,
    /// What the knob holds.
    pub before: Amount,
    /// What it would hold.
    pub after: Amount,
    /// Whether it would be applied (`act`) or only shown.
    pub mode: ModeName,
    /// What sets it off.
    pub trigger: TriggerView,
    /// Why.
    pub because: BecauseView,
}

/// How many knobs wait for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingCount {
    /// The name of the wait, such as `learning`.
    pub wait: String,
    /// How many knobs.
    pub knobs: u64,
}
