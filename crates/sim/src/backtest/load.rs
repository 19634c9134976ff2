//! Right-sizing on `usage` traces: slack at equal violations, for every policy on the same windows.
//!
//! An allocation is constant over a window. A step violates when its use lies above the allocation. Every policy has a
//! knob; the scorecard compares policies where each of them violates in the same share of steps ([`LEVELS`]).
//!
//! - A [`Policy`] sees the series step by step and is asked before each window; its knob is a factor on what it says, and
//!   the factor that gives exactly the level is found by ranking use over allocation.
//! - A [`SweptPolicy`] runs the whole series once per knob value; its figures at the level are interpolated between the
//!   two runs of its Pareto frontier around the level. Nothing is extrapolated: a series that cannot reach a level counts
//!   as unreached. A policy whose cheapest run already violates less than the level is scored with that run.
//!
//! Both are interpolated between the possible counts of violating steps in the same way, so short series do not favour one.

mod entrant;
mod exact;
mod grid;
mod json;
mod score;
mod scorecard;
mod swept;
mod table;

pub use entrant::{About, Entrant, Kind, Policy, Recommender, SweptPolicy, Variant};
pub use grid::Grid;
pub use score::{Figures, Outcome, Point};
pub use scorecard::{AtLevel, DefaultFigures, Paired, PolicyCard, Scorecard, Section};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Span;
use rayon::prelude::*;

use crate::trace::UsageSeries;
use score::Scored;

/// The violated shares of time, in percent of scored steps, at which policies are compared.
pub const LEVELS: [f64; 3] = [1.0, 0.3, 0.1];

/// The violated shares, in percent, for which curves are drawn; begins with [`LEVELS`].
pub const CURVE: [f64; 10] = [1.0, 0.3, 0.1, 10.0, 5.0, 3.0, 2.0, 0.5, 0.2, 0.05];

/// The fewest scored windows with which a series counts.
pub const WINDOWS_MIN: usize = 12;

/// How to score.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// How long an allocation holds. A series whose step is longer has windows of one step.
    pub window: Span,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions { window: Span::from_secs(600) }
    }
}

/// Why a series is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// Fewer than [`WINDOWS_MIN`] windows with a reading after the cold start.
    TooShort,
    /// No reading above zero after the cold start.
    NoUse,
}

impl Skip {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Skip::TooShort => "too_short",
            Skip::NoUse => "no_use",
        }
    }
}

/// What every policy reached on one series.
#[derive(Clone, Debug)]
pub struct SeriesResult {
    /// The position in the slice that was scored.
    pub index: usize,
    /// Whose.
    pub series: String,
    /// What.
    pub metric: String,
    /// One per entrant, in their order.
    pub outcomes: Vec<Outcome>,
}

/// The results of a backtest.
#[derive(Clone, Debug)]
pub struct LoadResult {
    /// The entrants' names, in their order.
    pub policies: Vec<&'static str>,
    /// The series that were scored, in the trace's order.
    pub series: Vec<SeriesResult>,
    /// How many were left out, and why.
    pub skipped: BTreeMap<Skip, usize>,
}

/// Scores all entrants on all series, several series at a time. `progress` is told how many are done and of how many, in
/// no fixed order; the result does not depend on the number of threads.
pub fn run(
    series: &[UsageSeries],
    entrants: &[Entrant<'_>],
    options: &LoadOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> LoadResult {
    let done = AtomicUsize::new(0);
    let scored: Vec<Result<SeriesResult, Skip>> = series
        .par_iter()
        .enumerate()
        .with_max_len(1)
        .map(|(index, one)| {
            let result = score_series(one, entrants, options).map(|outcomes| SeriesResult {
                index,
                series: one.series.clone(),
                metric: one.metric.clone(),
                outcomes,
            });
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, series.len());
            result
        })
        .collect();
    let mut result = LoadResult {
        policies: entrants.iter().map(Entrant::name).collect(),
        series: Vec::with_capacity(scored.len()),
        skipped: BTreeMap::new(),
    };
    for one in scored {
        match one {
            Ok(one) => result.series.push(one),
            Err(skip) => *result.skipped.entry(skip).or_default() += 1,
        }
    }
    result
}

/// Scores all entrants on one series.
///
/// # Errors
/// When the series has too little to score.
pub fn score_series(series: &UsageSeries, entrants: &[Entrant<'_>], options: &LoadOptions) -> Result<Vec<Outcome>, Skip> {
    let grid = Grid::of(series, options.window);
    let scored = Scored::of(series, &grid)?;
    Ok(entrants
        .iter()
        .map(|entrant| match entrant {
            Entrant::Scaled(policy) => exact::outcome(*policy, series, &grid, &scored),
            Entrant::Swept(policy) => swept::outcome(*policy, series, &grid, &scored),
        })
        .collect())
}

/// The allocation per window with which `entrant` comes closest to `level` percent of violated steps without passing it
/// (for a [`Policy`]: exactly, for a [`SweptPolicy`]: its cheapest such run); `None` when it cannot.
pub fn allocations_at(series: &UsageSeries, entrant: &Entrant<'_>, options: &LoadOptions, level: f64) -> Option<Vec<f32>> {
    let grid = Grid::of(series, options.window);
    let scored = Scored::of(series, &grid).ok()?;
    match entrant {
        Entrant::Scaled(policy) => exact::allocations_at(*policy, series, &grid, &scored, level),
        Entrant::Swept(policy) => swept::allocations_at(*policy, series, &grid, &scored, level),
    }
}
