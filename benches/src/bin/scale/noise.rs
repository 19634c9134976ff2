//! Numbers that look random and are the same in every run.

/// SplitMix64.
pub struct Noise(pub u64);

impl Noise {
    /// The next word.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Evenly from 0 to 1.
    pub fn uniform(&mut self) -> f32 {
        (self.word() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// From 1 to `top`, every factor alike.
    pub fn log_uniform(&mut self, top: f32) -> f32 {
        (self.uniform() * top.ln()).exp()
    }
}
