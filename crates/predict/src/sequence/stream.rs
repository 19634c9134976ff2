//! What one stream remembers of itself: its last keys, where sequences end, where it was when a key came before.

use super::index::{Index, hash};
use super::regions::Regions;
use super::successors::Frequencies;

/// One access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// File, block, command, ...
    pub key: u64,
    /// Length of the extent in keys, at least 1.
    pub length: u32,
    /// What kind of access it was; kinds are only told apart.
    pub kind: u8,
}

/// The last keys that are kept for contexts.
pub(super) const PAST: usize = 12;
/// Sequences that are followed at once.
pub(super) const ENDS: usize = 12;
/// Different keys that are remembered in the order of their last use.
pub(super) const RECENT: usize = 24;
/// Low bits that keys of a neighbourhood differ in: 4 MiB and 4 GiB of pages.
const REGION_BITS: [u32; 2] = [10, 20];
/// Lengths of the contexts by which an earlier place is found again, longest first.
const ANCHORS: [usize; 3] = [12, 6, 3];
/// A match is measured no further back.
const LENGTH_MAX: u32 = 32;
/// So many differences in a row end a match.
const MISSES_MAX: u32 = 8;

/// A sequence of extents without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The first key behind it.
    pub key: u64,
    /// How many extents it has, beside the first.
    pub run: u32,
}

/// An earlier place of the stream that looks like the present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Match {
    /// Where in the history it goes on.
    pub at: Option<usize>,
    /// How many keys before it agree with the present.
    pub length: u32,
    /// Differences since it was found that it was followed through.
    pub misses: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Whether neighbours of a key mean something.
    pub ordered: bool,
    /// All keys, as a ring of `history_max`.
    history: Vec<u64>,
    history_max: usize,
    /// How many keys came.
    pub length: usize,
    /// The last touches, newest first.
    pub past: Vec<Touch>,
    pub ends: Vec<End>,
    pub recent: Vec<u64>,
    pub frequencies: Frequencies,
    symbols: Index,
    pub keys: Vec<u64>,
    /// Neighbourhoods on two scales; followed where keys are ordered.
    pub regions: [Regions; 2],
    lengths: Vec<u32>,
    /// Per symbol, where it last came.
    last: Vec<usize>,
    anchors: Vec<Vec<u32>>,
    pub found: Match,
    /// The last place of the present key, followed as long as it agrees.
    pub replay: Match,
    /// The largest key behind any extent.
    pub frontier: u64,
    /// Bits of the last touches, newest lowest: whether the key was new.
    pub fresh: u32,
    /// Of new keys, how many stood exactly at the frontier, and how many there were; halved together.
    pub numbered: (u32, u32),
}

impl Stream {
    pub fn new(ordered: bool, history_max: usize) -> Stream {
        Stream {
            ordered,
            history: Vec::new(),
            history_max: history_max.next_power_of_two(),
            length: 0,
            past: Vec::new(),
            ends: Vec::new(),
            recent: Vec::new(),
            frequencies: Frequencies::default(),
            symbols: Index::default(),
            keys: Vec::new(),
            regions: REGION_BITS.map(Regions::new),
            lengths: Vec::new(),
            last: Vec::new(),
            anchors: vec![Vec::new(); ANCHORS.len()],
            found: Match::default(),
            replay: Match::default(),
            frontier: 0,
            fresh: 0,
            numbered: (0, 0),
        }
    }

    /// The key at `place` of the history; `None` where it is not there yet or was overwritten.
    pub fn at(&self, place: usize) -> Option<u64> {
        let there = place < self.length && place + self.history_max > self.length;
        there.then(|| self.history[place & (self.history_max - 1)])
    }

    /// The length that `key` had when it last came.
    pub fn length_of(&self, key: u64) -> Option<u32> {
        self.symbols.find(key).map(|symbol| self.lengths[symbol as usize])
    }

    /// Takes up a touch.
    pub fn observe(&mut self, touch: &Touch) {
        let key = touch.key;
        let (symbol, new) = self.symbols.insert(key);
        if new {
            self.keys.push(key);
            self.lengths.push(1);
            self.last.push(0);
            self.note_new(key);
        }
        self.lengths[symbol as usize] = touch.length;
        self.fresh = self.fresh << 1 | u32::from(new);
        let earlier = (!new).then(|| self.last[symbol as usize]);
        self.advance(key, earlier);
        if self.history.len() < self.history_max {
            self.history.push(key);
        } else {
            self.history[self.length & (self.history_max - 1)] = key;
        }
        self.last[symbol as usize] = self.length;
        self.length += 1;
        self.frequencies.count(symbol);
        self.past.insert(0, *touch);
        self.past.truncate(PAST);
        if let Some(place) = self.recent.iter().position(|&held| held == key) {
            self.recent.remove(place);
        }
        self.recent.insert(0, key);
        self.recent.truncate(RECENT);
        if self.ordered {
            self.regions.iter_mut().for_each(|regions| regions.observe(key));
            self.follow(touch);
        }
        self.find_again();
    }

    fn note_new(&mut self, key: u64) {
        self.numbered.1 += 1;
        self.numbered.0 += u32::from(key == self.frontier || self.length == 0);
        if self.numbered.1 == 4_096 {
            self.numbered = (self.numbered.0 / 2, self.numbered.1 / 2);
        }
    }

    /// Whether keys are numbers in the order of first appearance: then what never came has no number yet.
    pub fn numbered_by_appearance(&self) -> bool {
        self.numbered.0 * 50 >= self.numbered.1 * 49
    }

    fn follow(&mut self, touch: &Touch) {
        let end = touch.key.saturating_add(u64::from(touch.length));
        let place = self.ends.iter().position(|held| held.key == touch.key);
        let run = place.map_or(0, |place| self.ends.remove(place).run + 1);
        self.ends.retain(|held| held.key != end);
        self.ends.insert(0, End { key: end, run });
        self.ends.truncate(ENDS);
        self.frontier = self.frontier.max(end);
    }

    /// Goes on in both earlier places.
    fn advance(&mut self, key: u64, earlier: Option<usize>) {
        let held = self.found.at.and_then(|at| self.at(at));
        self.found = match (self.found.at, held) {
            (Some(at), Some(held)) if held == key => {
                Match { at: Some(at + 1), length: (self.found.length + 1).min(LENGTH_MAX), misses: self.found.misses }
            }
            (Some(at), Some(_)) if self.found.misses < MISSES_MAX => {
                Match { at: Some(at + 1), length: 0, misses: self.found.misses + 1 }
            }
            _ => Match::default(),
        };
        let along = self.replay.at.filter(|&at| self.at(at) == Some(key));
        self.replay = match (along, earlier) {
            (Some(at), _) => Match { at: Some(at + 1), length: (self.replay.length + 1).min(LENGTH_MAX), misses: 0 },
            (None, Some(earlier)) => Match { at: Some(earlier + 1), length: 0, misses: 0 },
            (None, None) => Match::default(),
        };
    }

    /// Looks for an earlier place with the same last keys, and remembers this one.
    fn find_again(&mut self) {
        for (which, &anchor) in ANCHORS.iter().enumerate() {
            if self.past.len() < anchor.min(PAST) {
                continue;
            }
            let bits = (self.length.next_power_of_two() * 2).clamp(1 << 12, self.history_max * 2);
            if self.anchors[which].len() < bits {
                self.rebuild(which, bits);
            }
            let recent = self.past[..anchor].iter().fold(anchor as u64, |seed, touch| hash(seed, &[touch.key]));
            let cell = recent as usize & (self.anchors[which].len() - 1);
            let place = self.anchors[which][cell] as usize;
            self.anchors[which][cell] = self.length as u32;
            if self.found.length < anchor as u32 && place > 0 {
                let length = self.agreeing(place);
                if length >= anchor.min(PAST) as u32 && length > self.found.length {
                    self.found = Match { at: Some(place), length, misses: 0 };
                }
            }
        }
    }

    /// How many keys before `place` are those before the present.
    fn agreeing(&self, place: usize) -> u32 {
        let same = |back: &usize| *back <= place && self.at(place - back) == self.at(self.length - back);
        (1..=LENGTH_MAX as usize).take_while(|back| *back <= self.length && same(back)).count() as u32
    }

    fn rebuild(&mut self, which: usize, cells: usize) {
        let mut larger = vec![0; cells];
        let anchor = ANCHORS[which];
        let first = self.length.saturating_sub(self.history_max) + anchor;
        for end in first..self.length {
            let keys = (1..=anchor).filter_map(|back| self.at(end - back));
            let recent = keys.fold(anchor as u64, |seed, key| hash(seed, &[key]));
            larger[recent as usize & (cells - 1)] = end as u32;
        }
        self.anchors[which] = larger;
    }
}
