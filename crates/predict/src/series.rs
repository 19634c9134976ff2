//! One metric of one target: what it did, what its experts expect of the coming window, and how far they can be trusted.
//!
//! Problem: a limit is set for a whole window before the window begins, and may be passed in a given share of the time.
//! Idea: each expert says a centre and a scale for the window; every value in the window is a residual in units of that scale;
//! the residuals' own far quantile turns centre and scale into a limit. The experts' limits are then blended by their rolling
//! pinball loss at the very level that is used (exponential weights: Cesa-Bianchi & Lugosi, Prediction, Learning, and Games,
//! 2006, chapter 2), and the level is moved so that the share of violated time is met ([`LevelControl`]).
//! Steps: [`Series::observe`] per value; per window [`Series::close`], then [`Series::prepare`].

use model::{Forecast, LEVELS, Member, Moment, Span, WallTime};

use crate::calendar::{CalendarMemory, Slot};
use crate::conformal::LevelControl;
use crate::cycle::CycleMemory;
use crate::experts::{
    EXPERTS, Expert, LogView, MEAN_FEATURES, MEAN_PRIOR, MEAN_SPREAD_PRIOR, PEAK_FEATURES, PEAK_PRIOR, PEAK_SPREAD_PRIOR,
    SPREAD_FEATURES, Trail,
};
use crate::histogram::{Buckets, DecayingHistogram};
use crate::recurrent::{Calendar, FEATURES, Normaliser, Pace, QUANTILES, WindowUse};
use crate::regression::RecursiveLeastSquares;
use crate::residual::ResidualHistogram;

/// Forgetting of the regressions per window.
const KEEP_REGRESSION: f32 = 0.999;
/// Forgetting of the residuals per window.
const KEEP_RESIDUALS: f32 = 0.998;
/// Sharpness of the blend: how much less an expert counts whose mean loss is worse by the series' level, in the logarithm.
const SHARPNESS: f32 = 30.0;
/// No limit lies further than this above all that was seen or is expected: after a leap the residuals expect the next one.
const PLAUSIBLE: f32 = 1.1;
/// An expectation counts up to this many times the highest peak so far.
const GROWTH_MAX: f32 = 1.5;
/// Half-life of [`Expert::Peak`].
const CREST_HALF_LIFE_SECS: f32 = 30.0 * 86_400.0;
/// What [`Expert::Histogram`] centres on.
const OFTEN: f64 = 0.7;
/// Scale of the plain experts, in the logarithm: their residuals' own quantile does the rest.
const PLAIN_SCALE: f32 = 0.05;
/// Windows before a forecast counts.
const WINDOWS_MIN: u32 = 3;
/// Margin of the fallback, as the VPA has it.
const FALLBACK_MARGIN: f32 = 1.15;

/// What is fixed for all series of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    /// Length of a window.
    pub window: Span,
    /// Values expected per window; sets the weight of one.
    pub values_per_window: f32,
    /// The smallest amount that matters, in the base unit.
    pub grain: f32,
    /// Buckets of the histogram expert.
    pub buckets: Buckets,
}

/// How far a series' forecast can be relied on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trust {
    /// Too few windows yet.
    Learning {
        /// Windows seen.
        have: u32,
        /// Windows needed.
        need: u32,
    },
    /// The blend holds its level.
    Sound,
    /// It missed too often of late: the histogram answers instead.
    Fallback {
        /// Share of recent windows' time that was covered.
        coverage: f32,
    },
}

/// What the shared GRU needs of a series.
#[derive(Clone, Debug)]
pub struct Recurrent {
    normaliser: Normaliser,
    residuals: ResidualHistogram,
}

/// The open window.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    count: u32,
    sum: f32,
    peak: f32,
    last: f32,
    above: f32,
    mean_error: f32,
    excess: [f32; EXPERTS],
}

/// What was said of the open window before it began.
#[derive(Clone, Debug, Default)]
struct Prepared {
    mean_features: [f32; MEAN_FEATURES],
    peak_features: [f32; PEAK_FEATURES],
    mean_spread: [f32; SPREAD_FEATURES],
    peak_spread: [f32; SPREAD_FEATURES],
    centre: [f32; EXPERTS],
    scale: [f32; EXPERTS],
    limit: [f32; EXPERTS],
    view: LogView,
    unit: f32,
    used: f32,
    ready: bool,
}

/// The state of one series; about 3.5 KiB.
#[derive(Clone, Debug)]
pub struct Series {
    ridge_mean: RecursiveLeastSquares<MEAN_FEATURES, 66>,
    ridge_peak: RecursiveLeastSquares<PEAK_FEATURES, 91>,
    spread_mean: RecursiveLeastSquares<SPREAD_FEATURES, 15>,
    spread_peak: RecursiveLeastSquares<SPREAD_FEATURES, 15>,
    residuals: [ResidualHistogram; EXPERTS - 1],
    loss: [f32; EXPERTS],
    weights: [f32; EXPERTS],
    histogram: DecayingHistogram<f32>,
    calendar: CalendarMemory,
    cycle: CycleMemory,
    trail: Trail,
    open: Open,
    prepared: Prepared,
    control: LevelControl,
    recurrent: Option<Recurrent>,
    coverage: f32,
    windows: u32,
}

impl Series {
    /// A series of which nothing is known.
    pub fn new(scheme: &Scheme) -> Self {
        Series {
            ridge_mean: RecursiveLeastSquares::new(MEAN_PRIOR, 1.0),
            ridge_peak: RecursiveLeastSquares::new(PEAK_PRIOR, 1.0),
            spread_mean: RecursiveLeastSquares::new(MEAN_SPREAD_PRIOR, 1.0),
            spread_peak: RecursiveLeastSquares::new(PEAK_SPREAD_PRIOR, 1.0),
            residuals: Default::default(),
            loss: [0.0; EXPERTS],
            weights: [0.0; EXPERTS],
            histogram: DecayingHistogram::new(scheme.buckets, Span::from_secs(86_400)),
            calendar: CalendarMemory::default(),
            cycle: CycleMemory::default(),
            trail: Trail::default(),
            open: Open::default(),
            prepared: Prepared::default(),
            control: LevelControl::default(),
            recurrent: None,
            coverage: 1.0,
            windows: 0,
        }
    }

    /// Takes in one value of the open window, in the base unit; one that is negative or not finite is passed over.
    pub fn observe(&mut self, scheme: &Scheme, at: Moment, value: f32) {
        if !(value.is_finite() && value >= 0.0) {
            return;
        }
        self.open.count += 1;
        self.open.sum += value;
        self.open.peak = self.open.peak.max(value);
        self.open.last = value;
        self.histogram.add(f64::from(value), 1.0, at);
        if !self.prepared.ready {
            return;
        }
        self.open.above += f32::from(u8::from(value > self.prepared.used));
        self.open.mean_error += (value - self.prepared.centre[Expert::RidgeMean as usize]).abs();
        let weight = 1.0 / scheme.values_per_window;
        let logarithm = self.prepared.view.of(value);
        for expert in self.active() {
            let place = expert as usize;
            let seen = if matches!(expert, Expert::RidgeMean) { value } else { logarithm };
            let residual = (seen - self.prepared.centre[place]) / self.prepared.scale[place];
            self.open.excess[place] += (value - self.prepared.limit[place]).max(0.0);
            match (expert, self.recurrent.as_mut()) {
                (Expert::Recurrent, Some(recurrent)) => recurrent.residuals.add(residual, weight),
                (Expert::Recurrent, None) => {}
                _ => self.residuals[place].add(residual, weight),
            }
        }
    }

    /// Closes the open window: learns what it showed. `slot` is the window's own place in the calendar, `tail` the share of
    /// time that may be violated. Says whether there was anything in it.
    pub fn close(&mut self, scheme: &Scheme, slot: Slot, tail: f32) -> bool {
        let open = std::mem::take(&mut self.open);
        if open.count == 0 {
            return false;
        }
        let mean = open.sum / open.count as f32;
        let mut deviation = 0.0;
        if self.prepared.ready {
            deviation = open.mean_error / open.count as f32;
            self.learn(&open, mean, deviation, tail);
        }
        let crest_keep = 0.5f32.powf(scheme.window.as_secs_f64() as f32 / CREST_HALF_LIFE_SECS);
        self.trail.advance(self.windows, open.last, mean, open.peak, crest_keep);
        self.calendar.write(slot, open.peak, mean, deviation);
        self.cycle.write(open.peak);
        self.windows = self.windows.saturating_add(1);
        true
    }

    fn learn(&mut self, open: &Open, mean: f32, deviation: f32, tail: f32) {
        let prepared = &self.prepared;
        let unit = prepared.unit;
        let peak = prepared.view.of(open.peak);
        let log_deviation = (peak - prepared.centre[Expert::RidgePeak as usize]).abs();
        self.ridge_mean.learn(&prepared.mean_features, mean / unit, KEEP_REGRESSION);
        self.spread_mean.learn(&prepared.mean_spread, deviation / unit, KEEP_REGRESSION);
        self.ridge_peak.learn(&prepared.peak_features, peak, KEEP_REGRESSION);
        self.spread_peak.learn(&prepared.peak_spread, log_deviation, KEEP_REGRESSION);
        self.residuals.iter_mut().for_each(|residuals| residuals.decay(KEEP_RESIDUALS));
        let share = (1.0 / self.windows.max(1) as f32).max(0.005);
        for expert in self.active() {
            let place = expert as usize;
            // Pinball loss over the window, divided by the tail: what is held, and what is missed at its price. It is taken in
            // units of the level, so that a leap that nobody foresaw does not drown what told the experts apart before.
            let loss = (self.prepared.limit[place] + open.excess[place] / open.count as f32 / tail.max(1e-4)) / unit;
            self.loss[place] += share * (loss - self.loss[place]);
        }
        if let Some(recurrent) = self.recurrent.as_mut() {
            recurrent.residuals.decay(KEEP_RESIDUALS);
        }
        let violated = open.above / open.count as f32;
        self.control.learn(violated, tail);
        self.coverage += (1.0 / (self.windows + 1) as f32).max(0.02) * (1.0 - violated - self.coverage);
        self.trail.learn_deviation(self.windows, deviation, log_deviation);
    }

    /// What the shared GRU is to see of the window that was just closed; the state is allocated on first use.
    pub fn recurrent_input(&mut self, scheme: &Scheme, next: WallTime, input: &mut [f32; FEATURES]) {
        let window = WindowUse { peak: self.trail.peaks[0], mean: self.trail.means[0], expected: None };
        let recurrent = self
            .recurrent
            .get_or_insert_with(|| Recurrent { normaliser: Normaliser::default(), residuals: ResidualHistogram::default() });
        recurrent.normaliser.observe(&pace(scheme), &window, &Calendar::at(Some(next)), input);
    }

    /// Prepares the coming window, which lies at `slot`: afterwards [`Series::limit`] and [`Series::forecast`] are of it.
    /// `tail` is the share of time that may be violated; `recurrent` the GRU's output for this series, where there is one.
    pub fn prepare(&mut self, scheme: &Scheme, slot: Slot, tail: f32, recurrent: Option<&[f32; QUANTILES]>) {
        if self.windows == 0 {
            return;
        }
        let unit = self.trail.level.max(1e-3 * scheme.grain).max(f32::MIN_POSITIVE);
        let view = LogView::at(self.trail.level, scheme.grain);
        self.prepared.unit = unit;
        self.prepared.view = view;
        self.prepare_ridge_mean(slot, unit);
        self.prepare_ridge_peak(slot, &view);
        self.prepare_plain(slot, &view);
        if let (Some(output), Some(state)) = (recurrent, self.recurrent.as_ref()) {
            let quantiles = state.normaliser.quantiles(&pace(scheme), output);
            let (median, ninth) = (view.of(quantiles[1]), view.of(quantiles[3]));
            self.set(Expert::Recurrent, median, (ninth - median).max(1e-3));
        }
        self.blend(tail);
        self.prepared.ready = true;
    }

    fn set(&mut self, expert: Expert, centre: f32, scale: f32) {
        self.prepared.centre[expert as usize] = centre;
        self.prepared.scale[expert as usize] = scale;
    }

    fn prepare_ridge_mean(&mut self, slot: Slot, unit: f32) {
        let trail = &self.trail;
        let day = self.calendar.mean(slot).unwrap_or(trail.mean_slow);
        let cycle = self.cycle.cycle_ago(0).unwrap_or(trail.mean_slow);
        let amounts = [
            unit,
            trail.last,
            trail.means[0],
            trail.means[1],
            trail.mean_fast,
            trail.mean_slow,
            day,
            self.calendar.mean_after(slot).unwrap_or(trail.mean_slow),
            self.calendar.week_peak(slot).unwrap_or(day),
            trail.peaks[0],
            cycle,
        ];
        let features = amounts.map(|amount| amount / unit);
        let centre = (self.ridge_mean.predict(&features) * unit).max(0.0);
        let usual = trail.deviation[0] / unit;
        let spread = [
            usual,
            trail.deviation[1] / unit,
            (trail.last - trail.means[0]).abs() / unit,
            0.1 * centre / unit,
            self.calendar.deviation(slot).map_or(usual, |deviation| deviation / unit),
        ];
        let scale = (self.spread_mean.predict(&spread) * unit).max(0.1 * trail.deviation[0]).max(1e-4 * unit);
        self.prepared.mean_features = features;
        self.prepared.mean_spread = spread;
        self.set(Expert::RidgeMean, centre, scale);
    }

    fn prepare_ridge_peak(&mut self, slot: Slot, view: &LogView) {
        let trail = &self.trail;
        let (peak, mean) = (view.of(trail.peaks[0]), view.of(trail.means[0]));
        let slow = view.of(trail.peak_slow);
        let day = self.calendar.peak(slot).map_or(slow, |peak| view.of(peak));
        let features = [
            1.0,
            peak,
            mean,
            view.of(trail.last),
            view.of(trail.peaks[1]),
            view.of(trail.peaks[2]),
            view.of(trail.peak_fast),
            slow,
            day,
            self.calendar.peak_after(slot).map_or(slow, |peak| view.of(peak)),
            self.calendar.week_peak(slot).map_or(day, |peak| view.of(peak)),
            self.cycle.cycle_ago(0).map_or(slow, |peak| view.of(peak)),
            self.cycle.cycle_ago(1).map_or(slow, |peak| view.of(peak)),
        ];
        let centre = self.ridge_peak.predict(&features).clamp(-8.0, 8.0);
        let usual = trail.log_deviation[0];
        let spread = [usual, trail.log_deviation[1], (peak - mean).abs(), 0.1, usual];
        let scale = self.spread_peak.predict(&spread).max(0.1 * usual).max(1e-4);
        self.prepared.peak_features = features;
        self.prepared.peak_spread = spread;
        self.set(Expert::RidgePeak, centre, scale);
    }

    fn prepare_plain(&mut self, slot: Slot, view: &LogView) {
        let trail = self.trail;
        let usual = trail.log_deviation[0].max(1e-3);
        let recent = trail.peaks.into_iter().fold(0.0, f32::max);
        let often = self.histogram.percentile(OFTEN).unwrap_or(f64::from(recent)) as f32;
        let season = match (self.cycle.cycle_ago(0), self.calendar.peak(slot)) {
            (Some(cycle), _) => view.of(cycle),
            // Half of the way from yesterday's level to today's.
            (None, Some(day)) => view.of(day) + 0.5 * (view.of(trail.peak_fast) - view.of(trail.peak_slow)),
            (None, None) => view.of(recent),
        };
        self.set(Expert::Recent, view.of(recent), usual);
        self.set(Expert::Histogram, view.of(often), PLAIN_SCALE);
        self.set(Expert::Peak, view.of(trail.crest), PLAIN_SCALE);
        self.set(Expert::Seasonal, season, usual);
    }

    /// The experts that have a say.
    fn active(&self) -> impl Iterator<Item = Expert> + use<> {
        let count = if self.recurrent.is_some() { EXPERTS } else { EXPERTS - 1 };
        Expert::ALL.into_iter().take(count)
    }

    fn blend(&mut self, tail: f32) {
        let asked = self.control.tail(tail);
        let best = self.active().map(|expert| self.loss[expert as usize]).fold(f32::MAX, f32::min);
        let (mut used, mut total) = (0.0, 0.0);
        for expert in self.active() {
            let place = expert as usize;
            let weight = (-SHARPNESS * (self.loss[place] - best)).exp();
            self.weights[place] = weight;
            total += weight;
            let limit = self.amount(expert, asked);
            self.prepared.limit[place] = limit;
            used += weight * limit;
        }
        self.weights.iter_mut().for_each(|weight| *weight /= total);
        self.prepared.used = used / total;
    }

    fn residuals(&self, expert: Expert) -> &ResidualHistogram {
        match (expert, self.recurrent.as_ref()) {
            (Expert::Recurrent, Some(recurrent)) => &recurrent.residuals,
            (Expert::Recurrent, None) => &self.residuals[Expert::RidgePeak as usize],
            _ => &self.residuals[expert as usize],
        }
    }

    fn place(&self, expert: Expert, residual: f32) -> f32 {
        let place = expert as usize;
        let centre = self.prepared.centre[place];
        let amount =
            |said: f32| if matches!(expert, Expert::RidgeMean) { said.max(0.0) } else { self.prepared.view.amount(said) };
        let crest = self.trail.crest;
        let said = amount(centre + self.prepared.scale[place] * residual);
        // Most lie below the least that the bound can be.
        if said <= PLAUSIBLE * crest { said } else { said.min(PLAUSIBLE * amount(centre).clamp(crest, GROWTH_MAX * crest)) }
    }

    fn amount(&self, expert: Expert, tail: f32) -> f32 {
        let [residual] = self.residuals(expert).upper(&[tail]);
        self.place(expert, residual)
    }

    fn amounts(&self, expert: Expert) -> [f32; LEVELS.len()] {
        let residuals = self.residuals(expert);
        let tails = LEVELS.map(|level| 1.0 - level);
        let mut amounts = residuals.upper(&tails).map(|residual| self.place(expert, residual));
        if residuals.lowest_share() > LEVELS[0] {
            // Most values lie further below the peak than its residuals tell apart: there the mean's residuals know better.
            let around = self.residuals[Expert::RidgeMean as usize]
                .upper(&tails)
                .map(|residual| self.place(Expert::RidgeMean, residual));
            for ((amount, around), level) in amounts.iter_mut().zip(around).zip(LEVELS) {
                if residuals.lowest_share() > level {
                    *amount = amount.min(around);
                }
            }
        }
        amounts
    }

    /// The amount that the coming window passes in the share of time that was asked for; `None` before the first window.
    pub fn limit(&self) -> Option<f32> {
        match self.trust() {
            Trust::Fallback { .. } => self.fallback(),
            _ => self.prepared.ready.then_some(self.prepared.used),
        }
    }

    /// The VPA's answer: the 95th percentile plus 15 %.
    fn fallback(&self) -> Option<f32> {
        let often = self.histogram.percentile(0.95)? as f32;
        Some((often * FALLBACK_MARGIN).max(self.prepared.used))
    }

    /// The distribution of values in the coming window; `None` before the first window.
    pub fn forecast(&self, scheme: &Scheme) -> Option<Forecast> {
        self.prepared.ready.then(|| Forecast {
            horizon: scheme.window,
            quantiles: self.quantiles(),
            member: match self.trust() {
                Trust::Fallback { .. } => Member::Histogram,
                _ => self.leader(),
            },
            coverage: (self.windows >= WINDOWS_MIN).then_some(self.coverage),
        })
    }

    /// The blend of the experts at the upper [`LEVELS`], by their residuals so far. The lower ones are those of the mean's regression
    /// alone: the experts that aim at peaks do not know how far below them most values lie.
    fn quantiles(&self) -> [f32; LEVELS.len()] {
        let mut quantiles = [0.0; LEVELS.len()];
        for expert in self.active() {
            let weight = self.weights[expert as usize];
            quantiles.iter_mut().zip(self.amounts(expert)).for_each(|(sum, amount)| *sum += weight * amount);
        }
        let first_upper = LEVELS.partition_point(|&level| level < 0.9);
        for (quantile, amount) in quantiles.iter_mut().zip(self.amounts(Expert::RidgeMean)).take(first_upper) {
            *quantile = amount;
        }
        for place in 1..quantiles.len() {
            quantiles[place] = quantiles[place].max(quantiles[place - 1]);
        }
        quantiles
    }

    /// The member with the most weight.
    fn leader(&self) -> Member {
        let mut shares = [0.0f32; Member::ALL.len()];
        self.shares().for_each(|(member, share)| shares[member as usize] += share);
        let mut best = Member::Persistence;
        for member in Member::ALL {
            if shares[member as usize] > shares[best as usize] {
                best = member;
            }
        }
        best
    }

    /// Each expert's member and share of the blend; the shares sum to 1 once a window was prepared.
    pub fn shares(&self) -> impl Iterator<Item = (Member, f32)> + '_ {
        self.active().map(|expert| (expert.member(), self.weights[expert as usize]))
    }

    /// Each expert's rolling loss at the level in use: what it would have held plus what it would have missed, at its price.
    pub fn losses(&self) -> impl Iterator<Item = (Expert, f32)> + '_ {
        self.active().map(|expert| (expert, self.loss[expert as usize]))
    }

    /// How far the forecast can be relied on.
    pub fn trust(&self) -> Trust {
        if self.windows < WINDOWS_MIN {
            Trust::Learning { have: self.windows, need: WINDOWS_MIN }
        } else if self.coverage < COVERAGE_MIN {
            Trust::Fallback { coverage: self.coverage }
        } else {
            Trust::Sound
        }
    }

    /// Windows seen.
    pub fn windows(&self) -> u32 {
        self.windows
    }

    /// The newest value of the open window, or of the last one.
    pub fn newest(&self) -> f32 {
        if self.open.count > 0 { self.open.last } else { self.trail.last }
    }

    /// The highest of the last three windows and the open one; 0 when nothing was seen.
    pub fn recent_peak(&self) -> f32 {
        self.trail.peaks.into_iter().fold(self.open.peak, f32::max)
    }

    /// The highest value so far, what is long ago counting less; 0 when nothing was seen.
    pub fn crest(&self) -> f32 {
        self.trail.crest.max(self.open.peak)
    }

    /// The peak of the open window so far; 0 when it is empty.
    pub fn open_peak(&self) -> f32 {
        self.open.peak
    }

    /// Values seen in the open window.
    pub fn open_count(&self) -> u32 {
        self.open.count
    }

    /// The tail probability that is asked of the experts so that the share `tail` is met.
    pub fn asked(&self, tail: f32) -> f32 {
        self.control.tail(tail)
    }

    /// The chance that a value of the coming window lies above `amount`: by the experts, blended.
    pub fn chance_above(&self, amount: f32) -> f32 {
        let around = self.chance_by(Expert::RidgeMean, amount);
        let chance = self.active().map(|expert| {
            let chance = self.chance_by(expert, amount);
            // What lies below all that the residuals tell apart is certain to them; the mean's residuals know better.
            self.weights[expert as usize] * if chance >= 1.0 { around } else { chance }
        });
        chance.sum::<f32>().clamp(0.0, 1.0)
    }

    fn chance_by(&self, expert: Expert, amount: f32) -> f32 {
        let place = expert as usize;
        let seen = if matches!(expert, Expert::RidgeMean) { amount } else { self.prepared.view.of(amount) };
        let residual = (seen - self.prepared.centre[place]) / self.prepared.scale[place].max(f32::MIN_POSITIVE);
        self.residuals(expert).share_above(residual)
    }

    /// Bytes that the series holds, its heap included.
    pub fn bytes(&self) -> usize {
        size_of::<Series>() + self.histogram.heap_bytes()
    }
}

/// Below this share of covered time the histogram answers.
const COVERAGE_MIN: f32 = 0.90;

fn pace(scheme: &Scheme) -> Pace {
    let windows = 86_400.0 / scheme.window.as_secs_f64().max(1.0);
    Pace { memory_windows: windows.clamp(12.0, 144.0) as f32, grain: scheme.grain }
}
