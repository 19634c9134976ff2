//! What the policies reached: wastage, failures, accuracy of the run time; as JSON and as a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::replay::JobTally;
use crate::trace::Job;

/// Our planner's name.
pub const SUBJECT: &str = "forerun";

/// One policy. `None` where it says nothing, or the trace knows nothing, of the quantity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobCard {
    /// Allocated minus used memory over run time plus all of failed attempts, in GB (1e9 bytes) hours.
    pub wastage_gb_hours: Option<f64>,
    /// Attempts that ran out of memory, in percent of jobs.
    pub failures_percent: Option<f64>,
    /// Mean of the smaller over the larger of predicted and real run time, 0 to 1.
    pub runtime_accuracy: Option<f64>,
    /// Of the wastage, what failed attempts make up.
    #[serde(skip)]
    pub failed_gb_hours: Option<f64>,
    /// Of the jobs with a known run time, those of which it said one, in percent.
    #[serde(skip)]
    pub runtime_coverage_percent: f64,
}

/// The results of a jobs backtest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobScorecard {
    /// Always `jobs`.
    pub kind: &'static str,
    /// By policy.
    pub policies: BTreeMap<&'static str, JobCard>,
    /// Jobs of all traces.
    #[serde(skip)]
    pub jobs: usize,
    /// Of those, with a known peak and run time.
    #[serde(skip)]
    pub sized: usize,
    /// What was used: the least that could have been allocated, in GB hours.
    #[serde(skip)]
    pub used_gb_hours: f64,
}

const GB_HOUR: f64 = 3.6e12;

/// Puts the tallies of all policies together.
pub(super) fn assemble(traces: &[Vec<Job>], tallied: Vec<(&'static str, JobTally)>) -> JobScorecard {
    let jobs = || traces.iter().flatten();
    let timed = jobs().filter(|job| job.outcome.run.is_some()).count();
    let use_of = |job: &Job| Some(job.outcome.memory_peak?.0 as f64 * job.outcome.run?.as_secs_f64());
    let card = |tally: JobTally| {
        let sized = |value: f64| Some(value).filter(|_| tally.sized > 0);
        JobCard {
            wastage_gb_hours: sized(tally.wasted_byte_s / GB_HOUR),
            failures_percent: sized(100.0 * tally.failures as f64 / tally.sized as f64),
            runtime_accuracy: Some(tally.accuracy / tally.timed as f64).filter(|_| tally.timed > 0),
            failed_gb_hours: sized(tally.failed_byte_s / GB_HOUR),
            runtime_coverage_percent: 100.0 * tally.timed as f64 / timed.max(1) as f64,
        }
    };
    JobScorecard {
        kind: "jobs",
        policies: tallied.into_iter().map(|(name, tally)| (name, card(tally))).collect(),
        jobs: jobs().count(),
        sized: jobs().filter_map(use_of).count(),
        used_gb_hours: jobs().filter_map(use_of).fold(0.0, |sum, used| sum + used) / GB_HOUR,
    }
}

impl JobScorecard {
    /// The peer with the least wastage, without the oracle.
    pub fn best_peer(&self) -> Option<(&'static str, &JobCard)> {
        let peers = self.policies.iter().filter(|(name, _)| !matches!(**name, SUBJECT | "oracle"));
        let sized = peers.filter_map(|(&name, card)| Some((card.wastage_gb_hours?, name, card)));
        sized.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name, card)| (name, card))
    }

    /// Where our planner is not better, one sentence each: more wastage or more failures than the best peer, less accuracy.
    pub fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        let Some(ours) = self.policies.get(SUBJECT) else { return losses };
        if let (Some((name, peer)), Some(wastage), Some(failures)) =
            (self.best_peer(), ours.wastage_gb_hours, ours.failures_percent)
        {
            let (theirs, failed) = (peer.wastage_gb_hours.unwrap_or(0.0), peer.failures_percent.unwrap_or(0.0));
            if wastage >= theirs {
                losses.push(format!("{name} wastes {theirs:.2} GB hours, {SUBJECT} {wastage:.2}."));
            }
            if failures > failed {
                losses.push(format!("{name} fails in {failed:.2} %, {SUBJECT} in {failures:.2} %."));
            }
        }
        for (name, card) in self.policies.iter().filter(|(name, _)| !matches!(**name, SUBJECT | "oracle")) {
            if let (Some(theirs), Some(accuracy)) = (card.runtime_accuracy, ours.runtime_accuracy)
                && theirs >= accuracy
            {
                losses.push(format!("{name} knows the run time to {theirs:.3}, {SUBJECT} to {accuracy:.3}."));
            }
        }
        losses
    }

    /// The policies by wastage, those without any last, then by accuracy.
    pub fn ranked(&self) -> Vec<(&'static str, &JobCard)> {
        let mut rows: Vec<(&'static str, &JobCard)> = self.policies.iter().map(|(&name, card)| (name, card)).collect();
        let wastage = |card: &JobCard| card.wastage_gb_hours.unwrap_or(f64::INFINITY);
        let accuracy = |card: &JobCard| card.runtime_accuracy.unwrap_or(-1.0);
        rows.sort_by(|a, b| {
            wastage(a.1).total_cmp(&wastage(b.1)).then(accuracy(b.1).total_cmp(&accuracy(a.1))).then(a.0.cmp(b.0))
        });
        rows
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} jobs, {} with memory, {:.2} GB hours used\n\
             policy         wastage GBh  failed GBh  failures %  run time accuracy  of jobs %\n",
            self.jobs, self.sized, self.used_gb_hours
        );
        let cell = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
        for (name, card) in self.ranked() {
            writeln!(
                text,
                "{name:<12}{:>14}{:>12}{:>12}{:>19}{:>11.1}",
                cell(card.wastage_gb_hours, 2),
                cell(card.failed_gb_hours, 2),
                cell(card.failures_percent, 3),
                cell(card.runtime_accuracy, 4),
                card.runtime_coverage_percent
            )
            .expect("writing to a string does not fail");
        }
        text
    }
}
