//! Markov chains with back-off: the followers of the last keys by count; where those are fewer than asked for, the followers of
//! one key less, down to how often each key came at all.

use predict::sequence::{Frequencies, Index, Successors, hash};

use super::{PerStream, StreamGuesser};
use crate::backtest::access::{AccessPolicy, Guesser, PLACES};
use crate::trace::{Access, AccessTrace};

/// A chain of one order.
#[derive(Clone, Copy, Debug)]
pub struct Markov {
    /// The name in the scorecard.
    pub name: &'static str,
    /// How many keys are looked back at most.
    pub order: usize,
}

impl AccessPolicy for Markov {
    fn name(&self) -> &'static str {
        self.name
    }
    fn begin(&self, trace: &AccessTrace) -> Box<dyn Guesser> {
        Box::new(PerStream::new(trace.streams.len(), &Chain::new(self.order)))
    }
}

#[derive(Clone, Debug)]
struct Chain {
    order: usize,
    symbols: Index,
    keys: Vec<u64>,
    tables: Vec<Successors>,
    frequencies: Frequencies,
    /// The last symbols, newest first.
    past: Vec<u64>,
}

impl Chain {
    fn new(order: usize) -> Chain {
        Chain {
            order,
            symbols: Index::default(),
            keys: Vec::new(),
            tables: vec![Successors::default(); order],
            frequencies: Frequencies::default(),
            past: Vec::new(),
        }
    }
}

impl StreamGuesser for Chain {
    fn guess(&mut self, guess: &mut Vec<u64>) {
        let contexts = (1..=self.past.len()).rev();
        let longer = contexts.flat_map(|order| self.tables[order - 1].of(hash(0, &self.past[..order])));
        for follower in longer.chain(self.frequencies.leaders()) {
            let key = self.keys[follower.symbol as usize];
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
        if new {
            self.keys.push(access.key);
        }
        for order in 1..=self.past.len() {
            self.tables[order - 1].count(hash(0, &self.past[..order]), symbol);
        }
        self.frequencies.count(symbol);
        self.past.insert(0, u64::from(symbol));
        self.past.truncate(self.order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(order: usize, keys: &[u64]) -> Vec<u64> {
        let mut chain = Chain::new(order);
        keys.iter().for_each(|&key| chain.observe(&Access { at_s: None, stream: 0, key, blocks: 1, op: None }));
        let mut guess = Vec::new();
        chain.guess(&mut guess);
        guess
    }

    #[test]
    fn order_0_is_by_count_then_recency() {
        assert_eq!(after(0, &[1, 1, 2, 3, 3, 2, 4]), [2, 3, 1, 4]);
    }

    #[test]
    fn order_1_backs_off_to_order_0() {
        // 9 was followed by 5 twice and by 6 once; then the rest by count: 9 itself.
        assert_eq!(after(1, &[9, 5, 9, 6, 9, 5, 9]), [5, 6, 9]);
    }

    #[test]
    fn order_3_prefers_the_longest_context() {
        // `1 2 3` was followed by 7 once, although 3 was mostly followed by 8.
        assert_eq!(after(3, &[1, 2, 3, 7, 3, 8, 3, 8, 3, 8, 1, 2, 3])[..2], [7, 8]);
    }
}
