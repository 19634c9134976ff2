//! Why a decision was made, and why none was.

use crate::{AnnouncementId, Forecast, Metric, Moment, Ordinal, Span, Ticket};

/// What set a decision off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The forecast of the next window.
    Predicted,
    /// The forecast fell: what nobody will need is taken back.
    Released,
    /// The target was throttled or under pressure.
    Pressure,
    /// The kernel killed for lack of memory.
    OutOfMemory,
    /// An announced change.
    Announced(AnnouncementId),
    /// A person asked for it.
    Asked,
    /// An earlier decision hurt and is rolled back.
    HurtAfter(Ticket),
}

/// The four figures of an offer: ready iff `chance * seconds_saved * price >= make_cost + hold_cost`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OfferFigures {
    /// The chance that what is prepared is used within the window, 0 to 1.
    pub chance: f32,
    /// The seconds of waiting (throttling, reclaim, restart) that it saves if it is used, weighted by the tier.
    pub seconds_saved: f32,
    /// What making it costs, in unit-seconds (core-seconds, GB-seconds).
    pub make_cost: f32,
    /// What holding it over the window costs, in unit-seconds.
    pub hold_cost: f32,
}

/// What kept a decision below (or above) what the planner wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// The target's own upper bound.
    BoundMax,
    /// The target's own lower bound.
    BoundMin,
    /// The host has no more; higher tiers were served first.
    Capacity,
    /// Present use plus the safety margin: a limit is never set below it.
    InUse,
}

/// The reasons of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Because {
    /// What set it off.
    pub trigger: Trigger,
    /// Which metric it answers.
    pub metric: Metric,
    /// The forecast it rests on, where there was one.
    pub forecast: Option<Forecast>,
    /// The probability level that was asked of the forecast.
    pub level: f32,
    /// The conformal margin that was added, in the metric's base unit.
    pub margin: f32,
    /// Use at that moment, in the metric's base unit.
    pub in_use: f32,
    /// The four figures of the accepted offer.
    pub figures: OfferFigures,
    /// What the planner wanted, in the metric's base unit, before caps.
    pub wanted: f32,
    /// What capped it.
    pub caps: Vec<Cap>,
    /// How it is used, where that stands out: of pools.
    pub habit: Option<Habit>,
}

/// How a pool's instances are used, where that stands out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habit {
    /// The period of its uses, and the share of them that fit it, 0 to 1.
    pub period: Option<(Span, f32)>,
    /// The pool whose uses it follows.
    pub follows: Option<Ordinal>,
}

/// Why a planner does nothing: every "no" has a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wait {
    /// Too few samples.
    Learning {
        /// Windows seen.
        have: u32,
        /// Windows needed.
        need: u32,
    },
    /// Recent forecasts missed too often; the histogram is used instead.
    Uncertain {
        /// Share of recent windows that were covered.
        coverage: f32,
    },
    /// What is set fits the forecast.
    Fits,
    /// The host has nothing left for it.
    NoCapacity,
    /// Changed too recently.
    Cooldown {
        /// When it ends.
        until: Moment,
    },
    /// The kill switch is engaged, or the mode is `observe`.
    Paused,
    /// No fresh sample.
    Stale {
        /// How old the newest is.
        age: Span,
    },
    /// The global budget of changes is spent for now.
    BudgetSpent,
    /// An earlier decision on this knob has not come back yet.
    InFlight(Ticket),
    /// Somebody else set this knob; it is theirs until released.
    HeldElsewhere,
    /// Rolled back recently: rests.
    Probation {
        /// When it may act again.
        until: Moment,
    },
    /// This host has no such knob for this target.
    Unsupported,
}

impl Wait {
    /// The name used in API and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Wait::Learning { .. } => "learning",
            Wait::Uncertain { .. } => "uncertain",
            Wait::Fits => "fits",
            Wait::NoCapacity => "no_capacity",
            Wait::Cooldown { .. } => "cooldown",
            Wait::Paused => "paused",
            Wait::Stale { .. } => "stale",
            Wait::BudgetSpent => "budget_spent",
            Wait::InFlight(_) => "in_flight",
            Wait::HeldElsewhere => "held_elsewhere",
            Wait::Probation { .. } => "probation",
            Wait::Unsupported => "unsupported",
        }
    }
}
