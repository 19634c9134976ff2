//! From offers to decisions: arbiter, modes, budget and ledger.

use model::{Action, Because, Outcome, Trigger, Wait};

use super::*;
use crate::arbiter::{Pots, order, yields};
use crate::lint;
use crate::load::{Offer, answer, figures, floor_of};
use crate::knob::least;

impl Engine {
    /// Serves the offers in the arbiter's order.
    pub(super) fn arbitrate(&mut self, now: Moment, mut offers: Vec<Offer>) {
        order(&mut offers);
        let mut pots = self.pots();
        for mut offer in offers {
            let short = pots.grant(&mut offer);
            if short > 0 {
                self.squeeze(now, &mut pots, &mut offer, short);
            }
            if offer.from.is_some_and(|from| offer.to == from) {
                self.wait(&offer, Wait::NoCapacity);
            } else {
                self.decide(now, offer);
            }
        }
    }

    fn pots(&self) -> Pots {
        let manage = &self.settings.load.manage;
        Pots::new(self.capacity, &self.settings.arbiter, |resource| {
            let Some(place) = manage.iter().position(|managed| *managed == resource) else { return 0 };
            self.targets.iter().flatten().filter_map(|target| target.knobs[place].base()?.amount()).map(u128::from).sum()
        })
    }

    /// Takes what a raise lacks from targets of lower tiers, the lowest first, each down to its guarantee.
    fn squeeze(&mut self, now: Moment, pots: &mut Pots, offer: &mut Offer, short: u64) {
        let mut missing = short;
        let mut lower: Vec<(model::Tier, Ordinal)> = self
            .targets()
            .filter(|(_, target)| yields(target.spec.tier, offer.tier))
            .map(|(ordinal, target)| (target.spec.tier, ordinal))
            .collect();
        lower.sort();
        for (_, ordinal) in lower {
            if missing == 0 {
                break;
            }
            let Some(cut) = self.squeezed(now, ordinal, offer, missing) else { continue };
            let freed = cut.from.unwrap_or(cut.to) - cut.to;
            if self.decide(now, cut) {
                pots.take(offer.resource, -i128::from(freed));
                missing -= freed.min(missing);
            }
        }
        let found = short - missing;
        pots.take(offer.resource, i128::from(found));
        offer.to += found;
        if missing == 0 {
            offer.because.caps.retain(|cap| *cap != model::Cap::Capacity);
        }
    }

    /// What a lower tier can give: all beyond present use, its lower bound and the least.
    fn squeezed(&self, now: Moment, ordinal: Ordinal, offer: &Offer, missing: u64) -> Option<Offer> {
        let target = self.target(ordinal)?;
        let knob = &target.knobs[offer.knob];
        if knob.blocked(now).is_some() {
            return None;
        }
        let from = knob.base()?.amount()?;
        let in_use = target.in_use(offer.resource)?;
        let (kept, _) = crate::load::within_rails(&self.settings.rails, target, offer.resource, in_use, least(offer.resource));
        let guarantee = kept.max(floor_of(&self.settings.rails, offer.resource, in_use));
        let to = from.saturating_sub(missing).max(guarantee);
        if to >= from {
            return None;
        }
        let metric = offer.because.metric;
        let tier = self.settings.load.tier(target.spec.tier);
        Some(Offer {
            target: ordinal,
            tier: target.spec.tier,
            from: Some(from),
            to,
            because: Because {
                trigger: Trigger::Released,
                metric,
                forecast: self.forecast(ordinal, metric),
                level: 1.0 - tier.tail,
                margin: 0.0,
                in_use,
                figures: figures(target.series(metric), tier, self.settings.load.window, offer.resource, Some(from), to),
                wanted: crate::knob::to_base(offer.resource, to),
                caps: vec![model::Cap::Capacity],
            },
            urgent: false,
            ..offer.clone()
        })
    }

    /// Answers throttling, stalls and kills in the newest samples.
    pub(super) fn answer_alarms(&mut self, now: Moment, samples: &[TargetSample]) {
        let mut offers = Vec::new();
        let view = self.view(now);
        for sample in samples {
            let Some(target) = self.target(sample.target) else { continue };
            for place in 0..target.knobs.len() {
                offers.extend(answer(&view, sample.target, target, place));
            }
        }
        if !offers.is_empty() {
            self.arbitrate(now, offers);
        }
    }

    /// Turns an offer into a decision, if mode and budget allow. Says whether it did.
    pub(super) fn decide(&mut self, now: Moment, offer: Offer) -> bool {
        let mode = self.mode_of(offer.target);
        if mode == Mode::Observe {
            self.wait(&offer, Wait::Paused);
            return false;
        }
        if mode == Mode::Act && !offer.urgent && !self.changes.has(now) {
            self.wait(&offer, Wait::BudgetSpent);
            return false;
        }
        let resource = offer.resource;
        let Some(before) = self.target(offer.target).and_then(|target| target.knobs[offer.knob].base()) else { return false };
        let after = Setting::of(resource, Some(offer.to));
        let action = Action::Set { resource, before, after };
        self.emit(now, offer.target, offer.knob, mode, action, offer.because);
        let wait = self.settings.rails;
        let large = offer.from.is_none_or(|from| offer.to.abs_diff(from) as f64 > 0.1 * from as f64);
        let Some(knob) = self.target_mut(offer.target).map(|target| &mut target.knobs[offer.knob]) else { return true };
        if large {
            knob.changes.take(now);
        }
        let lowered = offer.from.is_none_or(|from| offer.to < from);
        let rest = if lowered { wait.rest_after_lower } else { wait.rest_after_raise };
        knob.rest(now + rest, false);
        true
    }

    /// Writes a decision down and hands it out.
    pub(super) fn emit(&mut self, now: Moment, ordinal: Ordinal, place: usize, mode: Mode, action: Action, because: Because) {
        let ticket = self.ledger.issue();
        let decision = Decision { ticket, at: now, wall: self.wall, target: ordinal, action, mode, because };
        if mode == Mode::Act {
            self.changes.take(now);
        }
        if let Some(target) = self.targets.get_mut(ordinal.0 as usize).and_then(Option::as_deref_mut) {
            debug_assert_eq!(lint::broken(&self.settings, target, &decision), None, "{decision:?}");
            let knob = &mut target.knobs[place];
            knob.wait = None;
            match mode {
                Mode::Act => knob.in_flight = Some(ticket),
                _ => knob.advised = Some(action.after()),
            }
        }
        self.ledger.record(decision.clone());
        if mode != Mode::Act
            && let Some(entry) = self.ledger.get_mut(ticket)
        {
            entry.outcome = Some(Outcome::Recommended);
        }
        self.decisions.push(decision);
    }

    fn wait(&mut self, offer: &Offer, wait: Wait) {
        if let Some(target) = self.target_mut(offer.target) {
            target.knobs[offer.knob].wait = Some(wait);
        }
    }
}
