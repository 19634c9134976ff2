//! Decisions and plans, with their reasons.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Amount, CapName, ForecastView, MetricName, ModeName, ResourceName, Timestamp};

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// Its number; people write it `T17`.
    pub ticket: u64,
    /// When it was made.
    pub at: Timestamp,
    /// For which target.
    pub target: String,
    /// Which knob.
    pub resource: ResourceName,
    /// The unit of `before` and `after`.
    pub unit: String,
    /// What the knob held.
    pub before: Amount,
    /// What it shall hold.
    pub after: Amount,
    /// Whether it was applied (`act`) or only shown (`recommend`).
    pub mode: ModeName,
    /// What set it off.
    pub trigger: TriggerView,
    /// How it ended.
    pub outcome: OutcomeView,
    /// Why.
    pub because: BecauseView,
    /// The decision that this one takes back.
    pub undoes: Option<u64>,
    /// The decision that took this one back.
    pub undone_by: Option<u64>,
    /// Whether `POST /v1/decisions/{ticket}/undo` can take it back now.
    pub undoable: bool,
}

/// What set a decision off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriggerView {
    /// The kind of cause.
    pub kind: TriggerName,
    /// The announcement, when it was announced.
    pub announcement: Option<u64>,
    /// The decision that hurt, when this one rolls it back.
    pub after_ticket: Option<u64>,
}

/// The kinds of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerName {
    /// The forecast of the next window.
    Predicted,
    /// The forecast fell.
    Released,
    /// Throttling or pressure.
    Pressure,
    /// The kernel killed for lack of memory.
    OutOfMemory,
    /// An announced change.
    Announced,
    /// A person asked for it.
    Asked,
    /// An earlier decision hurt and is rolled back.
    HurtAfter,
}

/// How a decision ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutcomeView {
    /// The state.
    pub state: OutcomeState,
    /// What was found or what failed, for people.
    pub detail: Option<String>,
}

/// The states of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeState {
    /// Not back from the actuator.
    Pending,
    /// The knob holds the new value.
    Applied,
    /// Only recommended.
    Recommended,
    /// Somebody else changed the knob; it was left alone.
    ChangedElsewhere,
    /// The value would lie below present use.
    WouldHarm,
    /// The target is gone.
    TargetGone,
    /// This host has no such knob.
    Unsupported,
    /// The kernel refused.
    Failed,
}

/// The reasons of a decision. Figures are in the metric's unit unless their name says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BecauseView {
    /// The whole reason in one or two sentences.
    pub text: String,
    /// Which metric it answers.
    pub metric: MetricName,
    /// The forecast it rests on.
    pub forecast: Option<ForecastView>,
    /// The probability level that was asked of the forecast, 0 to 1.
    pub level: f64,
    /// The conformal margin that was added.
    pub margin: f64,
    /// Use at that moment.
    pub in_use: f64,
    /// What the planner wanted before caps.
    pub wanted: f64,
    /// What capped it.
    pub caps: Vec<CapName>,
    /// The four figures of the accepted offer.
    pub figures: FiguresView,
}

/// Ready iff `chance * seconds_saved * price >= make_cost + hold_cost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FiguresView {
    /// The chance that what is prepared is used, 0 to 1.
    pub chance: f64,
    /// Seconds of waiting that it saves if used.
    pub seconds_saved: f64,
    /// What making it costs, in unit-seconds.
    pub make_cost_unit_seconds: f64,
    /// What holding it costs, in unit-seconds.
    pub hold_cost_unit_seconds: f64,
}

/// Which decisions to list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DecisionQuery {
    /// Only those of this target.
    pub target: Option<String>,
    /// Only those made at or after this time (RFC 3339, or seconds since 1970-01-01 UTC).
    #[param(value_type = Option<String>)]
    pub since: Option<Timestamp>,
    /// Only those with a smaller ticket: `next` of the page before.
    pub before: Option<u64>,
    /// At most this many, 1 to 1,000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// A page of decisions, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DecisionPage {
    /// The decisions.
    pub decisions: Vec<DecisionView>,
    /// `before` of the next page; absent on the last.
    pub next: Option<u64>,
}

impl From<model::Trigger> for TriggerView {
    fn from(trigger: model::Trigger) -> Self {
        let plain = |kind| TriggerView { kind, announcement: None, after_ticket: None };
        match trigger {
            model::Trigger::Predicted => plain(TriggerName::Predicted),
            model::Trigger::Released => plain(TriggerName::Released),
            model::Trigger::Pressure => plain(TriggerName::Pressure),
            model::Trigger::OutOfMemory => plain(TriggerName::OutOfMemory),
            model::Trigger::Announced(id) => TriggerView { announcement: Some(id.0), ..plain(TriggerName::Announced) },
            model::Trigger::Asked => plain(TriggerName::Asked),
            model::Trigger::HurtAfter(ticket) => {
                TriggerView { after_ticket: Some(ticket.0), ..plain(TriggerName::HurtAfter) }
            }
        }
    }
}

impl From<&model::Outcome> for OutcomeView {
    fn from(outcome: &model::Outcome) -> Self {
        use model::Outcome;
        let (state, detail) = match outcome {
            Outcome::Applied => (OutcomeState::Applied, None),
            Outcome::Recommended => (OutcomeState::Recommended, None),
            Outcome::ChangedElsewhere { found } => (OutcomeState::ChangedElsewhere, Some(format!("found {found}"))),
            Outcome::WouldHarm { in_use } => (OutcomeState::WouldHarm, Some(format!("{in_use} in use"))),
            Outcome::TargetGone => (OutcomeState::TargetGone, None),
            Outcome::Unsupported { reason } => (OutcomeState::Unsupported, Some(reason.to_string())),
            Outcome::Failed { reason } => (OutcomeState::Failed, Some(reason.to_string())),
        };
        OutcomeView { state, detail }
    }
}

impl OutcomeView {
    /// Not back from the actuator.
    pub const PENDING: OutcomeView = OutcomeView { state: OutcomeState::Pending, detail: None };
}

impl From<&model::Because> for BecauseView {
    fn from(because: &model::Because) -> Self {
        BecauseView {
            text: super::reason::sentence(because),
            metric: because.metric.into(),
            forecast: because.forecast.as_ref().map(ForecastView::from),
            level: round(because.level),
            margin: f64::from(because.margin),
            in_use: f64::from(because.in_use),
            wanted: f64::from(because.wanted),
            caps: because.caps.iter().map(|&cap| cap.into()).collect(),
            figures: FiguresView {
                chance: f64::from(because.figures.chance),
                seconds_saved: f64::from(because.figures.seconds_saved),
                make_cost_unit_seconds: f64::from(because.figures.make_cost),
                hold_cost_unit_seconds: f64::from(because.figures.hold_cost),
            },
        }
    }
}

/// A level as people wrote it: 0.99, not the nearest binary fraction's 0.9900000095.
fn round(level: f32) -> f64 {
    (f64::from(level) * 1e6).round() / 1e6
}
