//! RainbowCake: keep for a quantile of the gap between calls, never longer than a cold start is worth (RainbowCake; reconstructed from a summary).
//!
//! With arrivals taken as Poisson, a gap ends within `-ln(1 - p) * mean gap` with chance p; the mean is that of the last six gaps. The
//! time to live is the lesser of that and of the cold start's worth in memory. Then the layers go one by one; of its three layers
//! only the last (user code loaded) answers without a cold start, so the two below are neither charged nor credited.

use super::fixed::steps;
use super::per_slot::{PerSlot, Rule};
use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Workload};

/// The paper's rule; its knob is the quantile.
#[derive(Clone, Copy, Debug, Default)]
pub struct RainbowCake;

/// Quantiles; the paper's default first.
const QUANTILES: [f64; 5] = [0.8, 0.5, 0.65, 0.9, 0.95];
/// Gaps in the mean.
const GAPS: usize = 6;

impl PoolPolicy for RainbowCake {
    fn name(&self) -> &'static str {
        "rainbowcake"
    }
    fn points(&self) -> Vec<String> {
        QUANTILES.iter().map(|quantile| format!("quantile {quantile}")).collect()
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        Box::new(PerSlot::new(QUANTILES.len(), workload.slots.len(), |point, slot| {
            let memory_gb = workload.units[workload.slots[slot].unit].memory_gb;
            let most = steps(options.cold_s * options.gb_s_per_s / memory_gb, workload);
            Layered { factor: -(1.0 - QUANTILES[point]).ln(), most, gaps: Vec::new(), since: None }
        }))
    }
}

struct Layered {
    factor: f64,
    /// The longest time to live, in steps.
    most: u32,
    /// The last gaps, oldest first.
    gaps: Vec<u32>,
    /// Steps since the last use.
    since: Option<u32>,
}

impl Layered {
    fn keep(&self) -> u32 {
        if self.gaps.is_empty() {
            return self.most;
        }
        let mean = f64::from(self.gaps.iter().sum::<u32>()) / self.gaps.len() as f64;
        ((self.factor * mean).ceil() as u32).clamp(1, self.most)
    }
}

impl Rule for Layered {
    fn step(&mut self, active: bool) -> bool {
        self.since = self.since.map(|since| since + 1);
        if active {
            if let Some(gap) = self.since {
                if self.gaps.len() == GAPS {
                    self.gaps.remove(0);
                }
                self.gaps.push(gap);
            }
            self.since = Some(0);
        }
        self.since.is_some_and(|since| since < self.keep())
    }
}

#[cfg(test)]
mod tests {
    use super::super::per_slot::answers;
    use super::*;

    #[test]
    fn keeps_for_the_quantile_of_the_mean_gap() {
        let mut rule = Layered { factor: -(0.2_f64.ln()), most: 8, gaps: Vec::new(), since: None };
        // Without a gap the most; then gaps of 2: 1.609 * 2 = 3.2, so 4 steps.
        assert_eq!(answers(&mut rule, "1000000000"), "1111111100");
        let mut rule = Layered { gaps: vec![2; 6], since: None, ..rule };
        assert_eq!(answers(&mut rule, "10100000")[2..], *"111100");
    }

    #[test]
    fn never_longer_than_a_cold_start_is_worth() {
        let rule = Layered { factor: 1.6, most: 8, gaps: vec![100], since: None };
        assert_eq!(rule.keep(), 8);
    }
}
