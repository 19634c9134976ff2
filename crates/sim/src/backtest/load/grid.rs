//! How a series is cut into windows, and where scoring starts.

use std::ops::Range;

use model::Span;

use crate::trace::UsageSeries;

const DAY: Span = Span::from_secs(86_400);

/// The windows of a series. Window `w` holds the steps `w * window` to `(w + 1) * window`; the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Steps per window, at least 1.
    pub window: usize,
    /// Steps of the series.
    pub steps: usize,
    /// Windows of the series.
    pub windows: usize,
    /// The first of them, in which policies only learn.
    pub cold_windows: usize,
    /// The length of a step.
    pub step: Span,
}

impl Grid {
    /// The cut of `series` into windows of about `window`. The cold start is one day, or a quarter of the series where
    /// that is shorter, rounded up to whole windows.
    pub fn of(series: &UsageSeries, window: Span) -> Grid {
        let steps = series.values.len();
        let (window_ns, step_ns) = (window.as_nanos(), series.step.as_nanos().max(1));
        let window = usize::try_from((window_ns + step_ns / 2) / step_ns).unwrap_or(usize::MAX).clamp(1, steps.max(1));
        let day_steps = usize::try_from(DAY.as_nanos().div_ceil(step_ns)).unwrap_or(usize::MAX);
        let cold_steps = day_steps.min(steps.div_ceil(4));
        Grid { window, steps, windows: steps.div_ceil(window), cold_windows: cold_steps.div_ceil(window), step: series.step }
    }

    /// The steps of window `index`.
    pub fn steps_of(&self, index: usize) -> Range<usize> {
        (index * self.window).min(self.steps)..((index + 1) * self.window).min(self.steps)
    }

    /// How long a full window lasts.
    pub fn window_span(&self) -> Span {
        self.step.times(self.window as u64)
    }

    /// How many days `windows` windows last.
    pub fn days(&self, windows: usize) -> f64 {
        self.window_span().as_secs_f64() * windows as f64 / DAY.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Unit;

    fn grid(steps: usize, step_secs: u64) -> Grid {
        let series = UsageSeries {
            series: "s".to_owned(),
            metric: "cpu".to_owned(),
            unit: Unit::Cores,
            capacity: None,
            start: None,
            step: Span::from_secs(step_secs),
            values: vec![0.0; steps],
        };
        Grid::of(&series, Span::from_secs(600))
    }

    #[test]
    fn cold_start_is_a_day_or_a_quarter() {
        for (steps, step_secs, window, windows, cold_windows) in [
            (14_400, 60, 10, 1_440, 144), // ten days: one day is cold
            (1_440, 60, 10, 144, 36),     // one day: a quarter
            (288, 300, 2, 144, 36),
            (288, 1_800, 1, 288, 48), // a step longer than the window
            (1_005, 60, 10, 101, 26), // rounded up to whole windows
            (3, 60, 3, 1, 1),
        ] {
            let grid = grid(steps, step_secs);
            assert_eq!((grid.window, grid.windows, grid.cold_windows), (window, windows, cold_windows), "{steps}");
        }
        assert_eq!(grid(1_005, 60).steps_of(100), 1_000..1_005);
    }
}
