//! One GRU step for many series at once, fused: gates, state and quantile head in one pass over a block of series.
//!
//! Problem: a step per series is a dozen vector products too small for a matrix library, and each call has its own overhead.
//! Idea: turn a block of [`LANES`] series so that a vector register holds one number of each series; then every weight is
//! loaded once per block and broadcast, and gates and activations need no shuffling.
//! Each series' arithmetic is the same wherever it stands in the batch, and no product is fused with a sum, so that
//! [`step_one`] and [`step_batch`] agree bit for bit, on every host.
//! Source: Cho et al. 2014, with the reset gate after the product (as cuDNN and PyTorch have it).

use rayon::prelude::*;

use super::activation::{sigmoid, softplus, tanh};
use super::weights::{HIDDEN_MAX, INPUTS_MAX, Sections, Weights};
use super::{MEDIAN, QUANTILES};

/// Series per block.
const LANES: usize = 16;
/// Weight rows that are worked on together: their sums stay in registers. Divides every hidden size.
const ROWS: usize = 4;
/// Series per rayon task: about a millisecond of work.
const TASK: usize = 1_024;

type Lane = [f32; LANES];
const ZERO: Lane = [0.0; LANES];

/// Steps one series: like [`step_batch`] with one row, to the bit.
///
/// # Panics
/// When a slice does not have the length that `weights` states.
pub fn step_one(weights: &Weights, input: &[f32], state: &mut [f32], output: &mut [f32; QUANTILES]) {
    step_batch(weights, input, state, output);
}

/// Steps `n` series by one window: reads `inputs` (`n` rows of `weights.inputs()`), replaces `states` (`n` rows of
/// `weights.hidden()`), writes `outputs` (`n` rows of one quantile per level of [`model::LEVELS`], not decreasing).
/// Large batches are shared among rayon's threads; the result does not depend on how.
///
/// # Panics
/// When the three slices do not have the same number of whole rows.
pub fn step_batch(weights: &Weights, inputs: &[f32], states: &mut [f32], outputs: &mut [f32]) {
    let (width, hidden) = (weights.inputs(), weights.hidden());
    let series = inputs.len() / width;
    assert_eq!(inputs.len(), series * width, "inputs are not whole rows of {width}");
    assert_eq!(states.len(), series * hidden, "states are not {series} rows of {hidden}");
    assert_eq!(outputs.len(), series * QUANTILES, "outputs are not {series} rows of {QUANTILES}");
    let sections = weights.sections();
    if series <= TASK {
        step_rows(&sections, inputs, states, outputs);
        return;
    }
    inputs
        .par_chunks(TASK * width)
        .zip(states.par_chunks_mut(TASK * hidden))
        .zip(outputs.par_chunks_mut(TASK * QUANTILES))
        .for_each(|((inputs, states), outputs)| step_rows(&sections, inputs, states, outputs));
}

/// Steps the rows of one task, block by block.
fn step_rows(weights: &Sections<'_>, inputs: &[f32], states: &mut [f32], outputs: &mut [f32]) {
    let (width, hidden) = (weights.inputs, weights.hidden);
    let mut block = Block::default();
    let rows =
        inputs.chunks(LANES * width).zip(states.chunks_mut(LANES * hidden)).zip(outputs.chunks_mut(LANES * QUANTILES));
    for ((inputs, states), outputs) in rows {
        turn_in(inputs, &mut block.input[..width]);
        turn_in(states, &mut block.state[..hidden]);
        block.step(weights);
        block.head(weights);
        turn_out(&block.state[..hidden], states);
        turn_out(&block.quantiles, outputs);
    }
}

/// Working space of one block, small enough for the first-level cache.
struct Block {
    input: [Lane; INPUTS_MAX],
    state: [Lane; HIDDEN_MAX],
    next: [Lane; HIDDEN_MAX],
    quantiles: [Lane; QUANTILES],
}

impl Default for Block {
    fn default() -> Self {
        Block {
            input: [ZERO; INPUTS_MAX],
            state: [ZERO; HIDDEN_MAX],
            next: [ZERO; HIDDEN_MAX],
            quantiles: [ZERO; QUANTILES],
        }
    }
}

impl Block {
    /// The state becomes `(1 - z) * n + z * state`.
    fn step(&mut self, weights: &Sections<'_>) {
        let hidden = weights.hidden;
        let (input, state) = (&self.input[..weights.inputs], &self.state[..hidden]);
        for first in (0..hidden).step_by(ROWS) {
            let [reset, update, fresh] = [0, 1, 2].map(|gate| gate * hidden + first);
            let mut r: [Lane; ROWS] = start(weights.gates_bias, reset);
            add_products(&mut r, weights.gates_input, reset, input);
            add_products(&mut r, weights.gates_state, reset, state);
            let mut z: [Lane; ROWS] = start(weights.gates_bias, update);
            add_products(&mut z, weights.gates_input, update, input);
            add_products(&mut z, weights.gates_state, update, state);
            let mut n: [Lane; ROWS] = start(weights.gates_bias, fresh);
            add_products(&mut n, weights.gates_input, fresh, input);
            let mut carried: [Lane; ROWS] = start(weights.carried_bias, first);
            add_products(&mut carried, weights.gates_state, fresh, state);
            for row in 0..ROWS {
                let (before, next) = (&state[first + row], &mut self.next[first + row]);
                for lane in 0..LANES {
                    let n = tanh(n[row][lane] + sigmoid(r[row][lane]) * carried[row][lane]);
                    next[lane] = n + sigmoid(z[row][lane]) * (before[lane] - n);
                }
            }
        }
        self.state[..hidden].copy_from_slice(&self.next[..hidden]);
    }

    /// The median is linear in state and input; the other levels stand off it by softplus steps.
    fn head(&mut self, weights: &Sections<'_>) {
        let (input, state) = (&self.input[..weights.inputs], &self.state[..weights.hidden]);
        for (level, sum) in self.quantiles.iter_mut().enumerate() {
            let mut sums = start::<1>(weights.head_bias, level);
            add_products(&mut sums, weights.head_input, level, input);
            add_products(&mut sums, weights.head_state, level, state);
            [*sum] = sums;
        }
        for lane in 0..LANES {
            let mut above = self.quantiles[MEDIAN][lane];
            for quantile in &mut self.quantiles[MEDIAN + 1..] {
                above += softplus(quantile[lane]);
                quantile[lane] = above;
            }
            let mut below = self.quantiles[MEDIAN][lane];
            for quantile in self.quantiles[..MEDIAN].iter_mut().rev() {
                below -= softplus(quantile[lane]);
                quantile[lane] = below;
            }
        }
    }
}

/// Sums that begin at the biases of `R` rows.
#[inline(always)]
fn start<const R: usize>(bias: &[f32], first: usize) -> [Lane; R] {
    std::array::from_fn(|row| [bias[first + row]; LANES])
}

/// Adds `matrix[first + row] * values` to each of `R` sums; `matrix` has rows of `values.len()`.
#[inline(always)]
fn add_products<const R: usize>(sums: &mut [Lane; R], matrix: &[f32], first: usize, values: &[Lane]) {
    let width = values.len();
    let rows: [&[f32]; R] = std::array::from_fn(|row| &matrix[(first + row) * width..][..width]);
    let mut local = *sums;
    for (column, value) in values.iter().enumerate() {
        for row in 0..R {
            let weight = rows[row][column];
            for lane in 0..LANES {
                local[row][lane] += weight * value[lane];
            }
        }
    }
    *sums = local;
}

/// Rows of series become columns: `turned[k][lane] = rows[lane][k]`; lanes without a row keep what they held.
fn turn_in(rows: &[f32], turned: &mut [Lane]) {
    for (lane, row) in rows.chunks_exact(turned.len()).enumerate() {
        for (turned, value) in turned.iter_mut().zip(row) {
            turned[lane] = *value;
        }
    }
}

/// The way back from [`turn_in`].
fn turn_out(turned: &[Lane], rows: &mut [f32]) {
    for (lane, row) in rows.chunks_exact_mut(turned.len()).enumerate() {
        for (value, turned) in row.iter_mut().zip(turned) {
            *value = turned[lane];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of our own, so that the tests need no seedable dependency.
    fn noise(seed: u32, count: usize, size: f32) -> Vec<f32> {
        let mut word = seed;
        let mut next = || {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((word >> 8) as f32 / 8_388_608.0 - 1.0) * size
        };
        (0..count).map(|_| next()).collect()
    }

    fn weights(inputs: usize, hidden: usize) -> Weights {
        let count = Weights::count(inputs, hidden).unwrap();
        Weights::new(inputs, hidden, noise(7, count, 0.5)).unwrap()
    }

    /// The textbook step for one series in `f64`.
    fn plain(weights: &Weights, input: &[f32], state: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let (parts, hidden) = (weights.sections(), weights.hidden());
        let product = |matrix: &[f32], row: usize, values: &[f64]| -> f64 {
            matrix[row * values.len()..].iter().zip(values).map(|(weight, value)| f64::from(*weight) * value).sum()
        };
        let wide = |values: &[f32]| -> Vec<f64> { values.iter().map(|value| f64::from(*value)).collect() };
        let (input, state) = (wide(input), wide(state));
        let gate = |row| product(parts.gates_input, row, &input) + f64::from(parts.gates_bias[row]);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let next: Vec<f64> = (0..hidden)
            .map(|unit| {
                let r = sigmoid(gate(unit) + product(parts.gates_state, unit, &state));
                let z = sigmoid(gate(hidden + unit) + product(parts.gates_state, hidden + unit, &state));
                let carried = product(parts.gates_state, 2 * hidden + unit, &state) + f64::from(parts.carried_bias[unit]);
                let n = (gate(2 * hidden + unit) + r * carried).tanh();
                (1.0 - z) * n + z * state[unit]
            })
            .collect();
        let raw: Vec<f64> = (0..QUANTILES)
            .map(|level| {
                product(parts.head_input, level, &input)
                    + product(parts.head_state, level, &next)
                    + f64::from(parts.head_bias[level])
            })
            .collect();
        let stand = |range: &[f64]| -> f64 { range.iter().map(|x| x.exp().ln_1p()).sum() };
        let quantiles = (0..QUANTILES)
            .map(|level| match level {
                level if level < MEDIAN => raw[MEDIAN] - stand(&raw[level..MEDIAN]),
                level => raw[MEDIAN] + stand(&raw[MEDIAN + 1..=level]),
            })
            .collect();
        (next, quantiles)
    }

    #[test]
    fn a_step_is_the_textbook_step() {
        for (inputs, hidden, series) in [(1, 8, 1), (11, 16, 37), (11, 32, 16), (32, 64, 5)] {
            let weights = weights(inputs, hidden);
            let rows = noise(11, series * inputs, 3.0);
            let mut states = noise(13, series * hidden, 1.0);
            let before = states.clone();
            let mut outputs = vec![0.0; series * QUANTILES];
            step_batch(&weights, &rows, &mut states, &mut outputs);
            for one in 0..series {
                let (next, quantiles) = plain(&weights, &rows[one * inputs..][..inputs], &before[one * hidden..][..hidden]);
                for (unit, exact) in next.iter().enumerate() {
                    assert!((f64::from(states[one * hidden + unit]) - exact).abs() < 5e-6, "state of {inputs}x{hidden}");
                }
                for (level, exact) in quantiles.iter().enumerate() {
                    assert!((f64::from(outputs[one * QUANTILES + level]) - exact).abs() < 1e-5 * exact.abs().max(1.0));
                }
                assert!(outputs[one * QUANTILES..][..QUANTILES].is_sorted());
            }
        }
    }

    #[test]
    fn the_place_in_the_batch_changes_no_bit() {
        let (inputs, hidden, series) = (11, 16, 3 * TASK + 5);
        let weights = weights(inputs, hidden);
        let rows = noise(3, series * inputs, 2.0);
        let mut states = noise(5, series * hidden, 1.0);
        let mut alone = states.clone();
        let mut outputs = vec![0.0; series * QUANTILES];
        step_batch(&weights, &rows, &mut states, &mut outputs);
        for (one, state) in alone.chunks_mut(hidden).enumerate() {
            let mut output = [0.0; QUANTILES];
            step_one(&weights, &rows[one * inputs..][..inputs], state, &mut output);
            assert_eq!(output, outputs[one * QUANTILES..][..QUANTILES]);
        }
        assert_eq!(alone, states);
    }

    #[test]
    #[should_panic(expected = "states are not 2 rows of 16")]
    fn wrong_lengths_are_our_bug() {
        step_batch(&weights(1, 16), &[0.0; 2], &mut [0.0; 16], &mut [0.0; 2 * QUANTILES]);
    }
}
