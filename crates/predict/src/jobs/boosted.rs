//! Boosted trees as a source: what all jobs together say of how this one differs from its process.
//!
//! The target is the logarithm of the need less that of a base (the mean of the process, of the program, of the user, or what was
//! asked). Five levels are fitted anew each time the history has grown by a third. Each level is then moved by the quantile of its
//! own misses since, at the same level: conformalised quantile regression (Romano, Patterson, Candès, 2019), rolling.

use std::collections::VecDeque;

use super::cloud::{Cloud, Sample};
use crate::trees::{BoostSettings, QuantileTrees};

/// Features of a row.
pub const FEATURES: usize = 14;
/// The levels, the middles of fifths, so that each stands for as much weight.
const LEVELS: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];
/// Rows that are fitted to: the last so many.
const ROWS_MAX: usize = 6_000;
/// Rows before the first fit, and growth before the next.
const ROWS_MIN: usize = 120;
const GROWTH: f64 = 1.34;
/// Misses that the offset rests on, and how many it takes.
const MISSES_MAX: usize = 200;
const MISSES_MIN: usize = 20;
const WIDTH_MIN: f64 = 0.02;

/// What was said of a job, to be learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    row: [f32; FEATURES],
    base: f64,
    /// Levels before the offset, once there is a fit.
    said: Option<[f64; LEVELS.len()]>,
}

/// The trees of one quantity.
#[derive(Clone, Debug, Default)]
pub struct Boosted {
    rows: VecDeque<([f32; FEATURES], f64)>,
    seen: usize,
    next_fit: usize,
    trees: Vec<QuantileTrees<FEATURES>>,
    misses: [VecDeque<f64>; LEVELS.len()],
}

impl Boosted {
    /// What the trees say of a job with this row; the cloud is `None` before the first fit.
    pub fn say(&self, row: [f32; FEATURES], base: f64, seconds: f64) -> (Standing, Option<Cloud>) {
        if self.trees.is_empty() {
            return (Standing { row, base, said: None }, None);
        }
        let said: [f64; LEVELS.len()] = std::array::from_fn(|level| self.trees[level].predict(&row));
        let sample = |level: usize| {
            let log = base + said[level] + self.offset(level);
            Sample { log, weight: 1.0, seconds }
        };
        let cloud = Cloud::new((0..LEVELS.len()).map(sample).collect(), WIDTH_MIN);
        (Standing { row, base, said: Some(said) }, Some(cloud))
    }

    /// Learns that the job needed `log`.
    pub fn learn(&mut self, standing: &Standing, log: f64) {
        let target = log - standing.base;
        if let Some(said) = standing.said {
            for (misses, said) in self.misses.iter_mut().zip(said) {
                if misses.len() == MISSES_MAX {
                    misses.pop_front();
                }
                misses.push_back(target - said);
            }
        }
        if self.rows.len() == ROWS_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back((standing.row, target));
        self.seen += 1;
        if self.seen >= self.next_fit.max(ROWS_MIN) {
            self.next_fit = (self.seen as f64 * GROWTH) as usize;
            let (rows, targets): (Vec<[f32; FEATURES]>, Vec<f64>) = self.rows.iter().copied().unzip();
            let settings = BoostSettings::default();
            self.trees = LEVELS.iter().map(|&level| QuantileTrees::fit(&rows, &targets, level, &settings)).collect();
        }
    }

    fn offset(&self, level: usize) -> f64 {
        let mut misses: Vec<f64> = self.misses[level].iter().copied().collect();
        if misses.len() < MISSES_MIN {
            return 0.0;
        }
        let place = (LEVELS[level] * misses.len() as f64) as usize;
        *misses.select_nth_unstable_by(place, f64::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_from_a_feature_and_covers_what_it_says() {
        let mut boosted = Boosted::default();
        let mut below = 0;
        for job in 0..1_000_u32 {
            let mut row = [f32::NAN; FEATURES];
            row[0] = (job * 7 % 10) as f32;
            let log = 10.0 + f64::from(row[0]) + f64::from(job * 13 % 17) / 17.0;
            let (standing, cloud) = boosted.say(row, 10.0, 1.0);
            if let Some(cloud) = cloud.filter(|_| job >= 600) {
                assert!((cloud.quantile(0.5) - log).abs() < 1.5, "job {job}");
                below += u32::from(log <= cloud.quantile(1.0));
            }
            boosted.learn(&standing, log);
        }
        assert!((300..400).contains(&below), "{below} of 400 below the 0.9 level");
    }
}
