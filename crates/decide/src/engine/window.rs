//! The turn of a window: learn what the last one showed, forecast the next, plan every knob.
//!
//! The series of all targets do not fit into any cache, so each pass over them costs as much as the arithmetic: a target is
//! closed, forecast and planned in one go. With a model there are two passes, before and after the model's step.

use model::{METRICS, Wait};
use predict::recurrent::FEATURES;

use super::*;
use crate::load::{Offer, Plan, answer, look};

type Slots = [Option<Box<Target>>];

/// A row of the bank and its new input.
type Input = (u32, [f32; FEATURES]);

/// What is fixed for one turn.
struct Turn<'a> {
    view: WindowView<'a>,
    bank: &'a Bank,
    /// The window that ended, and the one that begins.
    ended: Slot,
    begins: Slot,
}

impl Engine {
    pub(super) fn turn_window(&mut self, now: Moment, wall: WallTime) {
        self.put_off.clear();
        self.learn_announcements(wall);
        // The targets are taken out so that the turn may borrow the rest of the engine while each is written to.
        let mut targets = std::mem::take(&mut self.targets);
        if self.bank.is_loaded() {
            self.assign_rows(&mut targets);
            let turn = self.turn(now, wall);
            let inputs = over_all(&mut targets, |_, target, inputs| turn.close(target, inputs));
            self.bank.step(&inputs);
            drop(inputs);
            let turn = self.turn(now, wall);
            let offers = over_all(&mut targets, |ordinal, target, offers| turn.plan(ordinal, target, offers));
            self.targets = targets;
            self.arbitrate(now, offers);
        } else {
            let turn = self.turn(now, wall);
            let offers = over_all(&mut targets, |ordinal, target, offers| {
                turn.close(target, &mut Vec::new());
                turn.plan(ordinal, target, offers);
            });
            self.targets = targets;
            self.arbitrate(now, offers);
        }
    }

    fn turn(&self, now: Moment, wall: WallTime) -> Turn<'_> {
        let window = self.settings.load.window;
        let (ended, begins) = (Slot::of(wall.minus(window), window), Slot::of(wall, window));
        Turn { view: self.view(now), bank: &self.bank, ended, begins }
    }

    fn learn_announcements(&mut self, wall: WallTime) {
        if self.announcements.is_empty() {
            return;
        }
        let targets = &self.targets;
        self.announcements.learn(wall, self.settings.load.window, |ordinal, metric| {
            targets.get(ordinal.0 as usize)?.as_deref()?.series(metric).map(predict::Series::open_peak)
        });
    }

    /// Gives every series its row in the bank, in the order of ordinals.
    fn assign_rows(&mut self, targets: &mut Slots) {
        let lacks = |(series, row): &(&Option<Box<predict::Series>>, &u32)| series.is_some() && **row == NO_ROW;
        let lacking =
            targets.iter().flatten().map(|target| target.series.iter().zip(&target.rows).filter(lacks).count()).sum();
        self.bank.reserve(lacking);
        for target in targets.iter_mut().flatten() {
            for (series, row) in target.series.iter().zip(&mut target.rows) {
                if series.is_some() && *row == NO_ROW {
                    *row = self.bank.take_row();
                }
            }
        }
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

impl Turn<'_> {
    /// Closes the window of every series, and says what the model is to see of it.
    fn close(&self, target: &mut Target, inputs: &mut Vec<Input>) {
        let tail = self.view.settings.load.tier(target.spec.tier).tail;
        target.learn_burstiness(tail);
        for metric in METRICS {
            let Some(series) = &mut target.series[metric.index()] else { continue };
            let scheme = self.view.schemes.of(metric);
            series.close(scheme, self.ended, tail);
            let row = target.rows[metric.index()];
            if self.bank.is_loaded() && row != NO_ROW {
                let mut input = [0.0; FEATURES];
                series.recurrent_input(scheme, self.view.start, &mut input);
                inputs.push((row, input));
            }
        }
    }

    /// Forecasts the window that begins, and asks the planner about every knob.
    fn plan(&self, ordinal: Ordinal, target: &mut Target, offers: &mut Vec<Offer>) {
        let tail = self.view.settings.load.tier(target.spec.tier).tail;
        for metric in METRICS {
            if let Some(series) = &mut target.series[metric.index()] {
                let output = self.bank.output(target.rows[metric.index()]);
                series.prepare(self.view.schemes.of(metric), self.begins, tail, output);
            }
        }
        for knob in 0..target.knobs.len() {
            look_at_knob(&self.view, ordinal, target, knob, offers);
        }
    }
}

/// Does `work` to every target, on all cores when there are many; what it collects is in the order of ordinals.
fn over_all<T: Send>(targets: &mut Slots, work: impl Fn(Ordinal, &mut Target, &mut Vec<T>) + Sync) -> Vec<T> {
    let do_one = |(place, target): (usize, &mut Option<Box<Target>>), found: &mut Vec<T>| {
        if let Some(target) = target.as_deref_mut() {
            work(Ordinal(place as u32), target, found);
        }
    };
    let mut found = Vec::new();
    if targets.len() < PARALLEL_FROM {
        targets.iter_mut().enumerate().for_each(|pair| do_one(pair, &mut found));
        return found;
    }
    let parts: Vec<Vec<T>> = targets
        .par_iter_mut()
        .enumerate()
        .with_min_len(256)
        .fold(Vec::new, |mut found, pair| {
            do_one(pair, &mut found);
            found
        })
        .collect();
    found.reserve_exact(parts.iter().map(Vec::len).sum());
    parts.into_iter().for_each(|part| found.extend(part));
    found
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
