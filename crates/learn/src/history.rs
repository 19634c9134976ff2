//! The training set: the samples of all series within a memory budget, split by time.

use predict::recurrent::{FEATURES, QUANTILES, Weights, step_batch};

use crate::error::LearnError;
use crate::random::Random;
use crate::sequence::{Sample, Samples, Sequence};
use crate::train::TrainOptions;

/// The share of each series' time that the weights are fitted to.
pub const FIT_SHARE: f32 = 0.70;
/// Up to this share the weights are chosen; what comes after is held out and only measured.
pub const CHOOSE_SHARE: f32 = 0.85;
/// The samples take at most this share of the memory budget; the rest is for the step's own tensors.
const SAMPLES_SHARE: u64 = 2;

/// All series, longest first, so that those still running at a step are the first ones.
#[derive(Debug)]
pub struct History {
    /// The series' samples.
    pub series: Vec<Samples>,
}

/// One stretch of a series that back-propagation runs through.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// Which series.
    pub series: usize,
    /// Its first row.
    pub first: usize,
}

impl History {
    /// Prepares the sequences. When they pass the memory budget, the newest windows of a random choice of series stay.
    ///
    /// # Errors
    /// [`LearnError::TooFew`].
    pub fn new(sequences: &[Sequence], options: &TrainOptions) -> Result<Self, LearnError> {
        let rows_max = (options.memory_bytes_max / SAMPLES_SHARE / size_of::<Sample>() as u64) as usize;
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        if sequences.iter().map(|sequence| sequence.windows.len()).sum::<usize>() > rows_max {
            Random::new(options.seed ^ 0x6368_6f69_6365).shuffle(&mut order);
        }
        let mut left = rows_max;
        let mut series = Vec::new();
        for sequence in order.into_iter().map(|place| &sequences[place]) {
            let first = sequence.windows.len().saturating_sub(left);
            left -= sequence.windows.len() - first;
            let samples = sequence.samples(options.window, first);
            if samples.rows.len() > 1 {
                series.push(samples);
            }
        }
        series.sort_by_key(|samples| std::cmp::Reverse(samples.rows.len()));
        let have = series.iter().flat_map(|samples| &samples.rows).filter(|row| !row.target.is_nan()).count();
        match have < options.windows_min {
            true => Err(LearnError::TooFew { need: options.windows_min, have }),
            false => Ok(History { series }),
        }
    }

    /// The part of every series that is fitted, in stretches of up to `length` rows, series after series.
    pub fn chunks(&self, length: usize) -> Vec<Chunk> {
        let of = |(series, samples): (usize, &Samples)| {
            let end = samples.row_at(FIT_SHARE);
            (0..end.saturating_sub(1)).step_by(length).map(move |first| Chunk { series, first }).collect::<Vec<_>>()
        };
        self.series.iter().enumerate().flat_map(of).collect()
    }

    /// Runs `weights` over all series in lockstep, as the daemon would, and shows `visit` every row: series, row, the
    /// state before it (`weights.hidden()` numbers), and the quantiles after it.
    pub fn walk(&self, weights: &Weights, mut visit: impl FnMut(usize, usize, &[f32], &[f32])) {
        let hidden = weights.hidden();
        let steps = self.series.first().map_or(0, |samples| samples.rows.len());
        let mut states = vec![0.0; self.series.len() * hidden];
        let mut before = states.clone();
        let mut inputs = vec![0.0; self.series.len() * FEATURES];
        let mut outputs = vec![0.0; self.series.len() * QUANTILES];
        for step in 0..steps {
            let running = self.series.partition_point(|samples| samples.rows.len() > step);
            for (input, samples) in inputs.chunks_exact_mut(FEATURES).zip(&self.series[..running]) {
                input.copy_from_slice(&samples.rows[step].features);
            }
            let (states, outputs) = (&mut states[..running * hidden], &mut outputs[..running * QUANTILES]);
            before[..running * hidden].copy_from_slice(states);
            step_batch(weights, &inputs[..running * FEATURES], states, outputs);
            for series in 0..running {
                visit(series, step, &before[series * hidden..][..hidden], &outputs[series * QUANTILES..][..QUANTILES]);
            }
        }
    }
}
