//! The training itself: truncated back-propagation over stretches of windows, Adam, early stop on later windows.
//!
//! Problem: series differ in length and stretches of one series must know what came before, yet steps should mix series.
//! Idea: before each epoch the current weights run over all series as the daemon would, and leave their state at the
//! start of every stretch; stretches then come in random order, each from its own state, which carries no gradient.
//! The same run measures the windows after the fitted part, by which the best weights are kept (rolling origin), and the
//! last windows of all are touched only once, at the end, to say whether the result is better than plain members.

use std::ops::ControlFlow;

use model::Span;
use predict::recurrent::{FEATURES, HIDDEN_MAX, HIDDEN_STEP, MEDIAN, QUANTILES, Weights, section_lengths};

use crate::adam::Adam;
use crate::error::LearnError;
use crate::history::{Chunk, FIT_SHARE, History};
use crate::loss::{HeldOut, choosing_loss, held_out};
use crate::network::{Batch, loss_and_gradient};
use crate::random::Random;
use crate::sequence::Sequence;

/// Stretches per step, at most; fewer where there are few.
const WIDTH_MAX: usize = 128;
/// Steps per epoch that small histories still get.
const STEPS_PER_EPOCH: usize = 16;

/// How to train. Every figure has a sensible default.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// The length of one window.
    pub window: Span,
    /// Numbers of state per series: a multiple of 8 up to 64.
    pub hidden: usize,
    /// Windows per stretch that gradients run through, 2 to 512.
    pub stretch: usize,
    /// Steps in all; each sees up to 128 stretches.
    pub steps_max: usize,
    /// Steps without a better loss on the choosing windows before it ends early, at the end of an epoch.
    pub patience: usize,
    /// The first step size, above 0 and at most 1.
    pub rate: f32,
    /// What all chance comes from: the same seed and history give the same weights.
    pub seed: u64,
    /// Fewer windows with a known next one are not enough.
    pub windows_min: usize,
    /// What samples and tensors may take; more history is left out, oldest windows and random series first.
    pub memory_bytes_max: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            window: Span::from_secs(600),
            hidden: 16,
            stretch: 32,
            steps_max: 1_200,
            patience: 300,
            rate: 5e-3,
            seed: 1,
            windows_min: 1_000,
            memory_bytes_max: 64 << 20,
        }
    }
}

/// Where training stands; told after every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub steps: usize,
    /// Steps in all, unless it ends early.
    pub steps_max: usize,
    /// Times that all stretches were seen.
    pub epoch: usize,
    /// Mean pinball loss of the last step's stretches.
    pub fitted_loss: f32,
    /// The best loss on the choosing windows so far.
    pub chosen_loss: f32,
}

/// How the caller ends training before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Time is up: give the best weights so far.
    KeepBest,
    /// Nothing is wanted any more: [`LearnError::Cancelled`].
    Discard,
}

/// What training gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The weights with the least loss on the choosing windows.
    pub weights: Weights,
    /// What later windows say of them, beside the plain members.
    pub held_out: HeldOut,
    /// Series that were learned from.
    pub series: usize,
    /// Steps done.
    pub steps: usize,
}

/// Trains on `sequences`. Single-threaded but for the runs over large histories; told to `progress` after every step.
///
/// # Errors
/// [`LearnError::Option`], [`LearnError::TooFew`], [`LearnError::Cancelled`], or [`LearnError::Weights`] when the result is not finite.
pub fn train(
    sequences: &[Sequence],
    options: &TrainOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<Stop>,
) -> Result<Trained, LearnError> {
    check(options)?;
    let history = History::new(sequences, options)?;
    let mut training = Training::new(&history, options)?;
    while training.steps < options.steps_max && training.steps - training.best_steps <= options.patience {
        if training.epoch(progress)? == Some(Stop::KeepBest) {
            break;
        }
    }
    training.measure()?;
    let held_out = held_out(&history, &training.best, options);
    Ok(Trained { weights: training.best, held_out, series: history.series.len(), steps: training.steps })
}

fn check(options: &TrainOptions) -> Result<(), LearnError> {
    let refused = |option, value: String, allowed| Err(LearnError::Option { option, value, allowed });
    let hidden = options.hidden;
    if !(HIDDEN_STEP..=HIDDEN_MAX).contains(&hidden) || !hidden.is_multiple_of(HIDDEN_STEP) {
        return refused("hidden", hidden.to_string(), "a multiple of 8 from 8 to 64");
    }
    if !(2..=512).contains(&options.stretch) {
        return refused("stretch", options.stretch.to_string(), "2 to 512");
    }
    if !(options.rate > 0.0 && options.rate <= 1.0) {
        return refused("rate", options.rate.to_string(), "above 0 and at most 1");
    }
    match options.window {
        Span::ZERO => refused("window", options.window.to_string(), "above 0"),
        _ => Ok(()),
    }
}

/// The running training.
struct Training<'a> {
    history: &'a History,
    options: &'a TrainOptions,
    chunks: Vec<Chunk>,
    /// The state before each chunk.
    states: Vec<f32>,
    width: usize,
    random: Random,
    adam: Adam,
    parameters: Vec<f32>,
    best: Weights,
    best_loss: f32,
    /// Steps done when the best was found.
    best_steps: usize,
    steps: usize,
    epochs: usize,
}

impl<'a> Training<'a> {
    fn new(history: &'a History, options: &'a TrainOptions) -> Result<Self, LearnError> {
        let mut random = Random::new(options.seed);
        let parameters = first_parameters(options.hidden, &mut random);
        let best = Weights::new(FEATURES, options.hidden, parameters.clone())?;
        let chunks = history.chunks(options.stretch);
        let width = (chunks.len() / STEPS_PER_EPOCH).clamp(8, width_max(options));
        let adam = Adam::new(parameters.len(), options.rate);
        Ok(Training {
            history,
            options,
            states: vec![0.0; chunks.len() * options.hidden],
            chunks,
            width,
            random,
            adam,
            parameters,
            best,
            best_loss: f32::INFINITY,
            best_steps: 0,
            steps: 0,
            epochs: 0,
        })
    }

    /// Runs the current weights over all series: keeps them if they are the best, and the states before all chunks.
    fn measure(&mut self) -> Result<(), LearnError> {
        let (hidden, stretch) = (self.options.hidden, self.options.stretch);
        let weights = Weights::new(FEATURES, hidden, self.parameters.clone())?;
        // Chunks of a series stand one after the other, the first at row 0.
        let mut firsts = vec![0; self.history.series.len()];
        self.chunks.iter().enumerate().rev().for_each(|(place, chunk)| firsts[chunk.series] = place);
        let (chunks, states) = (&self.chunks, &mut self.states);
        let loss = choosing_loss(self.history, &weights, |series, row, state| {
            let place = firsts[series] + row / stretch;
            if row % stretch == 0 && chunks.get(place).is_some_and(|chunk| (chunk.series, chunk.first) == (series, row)) {
                states[place * hidden..][..hidden].copy_from_slice(state);
            }
        });
        if loss < self.best_loss {
            (self.best, self.best_loss, self.best_steps) = (weights, loss, self.steps);
        }
        Ok(())
    }

    /// Sees every chunk once, unless `progress` or the last step ends it.
    fn epoch(&mut self, progress: &mut dyn FnMut(Progress) -> ControlFlow<Stop>) -> Result<Option<Stop>, LearnError> {
        self.measure()?;
        self.epochs += 1;
        let mut order: Vec<usize> = (0..self.chunks.len()).collect();
        self.random.shuffle(&mut order);
        for chosen in order.chunks(self.width) {
            let batch = self.batch(chosen);
            let (fitted_loss, gradient) = loss_and_gradient(self.options.hidden, &self.parameters, &batch);
            let done = self.steps as f32 / self.options.steps_max as f32;
            self.adam.step(&mut self.parameters, &gradient, done);
            self.steps += 1;
            let (steps, steps_max) = (self.steps, self.options.steps_max);
            let told = Progress { steps, steps_max, epoch: self.epochs, fitted_loss, chosen_loss: self.best_loss };
            match progress(told) {
                ControlFlow::Break(Stop::Discard) => return Err(LearnError::Cancelled { steps }),
                ControlFlow::Break(stop) => return Ok(Some(stop)),
                ControlFlow::Continue(()) if steps >= steps_max => break,
                ControlFlow::Continue(()) => {}
            }
        }
        Ok(None)
    }

    /// The tensors' contents for the chunks of those places.
    fn batch(&self, chosen: &[usize]) -> Batch {
        let (width, steps, hidden) = (chosen.len(), self.options.stretch, self.options.hidden);
        let mut batch = Batch {
            width,
            states: chosen.iter().flat_map(|place| &self.states[place * hidden..][..hidden]).copied().collect(),
            inputs: vec![0.0; steps * width * FEATURES],
            targets: vec![0.0; steps * width],
            known: vec![0.0; steps * width],
        };
        for (column, chunk) in chosen.iter().map(|place| self.chunks[*place]).enumerate() {
            let samples = &self.history.series[chunk.series];
            let end = samples.row_at(FIT_SHARE).min(chunk.first + steps);
            for (step, row) in samples.rows[chunk.first..end].iter().enumerate() {
                let place = step * width + column;
                batch.inputs[place * FEATURES..][..FEATURES].copy_from_slice(&row.features);
                if !row.target.is_nan() {
                    (batch.targets[place], batch.known[place]) = (row.target, 1.0);
                }
            }
        }
        batch
    }
}

/// Stretches per step that half of the memory budget holds: about twenty tensors of three gates each per row are alive.
fn width_max(options: &TrainOptions) -> usize {
    let bytes_per_stretch = options.stretch * (3 * options.hidden + FEATURES + QUANTILES) * 20 * size_of::<f32>();
    ((options.memory_bytes_max / 2) as usize / bytes_per_stretch).clamp(8, WIDTH_MAX)
}

/// Small random weights around a useful start: a state that lasts, and a median that repeats most of the last peak.
fn first_parameters(hidden: usize, random: &mut Random) -> Vec<f32> {
    let [gates_input, gates_state, gates_bias, carried_bias, head_input, head_state, head_bias] =
        section_lengths(FEATURES, hidden);
    let mut chance = |count: usize, size: f32| -> Vec<f32> { (0..count).map(|_| random.signed() * size).collect() };
    let size = 1.0 / (hidden as f32).sqrt();
    let mut parameters = chance(gates_input, size);
    parameters.extend(chance(gates_state, size));
    parameters.extend((0..gates_bias).map(|unit| if (hidden..2 * hidden).contains(&unit) { 1.0 } else { 0.0 }));
    parameters.extend(vec![0.0; carried_bias]);
    let mut input = vec![0.0; head_input];
    input[MEDIAN * FEATURES] = 0.7;
    parameters.extend(input);
    parameters.extend(chance(head_state, 0.1 * size));
    // Steps between levels begin at softplus(-2), 13 %.
    parameters.extend((0..head_bias).map(|level| if level == MEDIAN { 0.0 } else { -2.0 }));
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_range_are_named() {
        let table = [
            (
                TrainOptions { hidden: 12, ..TrainOptions::default() },
                "training option hidden is 12, which is not a multiple of 8 from 8 to 64",
            ),
            (TrainOptions { stretch: 1, ..TrainOptions::default() }, "training option stretch is 1, which is not 2 to 512"),
            (
                TrainOptions { rate: f32::NAN, ..TrainOptions::default() },
                "training option rate is NaN, which is not above 0 and at most 1",
            ),
            (
                TrainOptions { window: Span::ZERO, ..TrainOptions::default() },
                "training option window is 0 ms, which is not above 0",
            ),
        ];
        for (options, expected) in table {
            let error = train(&[], &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_small_memory_budget_narrows_the_steps() {
        let small = TrainOptions { memory_bytes_max: 1 << 20, ..TrainOptions::default() };
        assert_eq!(width_max(&small), 8);
        assert_eq!(width_max(&TrainOptions { memory_bytes_max: 1 << 30, ..small }), WIDTH_MAX);
    }
}
