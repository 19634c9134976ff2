//! The turn of a window: learn what the last one showed, forecast the next, plan every knob.

use super::*;
use crate::load::{Offer, Plan, look};

impl Engine {
    pub(super) fn turn_window(&mut self, now: Moment, wall: WallTime) {
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
                let (plan, wanted) = look(&view, Ordinal(place as u32), target, knob);
                target.knobs[knob].wanted = wanted;
                target.knobs[knob].wait = match plan {
                    Plan::Wait(wait) => Some(wait),
                    Plan::Change(offer) => {
                        offers.push(*offer);
                        None
                    }
                };
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
}
