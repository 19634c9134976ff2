//! The plain members that the network must beat, in the same scale-free terms and with quantiles of their own past errors.

use model::{LEVELS, Span};
use predict::recurrent::QUANTILES;

use crate::sequence::Samples;

/// Days that the seasonal member looks back.
const DAYS: usize = 7;

/// A plain way to forecast the next peak.
#[derive(Clone, Copy, Debug)]
pub enum Plain {
    /// As the last window's.
    Persistence,
    /// As at the same time on earlier days, relative to the level; as the last window's where there are none.
    Seasonal,
}

/// Forecasts every row of `samples` from `first` on whose target is known, with the errors of the rows before it.
pub fn plain_forecasts(plain: Plain, samples: &Samples, first: usize, window: Span, mut visit: impl FnMut(&[f32], f32)) {
    let points = points(plain, samples, window);
    let mut errors: Vec<f32> = samples.rows.iter().zip(&points).take(first).map(|(row, point)| row.target - point).collect();
    errors.retain(|error| !error.is_nan());
    errors.sort_by(f32::total_cmp);
    let offsets = LEVELS.map(|level| quantile(&errors, level));
    for (row, point) in samples.rows.iter().zip(&points).skip(first).filter(|(row, _)| !row.target.is_nan()) {
        let quantiles: [f32; QUANTILES] = offsets.map(|offset| point + offset);
        visit(&quantiles, row.target);
    }
}

/// The point forecast for each row's next window, as a logarithm of the ratio to the level.
fn points(plain: Plain, samples: &Samples, window: Span) -> Vec<f32> {
    let day = (86_400.0 / window.as_secs_f64().max(1e-3)).round() as usize;
    let last = |row: usize| samples.rows[row].features[0];
    if matches!(plain, Plain::Persistence) || day == 0 {
        return (0..samples.rows.len()).map(last).collect();
    }
    let mut ratios = vec![f32::NAN; samples.length];
    samples.rows.iter().for_each(|row| ratios[row.at as usize] = row.features[0]);
    let seasonal = |row: usize| {
        let next = samples.rows[row].at as usize + 1;
        let days =
            (1..=DAYS).filter_map(|back| next.checked_sub(back * day)).map(|at| ratios[at]).filter(|ratio| !ratio.is_nan());
        let (count, sum) = days.fold((0, 0.0), |(count, sum), ratio| (count + 1, sum + ratio));
        if count == 0 { last(row) } else { sum / count as f32 }
    };
    (0..samples.rows.len()).map(seasonal).collect()
}

/// The empirical quantile of sorted numbers, between neighbours; 0 of none.
fn quantile(sorted: &[f32], level: f32) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = level * last as f32;
    let low = place as usize;
    let high = (low + 1).min(last);
    sorted[low] + (place - low as f32) * (sorted[high] - sorted[low])
}

#[cfg(test)]
mod tests {
    use predict::recurrent::{Pace, WindowUse};

    use super::*;
    use crate::sequence::Sequence;

    #[test]
    fn the_seasonal_member_knows_a_daily_pattern() {
        let peak = |at: usize| 10.0 + 5.0 * (at * 7 % 24) as f32;
        let windows = (0..24 * 10).map(|at| Some(WindowUse { peak: peak(at), mean: peak(at), expected: None })).collect();
        let sequence = Sequence { windows, start: None, pace: Pace { memory_windows: 240.0, grain: 0.01 } };
        let window = Span::from_secs(3_600);
        let samples = sequence.samples(window, 0);
        let mut miss = [0.0f32; 2];
        for (plain, miss) in [Plain::Persistence, Plain::Seasonal].into_iter().zip(&mut miss) {
            plain_forecasts(plain, &samples, 24 * 8, window, |quantiles, truth| *miss += (quantiles[1] - truth).abs());
        }
        assert!(miss[1] < 0.5 * miss[0], "persistence {} seasonal {}", miss[0], miss[1]);
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.75), 2.5);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
