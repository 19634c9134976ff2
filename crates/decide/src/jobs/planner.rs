//! From the model's distributions to a configuration with its reasons.

use model::{Bytes, MilliCores, Span};
use predict::jobs::{JobMetadata, JobModel, JobModelSettings, JobOutcome, Outlook, Quantity};

/// The levels of [`Quantiles`].
const LEVELS: [f64; 4] = [0.5, 0.9, 0.95, 0.99];
/// Attempts that a plan lists; after the last it doubles.
const ATTEMPTS_MAX: usize = 4;
/// Sources that a reason names.
const SOURCES_MAX: usize = 3;

/// Names a prediction until its outcome is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobTicket(pub u64);

/// A distribution in four figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantiles<T> {
    /// Half need no more.
    pub p50: T,
    /// Nine of ten need no more.
    pub p90: T,
    /// 19 of 20 need no more.
    pub p95: T,
    /// 99 of 100 need no more.
    pub p99: T,
}

/// Why a job gets what it gets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobBecause {
    /// The heaviest sources of the memory forecast: name, weight, jobs.
    pub memory: Vec<(&'static str, f64, usize)>,
    /// The same of the run time.
    pub run: Vec<(&'static str, f64, usize)>,
    /// The factor on the plan that was cheapest for the process so far.
    pub caution: f64,
}

/// What a job is expected to need, and what it gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// To hand back with the outcome.
    pub ticket: JobTicket,
    /// Peak memory.
    pub memory: Option<Quantiles<Bytes>>,
    /// Run time.
    pub run: Option<Quantiles<Span>>,
    /// Mean cores in use.
    pub cores: Option<Quantiles<MilliCores>>,
    /// What the first attempt gets; `None` where nothing at all is known and the caller's default holds.
    pub allocation: Option<Bytes>,
    /// What the following attempts get after one that ran out of memory, ascending; after the last the double.
    pub retry: Vec<Bytes>,
    /// The run time to schedule by: the one with the best expected ratio of the smaller to the larger of it and the real one.
    pub run_expected: Option<Span>,
    /// Why.
    pub because: JobBecause,
}

impl Prediction {
    /// What to give after `failed` was too little: the next of the plan, else the double.
    pub fn after(&self, failed: Bytes) -> Bytes {
        let next = self.retry.iter().copied().find(|&bytes| bytes > failed);
        next.unwrap_or(Bytes(failed.0.saturating_mul(2)))
    }
}

/// Predicts and plans; learns from every outcome.
#[derive(Clone, Debug)]
pub struct JobPlanner {
    model: JobModel,
}

impl JobPlanner {
    /// A planner that has seen nothing.
    pub fn new(settings: JobModelSettings) -> JobPlanner {
        JobPlanner { model: JobModel::new(settings) }
    }

    /// What `job` will need and gets.
    pub fn predict(&mut self, job: &JobMetadata) -> Prediction {
        let outlook = self.model.predict(job);
        let of = |quantity: Quantity| &outlook.quantities[quantity as usize];
        let bytes = |value: f64| Bytes(value.ceil() as u64);
        let mut attempts = outlook.attempts.iter().map(|&value| bytes(value));
        let allocation = attempts.next();
        let named = |quantity| of(quantity).sources.iter().take(SOURCES_MAX).copied().collect();
        Prediction {
            ticket: JobTicket(outlook.ticket),
            memory: quantiles(of(Quantity::Memory), bytes),
            run: quantiles(of(Quantity::Run), Span::from_secs_f64),
            cores: quantiles(of(Quantity::Cores), |value| MilliCores(value.round() as u64)),
            allocation,
            retry: attempts.take(ATTEMPTS_MAX - 1).collect(),
            run_expected: outlook.run_s.map(Span::from_secs_f64),
            because: JobBecause {
                memory: named(Quantity::Memory),
                run: named(Quantity::Run),
                caution: outlook.caution,
            },
        }
    }

    /// Learns what became of a job; `job` is what it was predicted from.
    pub fn observe(&mut self, ticket: JobTicket, job: &JobMetadata, outcome: &JobOutcome) {
        self.model.observe(ticket.0, job, outcome);
    }
}

fn quantiles<T>(outlook: &Outlook, unit: impl Fn(f64) -> T) -> Option<Quantiles<T>> {
    let [p50, p90, p95, p99] = LEVELS.map(|level| outlook.quantile(level));
    Some(Quantiles { p50: unit(p50?), p90: unit(p90?), p95: unit(p95?), p99: unit(p99?) })
}
