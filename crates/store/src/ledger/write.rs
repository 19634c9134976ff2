//! Writing the ledger. A decision is on disk before anybody acts on it.

use model::{Action, Decision, Mode, Outcome, TargetId, Ticket, WallTime};
use rusqlite::params;

use super::{WireEntry, WireOutcomeEntry};
use crate::checked::seal_wire;
use crate::{Store, StoreError};

impl Store {
    /// Records a decision; on disk (fsync) when this returns.
    ///
    /// # Errors
    /// When its number is taken or the file cannot be written.
    pub fn record_decision(&mut self, target: &TargetId, decision: &Decision) -> Result<(), StoreError> {
        self.record_decisions(&[(target, decision)])
    }

    /// Records the decisions of one step in one transaction, all or none; on disk (fsync) when this returns.
    ///
    /// # Errors
    /// As [`Store::record_decision`].
    pub fn record_decisions(&mut self, decisions: &[(&TargetId, &Decision)]) -> Result<(), StoreError> {
        if decisions.is_empty() {
            return Ok(());
        }
        self.database.durable_transaction("record decisions", || {
            decisions.iter().try_for_each(|(target, decision)| self.insert_decision(target, decision))
        })
    }

    pub(crate) fn insert_decision(&self, target: &TargetId, decision: &Decision) -> Result<(), StoreError> {
        let undoes = match decision.action {
            Action::Set { .. } => None,
            Action::Restore { undoes, .. } => Some(undoes.0 as i64),
        };
        let body = seal_wire(&WireEntry { target: target.as_str().to_owned(), decision: decision.into() });
        let inserted = self.database.execute(
            "record a decision",
            "INSERT OR IGNORE INTO decision (ticket, wall, target, resource, acts, undoes, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                decision.ticket.0 as i64,
                decision.wall.unix_millis(),
                target.as_str(),
                decision.action.resource().index() as i64,
                decision.mode == Mode::Act,
                undoes,
                body
            ],
        )?;
        if inserted == 1 { Ok(()) } else { Err(StoreError::TicketTaken(decision.ticket)) }
    }

    /// Records how a decision ended; on disk (fsync) when this returns. A restore that was applied marks what it undid.
    ///
    /// # Errors
    /// When there is no such decision or the file cannot be written.
    pub fn record_outcome(&mut self, ticket: Ticket, wall: WallTime, outcome: &Outcome) -> Result<(), StoreError> {
        self.record_outcomes(&[(ticket, wall, outcome)])
    }

    /// Records several outcomes in one transaction, all or none; on disk (fsync) when this returns.
    ///
    /// # Errors
    /// As [`Store::record_outcome`].
    pub fn record_outcomes(&mut self, outcomes: &[(Ticket, WallTime, &Outcome)]) -> Result<(), StoreError> {
        if outcomes.is_empty() {
            return Ok(());
        }
        self.database.durable_transaction("record outcomes", || {
            outcomes.iter().try_for_each(|(ticket, wall, outcome)| self.insert_outcome(*ticket, *wall, outcome))
        })
    }

    pub(crate) fn insert_outcome(&self, ticket: Ticket, wall: WallTime, outcome: &Outcome) -> Result<(), StoreError> {
        let number = ticket.0 as i64;
        let applied = *outcome == Outcome::Applied;
        let updated = self.database.execute(
            "record an outcome",
            "UPDATE decision SET finished = 1, applied = applied OR ?2 WHERE ticket = ?1",
            params![number, applied],
        )?;
        if updated == 0 {
            return Err(StoreError::UnknownTicket(ticket));
        }
        if applied {
            self.database.execute(
                "record an undo",
                "UPDATE decision SET undone_by = ?1 WHERE ticket = (SELECT undoes FROM decision WHERE ticket = ?1)",
                [number],
            )?;
        }
        let body = seal_wire(&WireOutcomeEntry { ticket: ticket.0, wall: wall.unix_millis(), outcome: outcome.into() });
        let values = params![number, wall.unix_millis(), body];
        self.database
            .execute("record an outcome", "INSERT INTO outcome (ticket, wall, body) VALUES (?1, ?2, ?3)", values)
            .map(|_| ())
    }

    /// Marks that a target is gone for good: its decisions stay readable, but nothing of it stands any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn target_gone(&mut self, target: &TargetId) -> Result<(), StoreError> {
        self.database
            .execute("close a target", "UPDATE decision SET gone = 1 WHERE target = ?1 AND gone = 0", [target.as_str()])
            .map(|_| ())
    }

    /// The number of the next decision: above every one that was ever recorded, also of those forgotten since.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_ticket(&self) -> Result<Ticket, StoreError> {
        let highest = "SELECT max(coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'decision'), 0),
                                  coalesce((SELECT max(ticket) FROM decision), 0))";
        Ok(Ticket(self.database.number("read the last ticket", highest)? as u64 + 1))
    }

    /// Makes the next ticket at least `next`: after a recovery, when the journal knows later ones.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn raise_next_ticket(&mut self, next: Ticket) -> Result<(), StoreError> {
        if next <= self.next_ticket()? {
            return Ok(());
        }
        let last = next.0 as i64 - 1;
        self.database.transaction("raise the next ticket", || {
            let doing = "raise the next ticket";
            if self.database.execute(doing, "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'decision'", [last])? == 0 {
                self.database.execute(doing, "INSERT INTO sqlite_sequence (name, seq) VALUES ('decision', ?1)", [last])?;
            }
            Ok(())
        })
    }

    /// Forgets decisions older than the limit, but for those under way and, per knob, the first and last that stand.
    pub(crate) fn forget_decisions(&self, now: WallTime) -> Result<usize, StoreError> {
        let before = now.minus(self.limits.decision_keep).unix_millis();
        let standing = "SELECT {} FROM decision WHERE applied = 1 AND gone = 0 AND undoes IS NULL AND undone_by IS NULL GROUP BY target, resource";
        let last = "SELECT max(ticket) FROM decision WHERE applied = 1 AND gone = 0 GROUP BY target, resource";
        let delete = format!(
            "DELETE FROM decision WHERE wall < ?1 AND NOT (acts = 1 AND finished = 0) AND ticket NOT IN ({}) AND ticket NOT IN ({last})",
            standing.replace("{}", "min(ticket)"),
        );
        if self
            .database
            .row("look for old decisions", "SELECT 1 FROM decision WHERE wall < ?1 LIMIT 1", [before], |_| Ok(()))?
            .is_none()
        {
            return Ok(0);
        }
        self.database.transaction("forget decisions", || {
            let forgotten = self.database.execute("forget decisions", &delete, [before])?;
            self.database.execute(
                "forget outcomes",
                "DELETE FROM outcome WHERE ticket NOT IN (SELECT ticket FROM decision)",
                [],
            )?;
            Ok(forgotten)
        })
    }
}
