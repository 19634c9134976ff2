//! The model of jobs: for each quantity a mixture of sources, from which come quantiles, the plan of allocations and the run time.
//!
//! Problem: a job's need must be said before it starts, from few runs of its own, or none.
//! Idea: everything that may resemble it speaks as a cloud of samples (runs of the process, weighted by age, by input size, along a
//! line, by what its predecessor left; runs of the same program elsewhere; jobs of the user; shares of requests); a gate that learns
//! online mixes them; what to do follows from the mixture by expected cost, so that a margin is never a knob.
//! Steps: [`JobModel::predict`] at submission, [`JobModel::observe`] when it has ended. Memory is bounded.

use std::collections::{BTreeMap, VecDeque};

use super::boosted::{Boosted, FEATURES, Standing};
use super::caution::Caution;
use super::cloud::{Cloud, Sample, most_accurate};
use super::facts::{Facts, GROUP, NAME, PROCESSES_MAX, Past, QUANTITIES, Quantity, TAIL, USER, kin};
use super::gate::{Gate, Share};
use super::lineage::Lineage;
use super::metadata::{JobMetadata, JobOutcome};
use super::plan::{FailurePrice, plan};
use super::source::{HISTORY_MAX, SOURCES, read};

/// Contexts that are remembered; beyond, the half that was touched longest ago is dropped.
const CONTEXTS_MAX: usize = 400_000;
/// Predictions that wait for their outcome; beyond, the oldest are dropped.
const PENDING_MAX: usize = 10_000;
/// Sources below this weight are left out of the mixture.
const WEIGHT_MIN: f64 = 0.002;
/// The source after all others: what was asked for, cut to shares that users' requests are known to hold.
const ASKED: usize = SOURCES.len();
/// The same of a default where nothing was asked for.
const DEFAULT: usize = ASKED + 1;
/// And after that the trees.
const TREES: usize = ASKED + 2;
/// Their first scores, by quantity: five levels say little of the tail, on which memory depends.
const TREES_SCORES: [f64; QUANTITIES] = [-4.0, 0.0, 0.0];
/// Histories whose means are features of the trees, with that of the process first.
const BASES: [u16; 3] = [GROUP | NAME, TAIL, USER];
/// Shares of a request that are needed, all alike: requests are round numbers well above the need. A job that needs much of it runs
/// in proportion longer.
const ASKED_SHARES: [f64; 9] = [1.0, 0.8, 0.65, 0.5, 0.35, 0.2, 0.1, 0.05, 0.02];

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
        JobModelSettings { memory_default: 6.0 * 1_073_741_824.0, failure_share: 1.0, failure_jobs: 0.5 }
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
    mixtures: [Mixture; QUANTITIES],
    attempts: Vec<f64>,
    /// Runs of the process that had ended.
    runs: usize,
}

/// The sources that had something to say of one quantity, and what the trees were asked.
#[derive(Clone, Debug, Default)]
struct Mixture {
    shares: Vec<Share>,
    clouds: Vec<Cloud>,
    standing: Option<Standing>,
}

/// Learns and predicts the needs of jobs.
#[derive(Clone, Debug)]
pub struct JobModel {
    settings: JobModelSettings,
    contexts: BTreeMap<u64, Context>,
    gates: [Gate; QUANTITIES],
    boosted: [Boosted; QUANTITIES],
    lineage: Lineage,
    caution: Caution,
    pending: BTreeMap<u64, Pending>,
    next: u64,
    /// Runs that have ended, by process.
    runs: BTreeMap<u64, usize>,
    /// Byte seconds that the mean job uses, and of how many.
    mean_use: (f64, f64),
    /// Run time of the mean job, in seconds.
    mean_seconds: f64,
}

impl JobModel {
    /// A model that has seen nothing.
    pub fn new(settings: JobModelSettings) -> JobModel {
        // Of a process that never ran, the same program elsewhere says most, then the request.
        let first = SOURCES.iter().map(|source| if source.mask & TAIL != 0 { 4.0 } else { 0.0 }).chain([4.0, 2.0, 0.0]);
        let first: Vec<f64> = first.collect();
        let gates = TREES_SCORES.map(|trees| {
            let scores = SOURCES.iter().map(|source| source.score).chain([-2.0, -2.0, trees]);
            Gate::new(&scores.collect::<Vec<f64>>(), &first)
        });
        JobModel {
            settings,
            contexts: BTreeMap::new(),
            gates,
            boosted: Default::default(),
            lineage: Lineage::default(),
            caution: Caution::default(),
            pending: BTreeMap::new(),
            next: 0,
            runs: BTreeMap::new(),
            mean_use: (0.0, 0.0),
            mean_seconds: 1.0,
        }
    }

    /// What `job` will need, by what has ended so far.
    pub fn predict(&mut self, job: &JobMetadata) -> JobOutlook {
        let facts = Facts::of(job, self.lineage.predecessor(job));
        let process = facts.process();
        let runs = self.runs.get(&process).copied().unwrap_or(0);
        let mut mixtures: [Mixture; QUANTITIES] = Default::default();
        let mut quantities: [Outlook; QUANTITIES] = Default::default();
        for quantity in [Quantity::Memory, Quantity::Run, Quantity::Cores] {
            let which = quantity as usize;
            mixtures[which] = self.mixture(&facts, process, runs, quantity);
            quantities[which] = poured(&mixtures[which], quantity, facts.asked[which]);
        }
        let price =
            FailurePrice { share: self.settings.failure_share, byte_seconds: self.settings.failure_jobs * self.mean_use.0 };
        let raw = plan(&quantities[0].samples, price);
        // What others needed says nothing of how sure a first guess is.
        let caution = if runs > 0 { self.caution.factor(process) } else { 1.0 };
        let top = facts.asked[0].map_or(f64::INFINITY, f64::exp);
        let attempts: Vec<f64> = raw.iter().map(|bytes| (bytes * caution).min(top.max(*bytes))).collect();
        let run_s = most_accurate(&quantities[1].samples).map(f64::exp);
        let ticket = self.next;
        self.next += 1;
        self.pending.insert(ticket, Pending { facts, mixtures, attempts: raw, runs });
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
                let (mixture, Some(needed)) = (&pending.mixtures[which], *needed) else { continue };
                if !mixture.shares.is_empty() {
                    let densities: Vec<f64> = mixture.clouds.iter().map(|cloud| cloud.density(needed)).collect();
                    self.gates[which].learn(process, pending.runs, &mixture.shares, &densities);
                }
                if let Some(standing) = &mixture.standing {
                    self.boosted[which].learn(standing, needed);
                }
            }
        }
        if let (Some(peak), Some(_)) = (past.needed[0], outcome.run) {
            let used = peak.exp() * past.seconds;
            self.mean_use.1 = (self.mean_use.1 + 1.0).min(2_000.0);
            self.mean_use.0 += (used - self.mean_use.0) / self.mean_use.1;
            self.mean_seconds += (past.seconds - self.mean_seconds) / self.mean_use.1;
            if let Some(pending) = pending.filter(|pending| pending.runs > 0 && !pending.attempts.is_empty()) {
                let price = self.settings.failure_jobs * self.mean_use.0;
                let price = FailurePrice { share: self.settings.failure_share, byte_seconds: price };
                self.caution.learn(process, &pending.attempts, peak.exp(), past.seconds, price);
            }
        }
        *self.runs.entry(process).or_default() += 1;
        if self.runs.len() > PROCESSES_MAX {
            self.runs.pop_first();
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
            let context =
                self.contexts.entry(key).or_insert_with(|| Context { touched: stamp, history: VecDeque::with_capacity(4) });
            context.touched = stamp;
            // Among many processes each stands for itself, not for how often it ran.
            if facts.is_named() && source.mask & (NAME | TAIL | USER) == 0 {
                context.history.retain(|one| one.process != past.process);
            }
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

    fn mixture(&self, facts: &Facts, process: u64, runs: usize, quantity: Quantity) -> Mixture {
        let which = quantity as usize;
        let (mut present, mut clouds) = (Vec::new(), Vec::new());
        for (source, what) in SOURCES.iter().enumerate() {
            let context = facts.key(what.mask).and_then(|key| self.contexts.get(&key));
            let cloud = context.and_then(|context| read(&context.history, what, facts, quantity));
            if let Some(cloud) = cloud {
                present.push((source, cloud.len()));
                clouds.push(cloud);
            }
        }
        let default = Some(self.settings.memory_default.ln()).filter(|_| quantity == Quantity::Memory);
        if let Some(asked) = facts.asked[which].or(default) {
            let seconds = self.mean_seconds;
            let sample = |&share: &f64| Sample { log: asked + share.ln(), weight: 1.0, seconds: 4.0 * share * seconds };
            present.push((if facts.asked[which].is_some() { ASKED } else { DEFAULT }, ASKED_SHARES.len()));
            clouds.push(Cloud::new(ASKED_SHARES.iter().map(sample).collect(), 0.02));
        }
        let standing = self.row(facts, runs, which).map(|(row, base, seconds)| {
            let (standing, cloud) = self.boosted[which].say(row, base, seconds);
            if let Some(cloud) = cloud {
                // As sure as any: it rests on all jobs.
                present.push((TREES, usize::MAX));
                clouds.push(cloud);
            }
            standing
        });
        if present.is_empty() {
            return Mixture { standing, ..Mixture::default() };
        }
        Mixture { shares: self.gates[which].shares(process, runs, &present), clouds, standing }
    }

    /// The features of a job for the trees, the base that its need is taken relative to, and the seconds it may run. `None` where
    /// nothing like it has run and nothing was asked for.
    fn row(&self, facts: &Facts, runs: usize, which: usize) -> Option<([f32; FEATURES], f64, f64)> {
        let mut seconds = None;
        let mut last = f64::NAN;
        let means = BASES.map(|mask| {
            let history = facts.key(mask).and_then(|key| self.contexts.get(&key)).map(|context| &context.history)?;
            let known = || history.iter().filter_map(|past| past.needed[which]);
            if last.is_nan() {
                last = history.iter().rev().find_map(|past| past.needed[which]).unwrap_or(f64::NAN);
            }
            let mean_seconds = history.iter().map(|past| past.seconds).sum::<f64>() / history.len().max(1) as f64;
            seconds = seconds.or(Some(mean_seconds));
            Some(known().sum::<f64>() / known().count() as f64).filter(|mean| mean.is_finite())
        });
        let base = means.iter().find_map(|mean| *mean).or(facts.asked[which])?;
        let known = |value: Option<f64>| value.map_or(f32::NAN, |value| value as f32);
        let relative = |value: Option<f64>| known(value.map(|value| value - base));
        let kin = |at: usize| known(facts.kin.map(|kin| kin[at]));
        let row = [
            known(facts.input),
            known(facts.asked[0]),
            known(facts.asked[1]),
            known(facts.asked[2]),
            relative(facts.asked[which]),
            kin(0),
            kin(1),
            kin(2),
            kin(3),
            base as f32,
            relative(Some(last)),
            relative(means[1]),
            relative(means[2]),
            (runs as f32).ln_1p(),
        ];
        Some((row, base, seconds.unwrap_or(self.mean_seconds)))
    }
}

/// The mixture of the clouds as one, never above what was asked for.
fn poured(mixture: &Mixture, quantity: Quantity, asked: Option<f64>) -> Outlook {
    let mut outlook = Outlook::default();
    for (share, cloud) in mixture.shares.iter().zip(&mixture.clouds).filter(|(share, _)| share.weight >= WEIGHT_MIN) {
        cloud.pour(share.weight, quantity == Quantity::Memory, &mut outlook.samples);
        let name = match share.source {
            ASKED => "the request",
            DEFAULT => "the default request",
            TREES => "boosted trees",
            source => SOURCES[source].name,
        };
        outlook.sources.push((name, share.weight, cloud.len()));
    }
    if let Some(asked) = asked {
        outlook.samples.iter_mut().for_each(|sample| sample.log = sample.log.min(asked));
    }
    outlook.samples.sort_by(|a, b| a.log.total_cmp(&b.log));
    outlook.sources.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    outlook
}
