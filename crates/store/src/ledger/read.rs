//! Reading the ledger.

use model::{Decision, Mode, Outcome, Resource, TargetId, Ticket, WallTime};
use rusqlite::{Params, Row};

use super::{AppliedKnob, LedgerEntry, OutcomeEntry, WireEntry, WireOutcomeEntry};
use crate::checked::{BlobFault, unseal_wire};
use crate::{Store, StoreError};

/// A row of `decision` as it is: ticket, undone by, body.
type RawEntry = (i64, Option<i64>, Result<WireEntry, BlobFault>);

fn raw_entry(row: &Row<'_>) -> rusqlite::Result<RawEntry> {
    Ok((row.get(0)?, row.get(1)?, unseal_wire(row.get_ref(2)?.as_blob()?)))
}

impl Store {
    /// The decision of that number.
    ///
    /// # Errors
    /// When the file cannot be read or the row is damaged, as with every query of the ledger.
    pub fn decision(&self, ticket: Ticket) -> Result<Option<LedgerEntry>, StoreError> {
        Ok(self.entries("WHERE ticket = ?1", [ticket.0 as i64])?.pop())
    }

    /// The newest `limit` decisions, newest first.
    ///
    /// # Errors
    /// As [`Store::decision`].
    pub fn latest_decisions(&self, limit: u32) -> Result<Vec<LedgerEntry>, StoreError> {
        self.entries("ORDER BY ticket DESC LIMIT ?1", [limit])
    }

    /// The newest `limit` decisions for one target, newest first.
    ///
    /// # Errors
    /// As [`Store::decision`].
    pub fn decisions_of(&self, target: &TargetId, limit: u32) -> Result<Vec<LedgerEntry>, StoreError> {
        self.entries("WHERE target = ?1 ORDER BY ticket DESC LIMIT ?2", rusqlite::params![target.as_str(), limit])
    }

    /// The newest `limit` decisions made at or after `since`, newest first.
    ///
    /// # Errors
    /// As [`Store::decision`].
    pub fn decisions_since(&self, since: WallTime, limit: u32) -> Result<Vec<LedgerEntry>, StoreError> {
        self.entries("WHERE wall >= ?1 ORDER BY ticket DESC LIMIT ?2", rusqlite::params![since.unix_millis(), limit])
    }

    /// Applied decisions that were not undone, newest first; of one target, or of all.
    ///
    /// # Errors
    /// As [`Store::decision`].
    pub fn not_undone(&self, target: Option<&TargetId>) -> Result<Vec<LedgerEntry>, StoreError> {
        let standing = "WHERE applied = 1 AND gone = 0 AND undoes IS NULL AND undone_by IS NULL";
        match target {
            Some(target) => self.entries(&format!("{standing} AND target = ?1 ORDER BY ticket DESC"), [target.as_str()]),
            None => self.entries(&format!("{standing} ORDER BY ticket DESC"), []),
        }
    }

    /// Decisions to act that have no outcome yet, oldest first: after a crash, nobody knows whether they were applied.
    ///
    /// # Errors
    /// As [`Store::decision`].
    pub fn unfinished(&self) -> Result<Vec<LedgerEntry>, StoreError> {
        self.entries("WHERE acts = 1 AND finished = 0 ORDER BY ticket", [])
    }

    /// Every knob on which a decision stands, by target and resource: what to compare with the host at start.
    ///
    /// # Errors
    /// As [`Store::decision`].
    pub fn applied_knobs(&self) -> Result<Vec<AppliedKnob>, StoreError> {
        let mut standing = self.not_undone(None)?;
        standing.reverse();
        let mut knobs: std::collections::BTreeMap<(TargetId, Resource), AppliedKnob> = std::collections::BTreeMap::new();
        for entry in standing {
            let LedgerEntry { target, decision, .. } = entry;
            let resource = decision.action.resource();
            let knob = knobs.entry((target.clone(), resource)).or_insert_with(|| AppliedKnob {
                target,
                resource,
                ticket: decision.ticket,
                wall: decision.wall,
                value: decision.action.after(),
                original: decision.action.before(),
                standing: Vec::new(),
                held_elsewhere: None,
            });
            knob.standing.push(decision.ticket);
        }
        let mut knobs: Vec<AppliedKnob> = knobs.into_values().collect();
        knobs.iter_mut().try_for_each(|knob| self.complete(knob))?;
        Ok(knobs)
    }

    /// Fills in the last applied decision (which may be a restore) and whether somebody else holds the knob.
    fn complete(&self, knob: &mut AppliedKnob) -> Result<(), StoreError> {
        let (target, resource) = (knob.target.as_str(), knob.resource.index() as i64);
        let of_knob = "WHERE target = ?1 AND resource = ?2";
        let last_applied = format!("{of_knob} AND applied = 1 AND gone = 0 ORDER BY ticket DESC LIMIT 1");
        if let Some(last) = self.entries(&last_applied, (target, resource))?.pop() {
            knob.ticket = last.decision.ticket;
            knob.wall = last.decision.wall;
            knob.value = last.decision.action.after();
        }
        let last_finished = format!("{of_knob} AND acts = 1 AND finished = 1 ORDER BY ticket DESC LIMIT 1");
        let last = self.entries(&last_finished, (target, resource))?.pop();
        knob.held_elsewhere = match last.as_ref().and_then(|last| last.outcomes.last()).map(|last| &last.outcome) {
            Some(Outcome::ChangedElsewhere { found }) => Some(*found),
            _ => None,
        };
        Ok(())
    }

    fn entries(&self, rest: &str, values: impl Params) -> Result<Vec<LedgerEntry>, StoreError> {
        let sql = format!("SELECT ticket, undone_by, body FROM decision {rest}");
        let rows = self.database.rows("read decisions", &sql, values, raw_entry)?;
        rows.into_iter().map(|row| self.entry(row)).collect()
    }

    fn entry(&self, (ticket, undone_by, body): RawEntry) -> Result<LedgerEntry, StoreError> {
        let fault = |fault: BlobFault| self.database.damaged(format_args!("decision T{ticket}"), &fault);
        let wire = body.map_err(fault)?;
        let decision = Decision::try_from(wire.decision).map_err(fault)?;
        if decision.ticket.0 as i64 != ticket {
            return Err(fault(BlobFault::content(format_args!("the row holds {}", decision.ticket))));
        }
        let outcomes = self.outcomes(decision.ticket)?;
        Ok(LedgerEntry {
            target: TargetId::new(wire.target),
            decision,
            outcomes,
            undone_by: undone_by.map(|by| Ticket(by as u64)),
        })
    }

    fn outcomes(&self, ticket: Ticket) -> Result<Vec<OutcomeEntry>, StoreError> {
        let sql = "SELECT body FROM outcome WHERE ticket = ?1 ORDER BY id";
        let bodies = self.database.rows("read outcomes", sql, [ticket.0 as i64], |row| {
            Ok(unseal_wire::<WireOutcomeEntry>(row.get_ref(0)?.as_blob()?))
        })?;
        let fault = |fault: BlobFault| self.database.damaged(format_args!("an outcome of {ticket}"), &fault);
        let mut outcomes = Vec::with_capacity(bodies.len());
        for body in bodies {
            let wire = body.map_err(fault)?;
            if wire.ticket != ticket.0 {
                return Err(fault(BlobFault::content(format_args!("the row belongs to T{}", wire.ticket))));
            }
            outcomes.push(OutcomeEntry { wall: WallTime::from_unix_millis(wire.wall), outcome: wire.outcome.into() });
        }
        Ok(outcomes)
    }

    /// Whether what is said to have undone a decision is an applied restore of it, and what it undid is marked.
    fn undone_fits(&self, entry: &LedgerEntry) -> Result<bool, StoreError> {
        let applied = |entry: &LedgerEntry| entry.outcomes.iter().any(|entry| entry.outcome == Outcome::Applied);
        if let Some(by) = entry.undone_by {
            let undo = self.decision(by)?;
            if undo.is_some_and(|undo| !applied(&undo) || undone(&undo.decision) != Some(entry.decision.ticket.0 as i64)) {
                return Ok(false);
            }
        }
        match undone(&entry.decision) {
            Some(undone) if applied(entry) => {
                Ok(self.decision(Ticket(undone as u64))?.is_none_or(|undone| undone.undone_by.is_some()))
            }
            _ => Ok(true),
        }
    }

    /// Reads every decision and holds its plain columns against its body.
    pub(crate) fn verify_ledger(&self) -> Result<(), StoreError> {
        let sql = "SELECT ticket, wall, target, resource, acts, applied, finished, undoes FROM decision ORDER BY ticket";
        let rows = self.database.rows("read decisions", sql, [], |row| {
            let columns = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?);
            Ok((row.get::<_, i64>(0)?, columns))
        })?;
        for (ticket, columns) in rows {
            let Some(entry) = self.decision(Ticket(ticket as u64))? else { continue };
            let LedgerEntry { target, decision, outcomes, .. } = &entry;
            let wanted = (
                decision.wall.unix_millis(),
                target.as_str().to_owned(),
                decision.action.resource().index() as i64,
                decision.mode == Mode::Act,
                outcomes.iter().any(|entry| entry.outcome == Outcome::Applied),
                !outcomes.is_empty(),
                undone(decision),
            );
            let same = columns == wanted && self.undone_fits(&entry)?;
            if !same {
                let fault = BlobFault::content("its columns do not fit its body");
                return Err(self.database.damaged(format_args!("decision T{ticket}"), &fault));
            }
        }
        Ok(())
    }
}

fn undone(decision: &Decision) -> Option<i64> {
    match decision.action {
        model::Action::Set { .. } => None,
        model::Action::Restore { undoes, .. } => Some(undoes.0 as i64),
    }
}
