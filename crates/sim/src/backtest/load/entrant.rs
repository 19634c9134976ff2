//! What a policy must offer to be scored.

use model::{Span, WallTime};

use crate::trace::{Unit, UsageSeries};

/// Whether running short of the resource slows a workload down or kills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Use above the allocation waits: CPU, bandwidth, requests.
    Rate,
    /// Use above the allocation is an out-of-memory kill.
    Memory,
}

/// What a policy may know of a series before its first step.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Whose.
    pub series: &'a str,
    /// What.
    pub metric: &'a str,
    /// In which unit.
    pub unit: Unit,
    /// What is provisioned, where known.
    pub capacity: Option<f64>,
    /// When step 0 begins, where known.
    pub start: Option<WallTime>,
    /// The length of a step.
    pub step: Span,
    /// Steps per window.
    pub window: usize,
    /// Steps of the cold start, in which nothing is scored.
    pub cold_steps: usize,
}

impl About<'_> {
    /// Whether the series is memory, by the metric's name.
    pub fn kind(&self) -> Kind {
        if is_memory(self.metric) { Kind::Memory } else { Kind::Rate }
    }
}

/// Whether a metric of that name is memory.
pub(super) fn is_memory(metric: &str) -> bool {
    matches!(metric, "mem" | "gpu_mem" | "memory") || metric.starts_with("working_set")
}

impl UsageSeries {
    /// What a policy may know of this series before its first step.
    pub fn about(&self, grid: &super::Grid) -> About<'_> {
        About {
            series: &self.series,
            metric: &self.metric,
            unit: self.unit,
            capacity: self.capacity,
            start: self.start,
            step: self.step,
            window: grid.window,
            cold_steps: (grid.cold_windows * grid.window).min(grid.steps),
        }
    }
}

/// One setting of a policy's second knob (a percentile, for instance), beside the factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name, such as `p95`.
    pub name: String,
}

impl Variant {
    /// A variant of that name.
    pub fn named(name: impl Into<String>) -> Variant {
        Variant { name: name.into() }
    }
}

/// A policy whose knob is a factor on its allocation: run once, the factor for a level is then found exactly. Where it has
/// variants, each level takes the one with the least slack: the policy's best chance.
pub trait Policy: Sync {
    /// The name in the scorecard.
    fn name(&self) -> &'static str;
    /// The variants for series of `kind`; the first is the default setting (with factor 1). At least one.
    fn variants(&self, kind: Kind) -> Vec<Variant>;
    /// A fresh state for one series.
    fn begin(&self, about: &About<'_>) -> Box<dyn Recommender>;
}

/// A policy's state for one series. Called in turn: `allocate` before each window, then `observe` for its steps.
pub trait Recommender {
    /// One step's use; `None` where the reading is missing.
    fn observe(&mut self, use_: Option<f32>);
    /// Fills in the allocation of the next window, one per variant. Left as NaN while nothing is known.
    fn allocate(&mut self, allocations: &mut [f32]);
    /// Only the oracle looks at what comes: called before `allocate` with the window's steps (NaN where missing).
    fn foresee(&mut self, _window: &[f32]) {}
}

/// A policy that runs a whole series once per value of its knob.
pub trait SweptPolicy: Sync {
    /// The name in the scorecard.
    fn name(&self) -> &'static str;
    /// The values to run, in any order. Wide enough that 0.1 % and 1 % of violated steps lie between their results.
    fn knobs(&self) -> Vec<f64>;
    /// The setting that users get.
    fn default_knob(&self) -> f64;
    /// The allocation per window (`series.values.len().div_ceil(window)` of them), each from the steps before its window
    /// only, in the series' unit. NaN while nothing is known, which only the cold start may hold.
    fn run(&self, series: &UsageSeries, window: usize, knob: f64) -> Vec<f32>;
    /// All runs at once, one per knob, for policies that share work between them.
    fn run_all(&self, series: &UsageSeries, window: usize, knobs: &[f64]) -> Vec<Vec<f32>> {
        knobs.iter().map(|&knob| self.run(series, window, knob)).collect()
    }
}

/// One contestant.
#[derive(Clone, Copy)]
pub enum Entrant<'a> {
    /// Its knob is a factor.
    Scaled(&'a dyn Policy),
    /// Its knob is its own.
    Swept(&'a dyn SweptPolicy),
}

impl Entrant<'_> {
    /// The name in the scorecard.
    pub fn name(&self) -> &'static str {
        match self {
            Entrant::Scaled(policy) => policy.name(),
            Entrant::Swept(policy) => policy.name(),
        }
    }
}
