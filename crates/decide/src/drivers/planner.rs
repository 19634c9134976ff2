//! The planner of driver modules: per slot (a profile of an instance) whether its module stands loaded in the coming step.
//!
//! Steps, each time: learn from what was needed ([`NeedModel`]); count what each [`Rule`] would have cost in the step that ended; say
//! the chance of need in the coming one; follow, in each slot, the rule that was cheapest there, where a slot's own figures are
//! drawn to those of all slots of its profile. A slot whose need nothing foretells thus ends on demand by itself.

use model::{Span, WallTime};
use predict::hazard::{NeedModel, Needed};

use super::costs::{Costs, Outcome, Prices};
use super::profile::{Intensity, Profile};
use super::rules::{FIRST, RULE_COUNT, RULES, Rule, Situation};

/// How fast the level of need follows the latest.
const LEVEL_RATE: f32 = 0.3;

/// What the planner is told once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriverSettings {
    /// The interval of decisions.
    pub step: Span,
    /// What a second costs in which a module stands loaded and is not needed, in seconds of need without its module.
    pub idle_price: f64,
    /// What a load or an unload costs, in the same.
    pub switch: Span,
    /// The shortest time between a load and an unload that follows it.
    pub residence: Span,
    /// Loads per slot and hour, in the long run; a burst of as many is allowed.
    pub loads_per_hour: f64,
    /// Costs of rules halve their weight over this many steps of a slot.
    pub memory_steps: f64,
    /// The share of beginnings of need that shall find their module, and of loads that may be in vain. While they are missed, a
    /// missed beginning and a load in vain are priced higher, beside what they cost anyway.
    pub ready_share: f64,
    /// See `ready_share`.
    pub wasted_share: f64,
    /// A slot's own costs weigh as much as those of its profile after this many steps.
    pub trust_steps: f64,
}

impl Default for DriverSettings {
    fn default() -> Self {
        DriverSettings {
            step: Span::from_secs(60),
            idle_price: 0.02,
            switch: Span::from_secs(5),
            residence: Span::from_secs(0),
            loads_per_hour: 60.0,
            memory_steps: 2_000.0,
            ready_share: 0.92,
            wasted_share: 0.28,
            trust_steps: 200.0,
        }
    }
}

/// Why a module stands loaded or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriverBecause {
    /// Which profile; modules that serve it are what stands loaded.
    pub profile: Profile,
    /// The chance of need in the coming step.
    pub chance: f32,
    /// The chance from which a load breaks even.
    pub load_from: f32,
    /// The chance down to which a loaded module is worth keeping.
    pub keep_to: f32,
    /// The rule that is followed.
    pub rule: Rule,
    /// What it cost lately, in seconds of unserved need per step.
    pub cost_s: f32,
    /// What the cheapest rule that only reacts cost.
    pub on_demand_cost_s: f32,
    /// How strongly the profile is leaned on when it is needed, by the latest needs.
    pub intensity: Intensity,
    /// Held by the residence time or the load budget against its rule.
    pub capped: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    instance: usize,
    profile: Profile,
    /// What each rule holds loaded on paper, and which of these were needed since, a bit each.
    paper: u64,
    used: u64,
    costs: Costs,
    needed: bool,
    idle: u32,
    level: f32,
    rule: usize,
    /// The module was needed since it was loaded.
    served: bool,
    /// Steps since the last load.
    since_load: u32,
    /// Loads that the budget still allows.
    budget: f64,
    capped: bool,
}

/// Plans which modules stand loaded.
#[derive(Clone, Debug)]
pub struct DriverPlanner {
    settings: DriverSettings,
    model: NeedModel,
    slots: Vec<Slot>,
    chances: Vec<f32>,
    loaded: Vec<bool>,
    /// What misses and loads in vain are priced at.
    prices: Prices,
    /// Costs over all slots of a profile.
    profiles: [Costs; Profile::NAMES.len()],
}

impl DriverPlanner {
    /// A planner without slots.
    pub fn new(settings: DriverSettings) -> DriverPlanner {
        DriverPlanner {
            settings,
            model: NeedModel::new(settings.step),
            slots: Vec::new(),
            chances: Vec::new(),
            loaded: Vec::new(),
            prices: Prices::default(),
            profiles: [Costs::NONE; Profile::NAMES.len()],
        }
    }

    /// Adds a profile of an instance (counted from 0) and returns its slot, counted from 0.
    pub fn add(&mut self, instance: usize, profile: Profile) -> usize {
        self.chances.push(0.0);
        self.loaded.push(false);
        self.slots.push(Slot {
            instance,
            profile,
            paper: 0,
            used: 0,
            costs: Costs::NONE,
            needed: false,
            idle: 0,
            level: 0.0,
            rule: FIRST,
            served: false,
            since_load: 0,
            budget: self.settings.loads_per_hour,
            capped: false,
        });
        self.model.add(instance, profile as usize)
    }

    /// Takes in what was needed in the step that ended, per slot (`None` without a reading), and plans the coming one, which begins at
    /// `coming`. A slot without a reading stays as it is.
    pub fn step(&mut self, seen: &[Option<Needed>], coming: WallTime) {
        for (slot, seen) in seen.iter().enumerate() {
            if let Some(seen) = seen {
                self.settle(slot, *seen);
            }
        }
        self.model.step(seen, coming, &mut self.chances);
        for slot in (0..self.slots.len()).filter(|&slot| seen[slot].is_some()) {
            self.plan(slot);
        }
    }

    /// Per slot: whether its module stands loaded in the coming step.
    pub fn loaded(&self) -> &[bool] {
        &self.loaded
    }

    /// Per slot: the chance that its profile is needed in the coming step.
    pub fn chances(&self) -> &[f32] {
        &self.chances
    }

    /// The slots of `instance` whose module stands loaded in the coming step, and why: its predicted resource profile.
    pub fn predicted(&self, instance: usize) -> Vec<DriverBecause> {
        let slots = (0..self.slots.len()).filter(|&slot| self.slots[slot].instance == instance && self.loaded[slot]);
        slots.map(|slot| self.because(slot)).collect()
    }

    /// Why `slot` is planned as it is.
    pub fn because(&self, slot: usize) -> DriverBecause {
        let state = &self.slots[slot];
        let (load_odds, keep_odds) = self.break_even();
        let step_s = self.settings.step.as_secs_f64() as f32;
        let on_demand = (0..RULES.len()).filter(|&rule| !RULES[rule].is_ahead()).map(|rule| self.worth(state, rule));
        DriverBecause {
            profile: state.profile,
            chance: self.chances[slot],
            load_from: load_odds / (1.0 + load_odds),
            keep_to: keep_odds / (1.0 + keep_odds),
            rule: RULES[state.rule],
            cost_s: self.worth(state, state.rule) * step_s,
            on_demand_cost_s: on_demand.fold(f32::INFINITY, f32::min) * step_s,
            intensity: Intensity::of_level(state.level),
            capped: state.capped,
        }
    }

    /// The odds from which a load breaks even for one step, and down to which a loaded module is worth keeping: a load that was in
    /// vain costs the idle step and two switches, an unload too early the unserved step and two switches.
    fn break_even(&self) -> (f32, f32) {
        let switches = 2.0 * self.switch_steps();
        let idle = self.settings.idle_price as f32;
        (idle + switches, idle / (1.0 + switches))
    }

    fn switch_steps(&self) -> f32 {
        (self.settings.switch.as_secs_f64() / self.settings.step.as_secs_f64().max(1e-3)) as f32
    }

    /// What a rule costs per step, in steps of unserved need, by the slot's own past drawn to that of its profile.
    fn worth(&self, slot: &Slot, rule: usize) -> f32 {
        let trust = self.settings.trust_steps as f32;
        let prior = self.profiles[slot.profile as usize].mean(rule, &self.prices);
        (slot.costs.sum(rule, &self.prices) + trust * prior) / (slot.costs.weight() + trust)
    }

    fn situation(&self, slot: usize) -> Situation {
        let (load_odds, keep_odds) = self.break_even();
        let chance = self.chances[slot].clamp(1e-6, 1.0 - 1e-6);
        let Slot { needed, idle, .. } = self.slots[slot];
        Situation { needed, idle, odds: chance / (1.0 - chance), load_odds, keep_odds }
    }

    /// Counts what each rule would have cost in the step that ended, and what was missed.
    fn settle(&mut self, slot: usize, seen: Needed) {
        let at = self.situation(slot);
        let fade = 0.5_f32.powf((1.0 / self.settings.memory_steps.max(1.0)) as f32);
        let mut outcome = Outcome::new(self.settings.idle_price as f32, self.switch_steps(), seen.needed, !at.needed);
        let state = &mut self.slots[slot];
        for (place, rule) in RULES.into_iter().enumerate() {
            let bit = 1 << place;
            let before = state.paper & bit != 0;
            let after = rule.holds(before, &at);
            let wasted = before && !after && state.used & bit == 0;
            outcome.add(place, before, after, wasted);
            state.paper = if after { state.paper | bit } else { state.paper & !bit };
            state.used =
                if after && (seen.needed || before && state.used & bit != 0) { state.used | bit } else { state.used & !bit };
        }
        state.costs.add(&outcome, fade);
        // All slots of a profile add to its costs: their memory is as long in steps, hence longer in outcomes.
        self.profiles[state.profile as usize].add(&outcome, 1.0 - (1.0 - fade) * 0.05);
        let loaded = self.loaded[slot];
        if seen.needed && !state.needed {
            self.prices.begun(loaded, self.settings.ready_share as f32);
        }
        state.served |= seen.needed && loaded;
        state.needed = seen.needed;
        state.idle = if seen.needed { 0 } else { state.idle.saturating_add(1) };
        if seen.needed && seen.level.is_finite() {
            state.level += if state.level > 0.0 { LEVEL_RATE * (seen.level - state.level) } else { seen.level };
        }
    }

    fn plan(&mut self, slot: usize) {
        let state = &self.slots[slot];
        let mut best = (FIRST, self.worth(state, FIRST));
        for rule in 0..RULE_COUNT {
            let worth = self.worth(state, rule);
            if worth < best.1 {
                best = (rule, worth);
            }
        }
        let before = self.loaded[slot];
        let wanted = RULES[best.0].holds(before, &self.situation(slot));
        let step_s = self.settings.step.as_secs_f64();
        let residence = self.settings.residence.as_secs_f64();
        let state = &mut self.slots[slot];
        state.rule = best.0;
        let per_step = self.settings.loads_per_hour * step_s / 3_600.0;
        state.budget = (state.budget + per_step).min(self.settings.loads_per_hour.max(1.0));
        state.since_load = state.since_load.saturating_add(1);
        let resting = before && !wanted && f64::from(state.since_load) * step_s < residence;
        let spent = !before && wanted && state.budget < 1.0;
        state.capped = resting || spent;
        let after = wanted != state.capped;
        self.loaded[slot] = after;
        if after && !before {
            (state.since_load, state.budget, state.served) = (0, state.budget - 1.0, false);
        }
        if before && !after {
            self.prices.unloaded(!state.served, self.settings.wasted_share as f32);
        }
    }
}
