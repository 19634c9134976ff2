//! Random numbers with a seed (SplitMix64; Steele, Lea, Flood 2014): enough to make a load look real, and the same again.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of a seed.
    pub const fn new(seed: u64) -> Self {
        Chance(seed)
    }

    /// Evenly distributed from 0 to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly distributed from `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// The wait for the next of events that come at random, `mean` apart on average.
    pub fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream_with_the_right_means() {
        let draw = |seed| (0..1_000).map(|_| 0).scan(Chance::new(seed), |chance, _| Some(chance.unit())).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let mut chance = Chance::new(1);
        let waits: f64 = (0..10_000).map(|_| chance.wait(2.0)).sum();
        assert!((waits / 10_000.0 - 2.0).abs() < 0.1, "{waits}");
        assert!((0..1_000).all(|_| (0.5..2.0).contains(&chance.between(0.5, 2.0))));
    }
}
