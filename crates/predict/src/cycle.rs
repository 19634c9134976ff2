//! Finds a cycle shorter than a day in the last window peaks, and says what came one cycle ago.
//!
//! The autocorrelation of the last 96 peaks, looked at every 16 windows; a lag counts when it is a local maximum, stands
//! above 0.5, and above what white noise reaches (2 / sqrt(n)) by a factor of two. The shortest such lag within a tenth of the best wins, so that
//! multiples of the cycle do not.

use crate::half::Half;

const LENGTH: usize = 96;
const LAG_MIN: usize = 3;
const LAG_MAX: usize = LENGTH / 3;
const LOOK_EVERY: u32 = 16;
const CORRELATION_MIN: f32 = 0.5;

/// The last 96 peaks and the cycle found in them. 200 bytes.
#[derive(Clone, Debug)]
pub struct CycleMemory {
    peaks: [Half; LENGTH],
    written: u32,
    lag: Option<u8>,
}

impl Default for CycleMemory {
    fn default() -> Self {
        CycleMemory { peaks: [Half::UNKNOWN; LENGTH], written: 0, lag: None }
    }
}

impl CycleMemory {
    /// Appends a finished window's peak.
    pub fn write(&mut self, peak: f32) {
        self.peaks[self.written as usize % LENGTH] = Half::new(peak);
        self.written = self.written.wrapping_add(1);
        if self.written.is_multiple_of(LOOK_EVERY) && self.written as usize >= 2 * LOOK_EVERY as usize {
            self.lag = self.look();
        }
    }

    /// The cycle's length in windows, where there is one.
    pub fn length(&self) -> Option<u32> {
        self.lag.map(u32::from)
    }

    /// The peak one cycle before the coming window, `after` windows later (0 = the coming window's own phase).
    pub fn cycle_ago(&self, after: u32) -> Option<f32> {
        let lag = self.length()?;
        if after >= lag || lag - after > self.written {
            return None;
        }
        self.peaks[(self.written - lag + after) as usize % LENGTH].get()
    }

    fn look(&self) -> Option<u8> {
        let known = (self.written as usize).min(LENGTH);
        let oldest = self.written as usize - known;
        let mut values = [0.0f32; LENGTH];
        for (place, value) in values[..known].iter_mut().enumerate() {
            *value = self.peaks[(oldest + place) % LENGTH].get().unwrap_or(0.0);
        }
        let values = &mut values[..known];
        let mean = values.iter().sum::<f32>() / known as f32;
        values.iter_mut().for_each(|value| *value -= mean);
        let energy: f32 = values.iter().map(|value| value * value).sum();
        if energy <= f32::MIN_POSITIVE {
            return None;
        }
        let lag_max = LAG_MAX.min(known / 2);
        let mut correlation = [0.0f32; LAG_MAX + 2];
        for (lag, slot) in correlation.iter_mut().enumerate().take(lag_max + 2).skip(LAG_MIN - 1) {
            let product: f32 = values[lag..].iter().zip(values.iter()).map(|(later, earlier)| later * earlier).sum();
            // Rescaled for the shorter overlap.
            *slot = product / energy * known as f32 / (known - lag) as f32;
        }
        let threshold = CORRELATION_MIN.max(4.0 / (known as f32).sqrt());
        let hills = || {
            (LAG_MIN..=lag_max).filter(|&lag| {
                correlation[lag] >= threshold
                    && correlation[lag] > correlation[lag - 1]
                    && correlation[lag] >= correlation[lag + 1]
            })
        };
        let best = hills().map(|lag| correlation[lag]).fold(0.0, f32::max);
        hills().find(|&lag| correlation[lag] >= 0.9 * best).map(|lag| lag as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_cycle_and_its_phase() {
        let mut memory = CycleMemory::default();
        for window in 0..80u32 {
            memory.write(5.0 + 3.0 * (window as f32 * std::f32::consts::TAU / 18.0).sin());
        }
        assert_eq!(memory.length(), Some(18));
        let expected = 5.0 + 3.0 * (80.0 * std::f32::consts::TAU / 18.0).sin();
        assert!((memory.cycle_ago(0).unwrap() - expected).abs() < 0.05);
    }

    #[test]
    fn noise_and_standstill_have_no_cycle() {
        let mut luck = 1u32;
        let (mut noise, mut still) = (CycleMemory::default(), CycleMemory::default());
        for _ in 0..96 {
            luck = luck.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.write((luck >> 16) as f32);
            still.write(4.0);
        }
        assert_eq!((noise.length(), still.length()), (None, None));
    }
}
