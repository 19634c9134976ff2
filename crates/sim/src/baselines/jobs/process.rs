//! What has ended, by process: the history that every peer learns from.

use std::collections::BTreeMap;

use predict::jobs::{JobMetadata, JobOutcome};

/// (group, name): what the peers call a task type. Jobs without a name are told apart by user.
type Key = (Option<String>, Option<String>);

/// The key of a job.
fn key(job: &JobMetadata) -> Key {
    (job.group.clone(), job.name.clone().or_else(|| job.user.clone()))
}

/// One job that has ended with a known peak and run time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Past {
    /// Input size in bytes, 0 where unknown.
    pub input: f64,
    /// Peak in bytes.
    pub peak: f64,
    /// Run time in seconds.
    pub run_s: f64,
}

/// A value per process.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes<T>(BTreeMap<Key, T>);

impl<T: Default> Processes<T> {
    /// What is known of the process of `job`.
    pub fn get(&self, job: &JobMetadata) -> Option<&T> {
        self.0.get(&key(job))
    }
    /// The same, made where there is none.
    pub fn entry(&mut self, job: &JobMetadata) -> &mut T {
        self.0.entry(key(job)).or_default()
    }
}

/// The input size of a job as a feature, 0 where unknown.
pub(super) fn input(job: &JobMetadata) -> f64 {
    job.input.map_or(0.0, |input| input.0 as f64)
}

/// What a sizing method may learn from a job that has ended.
pub(super) fn past(job: &JobMetadata, outcome: &JobOutcome) -> Option<Past> {
    let (peak, run) = outcome.memory_peak.zip(outcome.run)?;
    Some(Past { input: input(job), peak: peak.0 as f64, run_s: run.as_secs_f64() })
}

/// The least-squares line through (input, value): (slope per byte, intercept). Flat where the inputs do not vary.
pub(super) fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> (f64, f64) {
    let count = points.clone().count().max(1) as f64;
    let mean_x = points.clone().map(|point| point.0).sum::<f64>() / count;
    let mean_y = points.clone().map(|point| point.1).sum::<f64>() / count;
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in points {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
    }
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    (slope, mean_y - slope * mean_x)
}

/// The value at `share` of the sorted values, between neighbours where it falls between them; 0 of nothing.
pub(super) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}
