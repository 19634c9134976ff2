//! Rates learned by counting, and many rates made one.
//!
//! The mixer is that of the arrival model with the rate of a point process in place of the chance of a step: log rates enter, a
//! weighted sum leaves, and each outcome moves the weights up the likelihood `came * ln(rate) - rate * hours` of a piecewise
//! constant intensity. So cells of any length can be mixed and learned from together.

/// Events over hours of exposure, forgetting slowly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    events: f32,
    hours: f32,
}

/// A rate that has seen so many hours is halved, so that further hours still count in single precision.
const HOURS_MAX: f32 = 200_000.0;

impl Rate {
    pub const NEW: Rate = Rate { events: 0.0, hours: 0.0 };

    /// Learns that `hours` went by until somebody came, or until nobody had; what lies about `memory` events back fades.
    pub fn learn(&mut self, came: bool, hours: f32, memory: f32) {
        if came {
            let keep = 1.0 - 1.0 / memory;
            self.events = self.events * keep + 1.0;
            self.hours *= keep;
        }
        self.hours += hours;
        if self.hours > HOURS_MAX {
            self.events /= 2.0;
            self.hours /= 2.0;
        }
    }

    /// Events per hour, drawn towards `prior` as if that had been seen for `strength` events (the mean of a Gamma posterior).
    pub fn per_hour(&self, prior: f32, strength: f32) -> f32 {
        (self.events + strength) / (self.hours + strength / prior)
    }
}

/// Log rates are mixed within this distance from their base.
const REACH: f32 = 6.0;
/// The first step of every weight.
const PACE: f32 = 0.015;

/// Weight vectors chosen by small contexts; those that speak are added up.
#[derive(Clone, Debug)]
pub(super) struct Mixer {
    inputs: usize,
    weights: Vec<f32>,
    /// Sums of squared gradients (Duchi et al., Adaptive Subgradient Methods, JMLR 2011).
    squares: Vec<f32>,
}

impl Mixer {
    /// `contexts` weight vectors over `inputs` inputs; the first `opening` vectors start with `weight`, the others with 0.
    pub fn new(inputs: usize, contexts: usize, opening: usize, weight: f32) -> Mixer {
        let mut weights = vec![0.0; inputs * contexts];
        weights[..inputs * opening].fill(weight);
        Mixer { inputs, weights, squares: vec![1.0; inputs * contexts] }
    }

    /// The weighted sum of `inputs` over the vectors of `contexts`.
    pub fn mix(&self, inputs: &[f32], contexts: &[usize]) -> f32 {
        let one = |&context: &usize| -> f32 {
            let weights = &self.weights[context * self.inputs..][..self.inputs];
            weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum()
        };
        contexts.iter().map(one).sum::<f32>().clamp(-REACH, REACH)
    }

    /// Moves the weights by `error`, the outcome minus what was expected.
    pub fn learn(&mut self, inputs: &[f32], contexts: &[usize], error: f32) {
        for &context in contexts {
            let places = context * self.inputs..(context + 1) * self.inputs;
            let weights = self.weights[places.clone()].iter_mut().zip(&mut self.squares[places]);
            for ((weight, square), input) in weights.zip(inputs) {
                let step = error * input;
                *square += step * step;
                *weight += PACE * step / square.sqrt();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_shrink_to_their_prior() {
        let mut rate = Rate::NEW;
        assert_eq!(rate.per_hour(0.5, 2.0), 0.5);
        rate.learn(false, 3.0, 100.0);
        rate.learn(true, 1.0, 1e9);
        // One event in four hours, two at one in two hours beside it: three in eight.
        assert!((rate.per_hour(0.5, 2.0) - 3.0 / 8.0).abs() < 1e-6);
    }

    #[test]
    fn a_mixer_learns_which_rate_to_trust() {
        let mut mixer = Mixer::new(2, 1, 1, 0.5);
        for step in 0..40_000u32 {
            // Three an hour or a third; the first input knows which, the second says what it likes.
            let truth = if step % 2 == 0 { 1.0 } else { -1.0_f32 };
            let inputs = [truth, if step % 3 == 0 { 1.0 } else { -1.0 }];
            let came = step.wrapping_mul(2_654_435_761) >> 16 & 0xff < if truth > 0.0 { 77 } else { 9 };
            let expected = mixer.mix(&inputs, &[0]).exp() * 0.1;
            mixer.learn(&inputs, &[0], f32::from(u8::from(came)) - expected);
        }
        let high = mixer.mix(&[1.0, -1.0], &[0]);
        let low = mixer.mix(&[-1.0, -1.0], &[0]);
        assert!((0.7..1.4).contains(&high) && (-1.4..-0.7).contains(&low), "{high} {low}");
    }
}
