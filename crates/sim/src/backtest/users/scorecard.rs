//! What the policies reached: points, and how our curve lies against each peer's.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::policy::PointTally;
use super::population::Population;

/// One setting of a policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserPoint {
    /// Returns that found the session ready, in percent of returns.
    pub ready_percent: f64,
    /// Proactive resumes that were held until the user came, in percent; 100 where there were none, as none was in vain.
    pub used_percent: f64,
    /// Hours that a session was held without its user, per user and day.
    pub idle_hours_per_user_day: f64,
    /// The setting's name.
    #[serde(skip)]
    pub label: String,
    /// How many proactive resumes there were.
    #[serde(skip)]
    pub resumes: u64,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserCard {
    /// Its settings; the first is its default.
    pub points: Vec<UserPoint>,
}

/// The results of a backtest of users.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserScorecard {
    /// Always `users`.
    pub kind: &'static str,
    /// By policy.
    pub policies: BTreeMap<&'static str, UserCard>,
    /// How many users there were.
    #[serde(skip)]
    pub users: usize,
    /// How many returns were scored.
    #[serde(skip)]
    pub returns: u64,
}

/// Our planner's name.
pub const SUBJECT: &str = "forerun";

/// Our curve against one peer's, over the ready rates of the peer's undominated settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The peer.
    pub peer: &'static str,
    /// Undominated settings of the peer with any idle time, and at how many of their ready rates we hold no more.
    pub levels: usize,
    /// See `levels`.
    pub won: usize,
    /// Our idle hours over the peer's, at the ready rate where that is worst, and that rate; `None` without levels.
    pub worst: Option<(f64, f64)>,
    /// The geometric mean of those ratios.
    pub mean_ratio: f64,
}

/// Puts the tallies of all policies together.
pub(super) fn assemble(
    population: &Population,
    tallied: Vec<(&'static str, Vec<String>, Vec<PointTally>)>,
) -> UserScorecard {
    let days = population.user_days();
    let mut returns = 0;
    let mut policies = BTreeMap::new();
    for (name, labels, tallies) in tallied {
        returns = tallies.first().map_or(returns, |tally| tally.returns);
        let points = labels.into_iter().zip(&tallies).map(|(label, tally)| point(label, tally, days)).collect();
        policies.insert(name, UserCard { points });
    }
    UserScorecard { kind: "users", policies, users: population.users.len(), returns }
}

fn point(label: String, tally: &PointTally, user_days: f64) -> UserPoint {
    let percent = |part: u64, all: u64, none: f64| if all > 0 { 100.0 * part as f64 / all as f64 } else { none };
    let idle_hours = tally.idle_ms as f64 / 3_600_000.0;
    UserPoint {
        ready_percent: percent(tally.ready, tally.returns, 0.0),
        used_percent: percent(tally.used, tally.resumes, 100.0),
        idle_hours_per_user_day: if user_days > 0.0 { idle_hours / user_days } else { 0.0 },
        label,
        resumes: tally.resumes,
    }
}

impl UserCard {
    /// The settings that no other beats in both ready rate and idle hours, by ready rate.
    pub fn frontier(&self) -> Vec<&UserPoint> {
        let mut points: Vec<&UserPoint> = self.points.iter().collect();
        points.sort_by(|a, b| {
            let by_idle = a.idle_hours_per_user_day.total_cmp(&b.idle_hours_per_user_day);
            by_idle.then(b.ready_percent.total_cmp(&a.ready_percent))
        });
        let mut best = f64::NEG_INFINITY;
        points.retain(|point| {
            let better = point.ready_percent > best;
            best = best.max(point.ready_percent);
            better
        });
        points
    }

    /// Idle hours per user and day at `ready_percent`, on straight lines between the undominated settings; `None` above the
    /// highest rate.
    pub fn idle_at(&self, ready_percent: f64) -> Option<f64> {
        let frontier = self.frontier();
        let above = frontier.iter().position(|point| point.ready_percent >= ready_percent)?;
        let high = frontier[above];
        let (low_ready, low_idle) = above
            .checked_sub(1)
            .map_or((0.0, 0.0), |low| (frontier[low].ready_percent, frontier[low].idle_hours_per_user_day));
        let reach = high.ready_percent - low_ready;
        let share = if reach > 0.0 { ((ready_percent - low_ready) / reach).clamp(0.0, 1.0) } else { 1.0 };
        Some(low_idle + share * (high.idle_hours_per_user_day - low_idle))
    }

    /// The share of used resumes in percent at the setting with the fewest idle hours that reaches `ready_percent`.
    pub fn used_at(&self, ready_percent: f64) -> Option<f64> {
        let reached = self.frontier().into_iter().find(|point| point.ready_percent >= ready_percent)?;
        Some(reached.used_percent)
    }
}

impl UserScorecard {
    /// Our curve against each peer's, the oracle left out.
    pub fn comparisons(&self) -> Vec<Comparison> {
        let Some(ours) = self.policies.get(SUBJECT) else { return Vec::new() };
        let peers = self.policies.iter().filter(|(name, _)| **name != SUBJECT && **name != "oracle");
        peers.map(|(&peer, card)| compare(ours, peer, card)).collect()
    }

    /// Where our planner is not better, one sentence each.
    pub fn losses(&self) -> Vec<String> {
        let Some(ours) = self.policies.get(SUBJECT) else { return Vec::new() };
        let mut losses = Vec::new();
        for one in self.comparisons() {
            if let Some((ratio, ready)) = one.worst.filter(|_| one.won < one.levels) {
                let peer = one.peer;
                let (won, levels) = (one.won, one.levels);
                losses.push(format!(
                    "{peer} holds less at some ready rates: at {ready:.2} % {SUBJECT} holds {ratio:.3} times as long ({won} of {levels} won)."
                ));
            }
            let best = self.policies[one.peer].points.first().map_or(0.0, |point| point.ready_percent);
            if let Some(used) = ours.used_at(best).filter(|&used| used < 80.0) {
                losses.push(format!("at the {best:.1} % ready of {}, {used:.1} % of resumes are used.", one.peer));
            }
        }
        losses
    }

    /// All policies with their default settings, for people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        self.write_table(&mut text).expect("writing to a string does not fail");
        text
    }

    fn write_table(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "{} users, {} returns", self.users, self.returns)?;
        writeln!(
            text,
            "{:<18} {:>8} {:>8} {:>14} {:>14} {:>14} {:>9} {:>7}",
            "policy", "ready", "used", "idle h/user d", "forerun holds", "forerun used", "curve won", "mean"
        )?;
        let ours = self.policies.get(SUBJECT);
        let comparisons = self.comparisons();
        for (&name, card) in &self.policies {
            let Some(point) = card.points.first() else { continue };
            let cell = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
            let used = if point.resumes > 0 { format!("{:.1} %", point.used_percent) } else { "-".to_owned() };
            let comparison = comparisons.iter().find(|one| one.peer == name);
            writeln!(
                text,
                "{name:<18} {:>6.2} % {used:>8} {:>14.3} {:>14} {:>14} {:>9} {:>7}",
                point.ready_percent,
                point.idle_hours_per_user_day,
                cell(ours.and_then(|ours| ours.idle_at(point.ready_percent))),
                cell(ours.and_then(|ours| ours.used_at(point.ready_percent))),
                comparison.map_or("-".to_owned(), |one| format!("{}/{}", one.won, one.levels)),
                comparison.map_or("-".to_owned(), |one| format!("{:.2}", one.mean_ratio)),
            )?;
        }
        Ok(())
    }
}

fn compare(ours: &UserCard, peer: &'static str, theirs: &UserCard) -> Comparison {
    let frontier = theirs.frontier();
    let ratios = frontier.iter().filter(|point| point.idle_hours_per_user_day > 0.0).map(|point| {
        let held = ours.idle_at(point.ready_percent).unwrap_or(f64::INFINITY);
        (held / point.idle_hours_per_user_day, point.ready_percent)
    });
    let ratios: Vec<(f64, f64)> = ratios.collect();
    // Rounding of the interpolation is not a loss.
    let won = ratios.iter().filter(|one| one.0 <= 1.0 + 1e-9).count();
    let logs: f64 = ratios.iter().map(|one| one.0.max(1e-6).ln()).sum();
    Comparison {
        peer,
        levels: ratios.len(),
        won,
        worst: ratios.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)),
        mean_ratio: (logs / ratios.len().max(1) as f64).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(points: &[(f64, f64)]) -> UserCard {
        let points = points.iter().map(|&(ready_percent, idle_hours_per_user_day)| UserPoint {
            ready_percent,
            used_percent: 90.0,
            idle_hours_per_user_day,
            label: String::new(),
            resumes: 1,
        });
        UserCard { points: points.collect() }
    }

    #[test]
    fn the_frontier_leaves_out_what_is_beaten_and_lines_join_the_rest() {
        let card = card(&[(80.0, 2.0), (40.0, 1.0), (60.0, 2.5), (90.0, 6.0)]);
        let ready: Vec<f64> = card.frontier().iter().map(|point| point.ready_percent).collect();
        assert_eq!(ready, [40.0, 80.0, 90.0]);
        assert_eq!([20.0, 40.0, 60.0, 85.0].map(|ready| card.idle_at(ready).unwrap()), [0.5, 1.0, 1.5, 4.0]);
        assert_eq!(card.idle_at(90.1), None);
    }

    #[test]
    fn curves_are_compared_at_the_peers_rates() {
        let ours = card(&[(50.0, 1.0), (100.0, 3.0)]);
        let one = compare(&ours, "peer", &card(&[(50.0, 2.0), (75.0, 2.0), (100.0, 2.0)]));
        // Only the last of the peer's settings is undominated.
        assert_eq!((one.levels, one.won, one.worst), (1, 0, Some((1.5, 100.0))));
        let one = compare(&ours, "peer", &card(&[(50.0, 2.0), (75.0, 2.5)]));
        assert_eq!((one.levels, one.won, one.worst), (2, 2, Some((0.8, 75.0))));
        assert!((one.mean_ratio - (0.5_f64 * 0.8).sqrt()).abs() < 1e-9);
    }
}
