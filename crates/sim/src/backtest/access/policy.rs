//! What a policy must be to take part, and the one scorer that all share.

use crate::trace::{Access, AccessTrace};

/// So many places of a guess are looked at.
pub const PLACES: usize = 5;

/// A way to say what comes next.
pub trait AccessPolicy: Sync {
    /// The name in the scorecard.
    fn name(&self) -> &'static str;
    /// A guesser for a trace that is about to begin. It may know the streams and whether keys are numbers, not what comes.
    fn begin(&self, trace: &AccessTrace) -> Box<dyn Guesser>;
}

/// A policy at work on one trace.
pub trait Guesser {
    /// The likeliest next keys of `stream`, likeliest first, each once, into `guess`, which is empty. What stands behind
    /// [`PLACES`] is not looked at.
    fn guess(&mut self, stream: u32, guess: &mut Vec<u64>);
    /// Told what came.
    fn observe(&mut self, access: &Access);
    /// What it would have had brought in, where it decides that: asked at the end.
    fn outcome(&self) -> Option<Outcome> {
        None
    }
}

/// What a planner did with its guesses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Accesses before which it said that it cannot predict.
    pub abstained: u64,
    /// Accesses before which it brought something in.
    pub acted: u64,
    /// Keys brought in.
    pub staged: u64,
    /// Of those, keys that were accessed while they were held.
    pub used: u64,
    /// Bytes brought in.
    pub staged_bytes: u64,
    /// Of those, bytes of keys that were accessed while they were held.
    pub used_bytes: u64,
    /// The share of the waiting that was saved at the end, after costs, or would have been: the mean of the streams.
    pub gain: f64,
    /// The share of keys brought in that was used at the end, or would have been: the mean of the streams.
    pub used_share: f64,
}

/// What a policy reached on a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Accesses.
    pub accesses: u64,
    /// Accesses whose key stood first.
    pub first: u64,
    /// Accesses whose key stood among the first [`PLACES`].
    pub among: u64,
    /// Of a policy that decides.
    pub outcome: Option<Outcome>,
}

/// Runs `policy` over `trace`.
pub fn tally(policy: &dyn AccessPolicy, trace: &AccessTrace) -> Tally {
    let mut guesser = policy.begin(trace);
    let mut tally = Tally::default();
    let mut guess = Vec::new();
    for access in &trace.accesses {
        guess.clear();
        guesser.guess(access.stream, &mut guess);
        let place = guess.iter().take(PLACES).position(|&key| key == access.key);
        tally.accesses += 1;
        tally.first += u64::from(place == Some(0));
        tally.among += u64::from(place.is_some());
        guesser.observe(access);
    }
    tally.outcome = guesser.outcome();
    tally
}
