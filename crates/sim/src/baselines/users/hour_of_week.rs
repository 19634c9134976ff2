//! Hour-of-week frequency: held in those hours of the week in which the user was active in enough of the weeks so far, and for a
//! timeout after the last act.

use model::WallTime;

use super::acts::{HOUR_MS, TIMEOUTS_S, WEEK_MS, named, next_hour, next_timeout, within};
use crate::backtest::users::{Population, UserOptions, UserPolicy, Watcher};

/// Shares of weeks from which an hour is held; the default first.
const THRESHOLDS: [f64; 14] = [0.5, 1e-9, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.75, 0.9];

/// Its knobs are the threshold and the timeout.
#[derive(Clone, Copy, Debug)]
pub struct HourOfWeek;

fn settings() -> impl Iterator<Item = (f64, u64)> {
    THRESHOLDS.into_iter().flat_map(|share| TIMEOUTS_S.into_iter().rev().map(move |timeout| (share, timeout)))
}

impl UserPolicy for HourOfWeek {
    fn name(&self) -> &'static str {
        "hour_of_week"
    }
    fn points(&self, _options: &UserOptions) -> Vec<String> {
        settings().map(|(share, timeout)| format!("share {share}, timeout {}", named(timeout))).collect()
    }
    fn begin<'p>(&self, population: &'p Population, _options: &UserOptions) -> Box<dyn Watcher + 'p> {
        Box::new(Counting { users: vec![None; population.users.len()] })
    }
}

struct Counting {
    users: Vec<Option<Box<Weeks>>>,
}

/// Weeks with an act per hour of the week, since the first act.
#[derive(Clone)]
struct Weeks {
    active: [u32; 168],
    first: WallTime,
    last: WallTime,
}

impl Watcher for Counting {
    fn acted(&mut self, user: usize, at: WallTime) {
        let hour = |time: WallTime| time.unix_millis().div_euclid(HOUR_MS);
        match &mut self.users[user] {
            Some(weeks) => {
                weeks.active[usize::from(at.hour_of_week())] += u32::from(hour(weeks.last) != hour(at));
                weeks.last = at;
            }
            unknown => {
                let mut weeks = Box::new(Weeks { active: [0; 168], first: at, last: at });
                weeks.active[usize::from(at.hour_of_week())] = 1;
                *unknown = Some(weeks);
            }
        }
    }
    fn look(&mut self, user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime> {
        let weeks = self.users[user].as_ref()?;
        let known = ((now.unix_millis() - weeks.first.unix_millis()) as f64 / WEEK_MS as f64).ceil().max(1.0);
        let share = f64::from(weeks.active[usize::from(now.hour_of_week())]) / known;
        for (held, (least, timeout)) in held.iter_mut().zip(settings()) {
            *held = share >= least || within(weeks.last, now, timeout);
        }
        let hour = next_hour(now);
        Some(next_timeout(weeks.last, now, &TIMEOUTS_S).map_or(hour, |end| end.min(hour)))
    }
}
