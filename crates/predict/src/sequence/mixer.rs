//! Many opinions made one: how often each predictor's state was right, mixed by weights that learn, into one distribution.
//!
//! Problem: predictors of different kinds (contexts of several lengths, strides, repeats, recency) say different things with
//! changing worth. Idea: every state of a predictor (such as: order 2, seen three times, always followed by this key) has the
//! chance that it turned out to have; its log odds are one input per key. A weighted sum per key and the softmax over all keys,
//! with one row for "a key that nobody named", is the distribution. Steps: the weights are the sum of several sets, each chosen
//! by a small context; all are moved down the gradient of the coding loss, which for a softmax is the outcome minus its
//! chance. Source: M. Mahoney, Adaptive weighing of context models for lossless data compression, 2005, with the softmax over
//! keys in place of the logistic function of bits; multinomial logit as in D. McFadden, 1974.

use super::board::{PREDICTORS, SILENT};

/// States per predictor; those of the row for all other keys lie behind.
pub(super) const STATES: usize = 256;
/// Log odds are looked up by the upper bits of a chance.
const STEPS: usize = 4096;
/// No state's chance is below this, nor above one minus it.
const LEAST: f32 = 1e-4;
/// Outcomes after which a state's chance moves at a fixed pace.
const MEMORY: u16 = 400;
/// Weights start here: about one vote for every four predictors that agree.
const START: f32 = 0.3;

/// The distribution's parameters.
#[derive(Clone, Debug)]
pub(super) struct Mixer {
    /// Per predictor and state: its chance, and outcomes seen.
    chances: Vec<(f32, u16)>,
    /// Per set and context: a weight per predictor for keys, then one per predictor for the last row, then a bias for it.
    sets: Vec<Vec<Weights>>,
    odds: Vec<f32>,
    /// Of the last distribution.
    inputs: Vec<[f32; PREDICTORS]>,
    chosen: Vec<usize>,
    shares: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Weights {
    keys: [f32; PREDICTORS],
    others: [f32; PREDICTORS],
    bias: f32,
    seen: u32,
}

impl Mixer {
    /// `sets` says how many contexts each set of weights is chosen by; `prior` is the chance that a state starts with.
    pub fn new(sets: &[usize], prior: impl Fn(usize, usize) -> f32) -> Mixer {
        let start = |set: usize| if set == 0 { START } else { 0.0 };
        let weights = |set| Weights { keys: [start(set); PREDICTORS], others: [start(set); PREDICTORS], bias: 0.0, seen: 0 };
        let chance = |at: usize| (prior(at / (2 * STATES), at % STATES).clamp(LEAST, 1.0 - LEAST), 0);
        let odds = |step: usize| {
            let chance = (step as f32 + 0.5) / STEPS as f32;
            (chance / (1.0 - chance)).ln()
        };
        Mixer {
            chances: (0..PREDICTORS * 2 * STATES).map(chance).collect(),
            sets: sets.iter().enumerate().map(|(set, &contexts)| vec![weights(set); contexts]).collect(),
            odds: (0..STEPS).map(odds).collect(),
            inputs: Vec::new(),
            chosen: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// The chance of each row of `states`, in a context per set.
    pub fn mix(&mut self, states: &[[u16; PREDICTORS]], contexts: &[usize]) -> &[f32] {
        self.inputs.clear();
        let last = states.len() - 1;
        for (row, states) in states.iter().enumerate() {
            let mut inputs = [0.0; PREDICTORS];
            for (predictor, (input, &state)) in inputs.iter_mut().zip(states).enumerate() {
                if state != SILENT {
                    let place = place(predictor, state, row == last);
                    *input = self.odds[(self.chances[place].0 * STEPS as f32) as usize];
                }
            }
            self.inputs.push(inputs);
        }
        self.chosen.clear();
        self.chosen.extend_from_slice(contexts);
        let (mut keys, mut others, mut bias) = ([0.0; PREDICTORS], [0.0; PREDICTORS], 0.0);
        for (set, &context) in self.sets.iter().zip(contexts) {
            add(&mut keys, &set[context].keys, 1.0);
            add(&mut others, &set[context].others, 1.0);
            bias += set[context].bias;
        }
        let score = |row: usize, inputs: &[f32; PREDICTORS]| match row == last {
            true => dot(&others, inputs) + bias,
            false => dot(&keys, inputs),
        };
        self.shares.clear();
        self.shares.extend(self.inputs.iter().enumerate().map(|(row, inputs)| score(row, inputs)));
        let top = self.shares.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        self.shares.iter_mut().for_each(|share| *share = (*share - top).exp());
        let sum: f32 = self.shares.iter().sum();
        self.shares.iter_mut().for_each(|share| *share /= sum);
        &self.shares
    }

    /// Learns that row `came` of the `states` given to the last [`Mixer::mix`] came.
    pub fn learn(&mut self, states: &[[u16; PREDICTORS]], came: usize) {
        let last = states.len() - 1;
        let (mut keys, mut others, mut bias) = ([0.0; PREDICTORS], [0.0; PREDICTORS], 0.0);
        for (row, (inputs, &share)) in self.inputs.iter().zip(&self.shares).enumerate() {
            let error = f32::from(u8::from(row == came)) - share;
            match row == last {
                true => {
                    add(&mut others, inputs, error);
                    bias += error;
                }
                false => add(&mut keys, inputs, error),
            }
        }
        for (set, &context) in self.sets.iter_mut().zip(&self.chosen) {
            let weights = &mut set[context];
            weights.seen = weights.seen.saturating_add(1);
            let rate = (0.01 / (1.0 + weights.seen as f32 * 0.002)).max(RATE_MIN);
            add(&mut weights.keys, &keys, rate);
            add(&mut weights.others, &others, rate);
            weights.bias += rate * bias;
        }
        for (row, states) in states.iter().enumerate() {
            let target = f32::from(u8::from(row == came));
            for (predictor, &state) in states.iter().enumerate().filter(|(_, state)| **state != SILENT) {
                let (chance, seen) = &mut self.chances[place(predictor, state, row == last)];
                *chance = (*chance + (target - *chance) / (f32::from(*seen) + 1.6)).clamp(LEAST, 1.0 - LEAST);
                *seen = (*seen + 1).min(MEMORY);
            }
        }
    }
}

const RATE_MIN: f32 = 0.002;

fn place(predictor: usize, state: u16, others: bool) -> usize {
    (2 * predictor + usize::from(others)) * STATES + usize::from(state)
}

fn dot(a: &[f32; PREDICTORS], b: &[f32; PREDICTORS]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f32; PREDICTORS], what: &[f32; PREDICTORS], times: f32) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Predictor 0 is always right, predictor 1 always wrong; the weights find out.
    #[test]
    fn the_right_predictor_wins() {
        let mut mixer = Mixer::new(&[1], |_, _| 0.1);
        let mut right = [SILENT; PREDICTORS];
        (right[0], right[1]) = (1, 0);
        let mut wrong = [SILENT; PREDICTORS];
        (wrong[0], wrong[1]) = (0, 1);
        let mut other = [SILENT; PREDICTORS];
        (other[0], other[1]) = (0, 0);
        let states = [wrong, right, other];
        for _ in 0..200 {
            mixer.mix(&states, &[0]);
            mixer.learn(&states, 1);
        }
        let shares = mixer.mix(&states, &[0]);
        assert!(shares[1] > 0.95 && shares[0] < 0.03, "{shares:?}");
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
