//! Neighbourhoods of keys: a place that comes back at a new offset is still the same place.

use super::index::Index;

/// Neighbourhoods on one scale: keys that agree in all but their lowest bits.
#[derive(Clone, Debug)]
pub(super) struct Regions {
    bits: u32,
    index: Index,
    /// Per neighbourhood, its last key.
    last: Vec<u64>,
    /// The neighbourhoods of the last touches, newest first, counted from 1; 0 before there were any.
    pub past: [u64; 3],
}

impl Regions {
    /// Keys of a neighbourhood differ in the lowest `bits`, at most 31.
    pub fn new(bits: u32) -> Regions {
        Regions { bits, index: Index::default(), last: Vec::new(), past: [0; 3] }
    }

    /// Takes up a key.
    pub fn observe(&mut self, key: u64) {
        let (place, new) = self.index.insert(key >> self.bits);
        if new {
            self.last.push(key);
        }
        self.last[place as usize] = key;
        self.past = [u64::from(place) + 1, self.past[0], self.past[1]];
    }

    /// A key as its neighbourhood and the distance from the last key there; `None` where none came from there.
    pub fn encode(&self, key: u64) -> Option<u64> {
        let place = self.index.find(key >> self.bits)?;
        let distance = key.wrapping_sub(self.last[place as usize]) as u32;
        Some(u64::from(place) << 32 | u64::from(distance))
    }

    /// The key that a code of [`Regions::encode`] means now.
    pub fn decode(&self, code: u64) -> u64 {
        let last = self.last.get((code >> 32) as usize).copied().unwrap_or(0);
        last.wrapping_add_signed(i64::from(code as u32 as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_the_last_key_of_their_neighbourhood() {
        let mut regions = Regions::new(8);
        assert_eq!(regions.encode(0x1234), None);
        regions.observe(0x1234);
        regions.observe(0x5600);
        let (ahead, back) = (regions.encode(0x1238).unwrap(), regions.encode(0x1230).unwrap());
        assert_eq!((regions.decode(ahead), regions.decode(back)), (0x1238, 0x1230));
        regions.observe(0x1240);
        assert_eq!((regions.decode(ahead), regions.decode(back)), (0x1244, 0x123c));
        assert_eq!(regions.past, [1, 2, 1]);
    }
}
