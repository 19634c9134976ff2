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
}

impl Counts {
    fn new(buckets: Buckets) -> Counts {
        Counts { buckets, low: usize::MAX, high: 0, rows: Default::default(), ends: Vec::new() }
    }

    fn add(&mut self, readings: &[f64], decays: [f64; HALF_LIVES.len()]) {
        for &value in readings {
            self.reach(self.buckets.find(value));
        }
        let share = 1.0 / readings.len() as f64;
        for (row, decay) in self.rows.iter_mut().zip(decays) {
            // The first window counts in full: a mean that starts at zero would favour low limits.
            let decay = if row.iter().all(|&count| count == 0.0) { 1.0 } else { decay };
            for count in row.iter_mut() {
                *count *= 1.0 - decay;
            }
            for &value in readings {
                row[self.buckets.find(value) - self.low] += decay * share;
            }
        }
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
        for (age, row) in counts.rows.iter().enumerate() {
            self.wanted[age] = best_limit(row, &counts.ends, self.rule, self.wanted[age]);
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

/// The candidate limit of least cost. `o(L)` counts buckets above the limit's, `u(L)` those below it.
fn best_limit(row: &[f64], ends: &[f64], rule: Rule, before: f64) -> f64 {
    let total: f64 = row.iter().sum();
    let (mut below, mut below_amount) = (0.0, 0.0);
    let mut best = (f64::INFINITY, before);
    for (&count, &limit) in row.iter().zip(ends) {
        let over = (total - below - count).max(0.0);
        let under = if rule.by_distance { below - below_amount / limit } else { below };
        let change = if limit != before { CHANGE_COST } else { 0.0 };
        let cost = rule.over_weight * over + under + change;
        if cost < best.0 {
            best = (cost, limit);
        }
        below += count;
        below_amount += count * limit;
    }
    best.1
}
