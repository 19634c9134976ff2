//! What is remembered of one slot: when it was needed, at what level, and the same time on earlier days.

use super::super::track::Track;
use super::Needed;

/// Half-lives of the levels that are kept, in steps.
const HALF_LIVES: [f32; 2] = [2.0, 16.0];
/// Days that are looked back at.
const DAYS: usize = 7;
/// Steps that are remembered, whatever their width: a week of steps of 10 s.
const HISTORY_MAX: usize = 60_482;
/// Levels are told apart from an eighth to eight times the threshold, two bins per doubling.
pub(super) const LEVELS: usize = 13;

/// One slot's past, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub track: Track,
    level: f32,
    before: f32,
    means: [f32; 2],
    readings: u32,
    /// Per step, the latest last: 0 unknown, 1 not needed, 2 needed. At least a week, at most two.
    history: Vec<u8>,
}

/// What was seen at the coming step's time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Days {
    /// Yesterday: 0 unknown, 1 not needed, 2 needed; the step before it, that step, the one after.
    pub yesterday: [u8; 3],
    /// Steps with need within an hour's twelve steps around it yesterday.
    pub near: usize,
    /// Known days of the last week, and those with need.
    pub known: u32,
    pub needed: u32,
    /// A week ago: as `yesterday`.
    pub week: u8,
}

impl Days {
    /// The share of known days with need, drawn to `prior`.
    pub fn share(&self, prior: f32) -> f32 {
        (self.needed as f32 + prior) / (self.known as f32 + 1.0)
    }
}

impl Past {
    pub fn new() -> Past {
        Past { track: Track::new(), level: 0.0, before: 0.0, means: [0.0; 2], readings: 0, history: Vec::new() }
    }

    /// Takes in a step; a week of `day` steps to a day is remembered.
    pub fn push(&mut self, step: u32, seen: Option<Needed>, day: usize) {
        let kept = (day * DAYS + 2).min(HISTORY_MAX);
        if self.history.len() >= 2 * kept {
            self.history.drain(..self.history.len() - kept);
        }
        self.history.push(seen.map_or(0, |seen| 1 + u8::from(seen.needed)));
        let Some(seen) = seen else { return };
        self.track.push(step, seen.needed, 0, false);
        self.readings += 1;
        self.before = self.level;
        self.level = if seen.level.is_finite() { seen.level.clamp(0.0, 1e6) } else { 0.0 };
        for (mean, half_life) in self.means.iter_mut().zip(HALF_LIVES) {
            let weight = (1.0 - 0.5_f32.powf(1.0 / half_life)).max(1.0 / (self.readings as f32 + 1.0));
            *mean += weight * (self.level - *mean);
        }
    }

    /// Needed in the latest known step.
    pub fn needed(&self) -> bool {
        self.track.uses > 0 && self.track.age == 0
    }

    /// The latest level, in bins.
    pub fn level_bin(&self) -> usize {
        bin(self.level)
    }

    /// The level's mean over the last few steps, in bins; over the last few dozens with `long`.
    pub fn mean_bin(&self, long: bool) -> usize {
        bin(self.means[usize::from(long)])
    }

    /// Falling, steady, rising, by a fifth.
    pub fn trend(&self) -> usize {
        match self.level - self.before {
            change if change > 0.2 * self.before + 0.02 => 2,
            change if change < -0.2 * self.before - 0.02 => 0,
            _ => 1,
        }
    }

    /// The latest level against the mean of the last dozens of steps: 0 to 6, 3 = alike.
    pub fn surge(&self) -> usize {
        let ratio = (self.level + 0.02) / (self.means[1] + 0.02);
        (ratio.log2() * 1.5 + 3.5).clamp(0.0, 6.0) as usize
    }

    /// The latest level as a number for the mixer, 0 at the threshold.
    pub fn log_level(&self) -> f32 {
        (self.level + 0.02).log2().clamp(-4.0, 4.0) * 0.5
    }

    fn at(&self, ago: usize) -> u8 {
        self.history.len().checked_sub(ago).and_then(|place| self.history.get(place)).copied().unwrap_or(0)
    }

    /// What was seen at the coming step's time on earlier days, with `day` steps to a day.
    pub fn days(&self, day: usize) -> Days {
        let mut days = Days {
            yesterday: [self.at(day + 1), self.at(day), self.at(day.saturating_sub(1))],
            near: (day.saturating_sub(6)..=day + 6).filter(|&ago| ago > 0 && self.at(ago) == 2).count(),
            week: self.at(day * DAYS),
            ..Days::default()
        };
        for ago in (1..=DAYS).map(|back| back * day) {
            let state = self.at(ago);
            days.known += u32::from(state > 0);
            days.needed += u32::from(state == 2);
        }
        days
    }
}

fn bin(level: f32) -> usize {
    ((level.max(1e-3).log2() + 3.0) * 2.0 + 1.0).clamp(0.0, (LEVELS - 1) as f32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_days_levels_and_trends_are_remembered() {
        let mut past = Past::new();
        for step in 0..30u32 {
            let level = if step % 10 == 3 { 2.0 } else { 0.25 };
            past.push(step, (step != 13).then_some(Needed { needed: level >= 1.0, level }), 10);
        }
        // The coming step is 30; with ten steps to a day the coming time of day was 20, 10 and 0.
        let days = past.days(10);
        assert_eq!((days.yesterday, days.known, days.needed), ([1, 1, 1], 3, 0));
        (30..33).for_each(|step| past.push(step, Some(Needed { needed: false, level: 0.5 }), 10));
        let days = past.days(10);
        assert_eq!((days.yesterday, days.known, days.needed), ([1, 2, 1], 2, 2));
        assert!(!past.needed() && past.trend() == 1 && past.surge() >= 3);
        past.push(33, Some(Needed { needed: true, level: 1.0 }), 10);
        assert!(past.needed() && past.trend() == 2 && past.log_level().abs() < 0.02);
        assert!((0..2_000).map(|level| bin(level as f32 / 100.0)).is_sorted());
    }
}
