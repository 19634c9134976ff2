//! When a profile counts as needed: a reading against the instance's capacity and its own past.
//!
//! Problem: what is bulk for one instance is noise for another, and most sources do not say what a disk or a link can do.
//! Idea: needed is what reaches both a floor that makes a module worth having at all (a tenth of the capacity; 64 KiB/s for
//! rates of which no capacity is known) and half of the instance's own busy level, the running 98th percentile of its past.
//! The reading itself enters that past only after it was judged.

use model::{Moment, Span};
use predict::{Buckets, DecayingHistogram};

/// The floor, as a share of the capacity.
const FLOOR_SHARE: f64 = 0.1;
/// The floor of rates in bytes per second without a known capacity.
const FLOOR_BYTES_PER_SECOND: f64 = 65_536.0;
/// The percentile of the past that is the busy level, and the share of it that counts as need.
const BUSY: f64 = 0.98;
const BUSY_SHARE: f64 = 0.5;
/// The past halves its weight over this.
const HALF_LIFE: Span = Span::from_secs(7 * 86_400);
/// Readings before the busy level counts, and after how many more it is taken anew.
const READINGS_MIN: u32 = 12;
const READINGS_BETWEEN: u32 = 12;

/// One metric of one instance against its threshold.
#[derive(Clone, Debug)]
pub struct Gauge {
    floor: f64,
    past: DecayingHistogram<f32>,
    readings: u32,
    threshold: f64,
}

/// What a reading says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaugeReading {
    /// The reading over the threshold.
    pub level: f32,
}

impl GaugeReading {
    /// Whether the profile is needed.
    pub fn needed(self) -> bool {
        self.level >= 1.0
    }
}

impl Gauge {
    /// A gauge that has seen nothing. `capacity` is what is provisioned, in the unit of the readings; `rate` says that these are
    /// bytes per second.
    pub fn new(capacity: Option<f64>, rate: bool) -> Gauge {
        let floor = match capacity {
            Some(capacity) if capacity > 0.0 => FLOOR_SHARE * capacity,
            _ if rate => FLOOR_BYTES_PER_SECOND,
            _ => 0.0,
        };
        let past = DecayingHistogram::new(Buckets::exponential(1e-3, 1e15, 1.1), HALF_LIFE);
        // Before there is a past, half of the capacity is much; without one, nothing is.
        let threshold = capacity.map_or(f64::INFINITY, |capacity| capacity * BUSY_SHARE).max(f64::MIN_POSITIVE);
        Gauge { floor, past, readings: 0, threshold }
    }

    /// Judges a reading by the past, then adds it to it.
    pub fn push(&mut self, reading: f64, at: Moment) -> GaugeReading {
        let level = (reading / self.threshold) as f32;
        self.past.add(reading, 1.0, at);
        self.readings += 1;
        if self.readings >= READINGS_MIN && self.readings.is_multiple_of(READINGS_BETWEEN) {
            let busy = self.past.percentile(BUSY).unwrap_or_default();
            self.threshold = (busy * BUSY_SHARE).max(self.floor).max(f64::MIN_POSITIVE);
        }
        GaugeReading { level }
    }

    /// What a reading must reach; infinite while nothing is known.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: u64) -> Moment {
        Moment::after_start(Span::from_secs(60 * step))
    }

    #[test]
    fn need_is_half_of_the_busy_level_above_the_floor() {
        let mut gauge = Gauge::new(Some(100.0), false);
        assert!(!gauge.push(49.0, at(0)).needed());
        assert!(gauge.push(50.0, at(1)).needed());
        (2..120).for_each(|step| {
            gauge.push(if step % 10 == 0 { 40.0 } else { 1.0 }, at(step));
        });
        assert!((20.0..23.0).contains(&gauge.threshold()), "{}", gauge.threshold());
        assert!(gauge.push(23.0, at(120)).needed() && !gauge.push(19.0, at(121)).needed());
        // Quiet for long: the floor holds.
        (0..1_200).for_each(|step| {
            gauge.push(1.0, at(200 + step));
        });
        assert_eq!(gauge.threshold(), 10.0);
    }

    #[test]
    fn a_rate_without_capacity_has_a_floor_and_needs_a_past() {
        let mut gauge = Gauge::new(None, true);
        assert!(!gauge.push(1e12, at(0)).needed());
        (1..24).for_each(|step| {
            gauge.push(1_000.0, at(step));
        });
        let mut quiet = Gauge::new(None, true);
        (0..24).for_each(|step| {
            quiet.push(1_000.0, at(step));
        });
        assert_eq!(quiet.threshold(), 65_536.0);
        assert!(gauge.threshold() > quiet.threshold());
    }

    #[test]
    fn a_reading_is_judged_by_what_came_before_it() {
        let (mut calm, mut wild) = (Gauge::new(Some(10.0), false), Gauge::new(Some(10.0), false));
        for step in 0..30 {
            let (a, b) = (calm.push(2.0, at(step)), wild.push(2.0, at(step)));
            assert_eq!(a, b);
        }
        calm.push(0.0, at(30));
        let threshold = wild.threshold();
        assert!((wild.push(9.0, at(30)).level - (9.0 / threshold) as f32).abs() < 1e-5);
    }
}
