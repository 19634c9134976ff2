//! The pinball loss, the network's and the plain members' on the same windows.

use model::LEVELS;
use predict::recurrent::{QUANTILES, Weights};

use crate::baseline::{Plain, plain_forecasts};
use crate::history::{CHOOSE_SHARE, FIT_SHARE, History};
use crate::train::TrainOptions;

/// Mean pinball loss per level of [`LEVELS`], in logarithms of ratios to the level of the series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses(pub [f32; QUANTILES]);

impl Losses {
    /// The mean over the levels.
    pub fn mean(&self) -> f32 {
        self.0.iter().sum::<f32>() / QUANTILES as f32
    }
}

/// What the windows that nothing was fitted to or chosen by say of the network and of the plain members.
/// Each plain member has the empirical quantiles of its own errors before those windows added.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeldOut {
    /// Windows measured.
    pub windows: usize,
    /// Series measured.
    pub series: usize,
    /// The network.
    pub recurrent: Losses,
    /// The last window's peak.
    pub persistence: Losses,
    /// The peaks at the same time of the last seven days, each relative to the level of its day.
    pub seasonal: Losses,
    /// Series on which the network's mean loss is below that of both plain members.
    pub series_won: usize,
}

impl HeldOut {
    /// Whether the network's mean loss is below that of both plain members.
    pub fn wins(&self) -> bool {
        self.windows > 0 && self.recurrent.mean() < self.persistence.mean().min(self.seasonal.mean())
    }
}

/// The loss of forecasting `quantile` at `level` when `truth` came (Koenker and Bassett 1978).
pub fn pinball(level: f32, quantile: f32, truth: f32) -> f32 {
    let error = truth - quantile;
    if error >= 0.0 { level * error } else { (level - 1.0) * error }
}

/// Sums of losses over windows.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    windows: usize,
    sums: [f64; QUANTILES],
}

impl Sums {
    fn add(&mut self, quantiles: &[f32], truth: f32) {
        self.windows += 1;
        for ((sum, level), quantile) in self.sums.iter_mut().zip(LEVELS).zip(quantiles) {
            *sum += f64::from(pinball(level, *quantile, truth));
        }
    }

    fn join(&mut self, other: &Sums) {
        self.windows += other.windows;
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, more)| *sum += more);
    }

    fn losses(&self) -> Losses {
        Losses(self.sums.map(|sum| (sum / self.windows.max(1) as f64) as f32))
    }
}

/// The network's mean loss on the windows by which weights are chosen; `states` is shown every row of the fitted part.
pub fn choosing_loss(history: &History, weights: &Weights, mut states: impl FnMut(usize, usize, &[f32])) -> f32 {
    let parts: Vec<[usize; 2]> =
        history.series.iter().map(|samples| [FIT_SHARE, CHOOSE_SHARE].map(|share| samples.row_at(share))).collect();
    let mut sums = Sums::default();
    history.walk(weights, |series, row, state, quantiles| {
        let [fit, choose] = parts[series];
        let truth = history.series[series].rows[row].target;
        if row < fit {
            states(series, row, state);
        } else if row < choose && !truth.is_nan() {
            sums.add(quantiles, truth);
        }
    });
    sums.losses().mean()
}

/// Measures everything on the held-out windows.
pub fn held_out(history: &History, weights: &Weights, options: &TrainOptions) -> HeldOut {
    let firsts: Vec<usize> = history.series.iter().map(|samples| samples.row_at(CHOOSE_SHARE)).collect();
    let mut network = vec![Sums::default(); history.series.len()];
    history.walk(weights, |series, row, _, quantiles| {
        let truth = history.series[series].rows[row].target;
        if row >= firsts[series] && !truth.is_nan() {
            network[series].add(quantiles, truth);
        }
    });
    let mut result = HeldOut::default();
    let mut totals = [Sums::default(); 3];
    for (series, network) in network.iter().enumerate().filter(|(_, network)| network.windows > 0) {
        let samples = &history.series[series];
        let mut sums = [*network, Sums::default(), Sums::default()];
        for (plain, sums) in [Plain::Persistence, Plain::Seasonal].into_iter().zip(&mut sums[1..]) {
            plain_forecasts(plain, samples, firsts[series], options.window, |quantiles, truth| sums.add(quantiles, truth));
        }
        let [own, persistence, seasonal] = sums.map(|sums| sums.losses().mean());
        result.series += 1;
        result.series_won += usize::from(own < persistence.min(seasonal));
        totals.iter_mut().zip(&sums).for_each(|(total, sums)| total.join(sums));
    }
    let [recurrent, persistence, seasonal] = totals.map(|total| total.losses());
    HeldOut { windows: totals[0].windows, recurrent, persistence, seasonal, ..result }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinball_weighs_both_sides() {
        assert!((pinball(0.9, 1.0, 2.0) - 0.9).abs() < 1e-6);
        assert!((pinball(0.9, 2.0, 1.0) - 0.1).abs() < 1e-6);
        assert_eq!(pinball(0.5, 1.0, 1.0), 0.0);
    }
}
