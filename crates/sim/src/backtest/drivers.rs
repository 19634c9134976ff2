//! Driver modules on multi-metric `usage` traces: is the right module loaded in an instance before it is needed, for every
//! policy by the same rules.
//!
//! One slot per instance and profile ([`decide::drivers::Profile`]). A slot is *needed* in a step when one of the profile's metrics
//! reaches its threshold ([`decide::drivers::Gauge`], which knows the past only). An *episode* begins when a slot is needed and was
//! not in its latest known step. At the end of each step a [`DriverPolicy`] says which modules stand loaded throughout the next; an
//! episode is *ready* when its module was loaded by the end of the step before. A load is *wasted* when its module was
//! not needed in any step until it was unloaded. Steps without a reading are not scored.
//! The first half of a trace is there to learn from, the rest is scored; policies keep learning, and nobody sees ahead but the
//! oracle.

mod policy;
mod scorecard;
mod workload;

pub use policy::{DriverPolicy, Loader, SlotTally, tally};
pub use scorecard::{DriverCard, DriverScorecard, ProfileCard, SUBJECT};
pub use workload::{Seen, Slot, State, Workload};

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

/// What things cost, in seconds of need that run without their module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriverOptions {
    /// What a second costs in which a module stands loaded and is not needed. A fiftieth: a module that its instance does not need
    /// changes little for it, while one that is missing costs most of a bulk transfer's rate.
    pub idle_price: f64,
    /// What a load or an unload costs, in seconds: far more than its milliseconds, since queues drain and connections are
    /// retuned.
    pub switch_s: f64,
}

impl Default for DriverOptions {
    fn default() -> Self {
        DriverOptions { idle_price: 0.02, switch_s: 5.0 }
    }
}

/// Scores our planner and all peers on `workloads`. `progress` is told how many are done and of how many; the result does not
/// depend on the number of threads.
pub fn run(workloads: &[Workload], options: &DriverOptions, progress: &(dyn Fn(usize, usize) + Sync)) -> DriverScorecard {
    run_with(&crate::baselines::drivers::all(), workloads, options, progress)
}

/// As [`run`], with a choice of policies.
pub fn run_with(
    policies: &[Box<dyn DriverPolicy>],
    workloads: &[Workload],
    options: &DriverOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> DriverScorecard {
    let done = AtomicUsize::new(0);
    let tallied = policies
        .par_iter()
        .with_max_len(1)
        .map(|policy| {
            let tallies = workloads.iter().map(|workload| tally(policy.as_ref(), workload, options)).collect();
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, policies.len());
            (policy.name(), tallies)
        })
        .collect();
    scorecard::assemble(workloads, options, tallied)
}
