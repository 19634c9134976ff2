//! What the policies reached, per trace.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::policy::{Outcome, Tally};

/// Our planner's name.
pub const SUBJECT: &str = "forerun";

/// One policy on one trace; shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AccessFigures {
    /// Accesses whose key stood first.
    pub top1: f64,
    /// Accesses whose key stood among the first five.
    pub top5: f64,
}

/// One trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceCard {
    /// By policy.
    pub policies: BTreeMap<&'static str, AccessFigures>,
    /// Whether our planner found that it cannot predict this trace well enough to act; also where it did not take part.
    pub abstained: bool,
    /// How many accesses were scored.
    #[serde(skip)]
    pub accesses: u64,
    /// What our planner would have brought in.
    #[serde(skip)]
    pub outcome: Outcome,
}

/// The results of an access backtest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccessScorecard {
    /// Always `access`.
    pub kind: &'static str,
    /// By trace.
    pub traces: BTreeMap<String, TraceCard>,
}

/// Puts the tallies of all traces together.
pub(super) fn assemble(traces: impl Iterator<Item = (String, BTreeMap<&'static str, Tally>)>) -> AccessScorecard {
    let traces = traces.map(|(name, tallies)| (name, card(&tallies))).collect();
    AccessScorecard { kind: "access", traces }
}

fn card(tallies: &BTreeMap<&'static str, Tally>) -> TraceCard {
    let share = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 / of as f64 };
    let figures =
        |tally: &Tally| AccessFigures { top1: share(tally.first, tally.accesses), top5: share(tally.among, tally.accesses) };
    let outcome = tallies.get(SUBJECT).and_then(|tally| tally.outcome);
    let accesses = tallies.values().map(|tally| tally.accesses).max().unwrap_or(0);
    TraceCard {
        policies: tallies.iter().map(|(&name, tally)| (name, figures(tally))).collect(),
        abstained: outcome.is_none_or(|outcome| 2 * outcome.abstained > accesses),
        accesses,
        outcome: outcome.unwrap_or_default(),
    }
}

impl TraceCard {
    /// The best peer by `figure`.
    fn best_peer(&self, figure: impl Fn(&AccessFigures) -> f64) -> Option<(&'static str, f64)> {
        let peers = self.policies.iter().filter(|(name, _)| **name != SUBJECT);
        peers.map(|(&name, figures)| (name, figure(figures))).max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

impl AccessScorecard {
    /// Where our planner is not as good as the best peer, one sentence each.
    pub fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        for (name, card) in &self.traces {
            let Some(ours) = card.policies.get(SUBJECT) else { continue };
            let top1 = card.best_peer(|figures| figures.top1).map(|best| ("top-1", ours.top1, best));
            let top5 = card.best_peer(|figures| figures.top5).map(|best| ("top-5", ours.top5, best));
            for (what, ours, (peer, theirs)) in [top1, top5].into_iter().flatten().filter(|(_, ours, best)| *ours < best.1) {
                losses.push(format!(
                    "{name}: {peer} reaches {what} {:.2} %, {SUBJECT} {:.2} %.",
                    100.0 * theirs,
                    100.0 * ours
                ));
            }
        }
        losses
    }

    /// A table for people: per trace a row per policy.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (name, card) in &self.traces {
            write_card(&mut text, name, card).expect("writing to a string does not fail");
        }
        text
    }
}

fn write_card(text: &mut String, name: &str, card: &TraceCard) -> std::fmt::Result {
    let outcome = &card.outcome;
    let verdict = if card.abstained { "abstains" } else { "acts" };
    writeln!(text, "{name}: {} accesses, {SUBJECT} {verdict}", card.accesses)?;
    writeln!(text, "  policy         top-1 %   top-5 %")?;
    let mut rows: Vec<(&&str, &AccessFigures)> = card.policies.iter().collect();
    rows.sort_by(|a, b| b.1.top5.total_cmp(&a.1.top5).then(a.0.cmp(b.0)));
    for (policy, figures) in rows {
        writeln!(text, "  {policy:<12}{:>10.2}{:>10.2}", 100.0 * figures.top1, 100.0 * figures.top5)?;
    }
    let share = |part: u64| 100.0 * part as f64 / card.accesses.max(1) as f64;
    writeln!(
        text,
        "  acted before {:.1} % of accesses, abstained before {:.1} %; {} staged, {} used, {} wasted; \
         gain {:.1} % of waiting, {:.1} % of keys used",
        share(outcome.acted),
        share(outcome.abstained),
        model::Bytes(outcome.staged_bytes),
        model::Bytes(outcome.used_bytes),
        model::Bytes(outcome.staged_bytes - outcome.used_bytes),
        100.0 * outcome.gain,
        100.0 * outcome.used_share
    )
}
