//! What comes back: outcomes, harm, undo, modes.

use model::{Action, Because, OfferFigures, Outcome, Scope, Ticket, Trigger};

use super::*;
use crate::knob::metric_of;

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
        let Some(entry) = self.ledger.get_mut(ticket) else { return };
        entry.outcome = Some(outcome.clone());
        let decision = entry.decision.clone();
        let (ordinal, resource) = (decision.target, decision.action.resource());
        let Some(place) = self.place_of(resource) else { return };
        let rails = self.settings.rails;
        let Some(target) = self.target_mut(ordinal) else { return };
        let (throttled_before, kills_before) = (target.throttled_usual, target.kills);
        let knob = &mut target.knobs[place];
        if knob.in_flight != Some(ticket) {
            return;
        }
        knob.in_flight = None;
        let mut watch = false;
        match outcome {
            Outcome::Applied => {
                knob.holds = Some(decision.action.after());
                knob.advised = None;
                watch = matches!(decision.action, Action::Set { before, after, .. } if lowers(before, after));
            }
            Outcome::ChangedElsewhere { found } => {
                knob.holds = Some(*found);
                knob.held_elsewhere = true;
            }
            Outcome::Unsupported { .. } => knob.holds = None,
            Outcome::WouldHarm { .. } | Outcome::Failed { .. } => knob.rest(now + rails.probation, true),
            Outcome::Recommended | Outcome::TargetGone => {}
        }
        if watch {
            self.watches.retain(|held| !(held.target == ordinal && held.knob == place));
            self.watches.push(Watch { ticket, target: ordinal, knob: place, until: now + rails.probation, throttled_before, kills_before });
        }
    }

    /// Rolls back what hurt.
    pub(super) fn check_watches(&mut self, now: Moment) {
        if self.watches.is_empty() {
            return;
        }
        let mut hurt = Vec::new();
        let watches = std::mem::take(&mut self.watches);
        for watch in watches {
            let Some(target) = self.target(watch.target) else { continue };
            if watch.hurt(self.settings.load.manage[watch.knob], target, &self.settings.rails) {
                hurt.push(watch);
            } else if now < watch.until {
                self.watches.push(watch);
            }
        }
        for watch in hurt {
            self.restore(now, watch.ticket, Trigger::HurtAfter(watch.ticket));
        }
    }

    /// A person asked that a decision be undone.
    pub(super) fn undo(&mut self, now: Moment, ticket: Ticket) {
        self.restore(now, ticket, Trigger::Asked);
    }

    fn restore(&mut self, now: Moment, ticket: Ticket, trigger: Trigger) {
        let Some(entry) = self.ledger.get(ticket) else { return };
        if entry.undone_by.is_some() || !matches!(entry.outcome, Some(Outcome::Applied)) {
            return;
        }
        let decision = &entry.decision;
        let (ordinal, resource) = (decision.target, decision.action.resource());
        let action = Action::Restore { undoes: ticket, resource, before: decision.action.after(), after: decision.action.before() };
        let (Some(place), Some(metric)) = (self.place_of(resource), metric_of(resource)) else { return };
        // By itself forerun touches nothing while it may not act; a person's undo always goes.
        if trigger != Trigger::Asked && self.mode_of(ordinal) != Mode::Act {
            return;
        }
        let rest = now + self.settings.rails.rest_after_rollback;
        let forecast = self.forecast(ordinal, metric);
        let Some(target) = self.target_mut(ordinal) else { return };
        if target.knobs[place].in_flight.is_some() {
            return;
        }
        target.knobs[place].rest(rest, true);
        let because = Because {
            trigger,
            metric,
            forecast,
            level: 0.0,
            margin: 0.0,
            in_use: target.in_use(resource).unwrap_or(0.0),
            figures: OfferFigures::default(),
            wanted: action.after().amount().map_or(0.0, |units| crate::knob::to_base(resource, units)),
            caps: Vec::new(),
        };
        self.emit(now, ordinal, place, Mode::Act, action, because);
        let by = self.decisions.last().map(|decision| decision.ticket);
        if let Some(entry) = self.ledger.get_mut(ticket) {
            entry.undone_by = by;
        }
    }

    /// Takes over a decision that an earlier run of the daemon applied and whose value the knob still holds.
    pub(super) fn adopt(&mut self, decision: &Decision) {
        self.ledger.record(decision.clone());
        if let Some(entry) = self.ledger.get_mut(decision.ticket) {
            entry.outcome = Some(Outcome::Applied);
        }
        let Some(place) = self.place_of(decision.action.resource()) else { return };
        if let Some(target) = self.target_mut(decision.target) {
            target.knobs[place].holds = Some(decision.action.after());
        }
    }

    pub(super) fn set_mode(&mut self, scope: &Scope, mode: Mode) {
        self.modes.set(scope, mode);
        // Setting a target's mode says that forerun may have its knobs again.
        if let Scope::Target(target) = scope
            && let Some(target) = self.target_mut(*target)
        {
            target.knobs.iter_mut().for_each(|knob| knob.held_elsewhere = false);
        }
        if mode == Mode::Act {
            self.targets.iter_mut().flatten().flat_map(|target| target.knobs.iter_mut()).for_each(|knob| knob.advised = None);
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
