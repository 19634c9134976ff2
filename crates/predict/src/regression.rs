//! Linear regression that is corrected at every step and forgets slowly.
//!
//! Recursive least squares with exponential forgetting (Haykin, Adaptive Filter Theory, chapter 10). Two guards keep it from
//! blowing up when the inputs stop varying: the trace of the inverse covariance is capped, and it starts afresh should its
//! diagonal ever turn negative through rounding. The start is a prior: weights, and how far to trust them.

/// Regression on `N` features; `T` must be `N * (N + 1) / 2`, the length of a packed symmetric matrix.
#[derive(Clone, Debug)]
pub struct RecursiveLeastSquares<const N: usize, const T: usize> {
    weights: [f32; N],
    /// Upper triangle of the inverse covariance, row by row.
    inverse: [f32; T],
}

/// The mean of the diagonal may grow to this.
const DIAGONAL_MAX: f32 = 100.0;

impl<const N: usize, const T: usize> RecursiveLeastSquares<N, T> {
    /// Starts from `weights`; `doubt` is the prior variance of each of them (1 moves at once, 0.01 slowly).
    pub fn new(weights: [f32; N], doubt: f32) -> Self {
        const { assert!(T == N * (N + 1) / 2, "T is the length of a packed symmetric N by N matrix") };
        let mut regression = RecursiveLeastSquares { weights, inverse: [0.0; T] };
        regression.restart(doubt);
        regression
    }

    /// What the features amount to.
    pub fn predict(&self, features: &[f32; N]) -> f32 {
        self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
    }

    /// Learns that `features` amounted to `truth`; what was learned `1 / (1 - keep)` steps ago counts a third.
    pub fn learn(&mut self, features: &[f32; N], truth: f32, keep: f32) {
        let error = truth - self.predict(features);
        let mut gain = [0.0f32; N];
        let mut at = 0;
        for row in 0..N {
            let beyond = row + 1;
            let entries = &self.inverse[at + 1..at + N - row];
            let along = both_ways(entries, &features[beyond..], features[row], &mut gain[beyond..]);
            gain[row] += self.inverse[at] * features[row] + along;
            at += N - row;
        }
        let spread: f32 = gain.iter().zip(features).map(|(gain, feature)| gain * feature).sum();
        let divisor = keep + spread;
        if !(divisor.is_finite() && error.is_finite()) || divisor <= 0.0 {
            self.restart(1.0);
            return;
        }
        for (weight, gain) in self.weights.iter_mut().zip(&gain) {
            *weight += gain / divisor * error;
        }
        self.shrink(&gain, divisor, keep);
    }

    fn shrink(&mut self, gain: &[f32; N], divisor: f32, keep: f32) {
        let mut at = 0;
        let mut trace = 0.0;
        let mut sound = true;
        for row in 0..N {
            let scaled = gain[row] / divisor;
            for (entry, gain) in self.inverse[at..].iter_mut().zip(&gain[row..]) {
                *entry = (*entry - scaled * gain) / keep;
            }
            sound &= self.inverse[at] > 0.0;
            trace += self.inverse[at];
            at += N - row;
        }
        if !sound {
            self.restart(1.0);
        } else if trace > DIAGONAL_MAX * N as f32 {
            let factor = DIAGONAL_MAX * N as f32 / trace;
            self.inverse.iter_mut().for_each(|entry| *entry *= factor);
        }
    }

    /// Keeps finite weights and forgets how sure they were.
    fn restart(&mut self, doubt: f32) {
        self.weights.iter_mut().filter(|weight| !weight.is_finite()).for_each(|weight| *weight = 0.0);
        self.inverse = [0.0; T];
        let mut at = 0;
        for row in 0..N {
            self.inverse[at] = doubt;
            at += N - row;
        }
    }
}

/// A row of a symmetric matrix: returns its product with `features`, and adds its entries times `feature` to `gain`. Four sums
/// side by side, since one alone would wait for each addition.
fn both_ways(entries: &[f32], features: &[f32], feature: f32, gain: &mut [f32]) -> f32 {
    let mut sums = [0.0f32; 4];
    let (fours, rest) = entries.as_chunks::<4>();
    let (feature_fours, feature_rest) = features.as_chunks::<4>();
    let (gain_fours, gain_rest) = gain.as_chunks_mut::<4>();
    for ((entries, features), gain) in fours.iter().zip(feature_fours).zip(gain_fours) {
        for lane in 0..4 {
            sums[lane] += entries[lane] * features[lane];
            gain[lane] += entries[lane] * feature;
        }
    }
    for ((entry, other), gain) in rest.iter().zip(feature_rest).zip(gain_rest) {
        sums[0] += entry * other;
        *gain += entry * feature;
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_line() {
        let mut regression = RecursiveLeastSquares::<2, 3>::new([0.0; 2], 1.0);
        for step in 0..400 {
            let x = (step % 17) as f32 / 17.0;
            regression.learn(&[1.0, x], 0.5 + 2.0 * x, 0.999);
        }
        assert!((regression.predict(&[1.0, 0.5]) - 1.5).abs() < 1e-2);
    }

    proptest! {
        #[test]
        fn stays_finite(rows in prop::collection::vec((prop::array::uniform3(-1e3f32..1e3), -1e3f32..1e3), 1..300)) {
            let mut regression = RecursiveLeastSquares::<3, 6>::new([0.0; 3], 1.0);
            for (features, truth) in rows {
                regression.learn(&features, truth, 0.99);
                prop_assert!(regression.predict(&features).is_finite());
            }
        }
    }
}
