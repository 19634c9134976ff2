//! The scorecard as text for people.

use std::fmt::Write;

use super::json::key;
use super::{LEVELS, PolicyCard, Scorecard, Section};

impl Scorecard {
    /// The scorecard as a plain-text table, with a closing paragraph that says where the subject loses.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write_text(&mut text).expect("writing to a string does not fail");
        text
    }

    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        let left_out: usize = self.skipped.values().sum();
        writeln!(text, "{} series scored, {left_out} left out (too short or without use)", self.all.series)?;
        write_section(text, "all", &self.all)?;
        if self.by_metric.len() > 1 {
            for (metric, section) in &self.by_metric {
                write_section(text, metric, section)?;
            }
        }
        if let Some(subject) = self.subject {
            writeln!(text)?;
            let losses = self.losses();
            if losses.is_empty() {
                writeln!(text, "{subject} loses nowhere: less mean slack than every peer at every level.")?;
            }
            for loss in losses {
                writeln!(text, "{loss}")?;
            }
        }
        Ok(())
    }

    /// One sentence for every section, peer and level at which the subject has no less mean slack than the peer.
    pub fn losses(&self) -> Vec<String> {
        let Some(subject) = self.subject else { return Vec::new() };
        let mut losses = Vec::new();
        let mut sections: Vec<(&str, &Section)> = vec![("all", &self.all)];
        if self.by_metric.len() > 1 {
            sections.extend(self.by_metric.iter().map(|(metric, section)| (metric.as_str(), section)));
        }
        for (title, section) in sections {
            for (name, levels) in section.paired.iter().filter(|(name, _)| **name != "oracle") {
                for (level, pair) in LEVELS.into_iter().zip(levels) {
                    let Some(saved) = pair.slack_points_saved_mean.filter(|&saved| saved <= 0.0) else { continue };
                    losses.push(format!(
                        "{subject} loses to {name} on {title} at {} %: {:.2} points more slack, {} of {} series won",
                        key(level),
                        -saved,
                        pair.wins,
                        pair.of
                    ));
                }
            }
        }
        losses
    }
}

fn write_section(text: &mut String, title: &str, section: &Section) -> std::fmt::Result {
    writeln!(text, "\n{title}: {} series; slack % at violated % of time (changes a day)", section.series)?;
    write!(text, "{:<14}", "policy")?;
    for level in LEVELS {
        write!(text, "{:>18}", format!("{} %", key(level)))?;
    }
    writeln!(text, "{:>11}{:>17}{:>9}{:>9}", "unreached", "default slack %", "viol %", "chg/d")?;
    let mut rows: Vec<(&str, &PolicyCard)> = section.policies.iter().map(|(&name, card)| (name, card)).collect();
    // The least slack first; policies that reach nothing last.
    let slack = |card: &PolicyCard| card.curve[0].slack_percent.unwrap_or(f64::INFINITY);
    rows.sort_by(|a, b| slack(a.1).total_cmp(&slack(b.1)).then(a.0.cmp(b.0)));
    for (name, card) in rows {
        write!(text, "{name:<14}")?;
        for (_, at) in card.at() {
            let cell = match (at.slack_percent, at.changes_per_day) {
                (Some(slack), Some(changes)) => format!("{slack:.1} ({changes:.1})"),
                _ => "-".to_owned(),
            };
            write!(text, "{cell:>18}")?;
        }
        let unreached: Vec<String> = card.at().map(|(_, at)| at.unreached.to_string()).collect();
        let default = &card.default;
        writeln!(
            text,
            "{:>11}{:>17.1}{:>9.2}{:>9.1}",
            unreached.join("/"),
            default.slack_percent,
            default.violation_percent,
            default.changes_per_day
        )?;
    }
    if section.paired.is_empty() {
        return Ok(());
    }
    writeln!(text, "points of slack saved against each (series won of compared)")?;
    for (name, levels) in &section.paired {
        write!(text, "{name:<14}")?;
        for pair in levels {
            let cell = pair.slack_points_saved_mean;
            let cell = cell.map_or("-".to_owned(), |saved| format!("{saved:+.1} ({}/{})", pair.wins, pair.of));
            write!(text, "{cell:>18}")?;
        }
        writeln!(text)?;
    }
    Ok(())
}
