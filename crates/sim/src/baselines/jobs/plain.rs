//! The plain peers: the user's request, the largest seen, the user's last two run times, and the oracle.

use std::collections::BTreeMap;

use model::{Bytes, Span};
use predict::jobs::{JobMetadata, JobOutcome};

use super::process::{Processes, past};
use crate::backtest::jobs::{JobOptions, JobPolicy, Sizer, Sizing};
use crate::trace::Job;

/// What the user asked for, memory and time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request;

impl JobPolicy for Request {
    fn name(&self) -> &'static str {
        "request"
    }
    fn begin<'j>(&self, _jobs: &'j [Job], options: &JobOptions) -> Box<dyn Sizer + 'j> {
        Box::new(Requesting { default: options.memory_default })
    }
}

struct Requesting {
    default: Bytes,
}

impl Sizer for Requesting {
    fn size(&mut self, _index: usize, job: &JobMetadata) -> Sizing {
        Sizing { memory: Some(job.memory.unwrap_or(self.default)), run: job.time }
    }
    fn learn(&mut self, _index: usize, _job: &JobMetadata, _outcome: &JobOutcome) {}
}

/// The largest peak seen of the process, times 1.2.
#[derive(Clone, Copy, Debug, Default)]
pub struct MaxSeen;

impl JobPolicy for MaxSeen {
    fn name(&self) -> &'static str {
        "max_seen"
    }
    fn begin<'j>(&self, _jobs: &'j [Job], options: &JobOptions) -> Box<dyn Sizer + 'j> {
        Box::new(Largest { default: options.memory_default, seen: Processes::default() })
    }
}

struct Largest {
    default: Bytes,
    seen: Processes<f64>,
}

impl Sizer for Largest {
    fn size(&mut self, _index: usize, job: &JobMetadata) -> Sizing {
        let seen = self.seen.get(job).map(|&peak| Bytes((1.2 * peak).ceil() as u64));
        Sizing { memory: Some(seen.or(job.memory).unwrap_or(self.default)), run: None }
    }
    fn learn(&mut self, _index: usize, job: &JobMetadata, outcome: &JobOutcome) {
        if let Some(past) = past(job, outcome) {
            let seen = self.seen.entry(job);
            *seen = seen.max(past.peak);
        }
    }
}

/// The mean run time of the last two jobs of the user that have ended, at most the request; the request until there are two.
/// Where a trace has no users, those of the process. Source: Tsafrir, Etsion, Feitelson, "Backfilling using system-generated
/// predictions rather than user runtime estimates", TPDS 2007.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastTwo;

impl JobPolicy for LastTwo {
    fn name(&self) -> &'static str {
        "last_two"
    }
    fn begin<'j>(&self, _jobs: &'j [Job], _options: &JobOptions) -> Box<dyn Sizer + 'j> {
        Box::new(Recent::default())
    }
}

#[derive(Default)]
struct Recent {
    users: BTreeMap<String, [Option<Span>; 2]>,
    processes: Processes<[Option<Span>; 2]>,
    /// Of anybody, for who has none yet.
    all: [Option<Span>; 2],
}

/// Their mean; the only one where there is one.
fn mean(last: &[Option<Span>; 2]) -> Option<Span> {
    match *last {
        [Some(a), Some(b)] => Some(Span::from_secs_f64((a.as_secs_f64() + b.as_secs_f64()) / 2.0)),
        [one, _] => one,
    }
}

impl Sizer for Recent {
    fn size(&mut self, _index: usize, job: &JobMetadata) -> Sizing {
        let last = match &job.user {
            Some(user) => self.users.get(user),
            None => self.processes.get(job),
        };
        // With a request to fall back on, one job is too few (Tsafrir); without one it is better than nothing.
        let enough = last.filter(|last| last[1].is_some() || job.time.is_none());
        let said = enough.and_then(mean).map(|mean| job.time.map_or(mean, |request| mean.min(request)));
        Sizing { memory: None, run: said.or(job.time).or(mean(&self.all)) }
    }
    fn learn(&mut self, _index: usize, job: &JobMetadata, outcome: &JobOutcome) {
        let Some(run) = outcome.run else { return };
        let push = |last: &mut [Option<Span>; 2]| *last = [Some(run), last[0]];
        match &job.user {
            Some(user) => push(self.users.entry(user.clone()).or_default()),
            None => push(self.processes.entry(job)),
        }
        push(&mut self.all);
    }
}

/// Sees ahead: the peak and the run time themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobOracle;

impl JobPolicy for JobOracle {
    fn name(&self) -> &'static str {
        "oracle"
    }
    fn begin<'j>(&self, jobs: &'j [Job], _options: &JobOptions) -> Box<dyn Sizer + 'j> {
        Box::new(Knowing { jobs })
    }
}

struct Knowing<'j> {
    jobs: &'j [Job],
}

impl Sizer for Knowing<'_> {
    fn size(&mut self, index: usize, _job: &JobMetadata) -> Sizing {
        let outcome = &self.jobs[index].outcome;
        Sizing { memory: outcome.memory_peak, run: outcome.run }
    }
    fn learn(&mut self, _index: usize, _job: &JobMetadata, _outcome: &JobOutcome) {}
}
