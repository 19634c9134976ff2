//! What happens, as it happens: the events of `GET /v1/events`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AnnouncementView, DecisionView, ModeBody, OutcomeView, StatusView, TargetView, Timestamp};

/// An event. On the wire `event` is the SSE event name and `data` its data, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// The state of the daemon, at most once a second.
    Status(StatusView),
    /// A round of samples was taken.
    Sampled(SampledEvent),
    /// A target appeared, or its mode, bounds or tier changed.
    Target(TargetView),
    /// A target is gone.
    TargetGone(TargetEvent),
    /// A decision was made.
    Decision(DecisionView),
    /// A decision came back from the actuator.
    Done(DoneEvent),
    /// A mode was set.
    Mode(ModeBody),
    /// The kill switch was thrown or released.
    KillSwitch(KillSwitchEvent),
    /// A change of load was announced.
    Announced(AnnouncementView),
    /// This subscriber was too slow: read the state afresh.
    Lagged(LaggedEvent),
}

/// A round of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampledEvent {
    /// When.
    pub at: Timestamp,
    /// How many targets were read.
    pub targets: u64,
}

/// A target that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetEvent {
    /// Which.
    pub id: String,
}

/// A decision that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoneEvent {
    /// Which decision.
    pub ticket: u64,
    /// How it ended.
    pub outcome: OutcomeView,
    /// The decision that took it back, when it was undone.
    pub undone_by: Option<u64>,
}

/// A change of the kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KillSwitchEvent {
    /// Whether it is engaged now.
    pub engaged: bool,
}

/// Events that one subscriber missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaggedEvent {
    /// How many.
    pub missed: u64,
}

impl Event {
    /// The SSE event name.
    pub const fn name(&self) -> &'static str {
        match self {
            Event::Status(_) => "status",
            Event::Sampled(_) => "sampled",
            Event::Target(_) => "target",
            Event::TargetGone(_) => "target_gone",
            Event::Decision(_) => "decision",
            Event::Done(_) => "done",
            Event::Mode(_) => "mode",
            Event::KillSwitch(_) => "kill_switch",
            Event::Announced(_) => "announced",
            Event::Lagged(_) => "lagged",
        }
    }
}
