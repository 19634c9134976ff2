//! Many chances made one: logistic mixing, trained online by every outcome.
//!
//! Each chance enters as its log odds; several weight vectors, each chosen by a small context, make a chance each, and a last
//! vector mixes those (M. Mahoney, Adaptive Weighing of Context Models for Lossless Data Compression, 2005; C. Mattern,
//! Mixing Strategies in Data Compression, DCC 2012). The weights are shared by all units, so that a new unit starts well.

/// The log odds of a chance, bounded.
pub(super) fn stretch(chance: f32) -> f32 {
    let chance = chance.clamp(LEAST, 1.0 - LEAST);
    (chance / (1.0 - chance)).ln()
}

/// The chance of log odds.
pub(super) fn squash(odds: f32) -> f32 {
    1.0 / (1.0 + (-odds).exp())
}

/// No chance is taken to be below this, nor above one minus it.
const LEAST: f32 = 1e-6;

/// One weight vector per value of a context.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    weights: Vec<f32>,
    /// Outcomes that each vector has seen.
    seen: Vec<u32>,
    inputs: usize,
}

impl Layer {
    /// All vectors start with `weight` everywhere.
    pub fn new(inputs: usize, contexts: usize, weight: f32) -> Layer {
        Layer { weights: vec![weight; inputs * contexts], seen: vec![0; contexts], inputs }
    }

    /// The mix of `inputs` in `context`, as log odds.
    pub fn mix(&self, inputs: &[f32], context: usize) -> f32 {
        let weights = &self.weights[context * self.inputs..][..self.inputs];
        let sum: f32 = weights.iter().zip(inputs).map(|(weight, input)| weight * input).sum();
        sum.clamp(-14.0, 14.0)
    }

    /// Moves the weights of `context` so that `inputs` come closer to `happened`; fast at first, then at rate `floor`.
    pub fn learn(&mut self, inputs: &[f32], context: usize, happened: f32, floor: f32) {
        let error = happened - squash(self.mix(inputs, context));
        let seen = &mut self.seen[context];
        *seen = seen.saturating_add(1);
        let rate = (0.02 / (1.0 + *seen as f32 * 0.01)).max(floor);
        let weights = &mut self.weights[context * self.inputs..][..self.inputs];
        weights.iter_mut().zip(inputs).for_each(|(weight, input)| *weight += rate * error * input);
    }
}

/// Maps a chance to what it turned out to be, in a context: 33 points over the log odds, with lines between them.
#[derive(Clone, Debug)]
pub(super) struct Correction {
    points: Vec<f32>,
}

/// Points per context.
const POINTS: usize = 33;
/// The log odds of the outermost points.
const REACH: f32 = 12.0;

impl Correction {
    pub fn new(contexts: usize) -> Correction {
        let identity = (0..POINTS).map(|point| squash((point as f32 / (POINTS - 1) as f32 * 2.0 - 1.0) * REACH));
        let identity: Vec<f32> = identity.collect();
        Correction { points: identity.repeat(contexts) }
    }

    fn place(odds: f32) -> (usize, f32) {
        let at = (odds.clamp(-REACH, REACH) / REACH + 1.0) / 2.0 * (POINTS - 1) as f32;
        let low = (at as usize).min(POINTS - 2);
        (low, at - low as f32)
    }

    /// The corrected chance of `odds`.
    pub fn chance(&self, odds: f32, context: usize) -> f32 {
        let (low, share) = Correction::place(odds);
        let points = &self.points[context * POINTS + low..][..2];
        points[0] * (1.0 - share) + points[1] * share
    }

    /// Draws the two points around `odds` towards the outcome.
    pub fn learn(&mut self, odds: f32, context: usize, happened: f32, rate: f32) {
        let (low, share) = Correction::place(odds);
        let points = &mut self.points[context * POINTS + low..][..2];
        points[0] += rate * (1.0 - share) * (happened - points[0]);
        points[1] += rate * share * (happened - points[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_learns_which_input_to_trust() {
        let mut layer = Layer::new(2, 1, 0.5);
        for step in 0..20_000u32 {
            let truth = step % 3 == 0;
            let inputs = [stretch(if truth { 0.9 } else { 0.1 }), stretch(if step % 2 == 0 { 0.9 } else { 0.1 })];
            layer.learn(&inputs, 0, f32::from(u8::from(truth)), 0.002);
        }
        let (yes, no) = (stretch(0.9), stretch(0.1));
        assert!(squash(layer.mix(&[yes, no], 0)) > 0.95);
        assert!(squash(layer.mix(&[no, yes], 0)) < 0.05);
    }

    #[test]
    fn a_correction_starts_as_it_is_and_finds_the_truth() {
        let mut correction = Correction::new(1);
        assert!((correction.chance(stretch(0.3), 0) - 0.3).abs() < 0.01);
        for step in 0..10_000 {
            correction.learn(stretch(0.3), 0, if step % 10 == 0 { 1.0 } else { 0.0 }, 0.01);
        }
        assert!((correction.chance(stretch(0.3), 0) - 0.1).abs() < 0.04);
    }
}
