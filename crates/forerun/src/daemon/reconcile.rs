//! The start after an end that nobody planned: what was under way is found out, what still holds is adopted.

use model::{Decision, Mode, Observation, Ordinal, Outcome, Resource, Setting, TargetId, Ticket};
use store::{AppliedKnob, Store, StoreError};

use super::core::{Core, wall_now};

/// Finds out what became of decisions that were under way when the daemon ended: the knob says it.
pub(super) fn settle(store: &mut Store, actuator: &act::Actuator) -> Result<usize, StoreError> {
    let unfinished = store.unfinished()?;
    for entry in &unfinished {
        let action = &entry.decision.action;
        let outcome = match actuator.read(&entry.target, action.resource()) {
            Ok(Some(found)) if found == action.after() => Outcome::Applied,
            Ok(Some(found)) if found == action.before() => {
                Outcome::Failed { reason: "the daemon ended before it was applied".into() }
            }
            Ok(Some(found)) => Outcome::ChangedElsewhere { found },
            Ok(None) => Outcome::Unsupported { reason: "the knob was not there at the next start".into() },
            Err(act::ActError::Gone { .. }) => Outcome::TargetGone,
            Err(error) => Outcome::Failed { reason: format!("not known after a restart: {error}").into() },
        };
        store.record_outcome(entry.decision.ticket, wall_now(), &outcome)?;
    }
    Ok(unfinished.len())
}

impl Core {
    /// Takes over what an earlier run set and what is still there; what somebody changed since is theirs.
    pub(super) fn adopt(&mut self, ordinal: Ordinal, settings: &[(Resource, Setting)]) {
        let Some(id) = self.known.get(&ordinal).map(|known| known.spec.id.clone()) else { return };
        let applied: Vec<AppliedKnob> =
            self.applied.iter().filter(|((target, _), _)| *target == id).map(|(_, knob)| knob.clone()).collect();
        for knob in applied {
            self.applied.remove(&(id.clone(), knob.resource));
            let found = settings.iter().find(|(resource, _)| *resource == knob.resource).map(|(_, setting)| *setting);
            if found != Some(knob.value) {
                tracing::info!(target = %id, knob = knob.resource.name(), "changed by somebody else since the last run: left alone");
                continue;
            }
            if let Some(known) = self.known.get_mut(&ordinal) {
                known.original.insert(knob.resource, knob.original);
            }
            for ticket in knob.standing {
                self.adopt_decision(ordinal, &id, ticket);
            }
        }
    }

    fn adopt_decision(&mut self, ordinal: Ordinal, id: &TargetId, ticket: Ticket) {
        let entry = self.store.call(move |store| store.decision(ticket));
        let Ok(Ok(Some(entry))) = entry else {
            return tracing::warn!(target = %id, %ticket, "a decision that still stands cannot be read");
        };
        let decision = Decision { target: ordinal, mode: Mode::Act, ..entry.decision };
        self.observe(&Observation::Adopted(Box::new(decision)));
    }
}
