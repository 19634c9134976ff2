//! The scorecard as JSON.

use serde_json::{Map, Value, json};

use super::{AtLevel, CURVE, LEVELS, PolicyCard, Scorecard, Section};

impl Scorecard {
    /// The scorecard as JSON. Keys of levels are percent of violated steps; figures are rounded to four decimals.
    pub fn to_json(&self) -> Value {
        let mut root = section(&self.all);
        root.insert("kind".to_owned(), json!("load"));
        let skipped: Map<String, Value> =
            self.skipped.iter().map(|(skip, count)| (skip.name().to_owned(), json!(count))).collect();
        root.insert("skipped".to_owned(), Value::Object(skipped));
        let by_metric: Map<String, Value> =
            self.by_metric.iter().map(|(metric, part)| (metric.clone(), Value::Object(section(part)))).collect();
        root.insert("by_metric".to_owned(), Value::Object(by_metric));
        Value::Object(root)
    }
}

fn section(section: &Section) -> Map<String, Value> {
    let mut root = Map::new();
    root.insert("series".to_owned(), json!(section.series));
    let policies = section.policies.iter().map(|(&name, card)| (name.to_owned(), policy(card))).collect();
    root.insert("policies".to_owned(), Value::Object(policies));
    let mut paired = Map::new();
    for (&name, levels) in &section.paired {
        let at: Map<String, Value> = LEVELS
            .into_iter()
            .zip(levels)
            .map(|(level, pair)| {
                let saved = pair.slack_points_saved_mean.map(rounded);
                (key(level), json!({"slack_points_saved_mean": saved, "wins": pair.wins, "of": pair.of}))
            })
            .collect();
        paired.insert(name.to_owned(), json!({ "at": at }));
    }
    root.insert("paired".to_owned(), Value::Object(paired));
    root
}

fn policy(card: &PolicyCard) -> Value {
    let at: Map<String, Value> = card.at().map(|(level, at)| (key(level), at_level(at))).collect();
    let unreached: Map<String, Value> = card.at().map(|(level, at)| (key(level), json!(at.unreached))).collect();
    let curve: Map<String, Value> =
        CURVE.into_iter().zip(&card.curve).map(|(level, at)| (key(level), json!(at.slack_percent.map(rounded)))).collect();
    let default = &card.default;
    json!({
        "at": at,
        "unreached": unreached,
        "curve_slack_percent": curve,
        "default": {
            "violation_percent": rounded(default.violation_percent),
            "violation_percent_series_mean": rounded(default.violation_percent_series_mean),
            "slack_percent": rounded(default.slack_percent),
            "changes_per_day": rounded(default.changes_per_day),
            "out_of_memory": default.out_of_memory,
            "lead_seconds_mean": rounded(default.lead_seconds_mean),
        },
        "cold": {
            "violation_percent": rounded(default.cold_violation_percent),
            "slack_percent": rounded(default.cold_slack_percent),
        },
    })
}

fn at_level(at: &AtLevel) -> Value {
    json!({
        "slack_percent": at.slack_percent.map(rounded),
        "changes_per_day": at.changes_per_day.map(rounded),
        "regret_points": at.regret_points.map(rounded),
        "reached": at.reached,
    })
}

/// `1.0`, `0.3`, `0.05`.
pub(super) fn key(level: f64) -> String {
    if level == level.trunc() { format!("{level:.1}") } else { format!("{level}") }
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
