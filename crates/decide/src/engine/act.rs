//! From offers to decisions: arbiter, modes, budget and ledger.

use model::{Action, Because, Cap, Outcome, Ticket, Trigger, Wait};

use super::*;
use crate::arbiter::{Givers, Pots, order};
use crate::knob::{least, to_units};
use crate::lint;
use crate::load::{Offer, answer, figures, floor_of, within_rails};

/// What one round of arbitration shares out.
struct Round {
    now: Moment,
    pots: Pots,
    givers: Givers,
    /// Changes that releases leave to the raises that come after them.
    spared: f32,
}

impl Engine {
    /// Serves the offers in the arbiter's order.
    pub(super) fn arbitrate(&mut self, now: Moment, mut offers: Vec<Offer>) {
        if offers.is_empty() {
            return;
        }
        order(&mut offers);
        let raises = offers.iter().filter(|offer| offer.is_raise()).count() as f32;
        let spared = raises.min(0.5 * self.changes.left(now).max(0.0));
        let mut round = Round { now, pots: self.pots(), givers: Givers::default(), spared };
        for offer in offers {
            let (ordinal, place) = (offer.target, offer.knob);
            if let Err(wait) = self.serve(&mut round, offer)
                && let Some(target) = self.target_mut(ordinal)
            {
                target.knobs[place].wait = Some(wait);
            }
        }
    }

    fn pots(&self) -> Pots {
        let manage = &self.settings.load.manage;
        Pots::new(self.capacity, &self.settings.arbiter, |resource| {
            let Some(place) = manage.iter().position(|managed| *managed == resource) else { return [0, 0] };
            self.targets.iter().flatten().fold([0, 0], |[real, advised], target| {
                let knob = &target.knobs[place];
                let of = |amount: Option<u64>| u128::from(amount.unwrap_or(0));
                [real + of(knob.promised()), advised + of(knob.advised_or_promised())]
            })
        })
    }

    /// Turns one offer into a decision, as far as mode, budget and capacity allow.
    fn serve(&mut self, round: &mut Round, mut offer: Offer) -> Result<(), Wait> {
        let now = round.now;
        let mode = self.mode_of(offer.target);
        if mode == Mode::Observe {
            return Err(Wait::Paused);
        }
        let Some(knob) = self.target(offer.target).map(|target| &target.knobs[offer.knob]) else {
            return Err(Wait::Unsupported);
        };
        if let Some(ticket) = knob.in_flight {
            return Err(Wait::InFlight(ticket));
        }
        // A higher tier took from it since the offer was made.
        if knob.base().map(Setting::amount) != Some(offer.from) {
            return Err(Wait::NoCapacity);
        }
        if mode == Mode::Recommend && !offer.urgent && knob.is_advised(offer.to) {
            return Err(Wait::Fits);
        }
        if mode == Mode::Act && !offer.urgent {
            let spared = if offer.is_raise() { 0.0 } else { round.spared };
            if self.changes.left(now) < 1.0 + spared {
                self.look_soon(offer.target, false);
                return Err(Wait::BudgetSpent);
            }
        }
        // An answer to a kill is never refused: the kernel would kill again.
        if offer.is_raise() && offer.because.trigger != Trigger::OutOfMemory {
            self.grant(round, mode, &mut offer)?;
        }
        round.pots.book(mode, &offer);
        self.decide(now, mode, offer);
        Ok(())
    }

    /// Cuts a raise to what is left and what lower tiers can give; carries out what they give.
    fn grant(&mut self, round: &mut Round, mode: Mode, offer: &mut Offer) -> Result<(), Wait> {
        let (Some(from), Some(left)) = (offer.from, round.pots.left(mode, offer.resource)) else { return Ok(()) };
        let extra = offer.to.saturating_sub(from);
        if left >= extra {
            return Ok(());
        }
        // Less than this is not worth a change, and no memory limit is set below use.
        let noise = (0.25 * f64::from(self.settings.load.hysteresis) * from as f64) as u64;
        let floor = floor_of(&self.settings.rails, offer.resource, offer.because.in_use);
        let enough = (noise + 1).max(floor.saturating_sub(from));
        let cuts = self.squeeze(round, mode, offer, extra - left);
        let found: u64 = cuts.iter().map(|cut| cut.from.unwrap_or(cut.to) - cut.to).sum();
        let granted = extra.min(left.saturating_add(found));
        if granted < enough.min(extra) {
            return Err(Wait::NoCapacity);
        }
        for cut in cuts {
            round.pots.book(mode, &cut);
            self.decide(round.now, mode, cut);
        }
        if granted < extra {
            offer.because.caps.push(Cap::Capacity);
            offer.to = from + granted;
        }
        Ok(())
    }

    /// What targets of lower tiers can give to a raise that lacks `missing`, the lowest tier first, each down to its guarantee.
    fn squeeze(&mut self, round: &mut Round, mode: Mode, offer: &Offer, missing: u64) -> Vec<Offer> {
        let targets = &self.targets;
        round.givers.fill(|| {
            let tier =
                |(place, target): (usize, &Option<Box<Target>>)| Some((target.as_deref()?.spec.tier, Ordinal(place as u32)));
            targets.iter().enumerate().filter_map(tier).collect()
        });
        let acting = mode == Mode::Act && !offer.urgent;
        let spare = if acting { (self.changes.left(round.now) - 1.0).max(0.0) as usize } else { usize::MAX };
        let mut place = round.givers.begin(mode, offer.resource);
        let (mut cuts, mut missing) = (Vec::new(), missing);
        while missing > 0
            && cuts.len() < spare
            && let Some(ordinal) = round.givers.at(place, offer.tier)
        {
            if let Some(cut) = self.squeezed(round.now, mode, ordinal, offer, missing) {
                missing -= missing.min(cut.from.unwrap_or(cut.to) - cut.to);
                cuts.push(cut);
            } else if cuts.is_empty() {
                round.givers.use_up(mode, offer.resource, place + 1);
            }
            place += 1;
        }
        cuts
    }

    /// What a lower tier can give: its head room, down to present use and the middle of its forecast, its lower bound and the
    /// least.
    fn squeezed(&self, now: Moment, mode: Mode, ordinal: Ordinal, offer: &Offer, missing: u64) -> Option<Offer> {
        let target = self.target(ordinal)?;
        let knob = &target.knobs[offer.knob];
        let metric = offer.because.metric;
        let fresh = target.seen_at(metric).is_some_and(|seen| now.since(seen) <= self.settings.rails.stale_after);
        if !fresh || self.mode_of(ordinal) != mode || knob.blocked(now).is_some() {
            return None;
        }
        let from = knob.base()?.amount()?;
        let in_use = target.in_use(offer.resource)?;
        let forecast = self.forecast(ordinal, metric);
        let needed = forecast.map_or(in_use, |forecast| forecast.quantile(0.5).max(in_use));
        let kept = least(offer.resource).max(to_units(offer.resource, needed));
        let (guarantee, _) = within_rails(&self.settings.rails, target, offer.resource, in_use, kept);
        let to = from.saturating_sub(missing).max(guarantee);
        if to >= from {
            return None;
        }
        let tier = self.settings.load.tier(target.spec.tier);
        let series = target.series(metric);
        Some(Offer {
            target: ordinal,
            tier: target.spec.tier,
            knob: offer.knob,
            resource: offer.resource,
            from: Some(from),
            to,
            because: Because {
                trigger: Trigger::Released,
                metric,
                forecast,
                level: 1.0 - tier.tail,
                margin: 0.0,
                in_use,
                figures: figures(series, tier, self.settings.load.window, offer.resource, Some(from), to),
                wanted: series.and_then(predict::Series::limit).unwrap_or(in_use),
                caps: vec![Cap::Capacity],
                habit: None,
            },
            urgent: offer.urgent,
        })
    }

    /// Answers throttling, stalls and kills in the newest samples, and looks again at what was put off.
    pub(super) fn between_windows(&mut self, now: Moment, samples: &[TargetSample]) {
        let mut offers = Vec::new();
        if self.settings.load.react {
            let view = self.view(now);
            for sample in samples {
                let Some(target) = self.target(sample.target) else { continue };
                if !target.alarm.any {
                    continue;
                }
                for place in 0..target.knobs.len() {
                    offers.extend(answer(&view, sample.target, target, place));
                }
            }
        }
        if !self.put_off.is_empty() {
            self.look_again(now, &mut offers);
        }
        self.arbitrate(now, offers);
    }

    /// Makes an offer, cut to what was granted, a decision.
    fn decide(&mut self, now: Moment, mode: Mode, offer: Offer) {
        let resource = offer.resource;
        let before = Setting::of(resource, offer.from);
        let after = Setting::of(resource, Some(offer.to));
        let action = Action::Set { resource, before, after };
        self.emit(now, offer.target, offer.knob, mode, action, offer.because);
        let rails = self.settings.rails;
        let large = offer.from.is_none_or(|from| offer.to.abs_diff(from) as f64 > 0.1 * from as f64);
        let lowered = offer.from.is_none_or(|from| offer.to < from);
        let Some(knob) = self.target_mut(offer.target).map(|target| &mut target.knobs[offer.knob]) else { return };
        if large {
            knob.changes.take(now);
        }
        let rest = if lowered { rails.rest_after_lower } else { rails.rest_after_raise };
        knob.rest(now + rest, false);
    }

    /// Writes a decision down and hands it out.
    pub(super) fn emit(
        &mut self,
        now: Moment,
        ordinal: Ordinal,
        place: usize,
        mode: Mode,
        action: Action,
        because: Because,
    ) -> Ticket {
        let ticket = self.ledger.issue();
        let decision = Decision { ticket, at: now, wall: self.wall, target: ordinal, action, mode, because };
        if mode == Mode::Act {
            self.changes.take(now);
        }
        let mut generation = 0;
        if let Some(target) = self.targets.get_mut(ordinal.0 as usize).and_then(Option::as_deref_mut) {
            debug_assert_eq!(lint::broken(&self.settings, target, &decision), None, "{decision:?}");
            generation = target.generation;
            let knob = &mut target.knobs[place];
            match mode {
                Mode::Act => {
                    knob.fly(ticket, action.after());
                    knob.wait = Some(Wait::InFlight(ticket));
                }
                _ => {
                    knob.advised = Some(action.after());
                    knob.wait = None;
                }
            }
        }
        self.ledger.record(decision.clone(), generation);
        if mode != Mode::Act {
            self.ledger.finish(ticket, Outcome::Recommended);
        }
        self.decisions.push(decision);
        ticket
    }
}
