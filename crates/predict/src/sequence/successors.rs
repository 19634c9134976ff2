//! What followed what: counts of successors per context, most frequent first, and how often each key came at all.

use super::index::Index;

/// A key that followed a context, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follower {
    /// The key, by its dense number.
    pub symbol: u32,
    /// How often it followed.
    pub count: u32,
}

/// Successors of many contexts; each context is known by a 64-bit hash.
///
/// Bound: at most [`Successors::WIDTH`] followers per context, the rarest and least recent gives way; as many contexts as the
/// stream has.
#[derive(Clone, Debug, Default)]
pub struct Successors {
    index: Index,
    lists: Vec<Vec<Follower>>,
}

impl Successors {
    /// Followers that are remembered of one context.
    pub const WIDTH: usize = 256;

    /// The followers of `context`, most frequent first, of equally frequent ones the most recent; empty where it never came.
    pub fn of(&self, context: u64) -> &[Follower] {
        self.index.find(context).map_or(&[], |place| self.lists[place as usize].as_slice())
    }

    /// Counts that `symbol` followed `context`; says whether it had followed before.
    pub fn count(&mut self, context: u64, symbol: u32) -> bool {
        let (place, new) = self.index.insert(context);
        if new {
            self.lists.push(Vec::new());
        }
        raise(&mut self.lists[place as usize], symbol, Self::WIDTH)
    }
}

/// Counts `symbol` in a list of at most `width`, kept in order; says whether it was there.
fn raise(list: &mut Vec<Follower>, symbol: u32, width: usize) -> bool {
    let found = list.iter().position(|follower| follower.symbol == symbol);
    let at = found.unwrap_or_else(|| {
        list.truncate(width - 1);
        list.push(Follower { symbol, count: 0 });
        list.len() - 1
    });
    list[at].count += 1;
    let count = list[at].count;
    let to = list[..at].partition_point(|follower| follower.count > count);
    list[to..=at].rotate_right(1);
    found.is_some()
}

/// How often each key came, and the most frequent ones in order.
#[derive(Clone, Debug, Default)]
pub struct Frequencies {
    counts: Vec<u32>,
    total: u64,
    distinct: u32,
    leaders: Vec<Follower>,
}

impl Frequencies {
    /// How many of the most frequent keys are kept in order.
    pub const LEADERS: usize = 256;

    /// Counts one `symbol`.
    pub fn count(&mut self, symbol: u32) {
        let place = symbol as usize;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.distinct += u32::from(self.counts[place] == 1);
        self.total += 1;
        let count = self.counts[place];
        let full = self.leaders.len() == Self::LEADERS;
        if full && self.leaders.last().is_some_and(|last| last.count > count) {
            return;
        }
        raise(&mut self.leaders, symbol, Self::LEADERS);
        // One that comes back onto the list brings its old count with it.
        if let Some(at) = self.leaders.iter().position(|leader| leader.symbol == symbol) {
            self.leaders[at].count = count;
            let to = self.leaders[..at].partition_point(|leader| leader.count > count);
            self.leaders[to..=at].rotate_right(1);
        }
    }

    /// The most frequent keys, at most [`Self::LEADERS`]; of equally frequent ones the most recent first.
    pub fn leaders(&self) -> &[Follower] {
        &self.leaders
    }

    /// How often `symbol` came.
    pub fn of(&self, symbol: u32) -> u32 {
        self.counts.get(symbol as usize).copied().unwrap_or(0)
    }

    /// How many accesses were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many different keys came.
    pub fn distinct(&self) -> u32 {
        self.distinct
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_stand_by_count_then_recency() {
        let mut table = Successors::default();
        for symbol in [1, 2, 2, 3, 1] {
            table.count(7, symbol);
        }
        let found: Vec<(u32, u32)> = table.of(7).iter().map(|follower| (follower.symbol, follower.count)).collect();
        assert_eq!(found, [(1, 2), (2, 2), (3, 1)]);
        assert!(table.of(8).is_empty());
    }

    #[test]
    fn a_list_never_grows_past_its_width() {
        let mut table = Successors::default();
        (0..2_000).for_each(|symbol| {
            table.count(7, symbol);
        });
        assert_eq!(table.of(7).len(), Successors::WIDTH);
        assert_eq!(table.of(7)[0].symbol, 1_999);
    }

    #[test]
    fn leaders_are_those_with_the_highest_counts() {
        let mut frequencies = Frequencies::default();
        // Key k comes k times, spread out so that all pass through the end of the list.
        for round in 0..600u32 {
            (0..600).filter(|&symbol| symbol > round).for_each(|symbol| frequencies.count(symbol));
        }
        let found: Vec<u32> = frequencies.leaders().iter().take(5).map(|leader| leader.count).collect();
        assert_eq!(found, [599, 598, 597, 596, 595]);
        assert_eq!((frequencies.of(17), frequencies.distinct()), (17, 599));
    }
}
