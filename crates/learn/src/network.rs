//! The network on burn: the arithmetic of [`predict::recurrent::step_batch`] over a stretch of windows, with its gradient.

use burn::tensor::activation::{relu, sigmoid, softplus};
use burn::tensor::{Device, Tensor, TensorData};
use model::LEVELS;
use predict::recurrent::{FEATURES, MEDIAN, QUANTILES, section_lengths};

/// What a batch of stretches feeds in; all rows step after step, and within a step series after series.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Stretches side by side.
    pub width: usize,
    /// `width` rows of the state before the first step.
    pub states: Vec<f32>,
    /// `steps * width` rows of features.
    pub inputs: Vec<f32>,
    /// `steps * width` targets; any number where `known` is 0.
    pub targets: Vec<f32>,
    /// 1 where the target counts, else 0.
    pub known: Vec<f32>,
}

/// The parameters as tensors, in the order of [`predict::recurrent::Sections`].
struct Parameters {
    leaves: [Tensor<2>; 7],
}

impl Parameters {
    fn new(hidden: usize, parameters: &[f32], device: &Device) -> Self {
        let rows = [3 * hidden, 3 * hidden, 1, 1, QUANTILES, QUANTILES, 1];
        let mut rest = parameters;
        let mut places = section_lengths(FEATURES, hidden).into_iter().zip(rows);
        let leaves = std::array::from_fn(|_| {
            let (length, rows) = places.next().expect("there are as many sections as leaves");
            let (part, after) = rest.split_at(length);
            rest = after;
            matrix(part.to_vec(), rows, device)
        });
        Parameters { leaves }
    }

    /// The quantiles of all rows.
    fn forward(&self, hidden: usize, batch: &Batch, device: &Device) -> Tensor<2> {
        let [gates_input, gates_state, gates_bias, carried_bias, head_input, head_state, head_bias] = self.leaves.clone();
        let (gates_input, gates_state) = (gates_input.transpose(), gates_state.transpose());
        let mut state = matrix(batch.states.clone(), batch.width, device);
        let mut states = Vec::new();
        for input in batch.inputs.chunks_exact(batch.width * FEATURES) {
            let input = matrix(input.to_vec(), batch.width, device).matmul(gates_input.clone()) + gates_bias.clone();
            let carried = state.clone().matmul(gates_state.clone());
            let gates = sigmoid(input.clone().narrow(1, 0, 2 * hidden) + carried.clone().narrow(1, 0, 2 * hidden));
            let (reset, update) = (gates.clone().narrow(1, 0, hidden), gates.narrow(1, hidden, hidden));
            let carried = carried.narrow(1, 2 * hidden, hidden) + carried_bias.clone();
            let fresh = (input.narrow(1, 2 * hidden, hidden) + reset * carried).tanh();
            state = fresh.clone() + update * (state - fresh);
            states.push(state.clone());
        }
        let inputs = matrix(batch.inputs.clone(), batch.targets.len(), device);
        let raw = Tensor::cat(states, 0).matmul(head_state.transpose()) + inputs.matmul(head_input.transpose()) + head_bias;
        spread(raw, device)
    }
}

/// Raw outputs become quantiles: the median as it is, the others off it by sums of softplus steps.
fn spread(raw: Tensor<2>, device: &Device) -> Tensor<2> {
    const ABOVE: usize = QUANTILES - MEDIAN - 1;
    let median = raw.clone().narrow(1, MEDIAN, 1);
    let below = softplus(raw.clone().narrow(1, 0, MEDIAN), 1.0).matmul(triangle(MEDIAN, |from, to| from >= to, device));
    let above = softplus(raw.narrow(1, MEDIAN + 1, ABOVE), 1.0).matmul(triangle(ABOVE, |from, to| from <= to, device));
    Tensor::cat(vec![median.clone() - below, median.clone(), median + above], 1)
}

/// A matrix of ones where `keep(row, column)`, which sums columns.
fn triangle(size: usize, keep: impl Fn(usize, usize) -> bool, device: &Device) -> Tensor<2> {
    let values = (0..size * size).map(|place| f32::from(u8::from(keep(place / size, place % size)))).collect();
    matrix(values, size, device)
}

fn matrix(values: Vec<f32>, rows: usize, device: &Device) -> Tensor<2> {
    let columns = values.len() / rows;
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// The mean pinball loss of `parameters` on `batch` over all levels, and its gradient in the order of the parameters.
pub fn loss_and_gradient(hidden: usize, parameters: &[f32], batch: &Batch) -> (f32, Vec<f32>) {
    let device = Device::flex().autodiff();
    let parameters = Parameters { leaves: Parameters::new(hidden, parameters, &device).leaves.map(Tensor::require_grad) };
    let rows = batch.targets.len();
    let quantiles = parameters.forward(hidden, batch, &device);
    let errors = matrix(batch.targets.clone(), rows, &device) - quantiles;
    let known = matrix(batch.known.clone(), rows, &device);
    let levels = matrix(LEVELS.to_vec(), 1, &device);
    let count = (batch.known.iter().sum::<f32>() * QUANTILES as f32).max(1.0);
    let loss = ((errors.clone() * levels + relu(-errors)) * known).sum() / count;
    let gradients = loss.backward();
    let flat = parameters.leaves.iter().flat_map(|leaf| match leaf.grad(&gradients) {
        Some(gradient) => numbers(gradient),
        None => vec![0.0; leaf.shape().num_elements()],
    });
    let gradient = flat.collect();
    (numbers(loss)[0], gradient)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("the tensor was converted to f32")
}

#[cfg(test)]
mod tests {
    use predict::recurrent::{Weights, step_batch};

    use super::*;
    use crate::random::Random;

    fn numbers_within(random: &mut Random, count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|_| random.signed() * size).collect()
    }

    #[test]
    fn burn_and_the_fused_step_agree() {
        for (hidden, width, steps) in [(16, 37, 24), (32, 5, 40)] {
            let mut random = Random::new(hidden as u64);
            let count = Weights::count(FEATURES, hidden).unwrap();
            let parameters = numbers_within(&mut random, count, 0.4);
            let batch = Batch {
                width,
                states: numbers_within(&mut random, width * hidden, 1.0),
                inputs: numbers_within(&mut random, steps * width * FEATURES, 2.0),
                targets: vec![0.0; steps * width],
                known: vec![1.0; steps * width],
            };
            let device = Device::flex();
            let burnt = numbers(Parameters::new(hidden, &parameters, &device).forward(hidden, &batch, &device));
            let weights = Weights::new(FEATURES, hidden, parameters).unwrap();
            let (mut states, mut fused) = (batch.states.clone(), vec![0.0; steps * width * QUANTILES]);
            for (inputs, outputs) in batch.inputs.chunks(width * FEATURES).zip(fused.chunks_mut(width * QUANTILES)) {
                step_batch(&weights, inputs, &mut states, outputs);
            }
            let worst = burnt.iter().zip(&fused).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(burnt.len() == fused.len() && worst < 1e-5, "hidden {hidden}: apart by {worst}");
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let (hidden, width, steps) = (8, 3, 6);
        let mut random = Random::new(3);
        let count = Weights::count(FEATURES, hidden).unwrap();
        let mut parameters = numbers_within(&mut random, count, 0.4);
        let batch = Batch {
            width,
            states: numbers_within(&mut random, width * hidden, 1.0),
            inputs: numbers_within(&mut random, steps * width * FEATURES, 1.0),
            targets: numbers_within(&mut random, steps * width, 5.0),
            known: (0..steps * width).map(|row| f32::from(u8::from(row % 4 != 0))).collect(),
        };
        let (_, gradient) = loss_and_gradient(hidden, &parameters, &batch);
        let step = 1e-2;
        for place in (0..count).step_by(29) {
            let mut at = |change: f32| {
                let before = parameters[place];
                parameters[place] += change;
                let loss = loss_and_gradient(hidden, &parameters, &batch).0;
                parameters[place] = before;
                loss
            };
            let slope = (at(step) - at(-step)) / (2.0 * step);
            assert!((slope - gradient[place]).abs() < 0.02 * slope.abs().max(0.1), "{place}: {slope} {}", gradient[place]);
        }
    }
}
