//! What comes back: outcomes, harm, undo, modes.

use model::{Action, Because, OfferFigures, Outcome, Scope, Ticket, Trigger, Wait};

use super::*;
use crate::knob::{metric_of, near};
use crate::load::floor_of;

/// The name of an outcome in API and metrics.
pub(super) const fn outcome_name(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        None => "in_flight",
        Some(Outcome::Applied) => "applied",
        Some(Outcome::Recommended) => "recommended",
        Some(Outcome::ChangedElsewhere { .. }) => "changed_elsewhere",
        Some(Outcome::WouldHarm { .. }) => "would_harm",
        Some(Outcome::TargetGone) => "target_gone",
        Some(Outcome::Unsupported { .. }) => "unsupported",
        Some(Outcome::Failed { .. }) => "failed",
    }
}

impl Engine {
    pub(super) fn done(&mut self, now: Moment, ticket: Ticket, outcome: &Outcome) {
        let Some(entry) = self.ledger.get(ticket) else { return };
        let decision = entry.decision.clone();
        if !self.ledger.finish(ticket, outcome.clone()) {
            return;
        }
        if let Action::Restore { undoes, .. } = decision.action
            && *outcome != Outcome::Applied
        {
            self.ledger.set_undone(undoes, None);
        }
        let (ordinal, action) = (decision.target, decision.action);
        let Some(place) = self.place_of(action.resource()) else { return };
        let rails = self.settings.rails;
        let Some(target) = self.target_mut(ordinal) else { return };
        let (throttled_before, kills_before) = (target.throttled_usual, target.kills);
        let knob = &mut target.knobs[place];
        // The ordinal may be another target's by now.
        if knob.in_flight != Some(ticket) {
            return;
        }
        knob.land();
        match outcome {
            Outcome::Applied => {
                knob.holds = Some(action.after());
                knob.advised = None;
                knob.ours = matches!(action, Action::Set { .. });
                knob.wait = knob.blocked(now).or(Some(Wait::Fits));
                let watch =
                    Watch { ticket, action, since: now, until: now + rails.probation, throttled_before, kills_before };
                // What was watched on this knob is no longer what it holds.
                self.watches.remove(&(ordinal, place));
                if matches!(action, Action::Set { before, after, .. } if lowers(before, after)) {
                    self.watches.insert((ordinal, place), watch);
                }
            }
            Outcome::ChangedElsewhere { found } => {
                knob.holds = Some(*found);
                knob.held_elsewhere = true;
                knob.ours = false;
                knob.wait = Some(Wait::HeldElsewhere);
            }
            Outcome::Unsupported { .. } => {
                knob.holds = None;
                knob.rest(now + rails.rest_after_rollback, true);
                knob.wait = Some(Wait::Unsupported);
            }
            Outcome::WouldHarm { .. } | Outcome::Failed { .. } => {
                knob.rest(now + rails.probation, true);
                knob.answers_from = knob.rests_until;
                knob.wait = Some(Wait::Probation { until: knob.rests_until });
            }
            Outcome::Recommended | Outcome::TargetGone => {}
        }
    }

    /// Rolls back what hurt.
    pub(super) fn check_watches(&mut self, now: Moment) {
        if self.watches.is_empty() {
            return;
        }
        for ((ordinal, place), watch) in std::mem::take(&mut self.watches) {
            let Some(target) = self.target(ordinal) else { continue };
            let in_flight = target.knobs[place].in_flight.is_some();
            if watch.hurt(target, &self.settings.rails) && !in_flight {
                // By itself forerun touches nothing while it may not act.
                if self.mode_of(ordinal) == Mode::Act {
                    if watch.action.resource() == Resource::CpuQuota
                        && let Some(target) = self.target_mut(ordinal)
                    {
                        target.learn_burst();
                    }
                    self.restore(now, ordinal, watch.ticket, watch.action, Trigger::HurtAfter(watch.ticket));
                }
            } else if now < watch.until {
                self.watches.insert((ordinal, place), watch);
            }
        }
    }

    /// A person asked that a decision be undone; that goes in every mode. Refused (nothing is decided) when the decision was not
    /// applied, is undone already, is of a target that is gone, when its knob holds something else by now or has a decision
    /// under way, and when the value before lies below present use.
    pub(super) fn undo(&mut self, now: Moment, ticket: Ticket) {
        let Some(entry) = self.ledger.get(ticket) else { return };
        let (ordinal, action) = (entry.decision.target, entry.decision.action);
        let applied = matches!(entry.outcome, Some(Outcome::Applied)) && entry.undone_by.is_none();
        let same_target = self.target(ordinal).is_some_and(|target| target.generation == entry.generation);
        if applied && same_target {
            self.restore(now, ordinal, ticket, action, Trigger::Asked);
        }
    }

    fn restore(&mut self, now: Moment, ordinal: Ordinal, ticket: Ticket, action: Action, trigger: Trigger) {
        let resource = action.resource();
        let Some(place) = self.place_of(resource) else { return };
        // Instances of a pool follow no metric.
        let metric = metric_of(resource).unwrap_or(Metric::Application);
        let rails = self.settings.rails;
        let forecast = self.forecast(ordinal, metric);
        let Some(target) = self.target_mut(ordinal) else { return };
        let in_use = target.in_use(resource).unwrap_or(0.0);
        let after = action.before();
        let knob = &mut target.knobs[place];
        let Some(held) = knob.holds.filter(|held| knob.in_flight.is_none() && near(*held, action.after())) else { return };
        if held == after || after.amount().is_some_and(|amount| amount < floor_of(&rails, resource, in_use)) {
            return;
        }
        let rest = now + rails.rest_after_rollback;
        knob.rest(rest, true);
        if trigger == Trigger::Asked {
            knob.answers_from = rest;
        }
        let because = Because {
            trigger,
            metric,
            forecast,
            level: 0.0,
            margin: 0.0,
            in_use,
            figures: OfferFigures::default(),
            wanted: after.amount().map_or(0.0, |units| crate::knob::to_base(resource, units)),
            caps: Vec::new(),
            habit: None,
        };
        let action = Action::Restore { undoes: ticket, resource, before: held, after };
        let by = self.emit(now, ordinal, place, Mode::Act, action, because);
        self.ledger.set_undone(ticket, Some(by));
    }

    /// Takes over a decision that an earlier run of the daemon applied and whose value the knob still holds.
    pub(super) fn adopt(&mut self, decision: &Decision) {
        let Some(place) = self.place_of(decision.action.resource()) else { return };
        let Some(target) = self.target_mut(decision.target) else { return };
        target.knobs[place].holds = Some(decision.action.after());
        target.knobs[place].ours = true;
        let generation = target.generation;
        self.ledger.record(decision.clone(), generation);
        self.ledger.finish(decision.ticket, Outcome::Applied);
    }

    pub(super) fn set_mode(&mut self, scope: &Scope, mode: Mode) {
        if let Scope::Target(ordinal) = scope {
            // Setting a target's mode says that forerun may have its knobs again.
            let Some(target) = self.target_mut(*ordinal) else { return };
            target.knobs.iter_mut().for_each(|knob| knob.held_elsewhere = false);
            self.look_soon(*ordinal, true);
        } else {
            let all: Vec<Ordinal> = self.targets().map(|(ordinal, _)| ordinal).collect();
            all.into_iter().for_each(|ordinal| self.look_soon(ordinal, true));
        }
        self.modes.set(scope, mode);
        if mode == Mode::Act {
            // What was advised was for a world in which it would have been followed.
            self.targets
                .iter_mut()
                .flatten()
                .flat_map(|target| target.knobs.iter_mut())
                .for_each(|knob| knob.advised = None);
        }
    }

    fn place_of(&self, resource: Resource) -> Option<usize> {
        self.settings.load.manage.iter().position(|managed| *managed == resource)
    }
}

/// Whether a change takes something away.
fn lowers(before: Setting, after: Setting) -> bool {
    match (before.amount(), after.amount()) {
        (Some(before), Some(after)) => after < before,
        (None, Some(_)) => true,
        _ => false,
    }
}
