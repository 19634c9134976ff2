//! Three kinds of time that must not be mixed: a length, a point on the monotonic clock, a point on the wall clock.

use std::fmt;
use std::ops::{Add, Sub};

/// A length of time in nanoseconds; at most about 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of whole nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Span(nanos)
    }
    /// A span of whole milliseconds; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Span(millis.saturating_mul(1_000_000))
    }
    /// A span of whole seconds; saturates.
    pub const fn from_secs(secs: u64) -> Self {
        Span(secs.saturating_mul(1_000_000_000))
    }
    /// A span of fractional seconds; negative and not-a-number become zero.
    pub fn from_secs_f64(secs: f64) -> Self {
        // `as` saturates and maps NaN to zero, which is what is promised.
        Span((secs * 1e9) as u64)
    }
    /// Whole nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
    /// Seconds with their fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
    /// `self * factor`; saturates.
    pub const fn times(self, factor: u64) -> Self {
        Span(self.0.saturating_mul(factor))
    }
}

impl From<Span> for std::time::Duration {
    fn from(span: Span) -> Self {
        std::time::Duration::from_nanos(span.0)
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Self {
        Span(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.as_secs_f64();
        match secs {
            s if s < 1.0 => write!(f, "{:.0} ms", s * 1e3),
            s if s < 120.0 => write!(f, "{s:.1} s"),
            s if s < 7_200.0 => write!(f, "{:.0} min", s / 60.0),
            s if s < 172_800.0 => write!(f, "{:.1} h", s / 3_600.0),
            s => write!(f, "{:.1} d", s / 86_400.0),
        }
    }
}

/// A point on the monotonic clock, as the span since the engine's epoch (the start of its journal).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Span);

impl Moment {
    /// The epoch itself.
    pub const START: Moment = Moment(Span::ZERO);

    /// The moment `span` after the epoch.
    pub const fn after_start(span: Span) -> Self {
        Moment(span)
    }
    /// The span since the epoch.
    pub const fn since_start(self) -> Span {
        self.0
    }
    /// The span from `earlier` to `self`; zero when `earlier` is later.
    pub const fn since(self, earlier: Moment) -> Span {
        Span(self.0.0.saturating_sub(earlier.0.0))
    }
}

impl Add<Span> for Moment {
    type Output = Moment;
    fn add(self, span: Span) -> Moment {
        Moment(Span(self.0.0.saturating_add(span.0)))
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

/// A point on the wall clock: milliseconds since 1970-01-01 UTC. May jump; never used to measure a length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// From milliseconds since 1970-01-01 UTC.
    pub const fn from_unix_millis(millis: i64) -> Self {
        WallTime(millis)
    }
    /// From whole seconds since 1970-01-01 UTC; saturates.
    pub const fn from_unix_secs(secs: i64) -> Self {
        WallTime(secs.saturating_mul(1_000))
    }
    /// Milliseconds since 1970-01-01 UTC.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }
    /// Whole seconds since 1970-01-01 UTC, rounded down.
    pub const fn unix_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }
    /// The wall time `span` later; saturates.
    pub fn plus(self, span: Span) -> Self {
        WallTime(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
    /// The wall time `span` earlier; saturates.
    pub fn minus(self, span: Span) -> Self {
        WallTime(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
    /// Hour of the week in UTC, 0 to 167, 0 = Monday 00:00.
    pub const fn hour_of_week(self) -> u8 {
        // 1970-01-01 was a Thursday: three days after Monday.
        let hours = self.0.div_euclid(3_600_000) + 72;
        hours.rem_euclid(168) as u8
    }
    /// Second of the day in UTC, 0 to 86,399.
    pub const fn second_of_day(self) -> u32 {
        self.unix_secs().rem_euclid(86_400) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hour_of_week_starts_on_monday() {
        // 2024-01-01 was a Monday.
        let monday = WallTime::from_unix_secs(1_704_067_200);
        assert_eq!(monday.hour_of_week(), 0);
        assert_eq!(monday.plus(Span::from_secs(3_600 * 167)).hour_of_week(), 167);
        assert_eq!(WallTime::from_unix_secs(0).hour_of_week(), 72);
        assert_eq!(WallTime::from_unix_secs(-1).hour_of_week(), 71);
    }

    #[test]
    fn spans_saturate_and_print() {
        assert_eq!(Span::from_secs(u64::MAX), Span::from_nanos(u64::MAX));
        assert_eq!(Span::from_secs_f64(f64::NAN), Span::ZERO);
        assert_eq!(Span::from_secs_f64(-1.0), Span::ZERO);
        assert_eq!(Span::from_secs(90).to_string(), "90.0 s");
        assert_eq!(Moment::START.since(Moment::START + Span::from_secs(1)), Span::ZERO);
    }
}
