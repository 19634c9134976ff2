//! Job sizing on `jobs` traces: memory wasted, attempts that ran out of memory, and how well the run time was known.
//!
//! Prequential: a job is sized when it is submitted, by a policy that has learned of the jobs that had ended before, and of no
//! other. Where a trace has no times, a job has ended before the next one of the file is submitted. No warm-up is left out.
//!
//! Rules, the same for all: an attempt whose allocation lies below the peak fails after the whole run time of the job (relative
//! time to failure 1, as in the evaluation of Sizey) and all of its allocation over that time is wasted; the next attempt gets what
//! the policy's retry says, the double unless the method defines its own. A successful attempt wastes allocation minus peak over
//! its run time, the peak being all that traces know of the use. A policy that knows nothing of a process gives what the user
//! asked for, and where that is unknown [`JobOptions::memory_default`].

mod policy;
mod replay;
mod scorecard;

pub use policy::{JobPolicy, Sizer, Sizing};
pub use replay::JobTally;
pub use scorecard::{JobCard, JobScorecard, SUBJECT};

use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Bytes, Span};
use rayon::prelude::*;

use crate::trace::Job;

/// How to score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobOptions {
    /// What a job gets where neither its user nor the policy knows anything: the default process of the workflow template of
    /// nf-core (`base.config`), 6 GiB.
    pub memory_default: Bytes,
    /// No attempt gets less.
    pub memory_min: Bytes,
    /// Shorter run times, predicted or real, count as this: accounting logs have whole seconds.
    pub run_min: Span,
    /// A job that failed so often is given up, to bound the loop; by doubling it is out of reach.
    pub attempts_max: u32,
}

impl Default for JobOptions {
    fn default() -> Self {
        JobOptions {
            memory_default: Bytes(6 << 30),
            memory_min: Bytes(1 << 20),
            run_min: Span::from_secs(1),
            attempts_max: 64,
        }
    }
}

/// Scores our planner and all peers on `traces`, each trace from an empty history, several at a time; the sums are over all.
/// `progress` is told how many (policy, trace) are done and of how many; the result does not depend on the number of threads.
pub fn run(traces: &[Vec<Job>], options: &JobOptions, progress: &(dyn Fn(usize, usize) + Sync)) -> JobScorecard {
    run_with(&crate::baselines::jobs::all(), traces, options, progress)
}

/// As [`run`], with a choice of policies.
pub fn run_with(
    policies: &[Box<dyn JobPolicy>],
    traces: &[Vec<Job>],
    options: &JobOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> JobScorecard {
    let done = AtomicUsize::new(0);
    let pairs: Vec<(usize, usize)> =
        (0..policies.len()).flat_map(|policy| (0..traces.len()).map(move |trace| (policy, trace))).collect();
    let tallies: Vec<JobTally> = pairs
        .par_iter()
        .with_max_len(1)
        .map(|&(policy, trace)| {
            let tally = replay::replay(policies[policy].as_ref(), &traces[trace], options);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, pairs.len());
            tally
        })
        .collect();
    let mut sums: Vec<(&'static str, JobTally)> =
        policies.iter().map(|policy| (policy.name(), JobTally::default())).collect();
    for (&(policy, _), tally) in pairs.iter().zip(&tallies) {
        sums[policy].1.add(tally);
    }
    scorecard::assemble(traces, sums)
}
