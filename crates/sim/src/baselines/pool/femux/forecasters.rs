//! The forecasters of FeMux: what each says of the coming step from the last 120.

use super::super::spectrum::{Harmonics, Spectrum};

/// Steps that a forecast sees.
pub(super) const HISTORY: usize = 120;
/// Forecasts from which an instance is kept.
const THRESHOLDS: [f32; 4] = [0.5, 0.3, 0.15, 0.07];
/// Three forecasters at four thresholds, and two keep-alives.
pub(super) const CANDIDATES: usize = 3 * THRESHOLDS.len() + KEEPS.len();
/// Keep-alive, in steps.
const KEEPS: [usize; 2] = [5, 10];
/// Terms of the autoregression.
const ORDER: usize = 10;

/// All of them.
pub(super) struct Forecasters {
    spectrum: Spectrum,
}

impl Forecasters {
    pub fn new() -> Forecasters {
        Forecasters { spectrum: Spectrum::new(HISTORY) }
    }

    /// Whether each candidate keeps an instance after `window`.
    pub fn say(&mut self, window: &[f32]) -> [bool; CANDIDATES] {
        let mut said = [false; CANDIDATES];
        if window.iter().all(|&value| value == 0.0) {
            return said;
        }
        let forecasts = [autoregression(window), self.spectrum.next(window, Harmonics::Strongest(10)), chain(window)];
        for (place, (forecast, threshold)) in
            forecasts.iter().flat_map(|forecast| THRESHOLDS.map(|threshold| (*forecast, threshold))).enumerate()
        {
            said[place] = forecast >= threshold;
        }
        for (place, keep) in KEEPS.into_iter().enumerate() {
            said[3 * THRESHOLDS.len() + place] = window[HISTORY - keep..].iter().any(|&value| value > 0.0);
        }
        said
    }

    /// How much the ten strongest harmonics of the last steps alone miss, for the harmonics feature.
    pub fn harmonic_miss(&mut self, block: &[f32]) -> f32 {
        let (mut missed, mut steps) = (0.0, 0);
        for end in (HISTORY..block.len()).step_by(24) {
            let forecast = self.spectrum.next(&block[end - HISTORY..end], Harmonics::Strongest(10));
            missed += (forecast - block[end]).abs();
            steps += 1;
        }
        if steps == 0 { 0.0 } else { missed / steps as f32 }
    }
}

/// AR(10) by the Yule-Walker equations, solved as Levinson and Durbin do.
fn autoregression(window: &[f32]) -> f32 {
    let n = window.len();
    let mean = window.iter().sum::<f32>() / n as f32;
    let mut covariance = [0.0f32; ORDER + 1];
    for (lag, covariance) in covariance.iter_mut().enumerate() {
        *covariance = (lag..n).map(|at| (window[at] - mean) * (window[at - lag] - mean)).sum();
    }
    let mut weights = [0.0f32; ORDER];
    let mut error = covariance[0] * 1.001 + 1e-6;
    for order in 0..ORDER {
        let explained: f32 = (0..order).map(|at| weights[at] * covariance[order - at]).sum();
        let reflection = (covariance[order + 1] - explained) / error;
        let before = weights;
        weights[order] = reflection;
        for at in 0..order {
            weights[at] = before[at] - reflection * before[order - 1 - at];
        }
        error *= 1.0 - reflection * reflection;
        if error <= 1e-6 {
            break;
        }
    }
    mean + (0..ORDER).map(|at| weights[at] * (window[n - 1 - at] - mean)).sum::<f32>()
}

/// The chance of a use after a step like the last, by a chain of two states.
fn chain(window: &[f32]) -> f32 {
    let last = window[window.len() - 1] > 0.0;
    let (mut after, mut uses) = (0.0, 0.0);
    for pair in window.windows(2).filter(|pair| (pair[0] > 0.0) == last) {
        after += 1.0;
        uses += f32::from(u8::from(pair[1] > 0.0));
    }
    if after > 0.0 { uses / after } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(used: impl Fn(usize) -> bool) -> Vec<f32> {
        (0..HISTORY).map(|at| f32::from(u8::from(used(at)))).collect()
    }

    #[test]
    fn each_forecasts_what_it_can() {
        // Every fifth step, the next one due.
        let timer = window(|at| at % 5 == 0);
        assert!(autoregression(&timer) > 0.8);
        assert!(autoregression(&timer[..HISTORY - 1]) < 0.2);
        assert!((chain(&timer) - 23.0 / 95.0).abs() < 0.01);
        // Uses in pairs: after a quiet step one in three.
        assert!((chain(&window(|at| at % 4 < 2)) - 0.5).abs() < 0.02);
    }

    #[test]
    fn keep_alives_keep() {
        let mut forecasters = Forecasters::new();
        let said = forecasters.say(&window(|at| at == HISTORY - 7));
        assert_eq!(said[12..], [false, true]);
        assert_eq!(forecasters.say(&window(|_| false)), [false; CANDIDATES]);
    }
}
