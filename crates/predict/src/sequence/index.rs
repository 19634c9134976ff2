//! A growing map from 64-bit hashes to dense places: open addressing, no removal, the same order in every run.

/// Hashes to the places 0, 1, 2, ... in the order of their first appearance.
#[derive(Clone, Debug)]
pub struct Index {
    /// (hash, place + 1); 0 marks a free cell.
    cells: Vec<(u64, u32)>,
    len: u32,
}

impl Default for Index {
    fn default() -> Self {
        Index { cells: vec![(0, 0); 64], len: 0 }
    }
}

impl Index {
    /// The place of `hash`, if it was ever inserted.
    pub fn find(&self, hash: u64) -> Option<u32> {
        let (at, found) = self.probe(hash);
        found.then(|| self.cells[at].1 - 1)
    }

    /// The place of `hash`, and whether it is new.
    pub fn insert(&mut self, hash: u64) -> (u32, bool) {
        let (at, found) = self.probe(hash);
        if found {
            return (self.cells[at].1 - 1, false);
        }
        self.cells[at] = (hash, self.len + 1);
        self.len += 1;
        if self.len as usize * 2 > self.cells.len() {
            self.grow();
        }
        (self.len - 1, true)
    }

    /// How many hashes have a place.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether nothing was inserted yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The cell that holds `hash`, or the free one where it would go.
    fn probe(&self, hash: u64) -> (usize, bool) {
        let mask = self.cells.len() - 1;
        let mut at = spread(hash) as usize & mask;
        loop {
            match self.cells[at] {
                (_, 0) => return (at, false),
                (held, _) if held == hash => return (at, true),
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let larger = vec![(0, 0); self.cells.len() * 2];
        for cell in std::mem::replace(&mut self.cells, larger) {
            if cell.1 != 0 {
                let (at, _) = self.probe(cell.0);
                self.cells[at] = cell;
            }
        }
    }
}

/// Mixes all bits of `value` into all others (the finaliser of SplitMix64; Steele et al., OOPSLA 2014).
pub fn spread(value: u64) -> u64 {
    let mut bits = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The hash of a context: `tag` tells kinds of contexts apart.
pub fn hash(tag: u64, parts: &[u64]) -> u64 {
    parts.iter().fold(spread(tag), |hash, &part| spread(hash ^ part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_dense_and_survive_growth() {
        let mut index = Index::default();
        for value in 0..1_000u64 {
            assert_eq!(index.insert(value * 64), (value as u32, true));
        }
        for value in 0..1_000u64 {
            assert_eq!(index.insert(value * 64), (value as u32, false));
            assert_eq!(index.find(value * 64), Some(value as u32));
        }
        assert_eq!((index.find(1), index.len()), (None, 1_000));
    }
}
