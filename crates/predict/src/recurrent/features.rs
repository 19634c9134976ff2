//! What the network sees of a series: logarithms of ratios to the series' own slow level, so that units and sizes vanish.
//! Training and inference build their inputs here and nowhere else.

use std::f64::consts::TAU;

use model::{LEVELS, WallTime};

use super::QUANTILES;
use super::activation::{exp, ln};

/// Input features per series and window.
pub const FEATURES: usize = 11;
/// Added to both sides of a ratio, as a share of the level: what lies far below the level does not matter.
const FLOOR_SHARE: f32 = 0.05;
/// Logarithms of ratios are kept within this: a factor of about 400 either way.
const RATIO_MAX: f32 = 6.0;

/// What a series did in the window that has just ended, in the metric's base unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowUse {
    /// The highest value.
    pub peak: f32,
    /// The mean value.
    pub mean: f32,
    /// The peak that a plainer member, such as the seasonal one, expects of the coming window, if it says any.
    pub expected: Option<f32>,
}

/// Where the coming window lies in the day and the week, as points on two circles; zeros when the time is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calendar([f32; 4]);

impl Calendar {
    /// The place of `time`, in UTC; one for all series of a step.
    pub fn at(time: Option<WallTime>) -> Self {
        let Some(time) = time else { return Calendar::default() };
        let secs = time.unix_secs();
        // 1970-01-01 was a Thursday; the week here starts on that day, which only turns the circle.
        let [day, week] = [86_400, 604_800].map(|period| secs.rem_euclid(period) as f64 / period as f64 * TAU);
        Calendar([day.sin() as f32, day.cos() as f32, week.sin() as f32, week.cos() as f32])
    }
}

/// What is fixed for the series of one metric: how slowly the level follows, and what counts as nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Windows over which the level averages: a day's worth, for instance 144 at ten minutes. At least 1.
    pub memory_windows: f32,
    /// The smallest amount that matters, in the base unit ([`model::Metric::grain`]); above 0.
    pub grain: f32,
}

/// The streaming view of one series: 16 bytes, beside the network's state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Normaliser {
    /// Slow mean of the peaks, in the base unit.
    level: f32,
    /// Slow mean of the distance of the peaks from the level, as a logarithm.
    scale: f32,
    /// Slowly falling maximum of the peaks above the level, as a logarithm.
    crest: f32,
    /// Windows seen, up to the memory.
    windows: f32,
}

impl Normaliser {
    /// Takes in a finished window and writes the network's input for it. `calendar` is that of the coming window.
    /// The features are finite whatever is passed; values below 0 and not-a-number count as 0.
    pub fn observe(&mut self, pace: &Pace, window: &WindowUse, calendar: &Calendar, features: &mut [f32; FEATURES]) {
        let peak = sane(window.peak);
        self.windows = (self.windows + 1.0).min(pace.memory_windows.max(1.0));
        let share = 1.0 / self.windows;
        self.level += share * (peak - self.level);
        let ratio = self.ratio(pace, peak);
        self.scale += share * (ratio.abs() - self.scale);
        self.crest = ratio.max(self.crest - share * self.crest);
        let [day_sin, day_cos, week_sin, week_cos] = calendar.0;
        *features = [
            ratio,
            self.ratio(pace, sane(window.mean)),
            self.scale,
            self.crest,
            day_sin,
            day_cos,
            week_sin,
            week_cos,
            ln(1.0 + self.windows) * 0.2,
            window.expected.map_or(0.0, |expected| self.ratio(pace, sane(expected))),
            f32::from(u8::from(window.expected.is_some())),
        ];
    }

    /// The logarithm of `amount` over the level, as the network's outputs state it; within -6 to 6.
    pub fn ratio(&self, pace: &Pace, amount: f32) -> f32 {
        let floor = self.floor(pace);
        ln((sane(amount) + floor) / (self.level + floor)).clamp(-RATIO_MAX, RATIO_MAX)
    }

    /// The amount in the base unit that [`Normaliser::ratio`] turns into `ratio`; never below 0.
    pub fn amount(&self, pace: &Pace, ratio: f32) -> f32 {
        let floor = self.floor(pace);
        ((self.level + floor) * exp(ratio.clamp(-RATIO_MAX, RATIO_MAX)) - floor).max(0.0)
    }

    /// The network's output as quantiles at [`LEVELS`] in the base unit.
    pub fn quantiles(&self, pace: &Pace, output: &[f32; QUANTILES]) -> [f32; LEVELS.len()] {
        output.map(|ratio| self.amount(pace, ratio))
    }

    fn floor(&self, pace: &Pace) -> f32 {
        FLOOR_SHARE * self.level + pace.grain.max(f32::MIN_POSITIVE)
    }
}

/// Amounts are between 0 and a number whose sums and quotients stay finite.
fn sane(amount: f32) -> f32 {
    if amount > 0.0 { amount.min(1e30) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACE: Pace = Pace { memory_windows: 144.0, grain: 0.01 };

    fn seen(amounts: &[f32]) -> (Normaliser, [f32; FEATURES]) {
        let (mut normaliser, mut features) = (Normaliser::default(), [0.0; FEATURES]);
        for &peak in amounts {
            let window = WindowUse { peak, mean: peak / 2.0, expected: Some(peak * 2.0) };
            normaliser.observe(&PACE, &window, &Calendar::default(), &mut features);
        }
        (normaliser, features)
    }

    #[test]
    fn a_series_and_its_multiple_look_the_same() {
        let amounts: Vec<f32> = (0..200).map(|step| 50.0 + (step % 12) as f32).collect();
        let larger: Vec<f32> = amounts.iter().map(|amount| amount * 1_024.0).collect();
        for (one, other) in seen(&amounts).1.iter().zip(seen(&larger).1) {
            assert!((one - other).abs() < 2e-3, "{one} against {other}");
        }
    }

    #[test]
    fn features_say_where_the_window_stands() {
        let (normaliser, features) = seen(&[10.0; 300]);
        assert!((normaliser.level - 10.0).abs() < 1e-4);
        assert!(features[0].abs() < 1e-5 && features[1] < -0.5 && features[9] > 0.5);
        assert_eq!(features[10], 1.0);
        assert_eq!(Calendar::at(Some(WallTime::from_unix_secs(0))).0[..2], [0.0, 1.0]);
        assert_eq!(Calendar::at(None), Calendar::default());
    }

    proptest! {
        #[test]
        fn features_are_finite_for_any_numbers(amounts in prop::collection::vec(prop::num::f32::ANY, 1..40)) {
            let (normaliser, features) = seen(&amounts);
            prop_assert!(features.iter().all(|feature| feature.is_finite()));
            prop_assert!(normaliser.quantiles(&PACE, &[f32::MAX; QUANTILES]).iter().all(|amount| amount.is_finite()));
        }

        #[test]
        fn amounts_return_from_their_ratio(level in 0.1f32..1e9, factor in 0.01f32..300.0) {
            let (normaliser, _) = seen(&[level]);
            let amount = level * factor;
            let back = normaliser.amount(&PACE, normaliser.ratio(&PACE, amount));
            prop_assert!((back - amount).abs() <= 1e-4 * (amount + level), "{amount} came back as {back}");
        }
    }
}
