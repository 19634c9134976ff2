//! Carries decisions out: written down first, then applied, then told.

use std::collections::VecDeque;

use model::{Action, Decision, Mode, Observation, Outcome, Resource, TargetId, Ticket};
use serve::view::{DoneEvent, Event};

use super::core::Core;
use super::views::outcome_view;

/// Rounds of decisions that follow from outcomes before the rest waits for the next tick: a bound against a loop.
const ROUNDS_MAX: usize = 8;

fn is_pool(resource: Resource) -> bool {
    matches!(resource, Resource::WarmInstances | Resource::FrozenInstances)
}

impl Core {
    /// Carries out decisions and those that follow from their outcomes.
    pub(super) fn carry_out(&mut self, decisions: Vec<Decision>) {
        let mut rounds = VecDeque::from([decisions]);
        let mut count = 0;
        while let Some(decisions) = rounds.pop_front() {
            count += 1;
            if decisions.is_empty() || count > ROUNDS_MAX {
                continue;
            }
            let following = self.carry_out_round(decisions);
            if !following.is_empty() {
                rounds.push_back(following);
            }
        }
    }

    fn carry_out_round(&mut self, decisions: Vec<Decision>) -> Vec<Decision> {
        let named: Vec<(TargetId, Decision)> = decisions
            .into_iter()
            .filter_map(|decision| Some((self.known.get(&decision.target)?.spec.id.clone(), decision)))
            .collect();
        self.count_decisions(named.len() as u64);
        if let Err(reason) = self.write_down(&named) {
            self.degrade("ledger", reason.clone(), "free disk space: nothing is changed that cannot be undone");
            // What is not written down is not done.
            return self.refuse_all(&named, &reason);
        }
        self.mend("ledger");
        for (target, decision) in &named {
            let view = self.decision_view(target, decision);
            self.tell(Event::Decision(view));
        }
        let mut outcomes: Vec<(Ticket, Outcome)> = Vec::new();
        for (target, decision) in &named {
            let outcome = match decision.mode {
                Mode::Act if is_pool(decision.action.resource()) => self.apply_to_pool(decision.target, &decision.action),
                Mode::Act => self.actuator.apply(target, &decision.action),
                _ => Outcome::Recommended,
            };
            if outcome == Outcome::Applied {
                self.remember_original(decision);
            }
            outcomes.push((decision.ticket, outcome));
        }
        self.write_outcomes(&outcomes);
        let mut following = Vec::new();
        for ((ticket, outcome), (_, decision)) in outcomes.into_iter().zip(&named) {
            let shown = outcome_view(decision.action.resource(), Some(&outcome));
            self.tell(Event::Done(DoneEvent { ticket: ticket.0, outcome: shown, undone_by: None }));
            if outcome != Outcome::Recommended {
                following.extend(self.done(ticket, outcome));
            }
        }
        following
    }

    fn refuse_all(&mut self, named: &[(TargetId, Decision)], reason: &str) -> Vec<Decision> {
        let reason: Box<str> = format!("not written down, so not done: {reason}").into();
        let acting = named.iter().filter(|(_, decision)| decision.mode == Mode::Act).map(|(_, decision)| decision.ticket);
        acting
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|ticket| self.done(ticket, Outcome::Failed { reason: reason.clone() }))
            .collect()
    }

    fn write_down(&mut self, named: &[(TargetId, Decision)]) -> Result<(), String> {
        let rows = named.to_vec();
        let written = self.store.call(move |store| {
            let rows: Vec<(&TargetId, &Decision)> = rows.iter().map(|(target, decision)| (target, decision)).collect();
            store.record_decisions(&rows)
        });
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) | Err(error) => Err(error.to_string()),
        }
    }

    fn write_outcomes(&mut self, outcomes: &[(Ticket, Outcome)]) {
        let (rows, wall) = (outcomes.to_vec(), self.wall());
        let written = self.store.call(move |store| {
            let rows: Vec<_> = rows.iter().map(|(ticket, outcome)| (*ticket, wall, outcome)).collect();
            store.record_outcomes(&rows)
        });
        if let Ok(Err(error)) | Err(error) = written {
            self.degrade("ledger", error.to_string(), "free disk space: outcomes are found out at the next start");
        }
    }

    /// Undoing forgets what was there before; anything else remembers the first.
    fn remember_original(&mut self, decision: &Decision) {
        let Some(known) = self.known.get_mut(&decision.target) else { return };
        match decision.action {
            Action::Set { resource, before, .. } => {
                known.original.entry(resource).or_insert(before);
            }
            Action::Restore { undoes, resource, after, .. } => {
                if known.original.get(&resource) == Some(&after) {
                    known.original.remove(&resource);
                }
                self.undone.insert(undoes, decision.ticket);
            }
        }
    }

    fn count_decisions(&mut self, count: u64) {
        self.decisions_total += count;
        let day = self.wall().unix_secs().div_euclid(86_400);
        if self.decisions_today.0 != day {
            self.decisions_today = (day, 0);
        }
        self.decisions_today.1 += count;
    }

    /// Undoes one decision and says which decision does so.
    pub(super) fn undo(&mut self, ticket: Ticket) -> Option<Ticket> {
        let decisions = self.step(&Observation::UndoAsked(ticket));
        let by = decisions.first().map(|decision| decision.ticket);
        self.carry_out(decisions);
        by
    }
}
