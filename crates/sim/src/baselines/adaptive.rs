//! A decaying histogram for readings of any unit: its resolution comes from the first reading above zero.
//!
//! The peers fix their first bucket at 10 millicores or 10 MB. On a series of thousandths of a core that would put
//! everything into one bucket, so here it is at most a thousandth of the first reading above zero.

use model::{Moment, Span};
use predict::{Buckets, DecayingHistogram};

use crate::backtest::load::About;
use crate::trace::Unit;

const RATIO: f64 = 1.05;
const FIRST_SHARE: f64 = 1e-3;
/// The last bucket starts so many times higher than the first one is wide.
const RANGE: f64 = 1e9;
/// Readings are stamped from here on, so that half-lives before the first one exist.
const EPOCH: Span = Span::from_secs(86_400);

/// A decaying histogram and the clock of a series.
pub(super) struct Adaptive {
    half_life: Span,
    first_max: f64,
    histogram: Option<DecayingHistogram>,
    /// Zeros seen before anything else: they wait for the resolution.
    zeros: Vec<Moment>,
}

impl Adaptive {
    pub fn new(about: &About<'_>, half_life: Span) -> Adaptive {
        Adaptive { half_life, first_max: first_max(about.unit), histogram: None, zeros: Vec::new() }
    }

    /// Adds a reading whose weight is 1, or its value where `by_value`.
    pub fn add(&mut self, value: f32, by_value: bool, at: Moment) {
        let value = f64::from(value);
        let histogram = match &mut self.histogram {
            Some(histogram) => histogram,
            None if value > 0.0 => {
                let mut histogram = DecayingHistogram::new(buckets(value, self.first_max), self.half_life);
                for at in self.zeros.drain(..).filter(|_| !by_value) {
                    histogram.add(0.0, 1.0, at);
                }
                self.histogram.insert(histogram)
            }
            None => return self.zeros.push(at),
        };
        let weight = if by_value { value.max(0.0) / histogram.buckets().start(1) } else { 1.0 };
        histogram.add(value, weight, at);
    }

    /// The percentiles at rising `shares`: zeros while only zeros are known; false while nothing is.
    pub fn percentiles(&self, shares: &[f64], found: &mut [f64]) -> bool {
        match &self.histogram {
            Some(histogram) if histogram.percentiles(shares, found) => true,
            Some(_) => {
                found.fill(0.0);
                true
            }
            None => {
                found.fill(0.0);
                !self.zeros.is_empty()
            }
        }
    }
}

/// Buckets that resolve `value` well and are no coarser than `first_max` at the low end.
pub(super) fn buckets(value: f64, first_max: f64) -> Buckets {
    let first = (value * FIRST_SHARE).min(first_max);
    Buckets::exponential(first, first * RANGE, RATIO)
}

/// The coarsest first bucket for readings in `unit`.
pub(super) fn first_max(unit: Unit) -> f64 {
    match unit {
        Unit::Cores => 0.01,
        Unit::Bytes => 1e7,
        _ => f64::INFINITY,
    }
}

/// When step `index` of a series is read.
pub(super) fn moment(about_step: Span, index: u64) -> Moment {
    Moment::after_start(EPOCH + about_step.times(index))
}

/// Percentiles in a policy's own order (the default first), asked for in rising order.
pub(super) struct Shares {
    rising: Vec<f64>,
    places: Vec<usize>,
    found: Vec<f64>,
}

impl Shares {
    pub fn new(shares: &[f64]) -> Shares {
        let mut places: Vec<usize> = (0..shares.len()).collect();
        places.sort_by(|&a, &b| shares[a].total_cmp(&shares[b]));
        let rising = places.iter().map(|&place| shares[place]).collect();
        Shares { rising, places, found: vec![0.0; shares.len()] }
    }

    /// Fills `allocations` (in the policy's order) with percentiles of `readings` times `factor`; nothing while empty.
    pub fn fill(&mut self, readings: &Adaptive, factor: f64, allocations: &mut [f32]) {
        if readings.percentiles(&self.rising, &mut self.found) {
            self.place(factor, allocations);
        }
    }

    /// The same from a plain histogram.
    pub fn fill_from(&mut self, histogram: &DecayingHistogram, factor: f64, allocations: &mut [f32]) {
        if histogram.percentiles(&self.rising, &mut self.found) {
            self.place(factor, allocations);
        }
    }

    fn place(&self, factor: f64, allocations: &mut [f32]) {
        for (&place, &found) in self.places.iter().zip(&self.found) {
            allocations[place] = (found * factor) as f32;
        }
    }
}

/// Names of percentile variants: `p95`, `max`.
pub(super) fn share_name(share: f64) -> String {
    if share >= 1.0 { "max".to_owned() } else { format!("p{}", (share * 1_000.0).round() / 10.0) }
}
