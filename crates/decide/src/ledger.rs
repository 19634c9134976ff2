//! The decisions that can still be undone or explained.

use std::collections::{BTreeMap, VecDeque};

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
    /// Which of the targets that ever had this ordinal it was made for.
    pub(crate) generation: u64,
}

/// The newest decisions, oldest first; bounded. What is under way stays whatever the bound: there is at most one per knob.
#[derive(Clone, Debug)]
pub struct Ledger {
    entries: BTreeMap<Ticket, Entry>,
    /// Those that came back, in that order: what goes first when there are too many.
    finished: VecDeque<Ticket>,
    next: u64,
    limit: usize,
}

impl Ledger {
    /// An empty ledger whose first ticket is `first` and which keeps `limit` entries (at least 1).
    pub fn new(first: u64, limit: usize) -> Self {
        Ledger { entries: BTreeMap::new(), finished: VecDeque::new(), next: first.max(1), limit: limit.max(1) }
    }

    /// The next number; each is given out once.
    pub fn issue(&mut self) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        ticket
    }

    /// Remembers a decision that is under way. One of an earlier run keeps its number, which is not given out again.
    pub(crate) fn record(&mut self, decision: Decision, generation: u64) {
        self.next = self.next.max(decision.ticket.0.saturating_add(1));
        let entry = Entry { decision, outcome: None, undone_by: None, generation };
        self.entries.entry(entry.decision.ticket).or_insert(entry);
    }

    /// Notes how a decision ended, and drops the oldest beyond the limit. The first word counts: later ones change nothing.
    /// Says whether this was it.
    pub(crate) fn finish(&mut self, ticket: Ticket, outcome: Outcome) -> bool {
        let Some(entry) = self.entries.get_mut(&ticket).filter(|entry| entry.outcome.is_none()) else { return false };
        entry.outcome = Some(outcome);
        self.finished.push_back(ticket);
        while self.entries.len() > self.limit
            && let Some(oldest) = self.finished.pop_front()
        {
            self.entries.remove(&oldest);
        }
        true
    }

    /// Notes by which decision one is undone; `None` when that came to nothing.
    pub(crate) fn set_undone(&mut self, ticket: Ticket, by: Option<Ticket>) {
        if let Some(entry) = self.entries.get_mut(&ticket) {
            entry.undone_by = by;
        }
    }

    /// An entry by its number.
    pub fn get(&self, ticket: Ticket) -> Option<&Entry> {
        self.entries.get(&ticket)
    }

    /// All entries, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values()
    }
}
