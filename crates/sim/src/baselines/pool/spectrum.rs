//! One step ahead by harmonics: remove the line, keep some frequencies, continue them.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

/// Which frequencies are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Harmonics {
    /// The lowest.
    Lowest(usize),
    /// The strongest.
    Strongest(usize),
}

/// Forecasts of windows of one length.
pub(super) struct Spectrum {
    transform: Arc<dyn RealToComplex<f32>>,
    input: Vec<f32>,
    output: Vec<Complex32>,
}

impl Spectrum {
    pub fn new(length: usize) -> Spectrum {
        let transform = RealFftPlanner::<f32>::new().plan_fft_forward(length);
        let (input, output) = (transform.make_input_vec(), transform.make_output_vec());
        Spectrum { transform, input, output }
    }

    /// The value that follows `window`, which is as long as the spectrum.
    pub fn next(&mut self, window: &[f32], harmonics: Harmonics) -> f32 {
        let n = window.len() as f32;
        let middle = (n - 1.0) / 2.0;
        let mean = window.iter().sum::<f32>() / n;
        let spread: f32 = (0..window.len()).map(|at| (at as f32 - middle).powi(2)).sum();
        let lean: f32 = window.iter().enumerate().map(|(at, value)| (at as f32 - middle) * (value - mean)).sum::<f32>();
        let slope = lean / spread;
        for (at, (input, value)) in self.input.iter_mut().zip(window).enumerate() {
            *input = value - mean - slope * (at as f32 - middle);
        }
        if self.transform.process(&mut self.input, &mut self.output).is_err() {
            return mean;
        }
        let mut kept: Vec<usize> = (1..self.output.len()).collect();
        let kept = match harmonics {
            Harmonics::Lowest(count) => &kept[..count.min(kept.len())],
            Harmonics::Strongest(count) => {
                kept.sort_by(|&a, &b| self.output[b].norm_sqr().total_cmp(&self.output[a].norm_sqr()).then(a.cmp(&b)));
                &kept[..count.min(kept.len())]
            }
        };
        // One whole window on, every harmonic is where it was at the window's first value.
        let wave: f32 =
            kept.iter().map(|&at| if 2 * at == window.len() { self.output[at].re } else { 2.0 * self.output[at].re }).sum();
        mean + slope * (n - middle) + wave / n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_and_a_line_go_on() {
        let value = |at: usize| 0.5 + 0.01 * at as f32 + (at as f32 * std::f32::consts::TAU / 12.0).cos();
        let window: Vec<f32> = (0..120).map(value).collect();
        let mut spectrum = Spectrum::new(120);
        for harmonics in [Harmonics::Lowest(10), Harmonics::Strongest(10)] {
            let next = spectrum.next(&window, harmonics);
            assert!((next - value(120)).abs() < 0.1, "{next}, {}", value(120));
        }
        // A wave of two steps is no low harmonic.
        let fast: Vec<f32> = (0..120).map(|at| (at % 2) as f32).collect();
        assert!((spectrum.next(&fast, Harmonics::Lowest(10)) - 0.5).abs() < 0.05);
        assert!(spectrum.next(&fast, Harmonics::Strongest(10)) < 0.05);
    }
}
