//! How much more than the plan says to allocate: the factor whose cost over the past was least, per process.
//!
//! The plan is optimal for the mixture; the mixture may be too sure of itself. Every factor is charged what it would have cost,
//! waste and failures at the same price as in the plan; sums fade, and a process with few runs leans on all others.

use std::collections::BTreeMap;

use super::facts::PROCESSES_MAX;
use super::plan::FailurePrice;

const FACTORS: [f64; 7] = [1.0, 1.01, 1.02, 1.04, 1.08, 1.15, 1.3];
/// What is kept of the sums at each run, of a process and of all.
const KEEP: f64 = 0.97;
const KEEP_ALL: f64 = 0.995;
/// A process is believed as much as all others once it has had so many runs.
const RUNS: f64 = 3.0;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    cost: [f64; FACTORS.len()],
    used: f64,
    runs: f64,
}

impl Sums {
    fn add(&mut self, cost: &[f64; FACTORS.len()], used: f64, keep: f64) {
        for (sum, cost) in self.cost.iter_mut().zip(cost) {
            *sum = keep * *sum + cost;
        }
        self.used = keep * self.used + used;
        self.runs = keep * self.runs + 1.0;
    }
}

/// Rolling costs of the factors.
#[derive(Clone, Debug, Default)]
pub struct Caution {
    all: Sums,
    own: BTreeMap<u64, Sums>,
}

impl Caution {
    /// The factor to use for a process.
    pub fn factor(&self, process: u64) -> f64 {
        let own = self.own.get(&process).copied().unwrap_or_default();
        let relative = |sums: &Sums, at: usize| if sums.used > 0.0 { sums.cost[at] / sums.used } else { 0.0 };
        let score = |at: usize| own.runs * relative(&own, at) + RUNS * relative(&self.all, at);
        let best = (0..FACTORS.len()).min_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a)));
        match best {
            Some(at) if self.all.used > 0.0 => FACTORS[at],
            _ => 1.0,
        }
    }

    /// Learns what each factor would have cost: `attempts` is the plan, `peak` in bytes what was needed for `seconds`.
    pub fn learn(&mut self, process: u64, attempts: &[f64], peak: f64, seconds: f64, price: FailurePrice) {
        let cost = FACTORS.map(|factor| cost_of(attempts, factor, peak, seconds, price));
        let used = peak * seconds;
        // Costs relative to the job's own use, so that one huge job does not rule all factors.
        self.all.add(&cost.map(|cost| cost / used), 1.0, KEEP_ALL);
        if self.own.len() > PROCESSES_MAX {
            self.own.pop_first();
        }
        self.own.entry(process).or_default().add(&cost, used, KEEP);
    }
}

/// Waste of the plan's attempts times `factor` in byte seconds, failures at their price. Beyond the plan it doubles.
fn cost_of(attempts: &[f64], factor: f64, peak: f64, seconds: f64, price: FailurePrice) -> f64 {
    let mut cost = 0.0;
    let mut given = 0.0;
    for attempt in 0..64 {
        given = attempts.get(attempt).map_or(2.0 * given, |bytes| bytes * factor);
        if given >= peak {
            return cost + (given - peak) * seconds;
        }
        cost += (1.0 + price.share) * given * seconds + price.byte_seconds;
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: FailurePrice = FailurePrice { share: 0.0, byte_seconds: 0.0 };

    #[test]
    fn counts_failures_whole_and_doubles_beyond_the_plan() {
        // 10 and 20 fail, 40 fits 30: 10 + 20 + 10 wasted, for 2 seconds each.
        assert_eq!(cost_of(&[10.0, 20.0], 1.0, 30.0, 2.0, PRICE), 80.0);
        assert_eq!(cost_of(&[10.0], 1.0, 10.0, 2.0, PRICE), 0.0);
    }

    #[test]
    fn a_process_that_always_passes_its_plan_gets_more() {
        let mut caution = Caution::default();
        assert_eq!(caution.factor(1), 1.0);
        for _ in 0..40 {
            caution.learn(1, &[100.0], 107.0, 1.0, PRICE);
            for process in 2..6 {
                caution.learn(process, &[100.0], 100.0, 1.0, PRICE);
            }
        }
        assert_eq!(caution.factor(1), 1.08);
        assert_eq!(caution.factor(2), 1.0);
    }
}
