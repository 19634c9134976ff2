//! The next access on `access` traces: how often each policy has the next key in first place and among its first five.
//!
//! Prequential: before each access every policy says what will come, in the order of likelihood; then it is told. Every access
//! counts, the first of a stream too, for which nobody can say anything. Streams are separate: the question is always what
//! comes next in this stream. There is nothing to fit beforehand, so there is no part for training.

mod policy;
mod scorecard;

pub use policy::{AccessPolicy, Guesser, Outcome, PLACES, Tally, tally};
pub use scorecard::{AccessFigures, AccessScorecard, SUBJECT, TraceCard};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::trace::AccessTrace;

/// Scores our planner and all peers on `traces`, by name, several at a time. `progress` is told how many pairs of trace and
/// policy are done and of how many; the result does not depend on the number of threads.
pub fn run(traces: &[(String, AccessTrace)], progress: &(dyn Fn(usize, usize) + Sync)) -> AccessScorecard {
    run_with(&crate::baselines::access::all(), traces, progress)
}

/// As [`run`], with a choice of policies.
pub fn run_with(
    policies: &[Box<dyn AccessPolicy>],
    traces: &[(String, AccessTrace)],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> AccessScorecard {
    let done = AtomicUsize::new(0);
    let mut pairs: Vec<(usize, &dyn AccessPolicy)> =
        traces.iter().enumerate().flat_map(|(at, _)| policies.iter().map(move |policy| (at, policy.as_ref()))).collect();
    // The longest work first, so that no thread is left with it at the end.
    pairs.sort_by_key(|(at, policy)| (std::cmp::Reverse((policy.name() == SUBJECT, traces[*at].1.accesses.len())), *at));
    let tallied: Vec<(usize, &'static str, Tally)> = pairs
        .par_iter()
        .with_max_len(1)
        .map(|&(at, policy)| {
            let tally = tally(policy, &traces[at].1);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, pairs.len());
            (at, policy.name(), tally)
        })
        .collect();
    let mut cards: Vec<BTreeMap<&'static str, Tally>> = vec![BTreeMap::new(); traces.len()];
    for (at, name, tally) in tallied {
        cards[at].insert(name, tally);
    }
    scorecard::assemble(traces.iter().map(|(name, _)| name.clone()).zip(cards))
}
