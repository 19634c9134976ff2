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
            because: JobBecause { memory: named(Quantity::Memory), run: named(Quantity::Run), caution: outlook.caution },
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

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    fn job(name: &str, input: u64) -> JobMetadata {
        JobMetadata {
            group: Some("g".to_owned()),
            name: Some(name.to_owned()),
            memory: Some(Bytes(64 * GB)),
            time: Some(Span::from_secs(3_600)),
            input: Some(Bytes(input)),
            ..JobMetadata::default()
        }
    }

    fn outcome(peak: u64, seconds: u64) -> JobOutcome {
        JobOutcome {
            run: Some(Span::from_secs(seconds)),
            memory_peak: Some(Bytes(peak)),
            cpus_used: Some(MilliCores(1_500)),
            ..JobOutcome::default()
        }
    }

    fn taught(jobs: u64) -> JobPlanner {
        let mut planner = JobPlanner::new(JobModelSettings::default());
        for round in 0..jobs {
            let input = (1 + round * 7 % 10) * GB;
            let job = job("align", input);
            let prediction = planner.predict(&job);
            planner.observe(prediction.ticket, &job, &outcome(2 * input, 100 * (1 + round * 7 % 10)));
        }
        planner
    }

    #[test]
    fn what_was_asked_holds_until_there_is_something_to_learn_from() {
        let mut planner = JobPlanner::new(JobModelSettings::default());
        let prediction = planner.predict(&job("align", GB));
        assert!(prediction.allocation.is_some_and(|bytes| bytes <= Bytes(64 * GB)));
        assert_eq!(prediction.because.memory[0].0, "the request");
        assert_eq!(prediction.cores, None);
    }

    #[test]
    fn memory_and_run_time_follow_the_input() {
        let mut planner = taught(80);
        for size in [2, 5, 9] {
            let prediction = planner.predict(&job("align", size * GB));
            let given = prediction.allocation.unwrap().0 as f64 / (2 * size * GB) as f64;
            assert!((1.0..1.15).contains(&given), "input {size} GB: {given} of the need");
            let run = prediction.run_expected.unwrap().as_secs_f64() / (100 * size) as f64;
            assert!((0.9..1.1).contains(&run), "input {size} GB: {run} of the run time");
            assert_eq!(prediction.cores.unwrap().p50, MilliCores(1_500));
            let memory = prediction.memory.unwrap();
            assert!(memory.p50 <= memory.p90 && memory.p90 <= memory.p95 && memory.p95 <= memory.p99);
        }
    }

    #[test]
    fn a_failed_attempt_is_followed_by_a_larger_one() {
        let mut planner = taught(80);
        let prediction = planner.predict(&job("align", 3 * GB));
        let mut given = prediction.allocation.unwrap();
        for _ in 0..8 {
            let next = prediction.after(given);
            assert!(next > given);
            given = next;
        }
        assert!(given >= Bytes(12 * GB));
    }

    #[test]
    fn a_program_seen_in_another_group_is_known() {
        let mut planner = taught(40);
        let other = JobMetadata { group: Some("other".to_owned()), ..job("prepare:ALIGN", 5 * GB) };
        let prediction = planner.predict(&other);
        let given = prediction.allocation.unwrap();
        assert!((Bytes(9 * GB)..Bytes(40 * GB)).contains(&given), "{given:?}");
    }

    #[test]
    fn the_same_history_gives_the_same_prediction() {
        assert_eq!(taught(50).predict(&job("align", GB)), taught(50).predict(&job("align", GB)));
    }

    #[test]
    fn an_unknown_ticket_still_teaches() {
        let mut planner = JobPlanner::new(JobModelSettings::default());
        for _ in 0..20 {
            planner.observe(JobTicket(u64::MAX), &job("align", GB), &outcome(2 * GB, 100));
        }
        let given = planner.predict(&job("align", GB)).allocation.unwrap();
        assert!((Bytes(2 * GB)..Bytes(3 * GB)).contains(&given), "{given:?}");
    }
}
