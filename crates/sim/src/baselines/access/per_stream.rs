//! A peer that looks at one stream at a time: one of its kind for each stream.

use crate::backtest::access::Guesser;
use crate::trace::Access;

/// A policy at work on one stream.
pub trait StreamGuesser {
    /// The likeliest next keys, likeliest first, each once, into `guess`, which is empty.
    fn guess(&mut self, guess: &mut Vec<u64>);
    /// Told what came.
    fn observe(&mut self, access: &Access);
}

/// One guesser per stream.
#[derive(Clone, Debug)]
pub struct PerStream<G>(Vec<G>);

impl<G: StreamGuesser + Clone> PerStream<G> {
    /// `streams` copies of `fresh`.
    pub fn new(streams: usize, fresh: &G) -> PerStream<G> {
        PerStream(vec![fresh.clone(); streams])
    }
}

impl<G: StreamGuesser> Guesser for PerStream<G> {
    fn guess(&mut self, stream: u32, guess: &mut Vec<u64>) {
        self.0[stream as usize].guess(guess);
    }
    fn observe(&mut self, access: &Access) {
        self.0[access.stream as usize].observe(access);
    }
}
