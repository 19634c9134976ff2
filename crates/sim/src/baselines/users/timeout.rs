//! Fixed idle timeouts: held for so long after the last act, then given up until the user comes.

use model::WallTime;

use super::acts::{named, next_timeout, within};
use crate::backtest::users::{Population, UserOptions, UserPolicy, Watcher};

/// One timeout.
#[derive(Clone, Copy, Debug)]
pub struct FixedTimeout {
    /// The name in the scorecard.
    pub name: &'static str,
    /// The timeout.
    pub seconds: u64,
}

/// All timeouts from none to for ever; its knob is the timeout.
#[derive(Clone, Copy, Debug)]
pub struct SweptTimeout;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// From the one in widest use: none, minutes, hours, days, for ever.
const SWEPT_S: [u64; 40] = [
    HOUR,
    0,
    6 * MINUTE,
    7 * MINUTE,
    8 * MINUTE,
    10 * MINUTE,
    12 * MINUTE,
    15 * MINUTE,
    20 * MINUTE,
    25 * MINUTE,
    30 * MINUTE,
    45 * MINUTE,
    90 * MINUTE,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    5 * HOUR,
    6 * HOUR,
    7 * HOUR,
    9 * HOUR,
    11 * HOUR,
    13 * HOUR,
    15 * HOUR,
    17 * HOUR,
    19 * HOUR,
    22 * HOUR,
    DAY,
    36 * HOUR,
    2 * DAY,
    64 * HOUR,
    3 * DAY,
    4 * DAY,
    7 * DAY,
    10 * DAY,
    14 * DAY,
    30 * DAY,
    60 * DAY,
    180 * DAY,
    730 * DAY,
    36_500 * DAY,
];

impl UserPolicy for FixedTimeout {
    fn name(&self) -> &'static str {
        self.name
    }
    fn points(&self, _options: &UserOptions) -> Vec<String> {
        vec![named(self.seconds)]
    }
    fn begin<'p>(&self, population: &'p Population, _options: &UserOptions) -> Box<dyn Watcher + 'p> {
        Box::new(Timing { seconds: vec![self.seconds], last: vec![WallTime::default(); population.users.len()] })
    }
}

impl UserPolicy for SweptTimeout {
    fn name(&self) -> &'static str {
        "fixed_timeout"
    }
    fn points(&self, _options: &UserOptions) -> Vec<String> {
        SWEPT_S.map(named).to_vec()
    }
    fn begin<'p>(&self, population: &'p Population, _options: &UserOptions) -> Box<dyn Watcher + 'p> {
        Box::new(Timing { seconds: SWEPT_S.to_vec(), last: vec![WallTime::default(); population.users.len()] })
    }
}

struct Timing {
    seconds: Vec<u64>,
    last: Vec<WallTime>,
}

impl Watcher for Timing {
    fn acted(&mut self, user: usize, at: WallTime) {
        self.last[user] = at;
    }
    fn look(&mut self, user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime> {
        let last = self.last[user];
        for (held, &seconds) in held.iter_mut().zip(&self.seconds) {
            *held = within(last, now, seconds);
        }
        next_timeout(last, now, &self.seconds)
    }
}
