//! Chances learned by counting, one per context.

/// The share of times that something happened, forgetting slowly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counter {
    chance: f32,
    seen: f32,
}

impl Counter {
    pub const NEW: Counter = Counter { chance: 0.0, seen: 0.0 };

    /// Learns one outcome; what was learned more than about `memory` outcomes ago fades.
    pub fn learn(&mut self, happened: bool, memory: f32) {
        self.seen = (self.seen + 1.0).min(memory);
        self.chance += (f32::from(u8::from(happened)) - self.chance) / self.seen;
    }

    /// The chance, drawn towards `prior` as if that had been seen `strength` times (the mean of a Beta posterior).
    pub fn chance(&self, prior: f32, strength: f32) -> f32 {
        (self.chance * self.seen + prior * strength) / (self.seen + strength)
    }

    /// How many outcomes it rests on, at most the memory.
    pub fn seen(&self) -> f32 {
        self.seen
    }
}

/// Packs small numbers, each below its radix, into one index.
pub(super) fn join(parts: &[(usize, usize)]) -> usize {
    parts.iter().fold(0, |index, &(value, radix)| index * radix + value.min(radix - 1))
}

/// The bin of a count: exact up to 8, then four bins per doubling.
pub(super) fn fine(value: u32, bins: usize) -> usize {
    if value <= 8 {
        return (value as usize).min(bins - 1);
    }
    let log = (value as f32 / 8.0).log2() * 4.0;
    (9 + log as usize).min(bins - 1)
}

/// The bin of a count: 0, 1, 2, 3, 5, 8, 12, 20, 32, 60, ...
pub(super) fn coarse(value: u32, bins: usize) -> usize {
    const EDGES: [u32; 19] = [0, 1, 2, 3, 5, 8, 12, 20, 32, 60, 100, 180, 360, 720, 1_440, 2_880, 5_760, 11_520, 23_040];
    EDGES.partition_point(|&edge| edge < value).min(bins - 1)
}

/// The bin of a rate between 0 and 1: one per doubling of its odds from 1/65536.
pub(super) fn rate_bin(rate: f32, bins: usize) -> usize {
    let odds = rate / (1.0 - rate).max(1e-4);
    let bin = (odds.max(1e-9).log2() + 16.0).max(0.0);
    (bin as usize).min(bins - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_shrink_to_their_prior() {
        let mut counter = Counter::NEW;
        assert_eq!(counter.chance(0.2, 4.0), 0.2);
        for happened in [true, true, false, true] {
            counter.learn(happened, 100.0);
        }
        assert!((counter.chance(0.0, 0.0) - 0.75).abs() < 1e-6);
        assert!((counter.chance(0.25, 4.0) - 0.5).abs() < 1e-6);
        // With a memory of two, an outcome moves the chance by half.
        let mut short = Counter::NEW;
        for happened in [false, false, false, true] {
            short.learn(happened, 2.0);
        }
        assert!((short.chance(0.0, 0.0) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn bins_grow_with_their_values() {
        assert!((0..5_000).map(|value| fine(value, 64)).is_sorted());
        assert!((0..5_000).map(|value| coarse(value, 16)).is_sorted());
        assert!((0..=1_000).map(|value| rate_bin(value as f32 / 1_000.0, 24)).is_sorted());
        assert_eq!([coarse(0, 16), coarse(3, 16), coarse(4, 16), coarse(9_999, 16)], [0, 3, 4, 15]);
        assert_eq!(join(&[(1, 4), (9, 3), (1, 2)]), 6 + 2 * 2 + 1);
    }
}
