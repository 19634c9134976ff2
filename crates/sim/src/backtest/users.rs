//! Sessions of users on `arrivals` traces: returns that find their session ready against hours held in vain, for every policy
//! by the same rules.
//!
//! A user's acts (arrivals) less than [`UserOptions::sitting_gap`] apart are one sitting, throughout which the session runs
//! for every policy. From then on the user is away, and a [`UserPolicy`] says whether the session is held; the act that ends
//! the absence is a return. The first half of the trace is there to learn from, the rest is scored; policies keep learning
//! while they are scored, and nobody sees ahead but the oracle.

mod policy;
mod population;
mod scorecard;

pub use policy::{PointTally, UserPolicy, Watcher, tally};
pub use population::{Population, PopulationUser};
pub use scorecard::{Comparison, SUBJECT, UserCard, UserPoint, UserScorecard};

use std::sync::atomic::{AtomicUsize, Ordering};

use model::Span;
use rayon::prelude::*;

/// How to score, and what things cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserOptions {
    /// Acts of a user that lie less than this apart belong to one sitting; nobody can lose or win within it.
    pub sitting_gap: Span,
    /// What a ready session saves a returning user: a notebook server with its kernel or a paused database takes about a minute.
    /// Together with `memory_gb` it sets where on its curve our planner stands by default, and nothing else.
    pub wait_saved: Span,
    /// What a held session keeps in memory, in GB: frozen, as in the pool backtest.
    pub memory_gb: f64,
}

impl Default for UserOptions {
    fn default() -> Self {
        UserOptions { sitting_gap: Span::from_secs(300), wait_saved: Span::from_secs(60), memory_gb: 0.17 }
    }
}

/// Scores our planner and all peers on `population`, several at a time. `progress` is told how many are done and of how many;
/// the result does not depend on the number of threads.
pub fn run(population: &Population, options: &UserOptions, progress: &(dyn Fn(usize, usize) + Sync)) -> UserScorecard {
    run_with(&crate::baselines::users::all(), population, options, progress)
}

/// As [`run`], with a choice of policies.
pub fn run_with(
    policies: &[Box<dyn UserPolicy>],
    population: &Population,
    options: &UserOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> UserScorecard {
    let done = AtomicUsize::new(0);
    let tallied = policies
        .par_iter()
        .with_max_len(1)
        .map(|policy| {
            let tallies = tally(policy.as_ref(), population, options);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, policies.len());
            (policy.name(), policy.points(options), tallies)
        })
        .collect();
    scorecard::assemble(population, tallied)
}
