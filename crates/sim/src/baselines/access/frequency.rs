//! Frequency over the last runs: a program's run is foreseen to touch what at least a quarter of its last 16 runs touched.
//!
//! Traces hold no marks where a run ends. Here each access starts a run: the key is the program, what it touches are the keys
//! that come next, and the run is over after as many accesses as a guess has places. Keys of at least half of the runs and then
//! those of at least a quarter are said, more frequent ones first, of equally frequent ones those that came earlier in the
//! run.

use std::collections::VecDeque;

use predict::sequence::Index;

use super::{PerStream, StreamGuesser};
use crate::backtest::access::{AccessPolicy, Guesser, PLACES};
use crate::trace::{Access, AccessTrace};

/// Runs that are looked at.
const RUNS: usize = 16;
/// A key must be in one of so many runs.
const ONE_IN: usize = 4;

/// The working set of the last 16 runs.
#[derive(Clone, Copy, Debug)]
pub struct Frequency;

impl AccessPolicy for Frequency {
    fn name(&self) -> &'static str {
        "frequency"
    }
    fn begin(&self, trace: &AccessTrace) -> Box<dyn Guesser> {
        Box::new(PerStream::new(trace.streams.len(), &Runs::default()))
    }
}

#[derive(Clone, Debug, Default)]
struct Runs {
    history: Vec<u64>,
    symbols: Index,
    /// Per program, where its last runs start in the history, oldest first.
    starts: Vec<VecDeque<usize>>,
    /// The program of the run that begins.
    program: Option<u32>,
}

impl StreamGuesser for Runs {
    fn guess(&mut self, guess: &mut Vec<u64>) {
        let Some(program) = self.program else { return };
        let starts = &self.starts[program as usize];
        // (key, runs that touched it, sum of the places where).
        let mut touched: Vec<(u64, usize, usize)> = Vec::new();
        let runs = starts.iter().filter(|&&start| start < self.history.len());
        let count = runs.clone().count();
        for &start in runs.rev() {
            let run = &self.history[start..(start + PLACES).min(self.history.len())];
            for (place, &key) in run.iter().enumerate().filter(|&(place, key)| !run[..place].contains(key)) {
                match touched.iter_mut().find(|one| one.0 == key) {
                    Some(one) => (one.1, one.2) = (one.1 + 1, one.2 + place),
                    None => touched.push((key, 1, place)),
                }
            }
        }
        touched.retain(|one| one.1 * ONE_IN >= count);
        // Mean places are compared without dividing: a/b < c/d where a d < c b.
        touched.sort_by(|a, b| b.1.cmp(&a.1).then((a.2 * b.1).cmp(&(b.2 * a.1))));
        guess.extend(touched.iter().take(PLACES).map(|one| one.0));
    }

    fn observe(&mut self, access: &Access) {
        self.history.push(access.key);
        let (program, new) = self.symbols.insert(access.key);
        if new {
            self.starts.push(VecDeque::new());
        }
        let starts = &mut self.starts[program as usize];
        starts.push_back(self.history.len());
        if starts.len() > RUNS + 1 {
            starts.pop_front();
        }
        self.program = Some(program);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(keys: &[u64]) -> Vec<u64> {
        let mut runs = Runs::default();
        keys.iter().for_each(|&key| runs.observe(&Access { at_s: None, stream: 0, key, blocks: 1, op: None }));
        let mut guess = Vec::new();
        runs.guess(&mut guess);
        guess
    }

    #[test]
    fn keys_of_most_runs_come_first() {
        // After 1 came `2 3 4 5 6` and `9 3 8 7 5`: 3 and 5 in both, 3 earlier.
        let guess = after(&[1, 2, 3, 4, 5, 6, 0, 0, 1, 9, 3, 8, 7, 5, 0, 0, 1]);
        assert_eq!(guess[..2], [3, 5]);
        assert!(after(&[1]).is_empty());
    }

    #[test]
    fn keys_of_few_runs_are_not_said() {
        // In 1 of 5 runs: below a quarter.
        let mut keys: Vec<u64> = vec![1, 7, 7, 7, 7, 7];
        (0..4).for_each(|_| keys.extend([1, 2, 2, 2, 2, 2]));
        keys.push(1);
        assert_eq!(after(&keys), [2]);
    }
}
