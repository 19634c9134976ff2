//! AdamW on one flat list of parameters, with the gradient's length limited and a falling step.
//! Source: Kingma and Ba 2015, algorithm 1; decoupled decay of Loshchilov and Hutter 2019 and their cosine fall (2017);
//! gradient limit of Pascanu et al. 2013.

const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// Longer gradients are shortened to this.
const LENGTH_MAX: f32 = 1.0;
/// Parameters shrink by this share of the step size.
const DECAY: f32 = 0.1;
/// The last step as a share of the first.
const LAST_SHARE: f32 = 0.05;

/// The optimiser's memory.
#[derive(Clone, Debug)]
pub struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
    rate: f32,
}

impl Adam {
    /// For `count` parameters, beginning with steps of about `rate` per parameter.
    pub fn new(count: usize, rate: f32) -> Self {
        Adam { first: vec![0.0; count], second: vec![0.0; count], steps: 0, rate }
    }

    /// Moves `parameters` against `gradient`; `done` is the share of the whole training that is over, 0 to 1.
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32], done: f32) {
        let length = gradient.iter().map(|part| part * part).sum::<f32>().sqrt();
        if !length.is_finite() {
            // One overflowing batch must not spoil the weights: it is passed over.
            return;
        }
        let shorten = if length > LENGTH_MAX { LENGTH_MAX / length } else { 1.0 };
        self.steps += 1;
        let fall = LAST_SHARE + (1.0 - LAST_SHARE) * 0.5 * (1.0 + (std::f32::consts::PI * done.clamp(0.0, 1.0)).cos());
        let rate = self.rate * fall / (1.0 - FIRST_DECAY.powi(self.steps));
        let unbias = 1.0 / (1.0 - SECOND_DECAY.powi(self.steps));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (first, second)) in parameters.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient * shorten;
            *first += (1.0 - FIRST_DECAY) * (gradient - *first);
            *second += (1.0 - SECOND_DECAY) * (gradient * gradient - *second);
            *parameter -= self.rate * fall * DECAY * *parameter;
            *parameter -= rate * *first / ((*second * unbias).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_a_bowl() {
        let (mut place, mut adam) = ([5.0f32, -3.0], Adam::new(2, 0.05));
        for step in 0..1_000 {
            let slope = [place[0] - 1.0, 10.0 * (place[1] - 2.0)];
            adam.step(&mut place, &slope, step as f32 / 1_000.0);
        }
        assert!((place[0] - 1.0).abs() < 1e-2 && (place[1] - 2.0).abs() < 1e-2, "{place:?}");
    }

    #[test]
    fn a_broken_gradient_changes_nothing() {
        let (mut place, mut adam) = ([1.0f32], Adam::new(1, 0.1));
        adam.step(&mut place, &[f32::NAN], 0.0);
        assert_eq!(place, [1.0]);
    }
}
