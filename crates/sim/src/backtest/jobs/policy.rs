//! What a policy is: it sizes a job at its submission and learns from what has ended.

use model::{Bytes, Span};
use predict::jobs::{JobMetadata, JobOutcome};

use super::JobOptions;
use crate::trace::Job;

/// What a policy says of a job; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sizing {
    /// What the first attempt is given.
    pub memory: Option<Bytes>,
    /// How long it is said to run.
    pub run: Option<Span>,
}

/// A way to size jobs.
pub trait JobPolicy: Sync {
    /// Its name in scorecards.
    fn name(&self) -> &'static str;
    /// Starts with an empty history. Only an oracle may look at `jobs`.
    fn begin<'j>(&self, jobs: &'j [Job], options: &JobOptions) -> Box<dyn Sizer + 'j>;
}

/// A policy at work on one trace. `index` is the job's place in the trace.
pub trait Sizer {
    /// Sizes a job at its submission.
    fn size(&mut self, index: usize, job: &JobMetadata) -> Sizing;
    /// What the next attempt gets after one with `failed` ran out of memory; `attempt` is 1 after the first.
    fn retry(&mut self, _index: usize, _job: &JobMetadata, failed: Bytes, _attempt: u32) -> Bytes {
        Bytes(failed.0.saturating_mul(2))
    }
    /// Learns of a job that has ended. Called in the order of ends.
    fn learn(&mut self, index: usize, job: &JobMetadata, outcome: &JobOutcome);
}
