//! What leaves the engine.

use crate::{Action, Because, Mode, Moment, Ordinal, Ticket, WallTime};

/// One decision: a ticket, what to do to whom, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Its number.
    pub ticket: Ticket,
    /// When it was made, on the engine's clock.
    pub at: Moment,
    /// When it was made, on the wall clock.
    pub wall: WallTime,
    /// For whom.
    pub target: Ordinal,
    /// What to do.
    pub action: Action,
    /// Whether it is to be applied ([`Mode::Act`]) or only shown ([`Mode::Recommend`]).
    pub mode: Mode,
    /// Why.
    pub because: Because,
}
