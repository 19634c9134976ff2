//! What the policies reached, over all slots and per profile.

use std::collections::BTreeMap;
use std::fmt::Write;

use decide::drivers::Profile;
use serde::Serialize;

use super::DriverOptions;
use super::policy::SlotTally;
use super::workload::Workload;

/// Our planner's name.
pub const SUBJECT: &str = "forerun";

/// One policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriverCard {
    /// Episodes of need whose module was loaded before, in percent.
    pub ready_before_use_percent: f64,
    /// Loads that were never needed, in percent of loads; 0 without loads.
    pub wasted_load_percent: f64,
    /// Loads and unloads per module, instance and day.
    pub switches_per_day: f64,
    /// Of ready episodes: the median time since the module was loaded, or needed before, in seconds.
    pub lead_seconds_median: f64,
    /// Unserved need, idle time and switches at their prices, in seconds of unserved need per module, instance and day.
    #[serde(skip)]
    pub combined_cost: f64,
    /// Share of the time in which modules stand loaded, in percent.
    #[serde(skip)]
    pub loaded_percent: f64,
    /// The same per profile.
    #[serde(skip)]
    pub profiles: Vec<ProfileCard>,
}

/// One policy on one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileCard {
    /// Which.
    pub profile: Profile,
    /// Beginnings of need.
    pub episodes: u64,
    /// As in [`DriverCard`].
    pub ready_before_use_percent: f64,
    /// As in [`DriverCard`].
    pub wasted_load_percent: f64,
    /// As in [`DriverCard`].
    pub switches_per_day: f64,
    /// As in [`DriverCard`].
    pub combined_cost: f64,
}

/// The results of a driver backtest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriverScorecard {
    /// Always `drivers`.
    pub kind: &'static str,
    /// By policy.
    pub policies: BTreeMap<&'static str, DriverCard>,
    /// How many instances there are.
    #[serde(skip)]
    pub instances: usize,
    /// How many modules of instances were scored.
    #[serde(skip)]
    pub slots: usize,
    /// How many episodes of need.
    #[serde(skip)]
    pub episodes: u64,
    /// Share of the scored time with need, in percent.
    #[serde(skip)]
    pub needed_percent: f64,
}

/// Sums over slots, in seconds where steps differ.
#[derive(Default)]
struct Sums {
    known_s: f64,
    needed_s: f64,
    loaded_s: f64,
    cost_s: f64,
    episodes: u64,
    ready: u64,
    loads: u64,
    wasted: u64,
    switches: u64,
    leads: Vec<f64>,
}

impl Sums {
    fn add(&mut self, tally: &SlotTally, step_s: f64, options: &DriverOptions) {
        self.known_s += tally.known as f64 * step_s;
        self.needed_s += tally.needed as f64 * step_s;
        self.loaded_s += (tally.needed - tally.unserved + tally.idle) as f64 * step_s;
        self.cost_s += (tally.unserved as f64 + options.idle_price * tally.idle as f64) * step_s;
        self.cost_s += options.switch_s * tally.switches as f64;
        self.episodes += tally.episodes;
        self.ready += tally.ready;
        self.loads += tally.loads;
        self.wasted += tally.wasted;
        self.switches += tally.switches;
        self.leads.extend(tally.leads.iter().map(|&lead| f64::from(lead) * step_s));
    }

    fn days(&self) -> f64 {
        (self.known_s / 86_400.0).max(f64::MIN_POSITIVE)
    }

    fn lead_median(&mut self) -> f64 {
        self.leads.sort_by(f64::total_cmp);
        self.leads.get(self.leads.len() / 2).copied().unwrap_or(0.0)
    }

    fn card(mut self, profiles: Vec<ProfileCard>) -> DriverCard {
        DriverCard {
            ready_before_use_percent: percent(self.ready as f64, self.episodes as f64),
            wasted_load_percent: percent(self.wasted as f64, self.loads as f64),
            switches_per_day: self.switches as f64 / self.days(),
            lead_seconds_median: self.lead_median(),
            combined_cost: self.cost_s / self.days(),
            loaded_percent: percent(self.loaded_s, self.known_s),
            profiles,
        }
    }

    fn profile(&self, profile: Profile) -> ProfileCard {
        ProfileCard {
            profile,
            episodes: self.episodes,
            ready_before_use_percent: percent(self.ready as f64, self.episodes as f64),
            wasted_load_percent: percent(self.wasted as f64, self.loads as f64),
            switches_per_day: self.switches as f64 / self.days(),
            combined_cost: self.cost_s / self.days(),
        }
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

/// Puts the tallies of all policies together; they are per workload and slot.
pub(super) fn assemble(
    workloads: &[Workload],
    options: &DriverOptions,
    tallied: Vec<(&'static str, Vec<Vec<SlotTally>>)>,
) -> DriverScorecard {
    let mut policies = BTreeMap::new();
    let (mut episodes, mut needed_percent) = (0, 0.0);
    for (name, tallies) in tallied {
        let mut all = Sums::default();
        let mut by_profile: BTreeMap<Profile, Sums> = BTreeMap::new();
        for (workload, tallies) in workloads.iter().zip(&tallies) {
            let step_s = workload.step.as_secs_f64();
            for (slot, tally) in workload.slots.iter().zip(tallies) {
                all.add(tally, step_s, options);
                by_profile.entry(slot.profile).or_default().add(tally, step_s, options);
            }
        }
        (episodes, needed_percent) = (all.episodes, percent(all.needed_s, all.known_s));
        let profiles = by_profile.iter().map(|(&profile, sums)| sums.profile(profile)).collect();
        policies.insert(name, all.card(profiles));
    }
    DriverScorecard {
        kind: "drivers",
        policies,
        instances: workloads.iter().map(|workload| workload.instances.len()).sum(),
        slots: workloads.iter().map(|workload| workload.slots.len()).sum(),
        episodes,
        needed_percent,
    }
}

impl DriverScorecard {
    /// Peers (not the oracle) whose combined cost is not above ours, a sentence each.
    pub fn losses(&self) -> Vec<String> {
        let Some(ours) = self.policies.get(SUBJECT) else { return Vec::new() };
        let peers = self.policies.iter().filter(|(name, _)| ![SUBJECT, "oracle"].contains(name));
        peers
            .filter(|(_, card)| card.combined_cost <= ours.combined_cost)
            .map(|(name, card)| {
                format!("{name} costs {:.1} s a day, {SUBJECT} {:.1}", card.combined_cost, ours.combined_cost)
            })
            .collect()
    }

    /// The card as text, the cheapest policy first.
    pub fn table(&self) -> String {
        let mut rows: Vec<(&&str, &DriverCard)> = self.policies.iter().collect();
        rows.sort_by(|a, b| a.1.combined_cost.total_cmp(&b.1.combined_cost).then(a.0.cmp(b.0)));
        let mut text = format!(
            "{} instances, {} modules, {} beginnings of need, needed {:.2} % of the time\n",
            self.instances, self.slots, self.episodes, self.needed_percent
        );
        let _ = writeln!(text, "policy               ready   wasted   switches/d   lead s   loaded   cost s/d");
        for (name, card) in rows {
            let _ = writeln!(
                text,
                "{name:19} {:5.1} %  {:5.1} % {:12.2} {:8.0}  {:5.1} % {:10.1}",
                card.ready_before_use_percent,
                card.wasted_load_percent,
                card.switches_per_day,
                card.lead_seconds_median,
                card.loaded_percent,
                card.combined_cost
            );
        }
        text
    }

    /// Per profile and policy, as text.
    pub fn profiles(&self) -> String {
        let mut text = String::new();
        for (name, card) in &self.policies {
            for one in &card.profiles {
                let _ = writeln!(
                    text,
                    "{:24} {name:19} {:7} {:5.1} %  {:5.1} % {:10.2} {:10.1}",
                    one.profile.name(),
                    one.episodes,
                    one.ready_before_use_percent,
                    one.wasted_load_percent,
                    one.switches_per_day,
                    one.combined_cost
                );
            }
        }
        text
    }
}
