//! Sequential readahead: after an extent come the next extents of the same length.

use super::{PerStream, StreamGuesser};
use crate::backtest::access::{AccessPolicy, Guesser, PLACES};
use crate::trace::{Access, AccessTrace};

/// The next five extents; nothing where keys are not numbers.
#[derive(Clone, Copy, Debug)]
pub struct Readahead;

impl AccessPolicy for Readahead {
    fn name(&self) -> &'static str {
        "readahead"
    }
    fn begin(&self, trace: &AccessTrace) -> Box<dyn Guesser> {
        Box::new(PerStream::new(trace.streams.len(), &Window { last: None, numbered: trace.numbered }))
    }
}

#[derive(Clone, Debug)]
struct Window {
    /// First key and length of the last extent.
    last: Option<(u64, u32)>,
    numbered: bool,
}

impl StreamGuesser for Window {
    fn guess(&mut self, guess: &mut Vec<u64>) {
        if let Some((key, blocks)) = self.last.filter(|_| self.numbered) {
            guess.extend((1..=PLACES as u64).map(|step| key.saturating_add(step * u64::from(blocks))));
        }
    }
    fn observe(&mut self, access: &Access) {
        self.last = Some((access.key, access.blocks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_extents_follow_the_last() {
        let mut window = Window { last: None, numbered: true };
        let mut guess = Vec::new();
        window.guess(&mut guess);
        assert!(guess.is_empty());
        window.observe(&Access { at_s: None, stream: 0, key: 100, blocks: 8, op: None });
        window.guess(&mut guess);
        assert_eq!(guess, [108, 116, 124, 132, 140]);
        let mut words = Window { last: Some((100, 8)), numbered: false };
        guess.clear();
        words.guess(&mut guess);
        assert!(guess.is_empty());
    }
}
