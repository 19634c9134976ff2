//! What the policies reached: points, the best of each, who is dominated, and the static pool.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::PoolOptions;
use super::policy::{Tallies, UnitTally};
use super::workload::Workload;

/// One setting of a policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolPoint {
    /// Cold starts in percent of requests, over all units by weight.
    pub cold_percent: f64,
    /// The same per unit: the 75th percentile of units, by weight.
    pub cold_percent_unit_p75: f64,
    /// Memory held ready and not used, in GB hours, by weight.
    pub idle_gb_hours: f64,
    /// `cold_s` times cold starts plus idle GB seconds over `gb_s_per_s`, in seconds.
    pub rum: f64,
    /// The setting's name.
    #[serde(skip)]
    pub label: String,
    /// The median of units, in percent.
    #[serde(skip)]
    pub cold_percent_unit_p50: f64,
    /// The 90th percentile of units, in percent.
    #[serde(skip)]
    pub cold_percent_unit_p90: f64,
    /// Times that an instance was made ready without a request, by weight.
    #[serde(skip)]
    pub prewarms: f64,
}

impl PoolPoint {
    /// Whether this has no more cold starts and no more idle than `other`.
    pub fn dominates(&self, other: &PoolPoint) -> bool {
        self.cold_percent <= other.cold_percent && self.idle_gb_hours <= other.idle_gb_hours
    }
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolCard {
    /// Its settings; the first is its default.
    pub points: Vec<PoolPoint>,
    /// The least RUM of its settings, in seconds.
    pub best_rum: f64,
}

/// The least memory that a pool of fixed size holds idle at a hit rate, and ours at the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StaticPool {
    /// Idle GB hours of the static pool.
    pub idle_gb_hours: f64,
    /// Idle GB hours of our planner, between the two settings around the hit rate; `None` where it does not reach it.
    pub ours_gb_hours: Option<f64>,
}

/// The results of a pool backtest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolScorecard {
    /// Always `pool`.
    pub kind: &'static str,
    /// How many units were scored.
    pub units: usize,
    /// By policy.
    pub policies: BTreeMap<&'static str, PoolCard>,
    /// Whether some point of ours has no more cold starts and no more idle than each point of a policy.
    pub dominated: BTreeMap<&'static str, bool>,
    /// Against a pool of fixed size, at a hit rate of 99 %.
    #[serde(skip)]
    pub static_pool: StaticPool,
}

/// Our planner's name.
pub const SUBJECT: &str = "forerun";

/// Puts the tallies of all policies together.
pub(super) fn assemble(
    workload: &Workload,
    options: &PoolOptions,
    tallied: Vec<(&'static str, Vec<String>, Tallies)>,
) -> PoolScorecard {
    let mut policies = BTreeMap::new();
    for (name, labels, tallies) in tallied {
        let points: Vec<PoolPoint> =
            labels.into_iter().zip(&tallies).map(|(label, tallies)| point(label, workload, options, tallies)).collect();
        let best_rum = points.iter().map(|point| point.rum).fold(f64::INFINITY, f64::min);
        policies.insert(name, PoolCard { points, best_rum });
    }
    let ours: &[PoolPoint] = policies.get(SUBJECT).map_or(&[], |card: &PoolCard| card.points.as_slice());
    let beaten = |card: &PoolCard| card.points.iter().all(|theirs| ours.iter().any(|point| point.dominates(theirs)));
    let dominated =
        policies.iter().filter(|(name, _)| **name != SUBJECT).map(|(&name, card)| (name, beaten(card))).collect();
    let static_pool = StaticPool {
        idle_gb_hours: super::static_pool::least_idle_gb_hours(workload, 0.99),
        ours_gb_hours: super::static_pool::idle_at(ours, 1.0),
    };
    let units = workload.units.iter().filter(|unit| unit.weight > 0.0).count();
    PoolScorecard { kind: "pool", units, policies, dominated, static_pool }
}

fn point(label: String, workload: &Workload, options: &PoolOptions, tallies: &[UnitTally]) -> PoolPoint {
    let hours = workload.step.as_secs_f64() / 3_600.0;
    let (mut arrivals, mut cold, mut idle, mut prewarms) = (0.0, 0.0, 0.0, 0.0);
    let mut per_unit = Vec::new();
    for (unit, tally) in workload.units.iter().zip(tallies).filter(|(unit, _)| unit.weight > 0.0) {
        arrivals += unit.weight * tally.arrivals as f64;
        cold += unit.weight * tally.cold as f64;
        idle += unit.weight * tally.idle_steps as f64 * hours * unit.memory_gb;
        prewarms += unit.weight * tally.prewarms as f64;
        if tally.arrivals > 0 {
            per_unit.push((100.0 * tally.cold as f64 / tally.arrivals as f64, unit.weight));
        }
    }
    per_unit.sort_by(|a, b| a.0.total_cmp(&b.0));
    PoolPoint {
        cold_percent: if arrivals > 0.0 { 100.0 * cold / arrivals } else { 0.0 },
        cold_percent_unit_p75: quantile(&per_unit, 0.75),
        idle_gb_hours: idle,
        rum: options.cold_s * cold + idle * 3_600.0 / options.gb_s_per_s,
        label,
        cold_percent_unit_p50: quantile(&per_unit, 0.5),
        cold_percent_unit_p90: quantile(&per_unit, 0.9),
        prewarms,
    }
}

/// The least value whose weights up to it make up `share` of all; 0 of nothing.
fn quantile(sorted: &[(f64, f64)], share: f64) -> f64 {
    let total: f64 = sorted.iter().map(|one| one.1).sum();
    let mut below = 0.0;
    for &(value, weight) in sorted {
        below += weight;
        if below >= share * total {
            return value;
        }
    }
    0.0
}

impl PoolScorecard {
    /// Where our planner is not better, one sentence each: peers with less RUM, and peers that are not dominated.
    pub fn losses(&self) -> Vec<String> {
        let Some(ours) = self.policies.get(SUBJECT) else { return Vec::new() };
        let Some(default) = ours.points.first() else { return Vec::new() };
        let mut losses = Vec::new();
        for (&name, card) in self.policies.iter().filter(|(name, _)| **name != SUBJECT && **name != "oracle") {
            if card.best_rum <= default.rum {
                losses.push(format!("{name} reaches RUM {:.0}, {SUBJECT} {:.0} by default.", card.best_rum, default.rum));
            }
            if self.dominated.get(name) == Some(&false) {
                let free = |theirs: &&PoolPoint| !ours.points.iter().any(|point| point.dominates(theirs));
                let points: Vec<&str> = card.points.iter().filter(free).map(|point| point.label.as_str()).collect();
                losses.push(format!("{name} is not dominated: {}.", points.join(", ")));
            }
        }
        losses
    }

    /// A table for people: per policy its default point, its best RUM, and whether it is dominated.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "policy            cold %  unit p50     p75     p90   idle GBh       rum  best rum  prewarms  dominated\n",
        );
        let mut rows: Vec<(&&str, &PoolCard)> = self.policies.iter().collect();
        rows.sort_by(|a, b| a.1.best_rum.total_cmp(&b.1.best_rum).then(a.0.cmp(b.0)));
        for (name, card) in rows {
            let Some(point) = card.points.first() else { continue };
            let dominated = self.dominated.get(*name).map_or("-", |&beaten| if beaten { "yes" } else { "no" });
            writeln!(
                text,
                "{name:<16}{:>8.3}{:>10.2}{:>8.2}{:>8.2}{:>11.2}{:>10.0}{:>10.0}{:>10.0}  {dominated}",
                point.cold_percent,
                point.cold_percent_unit_p50,
                point.cold_percent_unit_p75,
                point.cold_percent_unit_p90,
                point.idle_gb_hours,
                point.rum,
                card.best_rum,
                point.prewarms,
            )
            .expect("writing to a string does not fail");
        }
        let pool = &self.static_pool;
        let ours = pool.ours_gb_hours.map_or("does not reach it".to_owned(), |ours| {
            format!("{ours:.2} GBh, {:.1} % less", 100.0 * (1.0 - ours / pool.idle_gb_hours))
        });
        writeln!(text, "99 % hits: static pool {:.2} GBh idle, {SUBJECT} {ours}", pool.idle_gb_hours)
            .expect("writing to a string does not fail");
        text
    }
}
