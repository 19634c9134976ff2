//! Violations, slack, changes and lead time of one allocation on one series.

use std::ops::Range;

use model::Span;

use super::{CURVE, Grid, Skip, WINDOWS_MIN};
use crate::trace::UsageSeries;

/// An allocation changes when it moves by more than this share of what it was.
const CHANGE_SHARE: f64 = 0.10;
/// A window is a rise when its peak lies this share above the peak of the window before.
const RISE_SHARE: f32 = 0.10;
/// Lead times are counted up to here: an allocation that is always large is not early.
const LEAD_MAX: Span = Span::from_secs(3_600);
/// Slack is cut here, so that one series with almost no use cannot swamp a mean.
const SLACK_MIN: f64 = -1.0;

/// What one allocation costs and misses over a range of windows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Steps with a reading and an allocation.
    pub steps: u64,
    /// Those with use above the allocation.
    pub violated_steps: u64,
    /// Windows with such a step: for memory, out-of-memory kills.
    pub violated_windows: u64,
    /// `1 - sum(use) / sum(allocation)` over these steps, cut at -1.
    pub slack: f64,
    /// How often per day the allocation moved by more than 10 %.
    pub changes_per_day: f64,
    /// Rises: windows whose peak lies more than 10 % above that of the window before.
    pub rises: u64,
    /// Seconds by which the allocation already covered the peak when a rise reached it, summed over the rises; 0 for a rise
    /// that was not covered, at most an hour each.
    pub lead_seconds: f64,
}

impl Figures {
    /// Violated steps in percent.
    pub fn violation_percent(&self) -> f64 {
        if self.steps == 0 { 0.0 } else { 100.0 * self.violated_steps as f64 / self.steps as f64 }
    }
}

/// Where a policy stands when it violates as much as a level allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// `1 - sum(use) / sum(allocation)`, cut at -1.
    pub slack: f64,
    /// Changes per day.
    pub changes_per_day: f64,
    /// The factor or knob value (interpolated).
    pub knob: f64,
    /// Which variant of a [`super::Policy`]; 0 for a swept one.
    pub variant: usize,
}

/// What one policy reached on one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// At each of [`CURVE`]; `None` where it cannot reach the level, or (for all policies alike) where the series is so
    /// idle that allocating nothing would reach it.
    pub at: [Option<Point>; CURVE.len()],
    /// With its default setting.
    pub default: Figures,
    /// With its default setting, in the cold start.
    pub cold: Figures,
}

/// The steps that count, once per series.
pub(super) struct Scored {
    /// Use of each scored step.
    pub uses: Vec<f32>,
    /// The window of each.
    pub windows: Vec<u32>,
    /// Sum of `uses`.
    pub sum: f64,
    /// Steps with use above zero.
    pub active: usize,
}

impl Scored {
    pub fn of(series: &UsageSeries, grid: &Grid) -> Result<Scored, Skip> {
        let mut scored = Scored { uses: Vec::new(), windows: Vec::new(), sum: 0.0, active: 0 };
        let mut windows = 0;
        for window in grid.cold_windows..grid.windows {
            let before = scored.uses.len();
            for &value in &series.values[grid.steps_of(window)] {
                if !value.is_nan() {
                    scored.uses.push(value);
                    scored.windows.push(window as u32);
                    scored.sum += f64::from(value);
                    scored.active += usize::from(value > 0.0);
                }
            }
            windows += usize::from(scored.uses.len() > before);
        }
        match () {
            () if windows < WINDOWS_MIN => Err(Skip::TooShort),
            () if scored.active == 0 => Err(Skip::NoUse),
            () => Ok(scored),
        }
    }

    /// How many steps may violate at `level` percent: a whole count and the fraction beyond it.
    pub fn allowed(&self, level: f64) -> (usize, f64) {
        let allowed = self.uses.len() as f64 * level / 100.0;
        (allowed as usize, allowed.fract())
    }

    /// Whether allocating nothing at all would satisfy `level` percent.
    pub fn idle_at(&self, level: f64) -> bool {
        self.active <= self.allowed(level).0 + 1
    }
}

/// `1 - use / allocation`, cut at -1.
pub(super) fn slack(sum_use: f64, sum_allocation: f64) -> f64 {
    if sum_allocation > 0.0 { (1.0 - sum_use / sum_allocation).max(SLACK_MIN) } else { SLACK_MIN }
}

/// How often per day `allocations` move by more than 10 % within `windows`.
pub(super) fn changes_per_day(allocations: &[f32], windows: Range<usize>, grid: &Grid) -> f64 {
    let days = grid.days(windows.len());
    let changes = allocations[windows]
        .windows(2)
        .filter(|pair| {
            let (before, after) = (f64::from(pair[0]), f64::from(pair[1]));
            (after - before).abs() > CHANGE_SHARE * before.abs()
        })
        .count();
    if days > 0.0 { changes as f64 / days } else { 0.0 }
}

/// All figures of `allocations` within `windows`; windows without an allocation (NaN) are passed over.
pub(super) fn figures(series: &UsageSeries, grid: &Grid, allocations: &[f32], windows: Range<usize>) -> Figures {
    let mut figures = Figures { changes_per_day: changes_per_day(allocations, windows.clone(), grid), ..Figures::default() };
    let (mut sum_use, mut sum_allocation) = (0.0, 0.0);
    let mut peak_before = f32::NAN;
    for window in windows {
        let allocation = allocations[window];
        let steps = &series.values[grid.steps_of(window)];
        let (mut peak, mut peak_step, mut violated) = (f32::NAN, 0, 0);
        for (step, &value) in steps.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            if peak.is_nan() || value > peak {
                (peak, peak_step) = (value, step);
            }
            if !allocation.is_nan() {
                figures.steps += 1;
                violated += u64::from(value > allocation);
                sum_use += f64::from(value);
                sum_allocation += f64::from(allocation);
            }
        }
        figures.violated_steps += violated;
        figures.violated_windows += u64::from(violated > 0);
        if peak > 0.0 && peak > peak_before * (1.0 + RISE_SHARE) && !allocation.is_nan() {
            figures.rises += 1;
            figures.lead_seconds += lead_seconds(grid, allocations, window, peak, peak_step);
        }
        if !peak.is_nan() {
            peak_before = peak;
        }
    }
    figures.slack = slack(sum_use, sum_allocation);
    figures
}

/// How long the allocation had covered `peak` without a break when step `peak_step` of `window` reached it.
fn lead_seconds(grid: &Grid, allocations: &[f32], window: usize, peak: f32, peak_step: usize) -> f64 {
    let covered = allocations[..=window].iter().rev().take_while(|&&allocation| allocation >= peak);
    let windows_max = LEAD_MAX.as_nanos().div_ceil(grid.window_span().as_nanos().max(1)) as usize + 1;
    match covered.take(windows_max).count() {
        0 => 0.0,
        count => {
            let steps = (count - 1) * grid.window + peak_step;
            (steps as f64 * grid.step.as_secs_f64()).min(LEAD_MAX.as_secs_f64())
        }
    }
}
