//! A forecast is a distribution: quantiles of the peak over the coming window.

use crate::Span;

/// The probability levels at which every forecast states a quantile.
pub const LEVELS: [f32; 7] = [0.10, 0.50, 0.80, 0.90, 0.95, 0.99, 0.999];

/// A forecasting method that competes for each series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Member {
    /// The peaks of the last windows.
    Persistence = 0,
    /// The decaying histogram of the Kubernetes VPA.
    Histogram = 1,
    /// The same hour of earlier days and weeks, at today's level.
    Seasonal = 2,
    /// Linear regression on lags and time of day, updated at every step.
    Ridge = 3,
    /// GRU trained across series.
    Recurrent = 4,
    /// A blend of the above by rolling loss.
    Ensemble = 5,
}

impl Member {
    /// Every member, in the order of its discriminant.
    pub const ALL: [Member; 6] =
        [Member::Persistence, Member::Histogram, Member::Seasonal, Member::Ridge, Member::Recurrent, Member::Ensemble];
    /// The name used in reasons, API and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Member::Persistence => "persistence",
            Member::Histogram => "histogram",
            Member::Seasonal => "seasonal",
            Member::Ridge => "ridge",
            Member::Recurrent => "recurrent",
            Member::Ensemble => "ensemble",
        }
    }
}

/// The distribution of a metric's peak over the next window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// How far the window reaches from now.
    pub horizon: Span,
    /// Quantiles at [`LEVELS`], in the metric's base unit, not decreasing.
    pub quantiles: [f32; LEVELS.len()],
    /// Which member has the most weight.
    pub member: Member,
    /// Share of recent windows whose peak lay under the quantile that was used, 0 to 1; `None` while too few are known.
    pub coverage: Option<f32>,
}

impl Forecast {
    /// The quantile at `level`, interpolated between [`LEVELS`] and clamped to their ends.
    pub fn quantile(&self, level: f32) -> f32 {
        let upper = LEVELS.partition_point(|&known| known < level);
        match upper {
            0 => self.quantiles[0],
            n if n == LEVELS.len() => self.quantiles[LEVELS.len() - 1],
            n => {
                let (low, high) = (LEVELS[n - 1], LEVELS[n]);
                let share = (level - low) / (high - low);
                self.quantiles[n - 1] + share * (self.quantiles[n] - self.quantiles[n - 1])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_and_clamp() {
        let forecast = Forecast {
            horizon: Span::from_secs(600),
            quantiles: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            member: Member::Ridge,
            coverage: None,
        };
        assert_eq!(forecast.quantile(0.5), 2.0);
        assert_eq!(forecast.quantile(0.0), 1.0);
        assert_eq!(forecast.quantile(1.0), 7.0);
        assert!((forecast.quantile(0.85) - 3.5).abs() < 1e-5);
    }
}
