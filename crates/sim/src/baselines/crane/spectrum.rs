//! Smoothing in the spectrum.

use std::sync::{Arc, Mutex};

use model::Span;
use realfft::num_complex::Complex64;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Slower components than one an hour are always kept.
const SLOW_HZ: f64 = 1.0 / 3_600.0;
/// At most so many of the faster ones.
const KEPT_MAX: usize = 100;
/// What is forecast where the smoothed history is not above zero.
const VALUE_MIN: f64 = 0.01;

/// Which components are kept, and the margin on top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimator {
    /// At least so many of the largest components are kept.
    kept_min: usize,
    /// Smaller ones are dropped, in the series' own unit.
    amplitude_min: f64,
    /// Share added to the forecast.
    pub margin: f64,
}

impl Estimator {
    /// The same cut without a margin.
    pub fn without_margin(self) -> Estimator {
        Estimator { margin: 0.0, ..self }
    }
}

const fn estimator(kept_min: usize, amplitude_min: f64, margin: f64) -> Estimator {
    Estimator { kept_min, amplitude_min, margin }
}

/// Crane's defaults.
pub const ESTIMATORS: [Estimator; 8] = [
    estimator(3, 1.0, 0.01),
    estimator(3, 1.0, 0.10),
    estimator(3, 1.0, 0.15),
    estimator(3, 1.0, 0.20),
    estimator(50, 0.05, 0.01),
    estimator(50, 0.05, 0.10),
    estimator(50, 0.05, 0.15),
    estimator(50, 0.05, 0.20),
];

/// Transforms of any length; plans are made once and shared.
#[derive(Default)]
pub struct Spectra {
    planner: Mutex<RealFftPlanner<f64>>,
}

impl Spectra {
    fn forward_plan(&self, length: usize) -> Arc<dyn RealToComplex<f64>> {
        self.planner.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).plan_fft_forward(length)
    }
    fn inverse_plan(&self, length: usize) -> Arc<dyn ComplexToReal<f64>> {
        self.planner.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).plan_fft_inverse(length)
    }

    /// Calls `look` with the power (squared amplitude) of each component of what `fill` puts into a buffer of `length`,
    /// `times` over.
    pub fn powers(&self, length: usize, times: usize, mut fill: impl FnMut(&mut [f64]), mut look: impl FnMut(&[f64])) {
        let plan = self.forward_plan(length);
        let (mut input, mut spectrum) = (plan.make_input_vec(), plan.make_output_vec());
        let mut scratch = plan.make_scratch_vec();
        let mut powers = vec![0.0; spectrum.len()];
        for _ in 0..times {
            fill(&mut input);
            plan.process_with_scratch(&mut input, &mut spectrum, &mut scratch)
                .expect("buffers are as long as the plan asks");
            for (power, part) in powers.iter_mut().zip(&spectrum) {
                *power = part.norm_sqr();
            }
            look(&powers);
        }
    }

    /// The half spectrum of `values`, not normalised.
    fn forward(&self, values: &[f64]) -> Vec<Complex64> {
        let plan = self.forward_plan(values.len());
        let mut input = values.to_vec();
        let mut spectrum = plan.make_output_vec();
        plan.process(&mut input, &mut spectrum).expect("buffers are as long as the plan asks");
        spectrum
    }

    /// The last `period` slots of `history` with only the components that `estimator` keeps, and its margin on top.
    pub fn smoothed(&self, history: &[f64], period: usize, slot: Span, estimator: Estimator) -> Vec<f64> {
        let length = history.len();
        let mut spectrum = self.forward(history);
        let mut amplitudes: Vec<f64> = spectrum[1..].iter().map(|part| part.norm_sqr().sqrt() / length as f64).collect();
        if amplitudes.len() > KEPT_MAX {
            amplitudes.select_nth_unstable_by(KEPT_MAX, |a, b| b.total_cmp(a));
            amplitudes.truncate(KEPT_MAX);
        }
        amplitudes.sort_unstable_by(|a, b| b.total_cmp(a));
        let cut = amplitude_cut(&amplitudes, estimator);
        let hz = 1.0 / (slot.as_secs_f64() * length as f64);
        for (k, part) in spectrum.iter_mut().enumerate() {
            if part.norm_sqr().sqrt() / (length as f64) < cut && k as f64 * hz > SLOW_HZ {
                *part = Complex64::default();
            }
        }
        let plan = self.inverse_plan(length);
        let mut output = plan.make_output_vec();
        plan.process(&mut spectrum, &mut output).expect("buffers are as long as the plan asks");
        let scale = (1.0 + estimator.margin) / length as f64;
        let value = |raw: &f64| if *raw <= 0.0 { VALUE_MIN * (1.0 + estimator.margin) } else { raw * scale };
        output[length - period..].iter().map(value).collect()
    }
}

/// The amplitude below which components are dropped; `amplitudes` descend.
fn amplitude_cut(amplitudes: &[f64], estimator: Estimator) -> f64 {
    let at = |count: usize| amplitudes.get(count - 1).or(amplitudes.last()).copied().unwrap_or(0.0);
    at(KEPT_MAX).max(estimator.amplitude_min).min(at(estimator.kept_min))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_waves_survive_and_fast_noise_does_not() {
        let slot = Span::from_secs(60);
        let wave = |n: usize| 100.0 + 20.0 * (n as f64 / 1_440.0 * std::f64::consts::TAU).sin();
        let history: Vec<f64> = (0..4_320).map(|n| wave(n) + if n % 2 == 0 { 0.3 } else { -0.3 }).collect();
        let estimator = estimator(3, 1.0, 0.0);
        let smoothed = Spectra::default().smoothed(&history, 1_440, slot, estimator);
        assert_eq!(smoothed.len(), 1_440);
        for (n, value) in smoothed.iter().enumerate() {
            assert!((value - wave(n)).abs() < 1e-6 + 0.31, "{n}: {value}");
        }
    }
}
