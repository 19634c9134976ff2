//! IceBreaker: the next minute's concurrency from the lowest harmonics of the recent past (Roy et al., ASPLOS 2022).
//!
//! An hour is detrended, its ten lowest harmonics are continued by one step, and an instance is kept where the forecast reaches a
//! threshold. The paper's second kind of server (cheaper, slower) has no place in this score.

use super::spectrum::{Harmonics, Spectrum};
use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Seen, Workload};

/// IceBreaker's predictor; its knob is the forecast from which an instance is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct IceBreaker;

const THRESHOLDS: [f32; 7] = [0.5, 0.02, 0.05, 0.1, 0.2, 0.3, 0.7];
const WINDOW: usize = 60;
const HARMONICS: Harmonics = Harmonics::Lowest(10);

impl PoolPolicy for IceBreaker {
    fn name(&self) -> &'static str {
        "icebreaker"
    }
    fn points(&self) -> Vec<String> {
        THRESHOLDS.iter().map(|threshold| format!("threshold {threshold}")).collect()
    }
    fn begin<'w>(&self, workload: &'w Workload, _options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        Box::new(Forecasting { spectrum: Spectrum::new(WINDOW), windows: vec![vec![0.0; WINDOW]; workload.slots.len()] })
    }
}

struct Forecasting {
    spectrum: Spectrum,
    /// The last hour per slot, oldest first.
    windows: Vec<Vec<f32>>,
}

impl Keeper for Forecasting {
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        for (slot, window) in self.windows.iter_mut().enumerate() {
            window.rotate_left(1);
            window[WINDOW - 1] = f32::from(u8::from(seen.active[slot]));
            let quiet = window.iter().all(|&value| value == 0.0);
            let next = if quiet { 0.0 } else { self.spectrum.next(window, HARMONICS) };
            for (ready, threshold) in ready.iter_mut().zip(THRESHOLDS) {
                ready[slot] = next >= threshold;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::CountSeries;
    use model::{Span, WallTime};

    #[test]
    fn a_slow_wave_is_continued() {
        // Ten steps of use, ten of rest: the third harmonic of the window.
        let counts = (0..200).map(|step| u32::from(step % 20 < 10)).collect();
        let series =
            CountSeries { unit: "f".to_owned(), weight: 1.0, start: WallTime::default(), step: Span::from_secs(60), counts };
        let options = PoolOptions::default();
        let workload = Workload::from_counts(&[series], &options);
        let mut keeper = IceBreaker.begin(&workload, &options);
        let mut ready = vec![vec![false]; THRESHOLDS.len()];
        let mut right = 0;
        for step in 0..199 {
            keeper.step(&workload.seen(step), &mut ready);
            right += u32::from(step >= 60 && ready[0][0] == workload.active(step + 1)[0]);
            assert!(!ready[0][0] || ready[1][0], "a lower threshold keeps at least as much");
        }
        assert!(right >= 125, "{right} of 139");
    }
}
