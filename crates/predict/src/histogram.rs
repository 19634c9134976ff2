//! The decaying histogram of the Kubernetes Vertical Pod Autoscaler.
//!
//! Problem: a percentile of use over weeks, recent days counting more, in little memory. Idea: buckets that grow by 5 %, and
//! weights that grow with time instead of old ones that shrink: a sample at `t` weighs `2^((t - reference) / half_life)`.
//! When the exponent passes 100 the reference moves to now, and everything is scaled down once.
//! Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender/util; equal to it bit by bit.

use model::{Moment, Span};

/// A bucket lighter than this counts as empty when the lowest and the highest bucket in use are looked for.
const EPSILON: f64 = 1e-4;
/// The reference moves when a sample is newer than this many half-lives.
const EXPONENT_MAX: u64 = 100;

/// Bucket bounds that grow by a constant ratio: bucket `k` starts at `first * (ratio^k - 1) / (ratio - 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Buckets {
    first: f64,
    ratio: f64,
    ratio_ln: f64,
    count: u16,
}

impl Buckets {
    /// Buckets from `first` (the size of bucket 0, above 0) that grow by `ratio` (above 1) until they reach `max`; the last
    /// has no upper end. At most 65,534 buckets.
    pub fn exponential(first: f64, max: f64, ratio: f64) -> Buckets {
        assert!(first > 0.0 && max >= first && ratio > 1.0, "buckets need 0 < first <= max and ratio > 1");
        let ratio_ln = ratio.ln();
        let count = ((max * (ratio - 1.0) / first + 1.0).ln() / ratio_ln).ceil() + 1.0;
        Buckets { first, ratio, ratio_ln, count: count.clamp(2.0, f64::from(u16::MAX - 1)) as u16 }
    }

    /// Those of the VPA for CPU: from 0.01 to 1,000 cores, 176 buckets.
    pub fn cpu_cores() -> Buckets {
        Buckets::exponential(0.01, 1_000.0, 1.05)
    }

    /// Those of the VPA for memory: from 10 MB to 1 TB, 176 buckets.
    pub fn memory_bytes() -> Buckets {
        Buckets::exponential(1e7, 1e12, 1.05)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// The bucket of `value`; the last one takes everything beyond, the first also what is negative.
    pub fn find(&self, value: f64) -> usize {
        if value.is_nan() || value < self.first {
            return 0;
        }
        let bucket = ((value * (self.ratio - 1.0) / self.first + 1.0).ln() / self.ratio_ln) as usize;
        bucket.min(self.count() - 1)
    }

    /// Where `bucket` starts.
    pub fn start(&self, bucket: usize) -> f64 {
        if bucket == 0 {
            return 0.0;
        }
        self.first * (self.ratio.powf(bucket as f64) - 1.0) / (self.ratio - 1.0)
    }

    /// What a percentile that falls into `bucket` is said to be: the bucket's end, for the last one its start.
    fn stated(&self, bucket: usize) -> f64 {
        self.start(if bucket + 1 < self.count() { bucket + 1 } else { bucket })
    }
}

/// Weights per bucket, halved in effect every half-life. Holds only the buckets between the lowest and the highest one that
/// was ever used: for a workload within a factor of ten of itself, about 50 of them (400 bytes, or 200 kept as `f32`).
#[derive(Clone, Debug)]
pub struct DecayingHistogram<W = f64> {
    buckets: Buckets,
    half_life: Span,
    /// Set by the first sample, rounded to half-lives.
    reference: Option<Moment>,
    /// The bucket of `weights[0]`.
    offset: u16,
    weights: Vec<W>,
    total: f64,
    /// The lowest bucket that is not light; `count - 1` at first.
    low: u16,
    /// The highest bucket that is not light; 0 at first.
    high: u16,
}

/// How the weight of a bucket is kept: `f64` to equal the VPA bit by bit, `f32` in half of the memory.
pub trait Weight: Copy + Default {
    /// The weight.
    fn get(self) -> f64;
    /// Keeps `weight`.
    fn keep(weight: f64) -> Self;
}

impl Weight for f64 {
    fn get(self) -> f64 {
        self
    }
    fn keep(weight: f64) -> f64 {
        weight
    }
}

impl Weight for f32 {
    fn get(self) -> f64 {
        f64::from(self)
    }
    fn keep(weight: f64) -> f32 {
        weight as f32
    }
}

impl<W: Weight> DecayingHistogram<W> {
    /// An empty histogram. A `half_life` of zero is read as one nanosecond.
    pub fn new(buckets: Buckets, half_life: Span) -> DecayingHistogram<W> {
        DecayingHistogram {
            buckets,
            half_life: half_life.max(Span::from_nanos(1)),
            reference: None,
            offset: 0,
            weights: Vec::new(),
            total: 0.0,
            low: buckets.count - 1,
            high: 0,
        }
    }

    /// The bucket bounds.
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// Adds a sample of `weight` (not negative).
    pub fn add(&mut self, value: f64, weight: f64, at: Moment) {
        let weight = weight.max(0.0) * self.growth(at);
        let bucket = self.buckets.find(value);
        let held = self.slot(bucket);
        let sum = held.get() + weight;
        *held = W::keep(sum);
        let heavy = sum >= EPSILON;
        self.total += weight;
        if heavy {
            self.low = self.low.min(bucket as u16);
            self.high = self.high.max(bucket as u16);
        }
    }

    /// Takes back a sample that was added with the same value, weight and time.
    pub fn subtract(&mut self, value: f64, weight: f64, at: Moment) {
        let weight = weight.max(0.0) * self.growth(at);
        let bucket = self.buckets.find(value);
        self.total = less(self.total, weight);
        let held = self.slot(bucket);
        *held = W::keep(less(held.get(), weight));
        self.tighten();
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.weights.capacity() * size_of::<W>()
    }

    /// Whether there is nothing to tell a percentile from.
    pub fn is_empty(&self) -> bool {
        self.weight(usize::from(self.low)) < EPSILON
    }

    /// The end of the first bucket at which the weights, summed from the lowest, reach `share` (0 to 1) of the total;
    /// `None` when empty.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let mut found = [0.0];
        self.percentiles(&[share], &mut found).then_some(found[0])
    }

    /// [`DecayingHistogram::percentile`] for rising `shares`, in one pass; false (and nothing filled in) when empty.
    pub fn percentiles(&self, shares: &[f64], found: &mut [f64]) -> bool {
        if self.is_empty() {
            return false;
        }
        let high = usize::from(self.high);
        let mut bucket = usize::from(self.low);
        let mut sum = if bucket < high { self.weight(bucket) } else { 0.0 };
        for (share, found) in shares.iter().zip(found) {
            let threshold = share * self.total;
            while bucket < high && sum < threshold {
                bucket += 1;
                if bucket < high {
                    sum += self.weight(bucket);
                }
            }
            *found = self.buckets.stated(bucket);
        }
        true
    }

    /// `2^((at - reference) / half_life)`, after moving the reference when that grows too large.
    fn growth(&mut self, at: Moment) -> f64 {
        let half_life = self.half_life.as_nanos();
        let now = at.since_start().as_nanos();
        let reference = match self.reference.map(|reference| reference.since_start().as_nanos()) {
            Some(old) if now <= old.saturating_add(half_life.saturating_mul(EXPONENT_MAX)) => old,
            old => {
                let new = rounded(now, half_life);
                if let Some(old) = old {
                    self.scale((new as f64 - old as f64) / half_life as f64);
                }
                self.reference = Some(Moment::after_start(Span::from_nanos(new)));
                new
            }
        };
        let since = if now >= reference { (now - reference) as f64 } else { -((reference - now) as f64) };
        (since / half_life as f64).exp2()
    }

    /// Divides all weights by `2^half_lives`.
    fn scale(&mut self, half_lives: f64) {
        let factor = (-half_lives.round()).exp2();
        for weight in &mut self.weights {
            *weight = W::keep(weight.get() * factor);
        }
        self.total *= factor;
        self.tighten();
    }

    /// Moves `low` up and `high` down past light buckets.
    fn tighten(&mut self) {
        let last = self.buckets.count - 1;
        while self.weight(usize::from(self.low)) < EPSILON && self.low < last {
            self.low += 1;
        }
        while self.weight(usize::from(self.high)) < EPSILON && self.high > 0 {
            self.high -= 1;
        }
    }

    fn weight(&self, bucket: usize) -> f64 {
        let place = bucket.checked_sub(usize::from(self.offset));
        place.and_then(|place| self.weights.get(place)).map_or(0.0, |weight| weight.get())
    }

    /// The weight of `bucket`, making room for it.
    fn slot(&mut self, bucket: usize) -> &mut W {
        if self.weights.is_empty() {
            self.offset = bucket as u16;
        }
        let offset = usize::from(self.offset);
        if bucket < offset {
            self.weights.reserve_exact(offset - bucket);
            self.weights.splice(0..0, std::iter::repeat_n(W::default(), offset - bucket));
            self.offset = bucket as u16;
        } else if bucket - offset >= self.weights.len() {
            self.weights.reserve_exact(bucket - offset + 1 - self.weights.len());
            self.weights.resize(bucket - offset + 1, W::default());
        }
        &mut self.weights[bucket - usize::from(self.offset)]
    }
}

/// `value - taken`, or 0 where that is light.
fn less(value: f64, taken: f64) -> f64 {
    let left = value - taken;
    if left < EPSILON { 0.0 } else { left }
}

/// `value` rounded to a multiple of `unit`, halves up.
fn rounded(value: u64, unit: u64) -> u64 {
    let below = value - value % unit;
    if value - below >= unit.div_ceil(2) { below.saturating_add(unit) } else { below }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Span = Span::from_secs(86_400);

    fn at(hours: u64) -> Moment {
        Moment::after_start(Span::from_secs(hours * 3_600))
    }

    #[test]
    fn both_vpa_schemes_have_176_buckets() {
        assert_eq!((Buckets::cpu_cores().count(), Buckets::memory_bytes().count()), (176, 176));
    }

    #[test]
    fn values_fall_between_their_bucket_bounds() {
        let buckets = Buckets::cpu_cores();
        for value in [0.0, 0.009, 0.0100001, 0.5, 1.26, 40.0, 999.0] {
            let bucket = buckets.find(value);
            assert!(buckets.start(bucket) <= value && value < buckets.start(bucket + 1), "{value} in {bucket}");
        }
        assert_eq!(buckets.find(1e9), 175);
        assert_eq!((buckets.find(-1.0), buckets.find(f64::NAN)), (0, 0));
    }

    #[test]
    fn percentile_is_the_end_of_its_bucket() {
        let mut histogram = DecayingHistogram::<f64>::new(Buckets::cpu_cores(), DAY);
        assert_eq!(histogram.percentile(0.5), None);
        for (value, weight) in [(1.0, 4.0), (2.0, 5.0), (3.0, 1.0)] {
            histogram.add(value, weight, at(0));
        }
        let end = |value: f64| {
            let buckets = Buckets::cpu_cores();
            Some(buckets.start(buckets.find(value) + 1))
        };
        for (share, value) in [(0.0, 1.0), (0.4, 1.0), (0.41, 2.0), (0.9, 2.0), (0.91, 3.0), (1.0, 3.0)] {
            assert_eq!(histogram.percentile(share), end(value), "{share}");
        }
        let mut found = [0.0; 3];
        assert!(histogram.percentiles(&[0.3, 0.5, 0.95], &mut found));
        assert_eq!(found.map(Some), [end(1.0), end(2.0), end(3.0)]);
    }

    #[test]
    fn old_samples_fade_and_the_reference_moves() {
        let mut histogram = DecayingHistogram::<f64>::new(Buckets::cpu_cores(), DAY);
        for hour in 0..24 {
            histogram.add(8.0, 1.0, at(hour));
        }
        for hour in 72..96 {
            histogram.add(1.0, 1.0, at(hour));
        }
        // Three half-lives later the old day weighs an eighth of the new one: p90 is still old, p85 is new.
        assert!(histogram.percentile(0.90) > Some(8.0));
        assert!(histogram.percentile(0.85) < Some(1.2));
        // 200 days later everything old is below epsilon.
        histogram.add(0.5, 1.0, at(200 * 24));
        assert!(histogram.percentile(1.0) < Some(0.6));
    }

    #[test]
    fn subtracting_takes_back() {
        let mut histogram = DecayingHistogram::<f64>::new(Buckets::memory_bytes(), DAY);
        histogram.add(1e9, 1.0, at(24));
        histogram.subtract(1e9, 1.0, at(24));
        assert!(histogram.is_empty());
        histogram.add(2e9, 1.0, at(24));
        assert!(histogram.percentile(0.0) > Some(2e9));
    }

    #[test]
    fn memory_stays_small() {
        let mut histogram = DecayingHistogram::<f64>::new(Buckets::cpu_cores(), DAY);
        for minute in 0..10_000_u64 {
            let value = 1.0 + (minute % 100) as f64 / 11.0;
            histogram.add(value, 0.1, Moment::after_start(Span::from_secs(minute * 60)));
        }
        assert!(histogram.weights.len() <= 50, "{}", histogram.weights.len());
    }
}
