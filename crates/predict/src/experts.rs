//! The forecasters that compete for a series, and the features they see.

use model::Member;

/// A forecaster. Each says a centre and a scale for the coming window; its own residuals turn them into quantiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Expert {
    /// The highest of the last three peaks.
    Recent = 0,
    /// The 70th percentile of the VPA's decaying histogram.
    Histogram = 1,
    /// The highest peak so far, halved every thirty days.
    Peak = 2,
    /// Yesterday's peak of the same slot, or that of one cycle ago, moved to today's level.
    Seasonal = 3,
    /// Regression of the window's mean on lags, in the series' own unit.
    RidgeMean = 4,
    /// Regression of the window's peak on lags, in logarithms.
    RidgePeak = 5,
    /// The GRU that all series share.
    Recurrent = 6,
}

/// How many there are.
pub const EXPERTS: usize = 7;

impl Expert {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Expert; EXPERTS] = [
        Expert::Recent,
        Expert::Histogram,
        Expert::Peak,
        Expert::Seasonal,
        Expert::RidgeMean,
        Expert::RidgePeak,
        Expert::Recurrent,
    ];

    /// The member under whose name its share is reported.
    pub const fn member(self) -> Member {
        match self {
            Expert::Recent | Expert::Peak => Member::Persistence,
            Expert::Histogram => Member::Histogram,
            Expert::Seasonal => Member::Seasonal,
            Expert::RidgeMean | Expert::RidgePeak => Member::Ridge,
            Expert::Recurrent => Member::Recurrent,
        }
    }
}

/// Features of [`Expert::RidgeMean`].
pub const MEAN_FEATURES: usize = 11;
/// Features of [`Expert::RidgePeak`].
pub const PEAK_FEATURES: usize = 13;
/// Features of the two regressions of scale.
pub const SPREAD_FEATURES: usize = 5;

/// Where [`Expert::RidgeMean`] starts: halfway between the last value and the last mean.
pub const MEAN_PRIOR: [f32; MEAN_FEATURES] = [0.439, 0.117, 0.129, 0.031, 0.607, -0.428, 0.060, 0.008, 0.060, -0.082, 0.070];
/// Where the scale of [`Expert::RidgeMean`] starts: at the usual deviation and the last one.
pub const MEAN_SPREAD_PRIOR: [f32; SPREAD_FEATURES] = [0.518, 0.163, 0.212, 0.035, 0.114];
/// Where [`Expert::RidgePeak`] starts: least squares over the development traces (`cargo xtask bench priors` refits it).
pub const PEAK_PRIOR: [f32; PEAK_FEATURES] =
    [0.012, 0.083, -0.000, 0.185, 0.108, 0.097, 0.371, -0.282, 0.164, -0.034, 0.039, 0.376, -0.173];
/// Where the scale of [`Expert::RidgePeak`] starts: likewise.
pub const PEAK_SPREAD_PRIOR: [f32; SPREAD_FEATURES] = [0.305, 0.182, 0.269, -0.006, 0.305];

/// Slowly moving summaries of a series, in the metric's base unit or as logarithms of ratios to the level.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trail {
    /// Slow mean of window means: the unit in which everything else is seen.
    pub level: f32,
    /// The newest value.
    pub last: f32,
    /// Means of the last two windows, newest first.
    pub means: [f32; 2],
    /// Peaks of the last three windows, newest first.
    pub peaks: [f32; 3],
    /// Means averaged over about 3 and 20 windows.
    pub mean_fast: f32,
    /// See `mean_fast`.
    pub mean_slow: f32,
    /// Peaks averaged over about 3 and 20 windows.
    pub peak_fast: f32,
    /// See `peak_fast`.
    pub peak_slow: f32,
    /// Mean distance of values from [`Expert::RidgeMean`]'s centre: usual, and of the last window.
    pub deviation: [f32; 2],
    /// Distance of the logarithm of the peak from [`Expert::RidgePeak`]'s centre: usual, and of the last window.
    pub log_deviation: [f32; 2],
    /// The highest peak so far, decayed.
    pub crest: f32,
}

impl Trail {
    /// Takes in a finished window; `windows` is how many came before it.
    pub fn advance(&mut self, windows: u32, last: f32, mean: f32, peak: f32, crest_keep: f32) {
        if windows == 0 {
            *self = Trail {
                level: mean,
                means: [mean; 2],
                peaks: [peak; 3],
                mean_fast: mean,
                mean_slow: mean,
                peak_fast: peak,
                peak_slow: peak,
                log_deviation: [0.3; 2],
                ..*self
            };
        }
        self.last = last;
        self.level += (1.0 / (windows + 1) as f32).max(0.01) * (mean - self.level);
        self.means = [mean, self.means[0]];
        self.peaks = [peak, self.peaks[0], self.peaks[1]];
        self.mean_fast += 0.3 * (mean - self.mean_fast);
        self.mean_slow += 0.05 * (mean - self.mean_slow);
        self.peak_fast += 0.3 * (peak - self.peak_fast);
        self.peak_slow += 0.05 * (peak - self.peak_slow);
        self.crest = (self.crest * crest_keep).max(peak);
    }

    /// Takes in how far off the two regressions were.
    pub fn learn_deviation(&mut self, windows: u32, absolute: f32, logarithmic: f32) {
        let share = if windows < 20 { 1.0 / windows.max(1) as f32 } else { 0.05 };
        self.deviation = [self.deviation[0] + share * (absolute - self.deviation[0]), absolute];
        self.log_deviation = [self.log_deviation[0] + share * (logarithmic - self.log_deviation[0]), logarithmic];
    }
}

/// The logarithmic view of a series: ratios to its level, softened so that zero is a number.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogView {
    softening: f32,
    level: f32,
}

/// The view's softening as a share of the level.
const SOFTENING: f32 = 0.02;
/// Logarithms are kept within this.
const LOG_MAX: f32 = 12.0;

impl LogView {
    /// The view at `level`; `grain` is the smallest amount that matters.
    pub fn at(level: f32, grain: f32) -> Self {
        let softening = SOFTENING * level + 1e-3 * grain + f32::MIN_POSITIVE;
        LogView { softening, level: level + softening }
    }
    /// The logarithm of an amount.
    pub fn of(&self, amount: f32) -> f32 {
        ((amount + self.softening) / self.level).ln()
    }
    /// The amount of a logarithm; never below 0.
    pub fn amount(&self, logarithm: f32) -> f32 {
        (logarithm.min(LOG_MAX).exp() * self.level - self.softening).max(0.0)
    }
}
