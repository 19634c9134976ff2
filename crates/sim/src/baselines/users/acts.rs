//! What the peers remember of each user: the last act, and when one falls due.

use model::{Span, WallTime};

/// Idle timeouts that peers with a calendar are combined with, in seconds: none, and the three in use.
pub(super) const TIMEOUTS_S: [u64; 4] = [0, 900, 3_600, 25_200];

/// An hour.
pub(super) const HOUR_MS: i64 = 3_600_000;
/// A week.
pub(super) const WEEK_MS: i64 = 168 * HOUR_MS;

/// `seconds` for people.
pub(super) fn named(seconds: u64) -> String {
    Span::from_secs(seconds).to_string()
}

/// The first of `timeouts_s` after `last` that is still to come; `None` when all are over.
pub(super) fn next_timeout(last: WallTime, now: WallTime, timeouts_s: &[u64]) -> Option<WallTime> {
    let ends = timeouts_s.iter().map(|&seconds| last.plus(Span::from_secs(seconds)));
    ends.filter(|&end| end > now).min()
}

/// Whether a session last used at `last` is still within `seconds`.
pub(super) fn within(last: WallTime, now: WallTime, seconds: u64) -> bool {
    now < last.plus(Span::from_secs(seconds))
}

/// When the next hour begins.
pub(super) fn next_hour(now: WallTime) -> WallTime {
    WallTime::from_unix_millis((now.unix_millis().div_euclid(HOUR_MS) + 1) * HOUR_MS)
}
