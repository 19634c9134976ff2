//! The last run: what comes next is what came next the last time.
//!
//! Where it goes along with the earlier run it stays with it; at the first difference it goes to the last time that the present
//! key came. The five places are the next five different keys of that run.

use predict::sequence::Index;

use super::{PerStream, StreamGuesser};
use crate::backtest::access::{AccessPolicy, Guesser, PLACES};
use crate::trace::{Access, AccessTrace};

/// So far ahead in the earlier run different keys are looked for.
const REACH: usize = 64;

/// Replays the stream's own past.
#[derive(Clone, Copy, Debug)]
pub struct LastRun;

impl AccessPolicy for LastRun {
    fn name(&self) -> &'static str {
        "last_run"
    }
    fn begin(&self, trace: &AccessTrace) -> Box<dyn Guesser> {
        Box::new(PerStream::new(trace.streams.len(), &Replay::default()))
    }
}

#[derive(Clone, Debug, Default)]
struct Replay {
    history: Vec<u64>,
    symbols: Index,
    /// Per symbol, where in the history it last came.
    last: Vec<usize>,
    /// Where in the history the run that is replayed goes on.
    at: Option<usize>,
}

impl StreamGuesser for Replay {
    fn guess(&mut self, guess: &mut Vec<u64>) {
        let Some(at) = self.at else { return };
        for &key in self.history[at..].iter().take(REACH) {
            if !guess.contains(&key) {
                guess.push(key);
            }
            if guess.len() == PLACES {
                return;
            }
        }
    }

    fn observe(&mut self, access: &Access) {
        let (symbol, new) = self.symbols.insert(access.key);
        let here = self.history.len();
        let before = (!new).then(|| self.last[symbol as usize] + 1).filter(|&next| next < here);
        let along = self.at.filter(|&at| self.history[at] == access.key).map(|at| at + 1);
        self.history.push(access.key);
        if new {
            self.last.push(here);
        }
        self.last[symbol as usize] = here;
        // A key that came just now again has the present itself as its last run.
        let again = (!new && before.is_none()).then_some(here);
        self.at = along.or(before).or(again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(keys: &[u64]) -> Vec<u64> {
        let mut replay = Replay::default();
        keys.iter().for_each(|&key| replay.observe(&Access { at_s: None, stream: 0, key, blocks: 1, op: None }));
        let mut guess = Vec::new();
        replay.guess(&mut guess);
        guess
    }

    #[test]
    fn says_what_followed_the_last_time() {
        assert_eq!(after(&[1, 2, 3, 4, 5, 6, 1]), [2, 3, 4, 5, 6]);
        assert!(after(&[1, 2, 3]).is_empty());
        assert_eq!(after(&[7, 7]), [7]);
    }

    #[test]
    fn goes_along_with_the_run_that_it_is_in() {
        // In the run `1 2 3 9`, 3 follows 2; the 2 that came later on was followed by 8, and goes along no more.
        assert_eq!(after(&[1, 2, 3, 9, 2, 8, 1, 2])[0], 3);
        assert_eq!(after(&[1, 2, 3, 9, 2, 8, 5, 2])[0], 8);
    }
}
