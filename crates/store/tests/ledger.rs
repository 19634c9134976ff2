//! The ledger: decisions come back whole, outcomes mark what stands, numbers are never used twice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use model::{Mode, Outcome, Resource, Span, Ticket};
use store::{Limits, OutcomeEntry, Store, StoreError};
use support::{at, cores, decision, memory, open, restore, target};

#[test]
fn decisions_come_back_whole_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let made = decision(1, Resource::CpuQuota, 500, 1_500);
    let mut store = open(dir.path());
    store.record_decision(&target(4), &made).unwrap();
    let reason = Outcome::Failed { reason: "write to cpu.max: permission denied".into() };
    store.record_outcome(Ticket(1), at(2), &reason).unwrap();
    store.record_outcome(Ticket(1), at(3), &Outcome::Applied).unwrap();
    drop(store);
    let store = open(dir.path());
    let entry = store.decision(Ticket(1)).unwrap().unwrap();
    assert_eq!(entry.target, target(4));
    assert_eq!(entry.decision, made);
    let wanted = [OutcomeEntry { wall: at(2), outcome: reason }, OutcomeEntry { wall: at(3), outcome: Outcome::Applied }];
    assert_eq!(entry.outcomes, wanted);
    assert_eq!(store.decision(Ticket(2)).unwrap(), None);
    store.verify().unwrap();
}

#[test]
fn queries_by_target_time_and_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for ticket in 1..=9 {
        store.record_decision(&target(ticket as u32 % 2), &decision(ticket, Resource::MemoryLimit, 1, 2)).unwrap();
    }
    let tickets = |entries: Vec<store::LedgerEntry>| entries.iter().map(|entry| entry.decision.ticket.0).collect::<Vec<_>>();
    assert_eq!(tickets(store.latest_decisions(3).unwrap()), [9, 8, 7]);
    assert_eq!(tickets(store.decisions_of(&target(0), 3).unwrap()), [8, 6, 4]);
    assert_eq!(tickets(store.decisions_since(at(7), 100).unwrap()), [9, 8, 7]);
    assert_eq!(tickets(store.unfinished().unwrap()), (1..=9).collect::<Vec<_>>());
}

#[test]
fn what_stands_follows_applied_decisions_and_restores() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let quota = Resource::CpuQuota;
    let first = decision(1, quota, 100, 200);
    let second = decision(2, quota, 200, 300);
    let other = decision(3, Resource::MemoryLimit, 10, 20);
    let shown = model::Decision { mode: Mode::Recommend, ..decision(4, quota, 300, 400) };
    let all: Vec<_> = [&first, &second, &other, &shown].into_iter().map(|decision| (target(1), decision)).collect();
    store.record_decisions(&all.iter().map(|(target, decision)| (target, *decision)).collect::<Vec<_>>()).unwrap();
    for ticket in 1..=3 {
        store.record_outcome(Ticket(ticket), at(5), &Outcome::Applied).unwrap();
    }
    store.record_outcome(Ticket(4), at(5), &Outcome::Recommended).unwrap();
    let knobs = store.applied_knobs().unwrap();
    assert_eq!(knobs.len(), 2);
    assert_eq!(
        (knobs[0].value, knobs[0].original, knobs[0].standing.as_slice()),
        (cores(300), cores(100), &[Ticket(1), Ticket(2)][..])
    );
    assert_eq!((knobs[1].value, knobs[1].original), (memory(20), memory(10)));

    let undo = restore(5, &second);
    store.record_decision(&target(1), &undo).unwrap();
    assert_eq!(store.not_undone(Some(&target(1))).unwrap().len(), 3, "not before it is applied");
    assert_eq!(store.unfinished().unwrap().len(), 1);
    store.record_outcome(Ticket(5), at(6), &Outcome::Applied).unwrap();
    assert_eq!(store.decision(Ticket(2)).unwrap().unwrap().undone_by, Some(Ticket(5)));
    let knob = &store.applied_knobs().unwrap()[0];
    assert_eq!((knob.value, knob.ticket, knob.standing.as_slice()), (cores(200), Ticket(5), &[Ticket(1)][..]));

    let elsewhere = decision(6, quota, 200, 250);
    store.record_decision(&target(1), &elsewhere).unwrap();
    store.record_outcome(Ticket(6), at(7), &Outcome::ChangedElsewhere { found: cores(777) }).unwrap();
    assert_eq!(store.applied_knobs().unwrap()[0].held_elsewhere, Some(cores(777)));
    store.verify().unwrap();

    store.target_gone(&target(1)).unwrap();
    assert!(store.applied_knobs().unwrap().is_empty() && store.not_undone(None).unwrap().is_empty());
    assert_eq!(store.latest_decisions(10).unwrap().len(), 6, "but they can still be explained");
}

#[test]
fn a_batch_with_a_used_number_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let target = target(1);
    store.record_decision(&target, &decision(1, Resource::CpuQuota, 1, 2)).unwrap();
    let (new, used) = (decision(2, Resource::CpuQuota, 1, 2), decision(1, Resource::CpuQuota, 5, 6));
    assert!(matches!(store.record_decisions(&[(&target, &new), (&target, &used)]), Err(StoreError::TicketTaken(Ticket(1)))));
    assert_eq!(store.decision(Ticket(2)).unwrap(), None);
    assert!(matches!(store.record_outcome(Ticket(8), at(1), &Outcome::Applied), Err(StoreError::UnknownTicket(Ticket(8)))));
}

#[test]
fn numbers_are_never_used_twice() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { decision_keep: Span::from_secs(100), ..Limits::default() };
    let mut store = Store::open(dir.path(), limits).unwrap();
    assert_eq!(store.next_ticket().unwrap(), Ticket(1));
    for ticket in 1..=8 {
        store.record_decision(&target(1), &decision(ticket, Resource::CpuQuota, ticket, ticket + 1)).unwrap();
    }
    for ticket in 2..=6 {
        store.record_outcome(Ticket(ticket), at(9), &Outcome::Applied).unwrap();
    }
    store.record_outcome(Ticket(8), at(9), &Outcome::TargetGone).unwrap();
    let done = store.maintain(at(1_000)).unwrap();
    assert_eq!(done.forgotten_decisions, 4, "3 to 5 are covered by 2 and 6, and 8 came to nothing");
    let left: Vec<u64> = store.latest_decisions(10).unwrap().iter().map(|entry| entry.decision.ticket.0).collect();
    assert_eq!(left, [7, 6, 2, 1], "the first and last that stand, and those under way");
    assert_eq!(store.applied_knobs().unwrap()[0].original, cores(2));
    assert_eq!(store.next_ticket().unwrap(), Ticket(9), "although 8 is forgotten");
    store.raise_next_ticket(Ticket(40)).unwrap();
    store.raise_next_ticket(Ticket(20)).unwrap();
    drop(store);
    let mut store = Store::open(dir.path(), limits).unwrap();
    assert_eq!(store.next_ticket().unwrap(), Ticket(40));
    store.record_decision(&target(1), &decision(40, Resource::CpuQuota, 1, 2)).unwrap();
    assert_eq!(store.next_ticket().unwrap(), Ticket(41));
}
