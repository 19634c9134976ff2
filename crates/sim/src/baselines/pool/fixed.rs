//! Keep-alive for a fixed time after each use: the rule of most platforms, and ski rental, which fixes the time by cost.

use super::per_slot::{PerSlot, Rule};
use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Workload};

/// Keeps an instance for a fixed time after its last use.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// The name in the scorecard.
    pub name: &'static str,
    /// How long, in seconds.
    pub keep_s: f64,
}

impl PoolPolicy for Fixed {
    fn name(&self) -> &'static str {
        self.name
    }
    fn points(&self) -> Vec<String> {
        vec![format!("{} s", self.keep_s)]
    }
    fn begin<'w>(&self, workload: &'w Workload, _options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        let keep = steps(self.keep_s, workload);
        Box::new(PerSlot::new(1, workload.slots.len(), |_, _| KeepAlive::new(keep)))
    }
}

/// Keeps an instance until it has cost as much as a cold start: at most twice the cost of knowing (Karlin et al. 1994).
#[derive(Clone, Copy, Debug, Default)]
pub struct SkiRental;

impl PoolPolicy for SkiRental {
    fn name(&self) -> &'static str {
        "ski_rental"
    }
    fn points(&self) -> Vec<String> {
        vec!["cold cost over idle cost".to_owned()]
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        Box::new(PerSlot::new(1, workload.slots.len(), |_, slot| {
            let memory_gb = workload.units[workload.slots[slot].unit].memory_gb;
            KeepAlive::new(steps(options.cold_s * options.gb_s_per_s / memory_gb, workload))
        }))
    }
}

/// Whole steps in `seconds`, rounded, at least one.
pub(super) fn steps(seconds: f64, workload: &Workload) -> u32 {
    (seconds / workload.step.as_secs_f64()).round().max(1.0) as u32
}

/// Ready for `keep` steps after each use.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    keep: u32,
    left: u32,
}

impl KeepAlive {
    pub fn new(keep: u32) -> KeepAlive {
        KeepAlive { keep, left: 0 }
    }
}

impl Rule for KeepAlive {
    fn step(&mut self, active: bool) -> bool {
        self.left = if active { self.keep } else { self.left.saturating_sub(1) };
        self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::per_slot::answers;
    use super::*;

    #[test]
    fn keeps_for_its_time_after_the_last_use() {
        assert_eq!(answers(&mut KeepAlive::new(2), "0100101000"), "0110111100");
    }

    #[test]
    fn ski_rental_keeps_for_the_worth_of_a_cold_start() {
        // 0.808 s * 99.69 GB s/s / 0.17 GB = 473.8 s: 8 steps of a minute.
        let arrival =
            |at_s: f64| crate::trace::Arrival { at_s, unit: Some("f".to_owned()), user: None, duration: None, memory: None };
        let options = PoolOptions::default();
        let workload = Workload::from_arrivals(&[arrival(0.0), arrival(1_200.0)], &options);
        let mut keeper = SkiRental.begin(&workload, &options);
        let mut ready = vec![vec![false]];
        let mut kept = 0;
        for step in 0..20 {
            keeper.step(&workload.seen(step), &mut ready);
            kept += u32::from(ready[0][0]);
        }
        assert_eq!(kept, 8);
    }
}
