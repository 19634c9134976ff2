//! Crane's DSP prediction: find a period of a day or a week, smooth the history in the spectrum, repeat its last period.
//!
//! Steps, as in gocrane/crane `pkg/prediction/dsp`:
//! 1. Every 12 hours, take the last 7 days (14 and more for a weekly period) in minutes, or in the series' step where that
//!    is longer; drop everything before a gap of more than an hour; fill gaps linearly; replace what lies outside p0.1 and
//!    p99.9.
//! 2. A period counts when its frequency stands out of 100 spectra of the shuffled history and its lag is a hill of the
//!    autocorrelation. This is looked for on hourly means: the only candidates are a day and a week.
//! 3. Eight estimators (two cuts of the amplitude, four margins) forecast the last period from those before it; the one with
//!    the least error, too little counting more, forecasts the next.
//! 4. Without a period: the p99 of a decayed histogram plus 15 %.

mod period;
mod spectrum;

use std::collections::VecDeque;
use std::sync::Arc;

use model::Span;

use super::adaptive::{Adaptive, moment};
use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};
use spectrum::{ESTIMATORS, Estimator, Spectra};

const DAY: Span = Span::from_secs(86_400);
const HOUR: Span = Span::from_secs(3_600);
const MINUTE: Span = Span::from_secs(60);
const REFIT: Span = Span::from_secs(12 * 3_600);
const HISTORY_DAYS: usize = 15;
const DAILY_DAYS: usize = 7;
const PERCENTILE: f64 = 0.99;
const PERCENTILE_FACTOR: f64 = 1.15;

/// The highest forecast of the coming window, or of the coming hour (a variant, and what Crane itself uses to scale).
#[derive(Default)]
pub struct Crane {
    spectra: Arc<Spectra>,
}

impl Policy for Crane {
    fn name(&self) -> &'static str {
        "crane"
    }
    fn variants(&self, _kind: Kind) -> Vec<Variant> {
        vec![Variant::named("window"), Variant::named("hour"), Variant::named("p99")]
    }
    fn begin(&self, about: &About<'_>) -> Box<dyn Recommender> {
        let slot_steps = (MINUTE.as_nanos() / about.step.as_nanos().max(1)).max(1) as usize;
        let slot = about.step.times(slot_steps as u64);
        let per = |span: Span| ((span.as_nanos() + slot.as_nanos() / 2) / slot.as_nanos()) as usize;
        Box::new(State {
            spectra: Arc::clone(&self.spectra),
            per_day: per(DAY),
            per_hour: per(HOUR).max(1),
            refit_steps: ((REFIT.as_nanos() / about.step.as_nanos().max(1)) as usize).max(1),
            window: about.window,
            slot_steps,
            slot: None,
            slots: VecDeque::new(),
            plan: None,
            percentile: Adaptive::new(about, DAY),
            step: about.step,
            index: 0,
            next_fit: 0,
        })
    }
}

struct State {
    spectra: Arc<Spectra>,
    /// Slots of a day and of an hour.
    per_day: usize,
    per_hour: usize,
    refit_steps: usize,
    window: usize,
    /// Steps that make one slot of the history.
    slot_steps: usize,
    /// The highest reading of the slot that is being filled.
    slot: Option<f32>,
    slots: VecDeque<Option<f32>>,
    plan: Option<Plan>,
    percentile: Adaptive,
    step: Span,
    index: usize,
    next_fit: usize,
}

/// A forecast of one period.
struct Plan {
    /// The step at which it begins.
    start: usize,
    slots: Vec<f64>,
}

impl Plan {
    /// The highest forecast of `count` slots from step `index` on; after its end the period repeats.
    fn peak(&self, index: usize, count: usize, slot_steps: usize) -> f64 {
        let first = (index - self.start) / slot_steps;
        (first..first + count).map(|slot| self.slots[slot % self.slots.len()]).fold(0.0, f64::max)
    }
}

impl Recommender for State {
    fn observe(&mut self, use_: Option<f32>) {
        if let Some(value) = use_ {
            self.percentile.add(value, false, moment(self.step, self.index as u64));
            self.slot = Some(self.slot.map_or(value, |held| held.max(value)));
        }
        self.index += 1;
        if self.index.is_multiple_of(self.slot_steps) {
            if self.slots.len() == HISTORY_DAYS * self.per_day.max(1) {
                self.slots.pop_front();
            }
            self.slots.push_back(self.slot.take());
        }
    }

    fn allocate(&mut self, allocations: &mut [f32]) {
        if self.index >= self.next_fit && self.index.is_multiple_of(self.slot_steps) {
            self.next_fit = self.index + self.refit_steps;
            self.plan = self.fit();
        }
        let mut found = [0.0];
        if self.percentile.percentiles(&[PERCENTILE], &mut found) {
            allocations.fill((found[0] * PERCENTILE_FACTOR) as f32);
        }
        if let Some(plan) = &self.plan {
            let count = self.window.div_ceil(self.slot_steps);
            allocations[0] = plan.peak(self.index, count, self.slot_steps) as f32;
            allocations[1] = plan.peak(self.index, count.max(self.per_hour), self.slot_steps) as f32;
        }
    }
}

impl State {
    fn fit(&self) -> Option<Plan> {
        if self.per_day < 4 || self.slots.len() < 2 * self.per_day {
            return None;
        }
        let history = prepared(&self.slots, self.per_hour)?;
        let hourly: Vec<f64> = history.rchunks_exact(self.per_hour).rev().map(mean).collect();
        let hours = |count: usize| (count + self.per_hour / 2) / self.per_hour;
        let days = history.len() / self.per_day;
        let (period, cycles) = if days >= 2 && period::is_periodic(&hourly, hours(self.per_day), &self.spectra) {
            (self.per_day, days.min(DAILY_DAYS))
        } else if days >= 14 && period::is_periodic(&hourly, hours(7 * self.per_day), &self.spectra) {
            (7 * self.per_day, days / 7)
        } else {
            return None;
        };
        let history = &history[history.len() - cycles * period..];
        let (past, actual) = history.split_at((cycles - 1) * period);
        let best = best_estimator(&self.spectra, past, actual, self.slot_span())?;
        let slots = self.spectra.smoothed(history, period, self.slot_span(), best);
        Some(Plan { start: self.index, slots })
    }

    fn slot_span(&self) -> Span {
        self.step.times(self.slot_steps as u64)
    }
}

/// The history after the last gap of more than an hour, gaps filled, outliers replaced; `None` when nothing is left.
fn prepared(slots: &VecDeque<Option<f32>>, per_hour: usize) -> Option<Vec<f64>> {
    let mut known: Vec<(usize, f64)> = Vec::with_capacity(slots.len());
    for (index, value) in slots.iter().enumerate() {
        if let Some(value) = value {
            if known.last().is_some_and(|&(last, _)| index - last > per_hour.max(2)) {
                known.clear();
            }
            known.push((index, f64::from(*value)));
        }
    }
    let mut filled = Vec::with_capacity(slots.len());
    filled.push(known.first()?.1);
    for pair in known.windows(2) {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        for step in 1..=to - from {
            filled.push(low + (high - low) * step as f64 / (to - from) as f64);
        }
    }
    // A gap at the end stays short: what was last seen goes on.
    filled.resize(filled.len() + slots.len() - 1 - known.last()?.0, known.last()?.1);
    let mut sorted = filled.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64).round() as usize];
    let (low, high) = (at(0.001), at(0.999));
    for value in &mut filled {
        *value = value.clamp(low, high);
    }
    Some(filled)
}

fn best_estimator(spectra: &Spectra, past: &[f64], actual: &[f64], slot: Span) -> Option<Estimator> {
    if past.len() < actual.len() {
        return None;
    }
    let mut best: Option<(f64, Estimator)> = None;
    let mut smoothed: Option<(Estimator, Vec<f64>)> = None;
    for estimator in ESTIMATORS {
        // Estimators differ in margin within a cut: the transform is done once per cut.
        let plain = estimator.without_margin();
        if smoothed.as_ref().is_none_or(|(made, _)| *made != plain) {
            smoothed = Some((plain, spectra.smoothed(past, actual.len(), slot, plain)));
        }
        let Some((_, forecast)) = &smoothed else { continue };
        let error = prediction_error(actual, forecast, 1.0 + estimator.margin);
        if best.is_none_or(|(least, _)| error < least) {
            best = Some((error, estimator));
        }
    }
    best.map(|(_, estimator)| estimator)
}

/// Mean relative error; a forecast that lies below by the share `e` counts as `-ln(1 - e) / ln 1.25`.
fn prediction_error(actual: &[f64], forecast: &[f64], factor: f64) -> f64 {
    let mut sum = 0.0;
    let mut count = 0;
    for (&actual, &forecast) in actual.iter().zip(forecast) {
        if actual > 0.0 {
            let error = (actual - forecast * factor) / actual;
            sum += if error > 0.0 { -(1.0 - error).max(1e-6).ln() / 1.25_f64.ln() } else { -error };
            count += 1;
        }
    }
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
