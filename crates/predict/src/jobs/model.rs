//! The model of jobs: for each quantity a mixture of sources, from which come quantiles, the plan of allocations and the run time.
//!
//! Problem: a job's need must be said before it starts, from few runs of its own, or none.
//! Idea: everything that may resemble it speaks as a cloud of samples (runs of the process, weighted by age, by input size, along a
//! line, by what its predecessor left; runs of the same program elsewhere; jobs of the user; shares of requests); a gate that learns
//! online mixes them; what to do follows from the mixture by expected cost, so that a margin is never a knob.
//! Steps: [`JobModel::predict`] at submission, [`JobModel::observe`] when it has ended. Memory is bounded.

use std::collections::{BTreeMap, VecDeque};

use super::caution::Caution;
use super::cloud::{Cloud, Sample, most_accurate};
use super::facts::{Facts, Past, QUANTITIES, Quantity, kin};
use super::gate::{Gate, Share};
use super::lineage::Lineage;
use super::metadata::{JobMetadata, JobOutcome};
use super::plan::{FailurePrice, plan};
use super::source::{HISTORY_MAX, SOURCES, read};

/// Contexts that are remembered; beyond, the half that was touched longest ago is dropped.
const CONTEXTS_MAX: usize = 400_000;
/// Predictions that wait for their outcome; beyond, the oldest are dropped.
const PENDING_MAX: usize = 200_000;
/// Sources below this weight are left out of the mixture.
const WEIGHT_MIN: f64 = 0.002;
/// The source after all others: what was asked for, cut to shares that users' requests are known to hold.
const ASKED: usize = SOURCES.len();
/// (share of the request, weight): requests are round numbers well above the need.
const ASKED_SHARES: [(f64, f64); 6] = [(1.0, 1.0), (0.62, 2.0), (0.4, 2.0), (0.2, 2.0), (0.08, 2.0), (0.02, 1.0)];

/// Settings of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobModelSettings {
    /// What counts as the request where there is none, in bytes.
    pub memory_default: f64,
    /// What a failed attempt costs beyond the memory it held, as a share of that.
    pub failure_share: f64,
    /// The same in units of what the mean job uses.
    pub failure_jobs: f64,
}

impl Default for JobModelSettings {
    fn default() -> Self {
        JobModelSettings { memory_default: 6.0 * 1_073_741_824.0, failure_share: 0.5, failure_jobs: 0.1 }
    }
}

/// A prediction of one quantity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// The mixture, by value.
    samples: Vec<Sample>,
    /// Sources by weight, the heaviest first: (name, weight, samples).
    pub sources: Vec<(&'static str, f64, usize)>,
}

impl Outlook {
    /// The value below which `share` of the mixture lies; `None` where nothing is known.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let total: f64 = self.samples.iter().map(|sample| sample.weight).sum();
        let mut below = 0.0;
        let within = |sample: &&Sample| {
            below += sample.weight;
            below >= share * total * (1.0 - 1e-12)
        };
        self.samples.iter().find(within).map(|sample| sample.log.exp())
    }
}

/// What the model says of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOutlook {
    /// To hand back with the outcome.
    pub ticket: u64,
    /// Distributions by [`Quantity`].
    pub quantities: [Outlook; QUANTITIES],
    /// Bytes for the first and the following attempts, ascending; beyond, double. Empty where nothing is known.
    pub attempts: Vec<f64>,
    /// The run time that is most accurate in the mean of `min/max`, in seconds.
    pub run_s: Option<f64>,
    /// The factor on the allocations that was found cheapest.
    pub caution: f64,
}

#[derive(Clone, Debug)]
struct Context {
    touched: u64,
    history: VecDeque<Past>,
}

#[derive(Clone, Debug)]
struct Pending {
    facts: Facts,
    mixtures: [(Vec<Share>, Vec<Cloud>); QUANTITIES],
    attempts: Vec<f64>,
}

/// Learns and predicts the needs of jobs.
#[derive(Clone, Debug)]
pub struct JobModel {
    settings: JobModelSettings,
    contexts: BTreeMap<u64, Context>,
    gates: [Gate; QUANTITIES],
    lineage: Lineage,
    caution: Caution,
    pending: BTreeMap<u64, Pending>,
    next: u64,
    /// Byte seconds that the mean job uses, and of how many.
    mean_use: (f64, f64),
    /// Run time of the mean job, in seconds.
    mean_seconds: f64,
}

impl JobModel {
    /// A model that has seen nothing.
    pub fn new(settings: JobModelSettings) -> JobModel {
        let mut scores: Vec<f64> = SOURCES.iter().map(|source| source.score).collect();
        scores.push(-2.0);
        let gate = Gate::new(&scores);
        JobModel {
            settings,
            contexts: BTreeMap::new(),
            gates: [gate.clone(), gate.clone(), gate],
            lineage: Lineage::default(),
            caution: Caution::default(),
            pending: BTreeMap::new(),
            next: 0,
            mean_use: (0.0, 0.0),
            mean_seconds: 1.0,
        }
    }

    /// What `job` will need, by what has ended so far.
    pub fn predict(&mut self, job: &JobMetadata) -> JobOutlook {
        let facts = Facts::of(job, self.lineage.predecessor(job));
        let process = facts.process();
        let mut mixtures: [(Vec<Share>, Vec<Cloud>); QUANTITIES] = Default::default();
        let mut quantities: [Outlook; QUANTITIES] = Default::default();
        for quantity in [Quantity::Memory, Quantity::Run, Quantity::Cores] {
            let which = quantity as usize;
            mixtures[which] = self.mixture(&facts, process, quantity);
            quantities[which] = poured(&mixtures[which], quantity, facts.asked[which]);
        }
        let price = FailurePrice {
            share: self.settings.failure_share,
            byte_seconds: self.settings.failure_jobs * self.mean_use.0,
        };
        let raw = plan(&quantities[0].samples, price);
        let caution = self.caution.factor(process);
        let top = facts.asked[0].map_or(f64::INFINITY, f64::exp);
        let attempts: Vec<f64> = raw.iter().map(|bytes| (bytes * caution).min(top.max(*bytes))).collect();
        let run_s = most_accurate(&quantities[1].samples).map(f64::exp);
        let ticket = self.next;
        self.next += 1;
        self.pending.insert(ticket, Pending { facts, mixtures, attempts: raw });
        if self.pending.len() > PENDING_MAX {
            self.pending.pop_first();
        }
        JobOutlook { ticket, quantities, attempts, run_s, caution }
    }

    /// Learns what became of the job with `ticket`; `job` is what it was predicted from.
    pub fn observe(&mut self, ticket: u64, job: &JobMetadata, outcome: &JobOutcome) {
        let pending = self.pending.remove(&ticket);
        let facts = pending.as_ref().map_or_else(|| Facts::of(job, None), |pending| pending.facts);
        let past = facts.ended(outcome);
        let process = facts.process();
        if let Some(pending) = &pending {
            for (which, needed) in past.needed.iter().enumerate() {
                let (shares, clouds) = &pending.mixtures[which];
                if let Some(needed) = needed.filter(|_| !shares.is_empty()) {
                    let densities: Vec<f64> = clouds.iter().map(|cloud| cloud.density(needed)).collect();
                    self.gates[which].learn(process, shares, &densities);
                }
            }
        }
        if let (Some(peak), Some(_)) = (past.needed[0], outcome.run) {
            let used = peak.exp() * past.seconds;
            self.mean_use.1 = (self.mean_use.1 + 1.0).min(2_000.0);
            self.mean_use.0 += (used - self.mean_use.0) / self.mean_use.1;
            self.mean_seconds += (past.seconds - self.mean_seconds) / self.mean_use.1;
            if let Some(pending) = pending.filter(|pending| !pending.attempts.is_empty()) {
                let price = self.settings.failure_jobs * self.mean_use.0;
                let price = FailurePrice { share: self.settings.failure_share, byte_seconds: price };
                self.caution.learn(process, &pending.attempts, peak.exp(), past.seconds, price);
            }
        }
        self.lineage.ended(job, outcome, kin(outcome));
        self.remember(&facts, past, ticket);
    }

    fn remember(&mut self, facts: &Facts, past: Past, stamp: u64) {
        let mut last = None;
        for source in &SOURCES {
            // Sources with the same fields stand next to each other and share a history.
            if last == Some(source.mask) {
                continue;
            }
            last = Some(source.mask);
            let Some(key) = facts.key(source.mask) else { continue };
            let context = self
                .contexts
                .entry(key)
                .or_insert_with(|| Context { touched: stamp, history: VecDeque::with_capacity(4) });
            context.touched = stamp;
            if context.history.len() == HISTORY_MAX {
                context.history.pop_front();
            }
            context.history.push_back(past);
        }
        if self.contexts.len() > CONTEXTS_MAX {
            let mut stamps: Vec<u64> = self.contexts.values().map(|context| context.touched).collect();
            let (_, &mut middle, _) = stamps.select_nth_unstable(CONTEXTS_MAX / 2);
            self.contexts.retain(|_, context| context.touched > middle);
        }
    }

    fn mixture(&self, facts: &Facts, process: u64, quantity: Quantity) -> (Vec<Share>, Vec<Cloud>) {
        let (mut present, mut clouds) = (Vec::new(), Vec::new());
        for (source, what) in SOURCES.iter().enumerate() {
            let context = facts.key(what.mask).and_then(|key| self.contexts.get(&key));
            let cloud = context.and_then(|context| read(&context.history, what.reading, facts, quantity));
            if let Some(cloud) = cloud {
                present.push((source, cloud.len()));
                clouds.push(cloud);
            }
        }
        let default = Some(self.settings.memory_default.ln()).filter(|_| quantity == Quantity::Memory);
        if let Some(asked) = facts.asked[quantity as usize].or(default) {
            let seconds = self.mean_seconds;
            let sample = |&(share, weight): &(f64, f64)| Sample { log: asked + f64::ln(share), weight, seconds };
            present.push((ASKED, ASKED_SHARES.len()));
            clouds.push(Cloud::new(ASKED_SHARES.iter().map(sample).collect(), 0.02));
        }
        if present.is_empty() {
            return Default::default();
        }
        (self.gates[quantity as usize].shares(process, &present), clouds)
    }
}

/// The mixture of the clouds as one, never above what was asked for.
fn poured(mixture: &(Vec<Share>, Vec<Cloud>), quantity: Quantity, asked: Option<f64>) -> Outlook {
    let (shares, clouds) = mixture;
    let mut outlook = Outlook::default();
    for (share, cloud) in shares.iter().zip(clouds).filter(|(share, _)| share.weight >= WEIGHT_MIN) {
        cloud.pour(share.weight, quantity == Quantity::Memory, &mut outlook.samples);
        let name = SOURCES.get(share.source).map_or("the request", |source| source.name);
        outlook.sources.push((name, share.weight, cloud.len()));
    }
    if let Some(asked) = asked {
        outlook.samples.iter_mut().for_each(|sample| sample.log = sample.log.min(asked));
    }
    outlook.samples.sort_by(|a, b| a.log.total_cmp(&b.log));
    outlook.sources.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    outlook
}

