//! The ledger: every decision with its reasons and outcomes, kept whole, so that `explain` and `undo` work after a restart.

mod read;
mod write;

use model::{Decision, Outcome, Resource, Setting, TargetId, Ticket, WallTime};
use serde::{Deserialize, Serialize};

use crate::wire::{WireDecision, WireOutcome};

/// A decision and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    /// For whom, by its lasting name ([`Decision::target`] is an ordinal of the run that decided).
    pub target: TargetId,
    /// What was decided, and why.
    pub decision: Decision,
    /// How it ended, oldest first; empty while it is under way.
    pub outcomes: Vec<OutcomeEntry>,
    /// The applied decision that undid it.
    pub undone_by: Option<Ticket>,
}

/// One outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeEntry {
    /// When it was known.
    pub wall: WallTime,
    /// What it was.
    pub outcome: Outcome,
}

/// A knob that forerun changed and has not put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedKnob {
    /// Whose.
    pub target: TargetId,
    /// Which.
    pub resource: Resource,
    /// The last decision that was applied to it.
    pub ticket: Ticket,
    /// When that was made.
    pub wall: WallTime,
    /// What the knob must hold if nobody else touched it.
    pub value: Setting,
    /// What it held before the first of the decisions that still stand.
    pub original: Setting,
    /// Decisions that still stand on it, oldest first.
    pub standing: Vec<Ticket>,
    /// What somebody else was found to have set, when that is the last thing known of the knob.
    pub held_elsewhere: Option<Setting>,
}

/// The body of a row of `decision`.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireEntry {
    pub(crate) target: String,
    pub(crate) decision: WireDecision,
}

/// The body of a row of `outcome`; the ticket guards against a row that strayed.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireOutcomeEntry {
    ticket: u64,
    wall: i64,
    outcome: WireOutcome,
}

impl WireOutcomeEntry {
    /// Ticket, time and outcome.
    pub(crate) fn parts(self) -> (Ticket, WallTime, Outcome) {
        (Ticket(self.ticket), WallTime::from_unix_millis(self.wall), self.outcome.into())
    }
}
