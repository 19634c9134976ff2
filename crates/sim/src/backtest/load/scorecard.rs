//! Means over series and paired comparisons.

use std::collections::{BTreeMap, BTreeSet};

use super::{CURVE, LEVELS, LoadResult, Outcome, SeriesResult, Skip};

/// Slack differences below this are draws, not wins.
const DRAW: f64 = 1e-9;

/// A policy's means at one level, over the series that reach it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AtLevel {
    /// Mean slack in percent; `None` when no series reaches the level.
    pub slack_percent: Option<f64>,
    /// Mean changes per day.
    pub changes_per_day: Option<f64>,
    /// Mean of the slack beyond that of the oracle at the same level, in points, where both reach it.
    pub regret_points: Option<f64>,
    /// Series that reach the level.
    pub reached: usize,
    /// Series that do not.
    pub unreached: usize,
}

/// A policy's figures with its default setting.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DefaultFigures {
    /// Violated steps in percent, pooled over all series.
    pub violation_percent: f64,
    /// Mean over series of the violated steps in percent.
    pub violation_percent_series_mean: f64,
    /// Mean slack in percent.
    pub slack_percent: f64,
    /// Mean changes per day.
    pub changes_per_day: f64,
    /// Windows with a violation on memory series, summed; `None` when there is no memory series.
    pub out_of_memory: Option<u64>,
    /// Mean seconds by which the allocation was there before a rise in use reached it, over all rises.
    pub lead_seconds_mean: f64,
    /// Violated steps in percent in the cold start, pooled; windows without an allocation do not count.
    pub cold_violation_percent: f64,
    /// Mean slack in percent in the cold start.
    pub cold_slack_percent: f64,
}

/// One policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyCard {
    /// At each of [`CURVE`].
    pub curve: [AtLevel; CURVE.len()],
    /// With its default setting.
    pub default: DefaultFigures,
}

impl PolicyCard {
    /// At each of [`LEVELS`].
    pub fn at(&self) -> impl Iterator<Item = (f64, &AtLevel)> {
        LEVELS.into_iter().zip(&self.curve)
    }
}

/// The subject against one other policy at one level, over the series where both reach it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Paired {
    /// Mean of the other's slack less the subject's, in points: positive means that the subject needs less.
    pub slack_points_saved_mean: Option<f64>,
    /// Series in which the subject has less slack.
    pub wins: usize,
    /// Series compared.
    pub of: usize,
}

/// The figures of a set of series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Series scored.
    pub series: usize,
    /// By policy name.
    pub policies: BTreeMap<&'static str, PolicyCard>,
    /// The subject against each other policy, at each of [`LEVELS`]; empty without the subject.
    pub paired: BTreeMap<&'static str, [Paired; LEVELS.len()]>,
}

/// What a backtest found.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorecard {
    /// The policy that the others are compared with, where it took part.
    pub subject: Option<&'static str>,
    /// All series.
    pub all: Section,
    /// The series of each metric.
    pub by_metric: BTreeMap<String, Section>,
    /// Series left out.
    pub skipped: BTreeMap<Skip, usize>,
}

impl Scorecard {
    /// The figures of `result`; pairs compare `subject` with the others.
    pub fn of(result: &LoadResult, subject: &str) -> Scorecard {
        let all: Vec<&SeriesResult> = result.series.iter().collect();
        let metrics: BTreeSet<&str> = all.iter().map(|one| one.metric.as_str()).collect();
        let by_metric = metrics
            .into_iter()
            .map(|metric| {
                let chosen: Vec<&SeriesResult> = all.iter().copied().filter(|one| one.metric == metric).collect();
                (metric.to_owned(), section(result, &chosen, subject))
            })
            .collect();
        Scorecard {
            subject: result.policies.iter().copied().find(|&name| name == subject),
            all: section(result, &all, subject),
            by_metric,
            skipped: result.skipped.clone(),
        }
    }
}

fn section(result: &LoadResult, series: &[&SeriesResult], subject: &str) -> Section {
    let place = |wanted: &str| result.policies.iter().position(|&name| name == wanted);
    let oracle = place("oracle");
    let policies = result.policies.iter().enumerate();
    let cards = policies.clone().map(|(policy, &name)| (name, card(series, policy, oracle))).collect();
    let paired = match place(subject) {
        None => BTreeMap::new(),
        Some(subject) => policies
            .filter(|&(policy, _)| policy != subject)
            .map(|(policy, &name)| (name, std::array::from_fn(|level| pair(series, subject, policy, level))))
            .collect(),
    };
    Section { series: series.len(), policies: cards, paired }
}

fn card(series: &[&SeriesResult], policy: usize, oracle: Option<usize>) -> PolicyCard {
    PolicyCard {
        curve: std::array::from_fn(|level| at_level(series, policy, oracle, level)),
        default: default_figures(series, policy),
    }
}

fn at_level(series: &[&SeriesResult], policy: usize, oracle: Option<usize>, level: usize) -> AtLevel {
    let (mut slack, mut changes, mut regret) = (Mean::default(), Mean::default(), Mean::default());
    let mut unreached = 0;
    for one in series {
        let Some(point) = one.outcomes[policy].at[level] else {
            unreached += 1;
            continue;
        };
        slack.add(100.0 * point.slack);
        changes.add(point.changes_per_day);
        if let Some(best) = oracle.and_then(|oracle| one.outcomes[oracle].at[level]) {
            regret.add(100.0 * (point.slack - best.slack));
        }
    }
    AtLevel {
        slack_percent: slack.get(),
        changes_per_day: changes.get(),
        regret_points: regret.get(),
        reached: slack.count,
        unreached,
    }
}

fn default_figures(series: &[&SeriesResult], policy: usize) -> DefaultFigures {
    let (mut violation, mut slack, mut changes, mut cold_slack) =
        (Mean::default(), Mean::default(), Mean::default(), Mean::default());
    let (mut lead, mut warm, mut cold) = (Mean::default(), (0, 0), (0, 0));
    let mut out_of_memory = None;
    for one in series {
        let Outcome { default, cold: early, .. } = &one.outcomes[policy];
        violation.add(default.violation_percent());
        slack.add(100.0 * default.slack);
        changes.add(default.changes_per_day);
        lead.add_many(default.lead_seconds, default.rises as usize);
        warm = (warm.0 + default.violated_steps, warm.1 + default.steps);
        cold = (cold.0 + early.violated_steps, cold.1 + early.steps);
        if early.steps > 0 {
            cold_slack.add(100.0 * early.slack);
        }
        if super::entrant::is_memory(&one.metric) {
            *out_of_memory.get_or_insert(0) += default.violated_windows;
        }
    }
    let percent = |(part, whole): (u64, u64)| if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    DefaultFigures {
        violation_percent: percent(warm),
        violation_percent_series_mean: violation.get().unwrap_or(0.0),
        slack_percent: slack.get().unwrap_or(0.0),
        changes_per_day: changes.get().unwrap_or(0.0),
        out_of_memory,
        lead_seconds_mean: lead.get().unwrap_or(0.0),
        cold_violation_percent: percent(cold),
        cold_slack_percent: cold_slack.get().unwrap_or(0.0),
    }
}

fn pair(series: &[&SeriesResult], subject: usize, other: usize, level: usize) -> Paired {
    let mut saved = Mean::default();
    let mut wins = 0;
    for one in series {
        if let (Some(ours), Some(theirs)) = (one.outcomes[subject].at[level], one.outcomes[other].at[level]) {
            saved.add(100.0 * (theirs.slack - ours.slack));
            wins += usize::from(theirs.slack - ours.slack > DRAW);
        }
    }
    Paired { slack_points_saved_mean: saved.get(), wins, of: saved.count }
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.add_many(value, 1);
    }
    fn add_many(&mut self, sum: f64, count: usize) {
        self.sum += sum;
        self.count += count;
    }
    fn get(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
