//! Keeps the share of violated time at its target by moving the level that is asked of the forecast.
//!
//! Adaptive conformal inference (Gibbs & Candès, 2021) on the logarithm of the tail probability, which keeps it positive:
//! after a window of which the share `v` was violated, `shift += rate * (1 - v / target)`. A clean window relaxes the level
//! a little; one that was missed as a whole tightens it by a hundred times that. Over time the mean of `v` is the target.

/// What one clean window relaxes, as a share.
const RATE: f32 = 0.001;
/// The tail is asked for at least 1/100 as small and at most 5 times as large as its target.
const SHIFT_MIN: f32 = -4.6;
const SHIFT_MAX: f32 = 1.6;

/// The integral controller of the level.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LevelControl {
    shift: f32,
}

impl LevelControl {
    /// The tail probability to ask for, given the target share of violated time (above 0).
    pub fn tail(&self, target: f32) -> f32 {
        (target * self.shift.exp()).clamp(1e-5, 0.5)
    }

    /// Learns that the share `violated` (0 to 1) of a window was above what had been asked for.
    pub fn learn(&mut self, violated: f32, target: f32) {
        let step = RATE * (1.0 - violated.clamp(0.0, 1.0) / target.max(1e-5));
        // One window may not undo more than about half of the whole range.
        self.shift = (self.shift + step.max(-2.0)).clamp(SHIFT_MIN, SHIFT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settles_where_violations_meet_the_target() {
        // A forecast that is too bold by a factor of three: the asked tail is passed three times as often.
        let mut control = LevelControl::default();
        let mut violated = 0.0;
        let windows = 60_000;
        let mut luck = 0.5f32;
        for window in 0..windows {
            luck = (luck * 97.31 + 0.618_034).fract();
            let miss = f32::from(u8::from(luck < 3.0 * control.tail(0.01)));
            control.learn(miss, 0.01);
            if window >= windows / 2 {
                violated += miss;
            }
        }
        let share = violated / (windows / 2) as f32;
        assert!((share - 0.01).abs() < 0.002, "{share}");
    }
}
