//! Warm pools on `counts` and `arrivals` traces: cold starts against idle memory, for every policy by the same rules.
//!
//! Time is cut into steps of a minute. At the end of each a [`PoolPolicy`] says which instances shall be ready in the next;
//! [`tally`] counts cold starts and idle steps. The first half of the trace is there to learn from, the rest is scored;
//! policies keep learning while they are scored, and nobody sees ahead but the oracle.

mod policy;
mod scorecard;
mod static_pool;
mod workload;

pub use policy::{Keeper, PoolPolicy, Tallies, UnitTally, tally};
pub use scorecard::{PoolCard, PoolPoint, PoolScorecard, SUBJECT, StaticPool};
pub use workload::{PoolUnit, Seen, Slot, Workload};

use std::sync::atomic::{AtomicUsize, Ordering};

use model::Span;
use rayon::prelude::*;

/// How to score, and what things cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolOptions {
    /// The interval of decisions, for arrivals; counts bring their own.
    pub step: Span,
    /// A trace of more steps than this gets a longer interval, a multiple of `step`.
    pub steps_max: usize,
    /// More instances of a unit at once than this are not looked at.
    pub levels_max: usize,
    /// What a cold start costs, in seconds of waiting (the figure of the RUM metric of FeMux).
    pub cold_s: f64,
    /// How many GB seconds of idle memory are worth one second of waiting (FeMux).
    pub gb_s_per_s: f64,
    /// What an instance holds where the trace does not say, in GB: the median application of the Azure trace (Shahrad et al.,
    /// Serverless in the Wild, ATC 2020).
    pub memory_gb: f64,
    /// Every unit counts the same, whatever the trace says of how many real ones it stands for.
    pub equal_weights: bool,
}

impl Default for PoolOptions {
    fn default() -> Self {
        PoolOptions {
            step: Span::from_secs(60),
            steps_max: 100_000,
            levels_max: 64,
            cold_s: 0.808,
            gb_s_per_s: 99.69,
            memory_gb: 0.17,
            equal_weights: false,
        }
    }
}

impl PoolOptions {
    /// What an unused step of an instance costs, in seconds of waiting.
    pub fn idle_s(&self, memory_gb: f64, step: Span) -> f64 {
        memory_gb * step.as_secs_f64() / self.gb_s_per_s
    }
}

/// Scores our planner and all peers on `workload`, several at a time. `progress` is told how many are done and of how many;
/// the result does not depend on the number of threads.
pub fn run(workload: &Workload, options: &PoolOptions, progress: &(dyn Fn(usize, usize) + Sync)) -> PoolScorecard {
    run_with(&crate::baselines::pool::all(), workload, options, progress)
}

/// As [`run`], with a choice of policies.
pub fn run_with(
    policies: &[Box<dyn PoolPolicy>],
    workload: &Workload,
    options: &PoolOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> PoolScorecard {
    let done = AtomicUsize::new(0);
    let tallied = policies
        .par_iter()
        .with_max_len(1)
        .map(|policy| {
            let tallies = tally(policy.as_ref(), workload, options);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, policies.len());
            (policy.name(), policy.points(), tallies)
        })
        .collect();
    scorecard::assemble(workload, options, tallied)
}
