//! What the recommender keeps of a container: a histogram of CPU samples, a histogram of daily memory peaks, and the
//! estimates that it draws from them. Amounts are whole millicores and whole bytes, cut off (not rounded) at every stage:
//! that is what makes the result equal to the real recommender's.

use model::{Moment, Span};
use predict::{Buckets, DecayingHistogram};

const DAY: Span = Span::from_secs(86_400);
const CPU_SAMPLE_WEIGHT: f64 = 0.1;
const MARGIN_SHARE: f64 = 0.15;
const LOWER_PERCENTILE: f64 = 0.5;
const TARGET_PERCENTILE: f64 = 0.9;
const UPPER_PERCENTILE: f64 = 0.95;
const OUT_OF_MEMORY_RATIO: f64 = 1.2;

/// How raw readings become amounts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Amounts per unit of the reading: 1,000 millicores per core, 1 per byte.
    pub per_unit: f64,
    /// Whether amounts are whole; false for units that the real recommender does not know.
    pub whole: bool,
    /// No recommendation is below this amount.
    pub floor: f64,
}

impl Scale {
    /// Millicores, at least 25.
    pub const CPU: Scale = Scale { per_unit: 1_000.0, whole: true, floor: 25.0 };
    /// Bytes, at least 250 MiB.
    pub const MEMORY: Scale = Scale { per_unit: 1.0, whole: true, floor: 262_144_000.0 };
    /// Any unit as it is.
    pub const PLAIN: Scale = Scale { per_unit: 1.0, whole: false, floor: 0.0 };

    fn amount(&self, value: f64) -> f64 {
        self.cut(value * self.per_unit)
    }
    fn cut(&self, amount: f64) -> f64 {
        if self.whole { amount.trunc().max(0.0) } else { amount.max(0.0) }
    }
    fn with_margin(&self, value: f64) -> f64 {
        let amount = self.amount(value);
        amount + self.cut(amount * MARGIN_SHARE)
    }
}

/// What the recommender says, in amounts of a [`Scale`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recommendation {
    /// Below this a request is raised.
    pub lower: f64,
    /// What to request.
    pub target: f64,
    /// Above this a request is lowered.
    pub upper: f64,
}

/// How much the recommender trusts itself: days of history, as far as samples fill them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Confidence {
    first: Option<Moment>,
    last: Moment,
    minutes: f64,
}

impl Confidence {
    /// Counts a sample that stands for `span` of use.
    pub fn count(&mut self, at: Moment, span: Span) {
        self.first.get_or_insert(at);
        self.last = self.last.max(at);
        self.minutes += span.as_secs_f64() / 60.0;
    }
    /// The smaller of days of history and days' worth of samples.
    pub fn days(&self) -> f64 {
        let first = self.first.unwrap_or(self.last);
        let history = self.last.since(first).as_nanos() as f64 / DAY.as_nanos() as f64;
        history.min(self.minutes / 1_440.0)
    }
}

/// Target, lower and upper bound from `histogram`; `None` while it is empty.
pub fn recommend(histogram: &DecayingHistogram, scale: &Scale, confidence_days: f64) -> Option<Recommendation> {
    let mut found = [0.0; 3];
    if !histogram.percentiles(&[LOWER_PERCENTILE, TARGET_PERCENTILE, UPPER_PERCENTILE], &mut found) {
        return None;
    }
    let [lower, target, upper] = found.map(|value| scale.with_margin(value));
    let lower = scale.cut(lower * (1.0 + 0.001 / confidence_days).powf(-2.0));
    let upper = scale.cut(upper * (1.0 + 1.0 / confidence_days));
    let [lower, target, upper] = [lower, target, upper].map(|amount| amount.max(scale.floor));
    Some(Recommendation { lower, target, upper })
}

/// CPU (or any rate): every sample counts.
#[derive(Clone, Debug)]
pub struct Samples {
    histogram: DecayingHistogram,
    scale: Scale,
}

impl Samples {
    /// Nothing yet.
    pub fn new(buckets: Buckets, scale: Scale) -> Samples {
        Samples { histogram: DecayingHistogram::new(buckets, DAY), scale }
    }
    /// Adds one reading.
    pub fn add(&mut self, value: f64, at: Moment) {
        self.histogram.add(self.scale.amount(value) / self.scale.per_unit, CPU_SAMPLE_WEIGHT, at);
    }
    /// The decayed histogram.
    pub fn histogram(&self) -> &DecayingHistogram {
        &self.histogram
    }
}

/// Memory: one peak per day counts.
#[derive(Clone, Debug)]
pub struct Peaks {
    histogram: DecayingHistogram,
    scale: Scale,
    window_end: Option<Moment>,
    peak: f64,
    out_of_memory_peak: f64,
}

impl Peaks {
    /// Nothing yet.
    pub fn new(buckets: Buckets, scale: Scale) -> Peaks {
        let histogram = DecayingHistogram::new(buckets, DAY);
        Peaks { histogram, scale, window_end: None, peak: 0.0, out_of_memory_peak: 0.0 }
    }
    /// Adds one reading.
    pub fn add(&mut self, value: f64, at: Moment) {
        self.add_amount(self.scale.amount(value), at, false);
    }
    /// Adds the kill of a container that had requested `request`: it would have needed a fifth more (at least `bump`, in the
    /// unit of the readings) than the larger of its request and its recent peak.
    pub fn add_out_of_memory(&mut self, request: f64, bump: f64, at: Moment) {
        let used = self.scale.amount(request).max(self.peak);
        let needed = (used + self.scale.amount(bump)).max(self.scale.cut(used * OUT_OF_MEMORY_RATIO));
        self.add_amount(needed, at, true);
    }
    /// The decayed histogram of daily peaks.
    pub fn histogram(&self) -> &DecayingHistogram {
        &self.histogram
    }

    /// A higher sample replaces the day's peak, which is stamped with the day's end.
    fn add_amount(&mut self, amount: f64, at: Moment, out_of_memory: bool) {
        let end = self.window_end.unwrap_or(at);
        let end = if at < end {
            let before = self.peak.max(self.out_of_memory_peak);
            if before == 0.0 || amount <= before {
                return;
            }
            self.histogram.subtract(before / self.scale.per_unit, 1.0, end);
            end
        } else {
            let days = at.since(end).as_nanos() / DAY.as_nanos() + 1;
            (self.peak, self.out_of_memory_peak) = (0.0, 0.0);
            end + DAY.times(days)
        };
        self.window_end = Some(end);
        self.histogram.add(amount / self.scale.per_unit, 1.0, end);
        *(if out_of_memory { &mut self.out_of_memory_peak } else { &mut self.peak }) = amount;
    }
}
