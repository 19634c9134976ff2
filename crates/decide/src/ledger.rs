//! The decisions that can still be undone or explained.

use std::collections::BTreeMap;

use model::{Decision, Outcome, Ticket};

/// A decision and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The decision.
    pub decision: Decision,
    /// How it ended, once known.
    pub outcome: Option<Outcome>,
    /// The decision that undid it.
    pub undone_by: Option<Ticket>,
}

/// The newest decisions, oldest first; bounded.
#[derive(Clone, Debug)]
pub struct Ledger {
    entries: BTreeMap<Ticket, Entry>,
    next: u64,
    limit: usize,
}

impl Ledger {
    /// An empty ledger whose first ticket is `first` and which keeps `limit` entries (at least 1).
    pub fn new(first: u64, limit: usize) -> Self {
        Ledger { entries: BTreeMap::new(), next: first.max(1), limit: limit.max(1) }
    }

    /// The next number; each is given out once.
    pub fn issue(&mut self) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        ticket
    }

    /// Remembers a decision and drops the oldest beyond the limit.
    pub fn record(&mut self, decision: Decision) {
        self.entries.insert(decision.ticket, Entry { decision, outcome: None, undone_by: None });
        while self.entries.len() > self.limit {
            self.entries.pop_first();
        }
    }

    /// An entry by its number.
    pub fn get(&self, ticket: Ticket) -> Option<&Entry> {
        self.entries.get(&ticket)
    }

    /// An entry to change.
    pub fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        self.entries.get_mut(&ticket)
    }

    /// All entries, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values()
    }
}
