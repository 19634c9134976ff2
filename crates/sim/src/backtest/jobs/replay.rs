//! Plays a trace to a policy, submission by submission, and counts what came of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::Bytes;

use super::policy::{JobPolicy, Sizer};
use super::{JobOptions, Sizing};
use crate::trace::Job;

/// What a policy reached on a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JobTally {
    /// Jobs with a known peak and run time to which the policy gave memory.
    pub sized: u64,
    /// Attempts of those that ran out of memory.
    pub failures: u64,
    /// Byte seconds allocated and not used.
    pub wasted_byte_s: f64,
    /// Of that, in failed attempts.
    pub failed_byte_s: f64,
    /// Jobs with a known run time of which the policy said one.
    pub timed: u64,
    /// Sum over those of the smaller over the larger of predicted and real run time.
    pub accuracy: f64,
}

impl JobTally {
    /// Adds what was reached on another trace.
    pub fn add(&mut self, other: &JobTally) {
        self.sized += other.sized;
        self.failures += other.failures;
        self.wasted_byte_s += other.wasted_byte_s;
        self.failed_byte_s += other.failed_byte_s;
        self.timed += other.timed;
        self.accuracy += other.accuracy;
    }

    fn score(&mut self, sizer: &mut dyn Sizer, index: usize, job: &Job, sizing: Sizing, options: &JobOptions) {
        let Some(run) = job.outcome.run else { return };
        if let Some(said) = sizing.run {
            let (said, real) = (said.max(options.run_min).as_secs_f64(), run.max(options.run_min).as_secs_f64());
            self.timed += 1;
            self.accuracy += said.min(real) / said.max(real);
        }
        let (Some(peak), Some(mut given)) = (job.outcome.memory_peak, sizing.memory) else { return };
        self.sized += 1;
        given = given.max(options.memory_min);
        let run_s = run.as_secs_f64();
        for attempt in 1..=options.attempts_max {
            if given >= peak {
                self.wasted_byte_s += (given.0 - peak.0) as f64 * run_s;
                return;
            }
            self.failures += 1;
            self.wasted_byte_s += given.0 as f64 * run_s;
            self.failed_byte_s += given.0 as f64 * run_s;
            // A retry that gives no more than the attempt before would fail for ever.
            given = sizer.retry(index, &job.metadata, given, attempt).max(Bytes(given.0.saturating_add(1)));
        }
    }
}

/// When a job ended, as an order: by time, then by place in the trace.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ended(f64, usize);

impl Eq for Ended {}

impl PartialOrd for Ended {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ended {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

/// Plays `jobs` to `policy`.
pub(super) fn replay(policy: &dyn JobPolicy, jobs: &[Job], options: &JobOptions) -> JobTally {
    let mut tally = JobTally::default();
    let mut sizer = policy.begin(jobs, options);
    let timed = jobs.iter().any(|job| job.metadata.submitted_s.is_some());
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    let submitted = |index: usize| jobs[index].metadata.submitted_s.unwrap_or(f64::NEG_INFINITY);
    if timed {
        order.sort_by(|&a, &b| submitted(a).total_cmp(&submitted(b)));
    }
    let mut running: BinaryHeap<Reverse<Ended>> = BinaryHeap::new();
    for index in order {
        let job = &jobs[index];
        while let Some(&Reverse(Ended(at, ended))) = running.peek()
            && at <= submitted(index)
        {
            running.pop();
            sizer.learn(ended, &jobs[ended].metadata, &jobs[ended].outcome);
        }
        let sizing = sizer.size(index, &job.metadata);
        tally.score(sizer.as_mut(), index, job, sizing, options);
        match (timed, job.outcome.ended_s) {
            (false, _) if job.outcome.run.is_some() => sizer.learn(index, &job.metadata, &job.outcome),
            (true, Some(at)) => running.push(Reverse(Ended(at, index))),
            // It never ended within the trace.
            _ => {}
        }
    }
    tally
}
