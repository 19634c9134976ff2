//! The rule by which Azure SQL Database serverless resumes: when the chance of a login in the next window passes a threshold.
//!
//! The chance is the share of the last four same weekdays on which a login fell into the window at the same time of day; the
//! window slides in steps of five minutes. After the last act the session is paused logically, that is held, for a timeout
//! (Poppe et al., Moneyball: Proactive Auto-Scaling in Microsoft Azure SQL Database Serverless, VLDB 2022, section 4).

use std::collections::VecDeque;

use model::WallTime;

use super::acts::{TIMEOUTS_S, WEEK_MS, named, next_timeout, within};
use crate::backtest::users::{Population, UserOptions, UserPolicy, Watcher};

/// Weeks that are looked back at.
const WEEKS: i64 = 4;
/// Of those, so many must have had a login; the default first.
const LEAST: [usize; 4] = [2, 1, 3, 4];
/// Lengths of the window in seconds; the default first.
const WINDOWS_S: [u64; 5] = [3_600, 300, 900, 10_800, 25_200];
/// How far the window slides.
const SLIDE_MS: i64 = 300_000;

/// Its knobs are the threshold, the window and the timeout.
#[derive(Clone, Copy, Debug)]
pub struct AzureSql;

fn settings() -> impl Iterator<Item = (usize, usize, u64)> {
    LEAST.into_iter().flat_map(|least| {
        let windows = 0..WINDOWS_S.len();
        windows.flat_map(move |window| TIMEOUTS_S.into_iter().rev().map(move |timeout| (least, window, timeout)))
    })
}

impl UserPolicy for AzureSql {
    fn name(&self) -> &'static str {
        "azure_sql"
    }
    fn points(&self, _options: &UserOptions) -> Vec<String> {
        let label = |(least, window, timeout): (usize, usize, u64)| {
            format!("{least} of {WEEKS}, window {}, timeout {}", named(WINDOWS_S[window]), named(timeout))
        };
        settings().map(label).collect()
    }
    fn begin<'p>(&self, population: &'p Population, _options: &UserOptions) -> Box<dyn Watcher + 'p> {
        Box::new(Sliding { users: vec![VecDeque::new(); population.users.len()] })
    }
}

struct Sliding {
    /// Acts of the last weeks.
    users: Vec<VecDeque<WallTime>>,
}

impl Watcher for Sliding {
    fn acted(&mut self, user: usize, at: WallTime) {
        let acts = &mut self.users[user];
        acts.push_back(at);
        let oldest = at.unix_millis() - (WEEKS + 1) * WEEK_MS;
        while acts.front().is_some_and(|act| act.unix_millis() < oldest) {
            acts.pop_front();
        }
    }
    fn look(&mut self, user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime> {
        let acts = &self.users[user];
        let last = *acts.back()?;
        // What the windows say holds for a slide of five minutes.
        let slid = now.unix_millis().div_euclid(SLIDE_MS) * SLIDE_MS;
        let mut seen = [0; WINDOWS_S.len()];
        let mut change = i64::MAX;
        for week in 1..=WEEKS {
            let from = slid - week * WEEK_MS;
            let Some(next) = acts.get(acts.partition_point(|act| act.unix_millis() < from)) else { continue };
            let ahead = next.unix_millis() - from;
            for (seen, window_s) in seen.iter_mut().zip(WINDOWS_S) {
                let enters = ahead - window_s as i64 * 1_000;
                *seen += usize::from(enters < 0);
                // It enters with the first slide that begins after `enters`, and leaves with the first after `ahead`.
                change = change.min(if enters < 0 { ahead } else { enters });
            }
        }
        for (held, (least, window, timeout)) in held.iter_mut().zip(settings()) {
            *held = seen[window] >= least || within(last, now, timeout);
        }
        let slide = (change < i64::MAX).then(|| WallTime::from_unix_millis(slid + (change / SLIDE_MS + 1) * SLIDE_MS));
        let timeout = next_timeout(last, now, &TIMEOUTS_S);
        slide.into_iter().chain(timeout).min()
    }
}
