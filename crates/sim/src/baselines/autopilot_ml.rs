//! Autopilot's recommender by an ensemble of models (Rzadca et al., EuroSys 2020, section 3.2.2).
//!
//! Each model (decay `d`, margin `M`) keeps, for every candidate limit `L`, a decayed count of readings over it and under it:
//! `o(L) = (1 - d) o + d #over`, `u(L) = (1 - d) u + d #under`, and wants `argmin w_o o(L) + w_u u(L) + w_l [L changed]`, plus
//! its margin. The model whose limits have had the lowest decayed cost wins; changing the model or the limit costs. The paper
//! gives no weights (they were tuned on Google's fleet), so several are variants here, and each of them also in a form in
//! which readings count by how far they lie under the limit: with bare counts a limit far too high costs no more than one
//! that is a little too high.

use predict::Buckets;

use super::adaptive::first_max;
use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};
use crate::trace::Unit;

/// Half-lives of the models' decay, in hours.
const HALF_LIVES: [f64; 4] = [1.0, 6.0, 24.0, 72.0];
/// Margins of the models.
const MARGINS: [f64; 3] = [0.0, 0.1, 0.2];
/// Half-life, in hours, of the cost by which models compete.
const COST_HALF_LIFE: f64 = 24.0;
/// Weights of a reading over the limit against one under it; the first is the default.
const OVER_WEIGHTS: [f64; 4] = [100.0, 10.0, 30.0, 300.0];
/// What a changed limit costs, in units of one reading under the limit.
const CHANGE_COST: f64 = 0.1;
/// What a changed model costs.
const MODEL_COST: f64 = 0.1;
const RATIO: f64 = 1.10;
/// A bucket with a smaller share of readings counts as empty.
const EMPTY: f64 = 1e-9;
const MODELS: usize = HALF_LIVES.len() * MARGINS.len();

/// The ensemble; its variants weigh readings over the limit differently.
#[derive(Clone, Copy, Debug, Default)]
pub struct AutopilotMl;

impl Policy for AutopilotMl {
    fn name(&self) -> &'static str {
        "autopilot_ml"
    }
    fn variants(&self, _kind: Kind) -> Vec<Variant> {
        settings().into_iter().map(|rule| Variant::named(rule.name())).collect()
    }
    fn begin(&self, about: &About<'_>) -> Box<dyn Recommender> {
        Box::new(State {
            unit: about.unit,
            window_hours: about.step.times(about.window as u64).as_secs_f64() / 3_600.0,
            recent: Vec::with_capacity(about.window),
            counts: None,
            ensembles: settings().into_iter().map(Ensemble::new).collect(),
            known: false,
        })
    }
}

/// How readings over and under a limit are weighed.
#[derive(Clone, Copy)]
struct Rule {
    over_weight: f64,
    /// Whether a reading under the limit counts by its distance (as a share of the limit) rather than as one.
    by_distance: bool,
}

impl Rule {
    fn name(&self) -> String {
        format!("{} over {}", self.over_weight, if self.by_distance { "by distance" } else { "by count" })
    }
}

fn settings() -> Vec<Rule> {
    [true, false]
        .into_iter()
        .flat_map(|by_distance| OVER_WEIGHTS.map(|over_weight| Rule { over_weight, by_distance }))
        .collect()
}

struct State {
    unit: Unit,
    window_hours: f64,
    /// Readings of the window that ends now.
    recent: Vec<f64>,
    counts: Option<Counts>,
    ensembles: Vec<Ensemble>,
    known: bool,
}

impl Recommender for State {
    fn observe(&mut self, use_: Option<f32>) {
        if let Some(value) = use_ {
            self.known = true;
            self.recent.push(f64::from(value).max(0.0));
        }
    }

    fn allocate(&mut self, allocations: &mut [f32]) {
        if self.known {
            self.learn();
            for (allocation, ensemble) in allocations.iter_mut().zip(&self.ensembles) {
                *allocation = ensemble.limit as f32;
            }
        }
    }
}

impl State {
    /// Takes the last window in and chooses the next limits.
    fn learn(&mut self) {
        if self.recent.is_empty() {
            return;
        }
        if self.counts.is_none() {
            let Some(&value) = self.recent.iter().find(|&&value| value > 0.0) else {
                self.recent.clear();
                return;
            };
            let first = (value * 1e-3).min(first_max(self.unit));
            self.counts = Some(Counts::new(Buckets::exponential(first, first * 1e9, RATIO)));
        }
        let Some(counts) = &mut self.counts else { return };
        let decay = |half_life: f64| 1.0 - (-self.window_hours / half_life).exp2();
        for ensemble in &mut self.ensembles {
            ensemble.charge(&self.recent, decay(COST_HALF_LIFE));
        }
        counts.add(&self.recent, HALF_LIVES.map(decay));
        for ensemble in &mut self.ensembles {
            ensemble.choose(counts);
        }
        self.recent.clear();
    }
}

/// Decayed shares of readings per bucket, one row per half-life.
struct Counts {
    buckets: Buckets,
    low: usize,
    high: usize,
    rows: [Vec<f64>; HALF_LIVES.len()],
    /// The end of each bucket between `low` and `high`: the candidate limits.
    ends: Vec<f64>,
    /// What each candidate misses, by row, made anew after every window.
    candidates: [Vec<Candidate>; HALF_LIVES.len()],
}

/// A limit at the end of a bucket, and what lies over and under it.
#[derive(Clone, Copy)]
struct Candidate {
    limit: f64,
    /// Share of readings in the bucket itself: neither over nor under.
    within: f64,
    over: f64,
    under: f64,
    /// Sum over the readings under it, each by the end of its bucket.
    under_amount: f64,
}

impl Candidate {
    fn cost(&self, rule: Rule, before: f64) -> f64 {
        let under = if rule.by_distance { self.under - self.under_amount / self.limit } else { self.under };
        rule.over_weight * self.over + under + if self.limit != before { CHANGE_COST } else { 0.0 }
    }
}

impl Counts {
    fn new(buckets: Buckets) -> Counts {
        let (rows, candidates) = (Default::default(), Default::default());
        Counts { buckets, low: usize::MAX, high: 0, rows, ends: Vec::new(), candidates }
    }

    fn add(&mut self, readings: &[f64], decays: [f64; HALF_LIVES.len()]) {
        for &value in readings {
            self.reach(self.buckets.find(value));
        }
        let places: Vec<usize> = readings.iter().map(|&value| self.buckets.find(value) - self.low).collect();
        let share = 1.0 / readings.len() as f64;
        let ends = &self.ends;
        for ((row, decay), candidates) in self.rows.iter_mut().zip(decays).zip(&mut self.candidates) {
            // The first window counts in full: a mean that starts at zero would favour low limits.
            let decay = if candidates.is_empty() { 1.0 } else { decay };
            for count in row.iter_mut() {
                *count *= 1.0 - decay;
            }
            for &place in &places {
                row[place] += decay * share;
            }
            let total: f64 = row.iter().sum();
            let (mut under, mut under_amount) = (0.0, 0.0);
            candidates.clear();
            candidates.extend(row.iter().zip(ends).map(|(&within, &limit)| {
                let over = (total - under - within).max(0.0);
                let candidate = Candidate { limit, within, over, under, under_amount };
                under += within;
                under_amount += within * limit;
                candidate
            }));
        }
    }

    /// The candidate limit of least cost. A limit at an empty bucket costs more than one at the next fuller bucket below
    /// (nothing more lies over it, more lies under it), unless it is the one in force, which needs no change.
    fn best_limit(&self, row: usize, rule: Rule, before: f64) -> f64 {
        let candidates = &self.candidates[row];
        let held = candidates.partition_point(|candidate| candidate.limit < before);
        let held = candidates.get(held).filter(|candidate| candidate.limit == before);
        let mut best = held.map_or((f64::INFINITY, before), |held| (held.cost(rule, before), before));
        for candidate in candidates.iter().filter(|candidate| candidate.within > EMPTY) {
            let cost = candidate.cost(rule, before);
            if cost < best.0 {
                best = (cost, candidate.limit);
            }
        }
        best.1
    }

    /// Makes room for `bucket`.
    fn reach(&mut self, bucket: usize) {
        let (low, high) = if self.low == usize::MAX { (bucket, bucket) } else { (self.low, self.high) };
        let (new_low, new_high) = (low.min(bucket), high.max(bucket));
        if self.low == usize::MAX || new_low < low || new_high > high {
            for row in &mut self.rows {
                let mut wider = vec![0.0; new_high - new_low + 1];
                if !row.is_empty() {
                    wider[low - new_low..=high - new_low].copy_from_slice(row);
                }
                *row = wider;
            }
            self.ends = (new_low..=new_high).map(|bucket| self.buckets.start(bucket + 1)).collect();
            (self.low, self.high) = (new_low, new_high);
        }
    }
}

/// All models under one rule, and which of them is in force.
struct Ensemble {
    rule: Rule,
    /// The limit before margin that each half-life's models want.
    wanted: [f64; HALF_LIVES.len()],
    /// The limit of each model.
    limits: [f64; MODELS],
    /// Whether the last choice moved it.
    moved: [bool; MODELS],
    costs: [f64; MODELS],
    model: usize,
    limit: f64,
}

impl Ensemble {
    fn new(rule: Rule) -> Ensemble {
        Ensemble {
            rule,
            wanted: [0.0; HALF_LIVES.len()],
            limits: [0.0; MODELS],
            moved: [false; MODELS],
            costs: [0.0; MODELS],
            model: 0,
            limit: 0.0,
        }
    }

    /// Charges each model what its limit cost in the last window.
    fn charge(&mut self, readings: &[f64], decay: f64) {
        if self.limit == 0.0 {
            return;
        }
        for model in 0..MODELS {
            let limit = self.limits[model];
            let cost: f64 = readings
                .iter()
                .map(|&value| match () {
                    () if value > limit => self.rule.over_weight,
                    () if self.rule.by_distance => 1.0 - value / limit,
                    () => 1.0,
                })
                .sum();
            let cost = cost / readings.len() as f64 + if self.moved[model] { CHANGE_COST } else { 0.0 };
            self.costs[model] += decay * (cost - self.costs[model]);
        }
    }

    /// Lets every model choose its limit, then chooses the model.
    fn choose(&mut self, counts: &Counts) {
        for age in 0..HALF_LIVES.len() {
            self.wanted[age] = counts.best_limit(age, self.rule, self.wanted[age]);
            for (place, margin) in MARGINS.into_iter().enumerate() {
                let model = age * MARGINS.len() + place;
                let limit = self.wanted[age] * (1.0 + margin);
                self.moved[model] = limit != self.limits[model];
                self.limits[model] = limit;
            }
        }
        let price = |model: usize| {
            let switch = if model != self.model { MODEL_COST } else { 0.0 };
            let change = if self.limits[model] != self.limit { CHANGE_COST } else { 0.0 };
            self.costs[model] + switch + change
        };
        let best = (0..MODELS).min_by(|&a, &b| price(a).total_cmp(&price(b))).unwrap_or(self.model);
        (self.model, self.limit) = (best, self.limits[best]);
    }
}
