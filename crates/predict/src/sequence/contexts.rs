//! What followed a context, in bounded memory: few followers each, most recent first, and contexts that give way to others
//! when the table is full.

use super::index::spread;

/// So many cells from the one that a context's hash names are searched.
const PROBES: usize = 8;
const COUNT_MAX: u8 = 250;

/// A table of contexts. It doubles until it has `contexts_max` cells; from then on the least used of the cells that are searched
/// gives way.
#[derive(Clone, Debug)]
pub struct ContextTable {
    /// Per cell, the context's hash; 0 marks a free one.
    tags: Vec<u64>,
    /// Per cell, how often the context came.
    totals: Vec<u16>,
    /// Per cell, `width` followers, most recent first.
    values: Vec<u64>,
    counts: Vec<u8>,
    width: usize,
    used: usize,
    contexts_max: usize,
}

/// What is known of a context: `values` most recent first, and how often each followed.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What followed, most recent first.
    pub values: &'a [u64],
    /// How often each did, saturating and halved together.
    pub counts: &'a [u8],
    /// How often the context came, saturating.
    pub total: u16,
}

impl ContextTable {
    /// An empty table of at most `contexts_max` contexts (rounded up to a power of two) with `width` followers each.
    pub fn new(width: usize, contexts_max: usize) -> ContextTable {
        let contexts_max = contexts_max.next_power_of_two().max(2 * PROBES);
        let cells = contexts_max.min(1 << 10);
        ContextTable {
            tags: vec![0; cells],
            totals: vec![0; cells],
            values: vec![0; cells * width],
            counts: vec![0; cells * width],
            width,
            used: 0,
            contexts_max,
        }
    }

    /// What followed `context`, a hash above 0; `None` where it never came or gave way.
    pub fn get(&self, context: u64) -> Option<Known<'_>> {
        let at = self.find(context)?;
        let counts = &self.counts[at * self.width..][..self.width];
        let len = counts.iter().position(|&count| count == 0).unwrap_or(self.width);
        let values = &self.values[at * self.width..][..len];
        Some(Known { values, counts: &counts[..len], total: self.totals[at] })
    }

    /// Counts that `value` followed `context`.
    pub fn count(&mut self, context: u64, value: u64) {
        let at = self.find(context).unwrap_or_else(|| self.make(context));
        self.totals[at] = self.totals[at].saturating_add(1);
        let values = &mut self.values[at * self.width..][..self.width];
        let counts = &mut self.counts[at * self.width..][..self.width];
        let len = counts.iter().position(|&count| count == 0).unwrap_or(self.width);
        let place = match values[..len].iter().position(|&held| held == value) {
            Some(place) => {
                counts[place] += 1;
                if counts[place] == COUNT_MAX {
                    counts.iter_mut().for_each(|count| *count -= *count / 2);
                }
                place
            }
            None if len < self.width => {
                (values[len], counts[len]) = (value, 1);
                len
            }
            None => {
                // The rarest gives way, of equally rare ones the least recent; the others age a little.
                let rarest = (0..len).rev().min_by_key(|&place| counts[place]).unwrap_or(len - 1);
                (values[rarest], counts[rarest]) = (value, 1);
                rarest
            }
        };
        values[..=place].rotate_right(1);
        counts[..=place].rotate_right(1);
    }

    fn find(&self, context: u64) -> Option<usize> {
        let mask = self.tags.len() - 1;
        let start = spread(context) as usize;
        (0..PROBES).map(|probe| (start + probe) & mask).find(|&at| self.tags[at] == context)
    }

    /// A cell for a context that has none.
    fn make(&mut self, context: u64) -> usize {
        loop {
            let mask = self.tags.len() - 1;
            let start = spread(context) as usize;
            let probes = || (0..PROBES).map(|probe| (start + probe) & mask);
            let at = match probes().find(|&at| self.tags[at] == 0) {
                Some(at) => {
                    self.used += 1;
                    at
                }
                None if self.tags.len() < self.contexts_max => {
                    self.grow();
                    continue;
                }
                None => probes().min_by_key(|&at| self.totals[at]).unwrap_or(start & mask),
            };
            self.tags[at] = context;
            self.totals[at] = 0;
            self.counts[at * self.width..][..self.width].fill(0);
            return at;
        }
    }

    fn grow(&mut self) {
        let mut larger = ContextTable::new(self.width, self.contexts_max);
        let cells = self.tags.len() * 2;
        larger.tags = vec![0; cells];
        larger.totals = vec![0; cells];
        larger.values = vec![0; cells * self.width];
        larger.counts = vec![0; cells * self.width];
        for (from, &tag) in self.tags.iter().enumerate().filter(|(_, tag)| **tag != 0) {
            let to = larger.settle(tag);
            larger.totals[to] = self.totals[from];
            let (from, to, width) = (from * self.width, to * self.width, self.width);
            larger.values[to..to + width].copy_from_slice(&self.values[from..from + width]);
            larger.counts[to..to + width].copy_from_slice(&self.counts[from..from + width]);
        }
        *self = larger;
    }

    /// A cell for `context` while the table grows: where no cell is free, the last one searched gives way.
    fn settle(&mut self, context: u64) -> usize {
        let mask = self.tags.len() - 1;
        let start = spread(context) as usize;
        let free = (0..PROBES).map(|probe| (start + probe) & mask).find(|&at| self.tags[at] == 0);
        self.used += usize::from(free.is_some());
        let at = free.unwrap_or((start + PROBES - 1) & mask);
        self.tags[at] = context;
        at
    }

    /// How many contexts are known.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing was counted yet.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_recent_follower_stands_first_and_the_rarest_gives_way() {
        let mut table = ContextTable::new(2, 64);
        [5, 6, 5, 7].iter().for_each(|&value| table.count(9, value));
        let known = table.get(9).unwrap();
        assert_eq!((known.values, known.counts, known.total), ([7, 5].as_slice(), [1, 2].as_slice(), 4));
        assert!(table.get(8).is_none());
    }

    #[test]
    fn memory_is_bounded_and_growth_loses_nothing_before_it_is() {
        let mut table = ContextTable::new(1, 1 << 12);
        (1..=1_500u64).for_each(|context| table.count(context, context * 2));
        let known = (1..=1_500u64).filter(|&context| table.get(context).is_some_and(|known| known.values == [context * 2]));
        assert!(known.count() >= 1_495);
        (1..=100_000u64).for_each(|context| table.count(context, 1));
        assert!(table.len() <= 1 << 12 && table.tags.len() == 1 << 12);
    }

    #[test]
    fn counts_stay_in_their_byte() {
        let mut table = ContextTable::new(2, 64);
        (0..1_000).for_each(|_| table.count(3, 1));
        table.count(3, 2);
        let known = table.get(3).unwrap();
        assert!(known.values == [2, 1] && known.counts[1] > known.counts[0]);
    }
}
