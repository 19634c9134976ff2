//! Same hour last week: held while the user was active in this hour of the week a week ago, and for a timeout after the last act.

use std::collections::VecDeque;

use model::WallTime;

use super::acts::{HOUR_MS, TIMEOUTS_S, named, next_hour, next_timeout, within};
use crate::backtest::users::{Population, UserOptions, UserPolicy, Watcher};

/// Hours before and after that count as well.
const REACHES: [i64; 6] = [0, 1, 2, 3, 5, 8];
const WEEK_HOURS: i64 = 168;

/// Its knobs are the reach around the hour and the timeout.
#[derive(Clone, Copy, Debug)]
pub struct SameHour;

fn settings() -> impl Iterator<Item = (i64, u64)> {
    REACHES.into_iter().flat_map(|reach| TIMEOUTS_S.into_iter().rev().map(move |timeout| (reach, timeout)))
}

impl UserPolicy for SameHour {
    fn name(&self) -> &'static str {
        "same_hour_last_week"
    }
    fn points(&self, _options: &UserOptions) -> Vec<String> {
        settings().map(|(reach, timeout)| format!("within {reach} h, timeout {}", named(timeout))).collect()
    }
    fn begin<'p>(&self, population: &'p Population, _options: &UserOptions) -> Box<dyn Watcher + 'p> {
        Box::new(Recalling { users: vec![Recent::default(); population.users.len()] })
    }
}

struct Recalling {
    users: Vec<Recent>,
}

/// Hours since 1970 with acts, of the last week and a little more, and the last act.
#[derive(Clone, Default)]
struct Recent {
    hours: VecDeque<i64>,
    last: WallTime,
}

impl Watcher for Recalling {
    fn acted(&mut self, user: usize, at: WallTime) {
        let recent = &mut self.users[user];
        let hour = at.unix_millis().div_euclid(HOUR_MS);
        if recent.hours.back() != Some(&hour) {
            recent.hours.push_back(hour);
        }
        while recent.hours.front().is_some_and(|&first| first < hour - 2 * WEEK_HOURS) {
            recent.hours.pop_front();
        }
        recent.last = at;
    }
    fn look(&mut self, user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime> {
        let recent = &self.users[user];
        let hour = now.unix_millis().div_euclid(HOUR_MS) - WEEK_HOURS;
        let after = recent.hours.partition_point(|&one| one < hour);
        // Hours from the one a week ago to the nearest with an act.
        let ahead = recent.hours.get(after).map(|one| one - hour);
        let behind = after.checked_sub(1).map(|before| hour - recent.hours[before]);
        let nearest = ahead.into_iter().chain(behind).min().unwrap_or(i64::MAX);
        for (held, (reach, timeout)) in held.iter_mut().zip(settings()) {
            *held = nearest <= reach || within(recent.last, now, timeout);
        }
        let quiet = ahead.is_none() && behind.is_none_or(|behind| behind > REACHES[REACHES.len() - 1]);
        let timeout = next_timeout(recent.last, now, &TIMEOUTS_S);
        if quiet { timeout } else { Some(timeout.map_or(next_hour(now), |end| end.min(next_hour(now)))) }
    }
}
