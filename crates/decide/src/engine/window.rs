//! The turn of a window: learn what the last one showed, forecast the next, plan every knob.

use model::Wait;

use super::*;
use crate::load::{Offer, Plan, answer, look};

impl Engine {
    pub(super) fn turn_window(&mut self, now: Moment, wall: WallTime) {
        self.put_off.clear();
        self.close_windows(wall);
        if self.bank.is_loaded() {
            self.step_bank(wall);
        }
        self.prepare_windows(wall);
        let offers = self.look_at_all(now);
        self.arbitrate(now, offers);
    }

    fn close_windows(&mut self, wall: WallTime) {
        let (settings, schemes) = (&self.settings, &self.schemes);
        let window = settings.load.window;
        let slot = Slot::of(wall.minus(window), window);
        let close = |target: &mut Option<Box<Target>>| {
            if let Some(target) = target.as_deref_mut() {
                let tail = settings.load.tier(target.spec.tier).tail;
                target.close(schemes, slot, tail);
            }
        };
        if !self.announcements.is_empty() {
            let targets = &self.targets;
            self.announcements.learn(wall, window, |ordinal, metric| {
                targets.get(ordinal.0 as usize)?.as_deref()?.series(metric).map(predict::Series::open_peak)
            });
        }
        if self.targets.len() < PARALLEL_FROM {
            self.targets.iter_mut().for_each(close);
        } else {
            self.targets.par_iter_mut().with_min_len(64).for_each(close);
        }
    }

    fn step_bank(&mut self, wall: WallTime) {
        for target in self.targets.iter_mut().flatten() {
            for metric in model::METRICS {
                let Some(series) = &mut target.series[metric.index()] else { continue };
                let row = &mut target.rows[metric.index()];
                if *row == NO_ROW {
                    *row = self.bank.take_row();
                }
                if let Some(input) = self.bank.input(*row) {
                    series.recurrent_input(self.schemes.of(metric), wall, input);
                }
            }
        }
        self.bank.step();
    }

    fn prepare_windows(&mut self, wall: WallTime) {
        let (settings, schemes, bank) = (&self.settings, &self.schemes, &self.bank);
        let slot = Slot::of(wall, settings.load.window);
        let prepare = |target: &mut Option<Box<Target>>| {
            let Some(target) = target.as_deref_mut() else { return };
            let tail = settings.load.tier(target.spec.tier).tail;
            for metric in model::METRICS {
                if let Some(series) = &mut target.series[metric.index()] {
                    series.prepare(schemes.of(metric), slot, tail, bank.output(target.rows[metric.index()]));
                }
            }
        };
        if self.targets.len() < PARALLEL_FROM {
            self.targets.iter_mut().for_each(prepare);
        } else {
            self.targets.par_iter_mut().with_min_len(64).for_each(prepare);
        }
    }

    /// Asks the planner about every knob; what it waits for is noted on the knob.
    fn look_at_all(&mut self, now: Moment) -> Vec<Offer> {
        // The targets are taken out so that the view may borrow the rest of the engine while each is written to.
        let mut targets = std::mem::take(&mut self.targets);
        let view = self.view(now);
        let look_at = |(place, target): (usize, &mut Option<Box<Target>>), offers: &mut Vec<Offer>| {
            let Some(target) = target.as_deref_mut() else { return };
            for knob in 0..target.knobs.len() {
                look_at_knob(&view, Ordinal(place as u32), target, knob, offers);
            }
        };
        let mut offers = Vec::new();
        if targets.len() < PARALLEL_FROM {
            targets.iter_mut().enumerate().for_each(|pair| look_at(pair, &mut offers));
        } else {
            let parts: Vec<Vec<Offer>> = targets
                .par_iter_mut()
                .enumerate()
                .with_min_len(256)
                .fold(Vec::new, |mut offers, pair| {
                    look_at(pair, &mut offers);
                    offers
                })
                .collect();
            offers = parts.into_iter().flatten().collect();
        }
        self.targets = targets;
        offers
    }

    /// Looks again at what was put off, as far as the budget goes. A release counts once per window, unless it was put off.
    pub(super) fn look_again(&mut self, now: Moment, offers: &mut Vec<Offer>) {
        let count = (self.changes.left(now).max(0.0) as usize).min(LOOK_AGAIN_MAX).min(self.put_off.len());
        let due: Vec<(Ordinal, bool)> = self.put_off.drain(..count).collect();
        let mut targets = std::mem::take(&mut self.targets);
        let view = self.view(now);
        let mut found = Vec::new();
        for (ordinal, all) in due {
            let Some(target) = targets.get_mut(ordinal.0 as usize).and_then(Option::as_deref_mut) else { continue };
            for knob in 0..target.knobs.len() {
                let any = all || matches!(target.knobs[knob].wait, Some(Wait::BudgetSpent));
                let (plan, _) = look(&view, ordinal, target, knob);
                if let Plan::Change(offer) = plan
                    && (any || offer.is_raise() || offer.from.is_none())
                {
                    found.push(*offer);
                }
            }
        }
        self.targets = targets;
        // What cannot wait was offered already.
        found.retain(|offer| !offers.iter().any(|other| (other.target, other.knob) == (offer.target, offer.knob)));
        offers.extend(found);
    }
}

/// At most so many targets are looked at again with one round of samples.
const LOOK_AGAIN_MAX: usize = 256;

/// Asks the planner about one knob. An alarm in the samples that turned the window is answered with it.
fn look_at_knob(view: &WindowView<'_>, ordinal: Ordinal, target: &mut Target, place: usize, offers: &mut Vec<Offer>) {
    let (plan, wanted) = look(view, ordinal, target, place);
    let alarmed = view.settings.load.react && target.alarm.any && target.sampled_at == Some(view.now);
    let urgent = if alarmed { answer(view, ordinal, target, place) } else { None };
    let knob = &mut target.knobs[place];
    knob.wanted = wanted;
    knob.wait = None;
    match (plan, urgent) {
        (Plan::Change(planned), Some(answer)) if planned.to >= answer.to => offers.push(Offer { urgent: true, ..*planned }),
        (_, Some(answer)) => offers.push(answer),
        (Plan::Change(planned), None) => offers.push(*planned),
        (Plan::Wait(wait), None) => knob.wait = Some(wait),
    }
}
