//! PPM of order 3 as a contestant: the model of [`predict::sequence::Ppm`], one per stream.

use predict::sequence::{Counting, Escape, Ppm};

use super::{PerStream, StreamGuesser};
use crate::backtest::access::{AccessPolicy, Guesser, PLACES};
use crate::trace::{Access, AccessTrace};

/// Order 3, escape by method C, with update exclusion: as the paper has it.
#[derive(Clone, Copy, Debug)]
pub struct Ppm3;

impl AccessPolicy for Ppm3 {
    fn name(&self) -> &'static str {
        "ppm_3"
    }
    fn begin(&self, trace: &AccessTrace) -> Box<dyn Guesser> {
        let fresh = Stream { ppm: Ppm::new(3, Escape::C, Counting::Exclusion), ranked: Vec::new() };
        Box::new(PerStream::new(trace.streams.len(), &fresh))
    }
}

#[derive(Clone, Debug)]
struct Stream {
    ppm: Ppm,
    /// Kept so that a guess allocates nothing.
    ranked: Vec<(u64, f32)>,
}

impl StreamGuesser for Stream {
    fn guess(&mut self, guess: &mut Vec<u64>) {
        self.ppm.predict(PLACES, &mut self.ranked);
        guess.extend(self.ranked.iter().map(|one| one.0));
    }
    fn observe(&mut self, access: &Access) {
        self.ppm.observe(access.key);
    }
}
