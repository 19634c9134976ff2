//! Gradient boosting of quantiles over a handful of features: histograms, leaf-wise growth, missing values.
//!
//! Steps: features are cut into bins of about equal counts once. Each round takes the gradient of the pinball loss at what was
//! predicted so far, grows a tree by always splitting the leaf whose split gains most (missing values tried on both sides), and sets
//! each leaf to the quantile of the residuals that fell into it (leaf renewal), times the learning rate. No chance is involved.
//! Source: Friedman, "Greedy function approximation", 2001, section 4.3 (leaf renewal); Ke et al., "LightGBM", 2017 (histograms, leaf-wise).
//! Why our own: of the crates at hand none has the quantile loss, builds on stable Rust, and covers what it says.

mod grow;

use grow::{Grower, Tree};

/// How trees are grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoostSettings {
    /// Rounds.
    pub trees: usize,
    /// Leaves per tree.
    pub leaves: usize,
    /// Rows per leaf, at least.
    pub leaf_rows: usize,
    /// Bins per feature, at most 255.
    pub bins: usize,
    /// The share of a leaf's value that is taken.
    pub rate: f64,
}

impl Default for BoostSettings {
    fn default() -> Self {
        BoostSettings { trees: 40, leaves: 10, leaf_rows: 8, bins: 64, rate: 0.15 }
    }
}

/// A fitted quantile of a target given `F` features; NaN is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileTrees<const F: usize> {
    start: f64,
    trees: Vec<Tree>,
}

impl<const F: usize> QuantileTrees<F> {
    /// Fits the `level` quantile (0 to 1) of `targets` given `rows`, which are as many. Without rows it says 0.
    pub fn fit(rows: &[[f32; F]], targets: &[f64], level: f64, settings: &BoostSettings) -> QuantileTrees<F> {
        let start = quantile(&mut targets.to_vec(), level);
        let mut predicted = vec![start; rows.len()];
        let mut grower = Grower::new(rows, settings);
        let mut trees = Vec::with_capacity(settings.trees);
        for _ in 0..settings.trees {
            let gradient: Vec<f64> = targets
                .iter()
                .zip(&predicted)
                .map(|(target, predicted)| if target > predicted { level } else { level - 1.0 })
                .collect();
            let (mut tree, leaves) = grower.grow(&gradient);
            for (leaf, members) in &leaves {
                let mut residuals: Vec<f64> =
                    members.iter().map(|&row| targets[row as usize] - predicted[row as usize]).collect();
                let value = settings.rate * quantile(&mut residuals, level);
                tree.set(*leaf, value);
                members.iter().for_each(|&row| predicted[row as usize] += value);
            }
            // A tree that found nothing to split will find nothing in the next round either.
            let done = leaves.len() < 2;
            trees.push(tree);
            if done {
                break;
            }
        }
        QuantileTrees { start, trees }
    }

    /// The quantile at `row`.
    pub fn predict(&self, row: &[f32; F]) -> f64 {
        self.start + self.trees.iter().map(|tree| tree.value(row)).sum::<f64>()
    }
}

/// The value at `level` of `values`, which are reordered; 0 of none.
fn quantile(values: &mut [f64], level: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let place = ((values.len() as f64 * level).ceil() as usize).clamp(1, values.len()) - 1;
    *values.select_nth_unstable_by(place, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2,000 rows: the target is a step of the first feature plus noise in 0..1 that the second does not explain.
    fn data() -> (Vec<[f32; 2]>, Vec<f64>) {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32
        };
        (0..2_000)
            .map(|row| {
                let (a, b, noise) = (uniform(), uniform(), uniform());
                let missing = row % 10 == 0;
                let step = if missing {
                    20.0
                } else if a > 0.5 {
                    10.0
                } else {
                    0.0
                };
                ([if missing { f32::NAN } else { a }, b], f64::from(step + noise))
            })
            .unzip()
    }

    #[test]
    fn each_level_is_met_on_either_side_of_a_step_and_where_it_is_missing() {
        let (rows, targets) = data();
        let settings = BoostSettings { rate: 0.3, ..BoostSettings::default() };
        for level in [0.1, 0.5, 0.9] {
            let trees = QuantileTrees::fit(&rows, &targets, level, &settings);
            let below = rows.iter().zip(&targets).filter(|(row, target)| **target <= trees.predict(row)).count();
            assert!((below as f64 / 2_000.0 - level).abs() < 0.05, "level {level}: {below}");
            for (row, at) in [([0.2, 0.5], 0.0), ([0.8, 0.5], 10.0), ([f32::NAN, 0.5], 20.0)] {
                assert!((trees.predict(&row) - at - level).abs() < 0.25, "{row:?}: {}", trees.predict(&row));
            }
        }
    }

    #[test]
    fn the_same_rows_give_the_same_trees() {
        let (rows, targets) = data();
        let fit = || QuantileTrees::fit(&rows, &targets, 0.5, &BoostSettings::default());
        assert_eq!(fit(), fit());
    }

    #[test]
    fn constants_and_nothing_are_fitted() {
        let trees = QuantileTrees::fit(&[[1.0_f32]; 30], &[4.0; 30], 0.9, &BoostSettings::default());
        assert_eq!(trees.predict(&[7.0]), 4.0);
        assert_eq!(QuantileTrees::<1>::fit(&[], &[], 0.9, &BoostSettings::default()).predict(&[7.0]), 0.0);
    }
}
