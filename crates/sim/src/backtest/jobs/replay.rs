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

#[cfg(test)]
mod tests {
    use model::Span;
    use predict::jobs::{JobMetadata, JobOutcome};

    use super::*;
    use crate::baselines::jobs::{JobOracle, LastTwo, MaxSeen, Request};

    /// A job of one process: GB asked for and needed, seconds of submission and run.
    fn job(asked: u64, peak: u64, submitted_s: Option<f64>, run_s: u64) -> Job {
        Job {
            id: String::new(),
            metadata: JobMetadata {
                user: Some("u".to_owned()),
                submitted_s,
                memory: Some(Bytes(asked * 1_000_000_000)),
                time: Some(Span::from_secs(100)),
                ..JobMetadata::default()
            },
            outcome: JobOutcome {
                ended_s: submitted_s.map(|at| at + run_s as f64),
                run: Some(Span::from_secs(run_s)),
                memory_peak: Some(Bytes(peak * 1_000_000_000)),
                ..JobOutcome::default()
            },
        }
    }

    fn gb_s(tally: &JobTally) -> f64 {
        (tally.wasted_byte_s / 1e6).round() / 1e3
    }

    #[test]
    fn the_request_wastes_what_lies_above_the_peak_and_doubles_below() {
        // 8 - 5 for 10 s; 4 fails for 20 s, then 8 - 5.
        let jobs = [job(8, 5, None, 10), job(4, 5, None, 20)];
        let tally = replay(&Request, &jobs, &JobOptions::default());
        assert_eq!(gb_s(&tally), 30.0 + 80.0 + 60.0);
        assert_eq!((tally.sized, tally.failures), (2, 1));
        // 10 of 100 s and 20 of 100 s.
        assert!((tally.accuracy - 0.3).abs() < 1e-12 && tally.timed == 2);
    }

    #[test]
    fn the_largest_seen_counts_a_fifth_more() {
        // Asked 8; then 1.2 * 5 = 6; then 6 fails at 7, 12 fits.
        let jobs = [job(8, 5, None, 1), job(8, 3, None, 1), job(8, 7, None, 1)];
        let tally = replay(&MaxSeen, &jobs, &JobOptions::default());
        assert_eq!((gb_s(&tally), tally.failures), (3.0 + 3.0 + 6.0 + 5.0, 1));
    }

    #[test]
    fn the_last_two_are_averaged_once_there_are_two() {
        // Asked 100, 100, then (10 + 20) / 2 = 15 against 30.
        let jobs = [job(1, 1, None, 10), job(1, 1, None, 20), job(1, 1, None, 30)];
        let tally = replay(&LastTwo, &jobs, &JobOptions::default());
        assert!((tally.accuracy - (0.1 + 0.2 + 0.5)).abs() < 1e-12);
        assert_eq!(tally.sized, 0);
    }

    #[test]
    fn nobody_learns_of_a_job_that_still_runs() {
        // The first ends at 100: the second, at 50, is sized by the request, the third, at 100, by what was seen.
        let jobs = [job(8, 5, Some(0.0), 100), job(8, 5, Some(50.0), 100), job(8, 5, Some(100.0), 100)];
        let tally = replay(&MaxSeen, &jobs, &JobOptions::default());
        assert_eq!(gb_s(&tally), 300.0 + 300.0 + 100.0);
    }

    #[test]
    fn the_oracle_is_perfect() {
        let jobs = [job(8, 5, None, 10), job(4, 5, None, 20)];
        let tally = replay(&JobOracle, &jobs, &JobOptions::default());
        assert_eq!((tally.wasted_byte_s, tally.failures, tally.accuracy), (0.0, 0, 2.0));
    }
}
