//! The planner of driver modules: per slot (a profile of an instance) whether its module stands loaded in the coming step.
//!
//! Steps, each time: learn from what was needed ([`NeedModel`]); count what each [`Rule`] would have cost in the step that ended; say
//! the chance of need in the coming one; follow, in each slot, the rule that was cheapest there, where a slot's own figures are
//! drawn to those of all slots of its profile. A slot whose need nothing foretells thus ends on demand by itself.

use model::{Span, WallTime};
use predict::hazard::{NeedModel, Needed};

use super::profile::{Intensity, Profile};
use super::rules::{RULES, Rule, Situation};

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
    /// A slot's own costs weigh as much as those of its profile after this many steps.
    pub trust_steps: f64,
}

impl Default for DriverSettings {
    fn default() -> Self {
        DriverSettings {
            step: Span::from_secs(60),
            idle_price: 0.05,
            switch: Span::from_secs(5),
            residence: Span::from_secs(0),
            loads_per_hour: 60.0,
            memory_steps: 2_000.0,
            trust_steps: 200.0,
        }
    }
}

/// Why a module stands loaded or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriverBecause {
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
    /// How strongly the profile was leaned on when it was last needed.
    pub intensity: Intensity,
    /// Held by the residence time or the load budget against its rule.
    pub capped: bool,
}

/// Costs of all rules in one place: sums that fade, and the weight they rest on.
#[derive(Clone, Copy, Debug)]
struct Costs {
    sums: [f32; RULES.len()],
    weight: f32,
}

impl Costs {
    const NONE: Costs = Costs { sums: [0.0; RULES.len()], weight: 0.0 };

    fn add(&mut self, costs: &[f32; RULES.len()], fade: f32) {
        self.weight = self.weight * fade + 1.0;
        self.sums.iter_mut().zip(costs).for_each(|(sum, cost)| *sum = *sum * fade + cost);
    }

    fn mean(&self, rule: usize) -> f32 {
        if self.weight > 0.0 { self.sums[rule] / self.weight } else { 0.0 }
    }
}

#[derive(Clone, Debug)]
struct Slot {
    profile: Profile,
    /// What each rule holds loaded on paper, a bit each.
    paper: u32,
    costs: Costs,
    needed: bool,
    idle: u32,
    level: f32,
    rule: usize,
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
            profiles: [Costs::NONE; Profile::NAMES.len()],
        }
    }

    /// Adds a profile of an instance (counted from 0) and returns its slot, counted from 0.
    pub fn add(&mut self, instance: usize, profile: Profile) -> usize {
        self.chances.push(0.0);
        self.loaded.push(false);
        self.slots.push(Slot {
            profile,
            paper: 0,
            costs: Costs::NONE,
            needed: false,
            idle: 0,
            level: 0.0,
            rule: 0,
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

    /// Why `slot` is planned as it is.
    pub fn because(&self, slot: usize) -> DriverBecause {
        let state = &self.slots[slot];
        let (load_odds, keep_odds) = self.break_even();
        let step_s = self.settings.step.as_secs_f64() as f32;
        let on_demand = (0..RULES.len()).filter(|&rule| !RULES[rule].is_ahead()).map(|rule| self.worth(state, rule));
        DriverBecause {
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
        let prior = self.profiles[slot.profile as usize].mean(rule);
        (slot.costs.sums[rule] + trust * prior) / (slot.costs.weight + trust)
    }

    /// Counts what each rule would have cost in the step that ended.
    fn settle(&mut self, slot: usize, seen: Needed) {
        let idle_price = self.settings.idle_price as f32;
        let fade = 0.5_f32.powf((1.0 / self.settings.memory_steps.max(1.0)) as f32);
        let switch = self.switch_steps();
        let (load_odds, keep_odds) = self.break_even();
        let chance = self.chances[slot].clamp(1e-6, 1.0 - 1e-6);
        let state = &mut self.slots[slot];
        let at = Situation { needed: state.needed, idle: state.idle, odds: chance / (1.0 - chance), load_odds, keep_odds };
        let mut costs = [0.0; RULES.len()];
        for (place, (cost, rule)) in costs.iter_mut().zip(RULES).enumerate() {
            let before = state.paper >> place & 1 == 1;
            let after = rule.holds(before, &at);
            *cost = match (seen.needed, after) {
                (true, false) => 1.0,
                (false, true) => idle_price,
                _ => 0.0,
            };
            *cost += if after == before { 0.0 } else { switch };
            state.paper = state.paper & !(1 << place) | u32::from(after) << place;
        }
        state.costs.add(&costs, fade);
        // All slots of a profile add to its costs: their memory is as long in steps, hence longer in outcomes.
        self.profiles[state.profile as usize].add(&costs, 1.0 - (1.0 - fade) * 0.05);
        state.needed = seen.needed;
        state.idle = if seen.needed { 0 } else { state.idle.saturating_add(1) };
        if seen.needed {
            state.level = seen.level;
        }
    }

    fn plan(&mut self, slot: usize) {
        let (load_odds, keep_odds) = self.break_even();
        let chance = self.chances[slot].clamp(1e-6, 1.0 - 1e-6);
        let state = &self.slots[slot];
        let mut best = (0, self.worth(state, 0));
        for rule in 1..RULES.len() {
            let worth = self.worth(state, rule);
            if worth < best.1 {
                best = (rule, worth);
            }
        }
        let at = Situation { needed: state.needed, idle: state.idle, odds: chance / (1.0 - chance), load_odds, keep_odds };
        let before = self.loaded[slot];
        let wanted = RULES[best.0].holds(before, &at);
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
        self.loaded[slot] = wanted != state.capped;
        if self.loaded[slot] && !before {
            (state.since_load, state.budget) = (0, state.budget - 1.0);
        }
    }
}
