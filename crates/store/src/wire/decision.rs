//! Decisions, their reasons, and their outcomes on disk.

use model::{
    Action, AnnouncementId, Because, Cap, Decision, Forecast, Habit, LEVELS, Member, Metric, Mode, Moment, OfferFigures,
    Ordinal, Outcome, Resource, Span, Ticket, Trigger, WallTime,
};
use serde::{Deserialize, Serialize};

use super::words::{Numbered, WireSetting};
use crate::checked::BlobFault;

/// `model::Outcome`.
#[derive(Serialize, Deserialize)]
pub(crate) enum WireOutcome {
    Applied,
    Recommended,
    ChangedElsewhere { found: WireSetting },
    WouldHarm { in_use: u64 },
    TargetGone,
    Unsupported { reason: String },
    Failed { reason: String },
}

impl From<&Outcome> for WireOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Applied => WireOutcome::Applied,
            Outcome::Recommended => WireOutcome::Recommended,
            Outcome::ChangedElsewhere { found } => WireOutcome::ChangedElsewhere { found: (*found).into() },
            Outcome::WouldHarm { in_use } => WireOutcome::WouldHarm { in_use: *in_use },
            Outcome::TargetGone => WireOutcome::TargetGone,
            Outcome::Unsupported { reason } => WireOutcome::Unsupported { reason: reason.to_string() },
            Outcome::Failed { reason } => WireOutcome::Failed { reason: reason.to_string() },
        }
    }
}

impl From<WireOutcome> for Outcome {
    fn from(wire: WireOutcome) -> Self {
        match wire {
            WireOutcome::Applied => Outcome::Applied,
            WireOutcome::Recommended => Outcome::Recommended,
            WireOutcome::ChangedElsewhere { found } => Outcome::ChangedElsewhere { found: found.into() },
            WireOutcome::WouldHarm { in_use } => Outcome::WouldHarm { in_use },
            WireOutcome::TargetGone => Outcome::TargetGone,
            WireOutcome::Unsupported { reason } => Outcome::Unsupported { reason: reason.into() },
            WireOutcome::Failed { reason } => Outcome::Failed { reason: reason.into() },
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum WireTrigger {
    Predicted,
    Released,
    Pressure,
    OutOfMemory,
    Announced(u64),
    Asked,
    HurtAfter(u64),
}

impl From<Trigger> for WireTrigger {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Predicted => WireTrigger::Predicted,
            Trigger::Released => WireTrigger::Released,
            Trigger::Pressure => WireTrigger::Pressure,
            Trigger::OutOfMemory => WireTrigger::OutOfMemory,
            Trigger::Announced(id) => WireTrigger::Announced(id.0),
            Trigger::Asked => WireTrigger::Asked,
            Trigger::HurtAfter(ticket) => WireTrigger::HurtAfter(ticket.0),
        }
    }
}

impl From<WireTrigger> for Trigger {
    fn from(wire: WireTrigger) -> Self {
        match wire {
            WireTrigger::Predicted => Trigger::Predicted,
            WireTrigger::Released => Trigger::Released,
            WireTrigger::Pressure => Trigger::Pressure,
            WireTrigger::OutOfMemory => Trigger::OutOfMemory,
            WireTrigger::Announced(id) => Trigger::Announced(AnnouncementId(id)),
            WireTrigger::Asked => Trigger::Asked,
            WireTrigger::HurtAfter(ticket) => Trigger::HurtAfter(Ticket(ticket)),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WireForecast {
    horizon: u64,
    quantiles: Vec<f32>,
    member: u8,
    coverage: Option<f32>,
}

#[derive(Serialize, Deserialize)]
struct WireBecause {
    trigger: WireTrigger,
    metric: u8,
    forecast: Option<WireForecast>,
    level: f32,
    margin: f32,
    in_use: f32,
    /// Chance, seconds saved, cost of making, cost of holding.
    figures: [f32; 4],
    wanted: f32,
    caps: Vec<u8>,
    habit: Option<WireHabit>,
}

/// `model::Habit`.
#[derive(Serialize, Deserialize)]
struct WireHabit {
    period: Option<(u64, f32)>,
    follows: Option<u32>,
}

/// `model::Decision`.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireDecision {
    ticket: u64,
    at: u64,
    wall: i64,
    target: u32,
    /// The decision that this one undoes, if it is a restore.
    undoes: Option<u64>,
    resource: u8,
    before: WireSetting,
    after: WireSetting,
    mode: u8,
    because: WireBecause,
}

impl From<&Decision> for WireDecision {
    fn from(decision: &Decision) -> Self {
        let because = &decision.because;
        let OfferFigures { chance, seconds_saved, make_cost, hold_cost } = because.figures;
        WireDecision {
            ticket: decision.ticket.0,
            at: decision.at.since_start().as_nanos(),
            wall: decision.wall.unix_millis(),
            target: decision.target.0,
            undoes: match decision.action {
                Action::Set { .. } => None,
                Action::Restore { undoes, .. } => Some(undoes.0),
            },
            resource: decision.action.resource().number(),
            before: decision.action.before().into(),
            after: decision.action.after().into(),
            mode: decision.mode.number(),
            because: WireBecause {
                trigger: because.trigger.into(),
                metric: because.metric.number(),
                forecast: because.forecast.as_ref().map(|forecast| WireForecast {
                    horizon: forecast.horizon.as_nanos(),
                    quantiles: forecast.quantiles.to_vec(),
                    member: forecast.member.number(),
                    coverage: forecast.coverage,
                }),
                level: because.level,
                margin: because.margin,
                in_use: because.in_use,
                figures: [chance, seconds_saved, make_cost, hold_cost],
                wanted: because.wanted,
                caps: because.caps.iter().map(|cap| cap.number()).collect(),
                habit: because.habit.map(|habit| WireHabit {
                    period: habit.period.map(|(period, share)| (period.as_nanos(), share)),
                    follows: habit.follows.map(|target| target.0),
                }),
            },
        }
    }
}

impl TryFrom<WireDecision> for Decision {
    type Error = BlobFault;

    fn try_from(wire: WireDecision) -> Result<Self, BlobFault> {
        let (resource, before, after) = (Resource::of_number(wire.resource)?, wire.before.into(), wire.after.into());
        Ok(Decision {
            ticket: Ticket(wire.ticket),
            at: Moment::after_start(Span::from_nanos(wire.at)),
            wall: WallTime::from_unix_millis(wire.wall),
            target: Ordinal(wire.target),
            action: match wire.undoes {
                None => Action::Set { resource, before, after },
                Some(undoes) => Action::Restore { undoes: Ticket(undoes), resource, before, after },
            },
            mode: Mode::of_number(wire.mode)?,
            because: wire.because.try_into()?,
        })
    }
}

impl TryFrom<WireBecause> for Because {
    type Error = BlobFault;

    fn try_from(wire: WireBecause) -> Result<Self, BlobFault> {
        let [chance, seconds_saved, make_cost, hold_cost] = wire.figures;
        Ok(Because {
            trigger: wire.trigger.into(),
            metric: Metric::of_number(wire.metric)?,
            forecast: wire.forecast.map(Forecast::try_from).transpose()?,
            level: wire.level,
            margin: wire.margin,
            in_use: wire.in_use,
            figures: OfferFigures { chance, seconds_saved, make_cost, hold_cost },
            wanted: wire.wanted,
            caps: wire.caps.into_iter().map(Cap::of_number).collect::<Result<_, _>>()?,
            habit: wire.habit.map(|habit| Habit {
                period: habit.period.map(|(period, share)| (Span::from_nanos(period), share)),
                follows: habit.follows.map(Ordinal),
            }),
        })
    }
}

impl TryFrom<WireForecast> for Forecast {
    type Error = BlobFault;

    fn try_from(wire: WireForecast) -> Result<Self, BlobFault> {
        let found = wire.quantiles.len();
        let wrong = |_| BlobFault::content(format_args!("a forecast has {found} quantiles, not {}", LEVELS.len()));
        Ok(Forecast {
            horizon: Span::from_nanos(wire.horizon),
            quantiles: wire.quantiles.try_into().map_err(wrong)?,
            member: Member::of_number(wire.member)?,
            coverage: wire.coverage,
        })
    }
}
