//! Observations in, readiness out: units, their slots, the steps between two plans, and the reasons.

use std::collections::BTreeSet;

use model::{Bytes, Span, WallTime};
use predict::hazard::{ArrivalModel, Happened};

use super::because::WarmBecause;
use super::ladder::{Choice, Ladder, Stakes};

/// How the planner works and what things cost.
#[derive(Clone, Debug, PartialEq)]
pub struct WarmSettings {
    /// The interval of decisions.
    pub step: Span,
    /// The rungs.
    pub ladder: Ladder,
    /// What a second of waiting is worth: 1 = as many GB seconds as `gb_seconds_per_second` says; the operator's knob.
    pub lambda: f64,
    /// GB seconds of idle memory that cost as much as a second of waiting.
    pub gb_seconds_per_second: f64,
    /// At most so many instances of a unit at once.
    pub instances_max: usize,
    /// Steps without any observation that are caught up on one by one; a longer silence is taken as this long.
    pub silence_max: u32,
}

impl Default for WarmSettings {
    fn default() -> Self {
        WarmSettings {
            step: Span::from_secs(60),
            ladder: Ladder::two(),
            lambda: 1.0,
            gb_seconds_per_second: 99.69,
            instances_max: 64,
            silence_max: 10_080,
        }
    }
}

/// What is kept ready.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitSpec {
    /// What an instance holds while it waits.
    pub memory: Bytes,
    /// How long a start takes where nothing is ready.
    pub cold: Span,
    /// The tier's factor on lambda; 1 = standard.
    pub price: f64,
}

/// So many instances of a unit, on one rung, until the next plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readiness {
    /// The unit, as [`WarmPlanner::add`] numbered it.
    pub unit: usize,
    /// The rung's place in the ladder, above nothing.
    pub rung: usize,
    /// How many instances, beside those that are busy.
    pub count: u32,
    /// Why.
    pub because: WarmBecause,
}

/// Keeps units ready; learns online.
#[derive(Clone, Debug)]
pub struct WarmPlanner {
    settings: WarmSettings,
    model: ArrivalModel,
    units: Vec<Unit>,
    slots: Vec<Slot>,
    /// (slot, user) of requests in the running step.
    visits: Vec<(u32, u32)>,
    /// Per slot, in the running step.
    active: Vec<bool>,
    busy: Vec<bool>,
    counts: Vec<u32>,
    chances: Vec<f32>,
    /// When the running step began; `None` before the first observation.
    running: Option<WallTime>,
    /// Announced uses: (when, unit).
    announced: BTreeSet<(WallTime, usize)>,
    /// How announcements turned out: kept, and all.
    kept: (f64, f64),
}

#[derive(Clone, Debug)]
struct Unit {
    spec: UnitSpec,
    slots: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    unit: usize,
    rung: usize,
}

impl WarmPlanner {
    /// A planner that knows no unit yet.
    pub fn new(settings: WarmSettings) -> WarmPlanner {
        WarmPlanner {
            settings,
            model: ArrivalModel::new(),
            units: Vec::new(),
            slots: Vec::new(),
            visits: Vec::new(),
            active: Vec::new(),
            busy: Vec::new(),
            counts: Vec::new(),
            chances: Vec::new(),
            running: None,
            announced: BTreeSet::new(),
            kept: (0.0, 0.0),
        }
    }

    /// Adds a unit and returns its number, counted from 0.
    pub fn add(&mut self, spec: UnitSpec) -> usize {
        self.units.push(Unit { spec, slots: Vec::new() });
        self.add_slot(self.units.len() - 1);
        self.units.len() - 1
    }

    /// Changes what an instance of `unit` costs.
    pub fn set_spec(&mut self, unit: usize, spec: UnitSpec) {
        if let Some(unit) = self.units.get_mut(unit) {
            unit.spec = spec;
        }
    }

    /// Changes what a second of waiting is worth; what is not above zero is passed over.
    pub fn set_lambda(&mut self, lambda: f64) {
        if lambda.is_finite() && lambda > 0.0 {
            self.settings.lambda = lambda;
        }
    }

    /// What a second of waiting is worth.
    pub fn lambda(&self) -> f64 {
        self.settings.lambda
    }

    /// The rung that an instance of `unit` would be given in a step with that chance, at `lambda`, having stood on rung `from`.
    pub fn rung_at(&self, unit: usize, chance: f32, lambda: f64, from: usize) -> usize {
        if unit >= self.units.len() {
            return 0;
        }
        self.settings.ladder.choose(&self.stakes(unit, chance, lambda), from).rung
    }

    /// The unit of a slot.
    pub fn unit_of(&self, slot: usize) -> Option<usize> {
        self.slots.get(slot).map(|slot| slot.unit)
    }

    /// The chance that the first instance of `unit` that is not busy is used in the coming step.
    pub fn chance_of(&self, unit: usize) -> Option<f32> {
        let slots = &self.units.get(unit)?.slots;
        slots.iter().find(|&&slot| !self.busy[slot]).map(|&slot| self.chances[slot])
    }

    fn add_slot(&mut self, unit: usize) -> usize {
        let slot = self.model.add(self.units[unit].slots.last().copied());
        self.units[unit].slots.push(slot);
        self.slots.push(Slot { unit, rung: 0 });
        self.active.push(false);
        self.busy.push(false);
        self.counts.push(0);
        self.chances.push(0.0);
        slot
    }

    /// A request for `unit` at `at`, by `user` where that is known. Returns the instance that it occupies, counted from 0 within
    /// the unit, for [`WarmPlanner::ended`]; `None` when more than the most run at once already.
    pub fn observe(&mut self, unit: usize, at: WallTime, user: Option<u32>) -> Option<usize> {
        self.catch_up(at);
        let first = self.units[unit].slots[0];
        if let Some(user) = user {
            self.visits.push((first as u32, user));
        }
        self.units[unit].slots.iter().for_each(|&slot| self.counts[slot] += 1);
        let free = self.units[unit].slots.iter().position(|&slot| !self.busy[slot]);
        let instance = free.unwrap_or(self.units[unit].slots.len());
        if instance >= self.settings.instances_max {
            return None;
        }
        let slot = if free.is_some() { self.units[unit].slots[instance] } else { self.add_slot(unit) };
        (self.active[slot], self.busy[slot]) = (true, true);
        Some(instance)
    }

    /// The work that occupied an instance of `unit` is done.
    pub fn ended(&mut self, unit: usize, instance: usize, at: WallTime) {
        self.catch_up(at);
        if let Some(&slot) = self.units[unit].slots.get(instance) {
            self.busy[slot] = false;
        }
    }

    /// A schedule says that `unit` is used at `at`. How far announcements are believed is learned from those before.
    pub fn announce(&mut self, unit: usize, at: WallTime) {
        self.announced.insert((at, unit));
    }

    /// What stands ready from `now` until the next plan: per unit and rung above nothing, the instances and why.
    pub fn plan(&mut self, now: WallTime) -> Vec<Readiness> {
        self.catch_up(now);
        let mut plan: Vec<Readiness> = Vec::new();
        for unit in 0..self.units.len() {
            let announced = self.announced_soon(unit);
            let lambda = self.settings.lambda;
            for place in 0..self.units[unit].slots.len() {
                let slot = self.units[unit].slots[place];
                if self.busy[slot] {
                    continue;
                }
                if announced && place == 0 {
                    self.chances[slot] = self.chances[slot].max(self.belief());
                }
                let choice = self.choose(slot, lambda);
                self.slots[slot].rung = choice.rung;
                if choice.rung == 0 {
                    continue;
                }
                let because = WarmBecause {
                    choice,
                    lambda: lambda * self.units[unit].spec.price,
                    habits: self.model.habits(slot),
                    announced: announced && place == 0,
                };
                match plan.iter_mut().rev().find(|one| one.unit == unit && one.rung == choice.rung) {
                    Some(one) => (one.count, one.because) = (one.count + 1, because),
                    None => plan.push(Readiness { unit, rung: choice.rung, count: 1, because }),
                }
            }
        }
        plan
    }

    /// The cheapest rung for a slot in the coming step, at `lambda`, as things stand after the last step.
    pub fn choose(&self, slot: usize, lambda: f64) -> Choice {
        let Slot { unit, rung } = self.slots[slot];
        self.settings.ladder.choose(&self.stakes(unit, self.chances[slot], lambda), rung)
    }

    fn stakes(&self, unit: usize, chance: f32, lambda: f64) -> Stakes {
        let spec = &self.units[unit].spec;
        let idle_gb_s = spec.memory.0 as f64 / 1e9 * self.settings.step.as_secs_f64();
        let idle_s = idle_gb_s / self.settings.gb_seconds_per_second;
        Stakes { chance: f64::from(chance), cold: spec.cold, idle_s, lambda: lambda * spec.price }
    }

    /// For how many steps the first instance of `unit` would be kept ready if nobody used it: 0 = not at all, at most `most`.
    pub fn keep_alive_steps(&self, unit: usize, most: u32) -> u32 {
        let Some(running) = self.running else { return 0 };
        let slot = self.units[unit].slots[0];
        let chances = self.model.if_unused(slot, running, self.settings.step, most);
        let ladder = &self.settings.ladder;
        let kept = |&&chance: &&f32| {
            let stakes = self.stakes(unit, chance, self.settings.lambda);
            ladder.choose(&stakes, ladder.rungs().len() - 1).rung > 0
        };
        chances.iter().take_while(kept).count() as u32
    }

    /// Takes in a whole step at once, for replays that know it slot by slot; `coming` is when the next begins.
    pub fn step(&mut self, happened: &Happened<'_>, coming: WallTime) {
        self.model.step(happened, coming, &mut self.chances);
    }

    /// Adds one more instance to `unit`, for [`WarmPlanner::step`], and returns its slot.
    pub fn add_instance(&mut self, unit: usize) -> usize {
        self.add_slot(unit)
    }

    /// The chance per slot that the coming step begins a use of it.
    pub fn chances(&self) -> &[f32] {
        &self.chances
    }

    /// Closes every step that ended by `now`.
    fn catch_up(&mut self, now: WallTime) {
        let step_ms = (self.settings.step.as_millis() as i64).max(1);
        let grid = WallTime::from_unix_millis(now.unix_millis().div_euclid(step_ms) * step_ms);
        let Some(mut running) = self.running else {
            self.running = Some(grid);
            return;
        };
        let behind = (grid.unix_millis() - running.unix_millis()) / step_ms;
        if behind > i64::from(self.settings.silence_max) {
            running = grid.minus(self.settings.step.times(u64::from(self.settings.silence_max)));
        }
        while running < grid {
            self.settle_announcements(running);
            running = running.plus(self.settings.step);
            self.visits.sort_unstable();
            self.visits.dedup();
            let happened = Happened { active: &self.active, busy: &self.busy, counts: &self.counts, visits: &self.visits };
            self.model.step(&happened, running, &mut self.chances);
            self.active.clone_from(&self.busy);
            self.counts.fill(0);
            self.visits.clear();
        }
        self.running = Some(running);
    }

    fn settle_announcements(&mut self, began: WallTime) {
        let ends = began.plus(self.settings.step);
        while let Some(&(at, unit)) = self.announced.first()
            && at < ends
        {
            self.announced.pop_first();
            let came = self.active[self.units[unit].slots[0]];
            // What was announced too long ago to fade counts half as much.
            self.kept = (self.kept.0 * 0.98 + f64::from(u8::from(came)), self.kept.1 * 0.98 + 1.0);
        }
    }

    fn announced_soon(&self, unit: usize) -> bool {
        let Some(running) = self.running else { return false };
        let ends = running.plus(self.settings.step);
        self.announced.range((running, 0)..(ends, 0)).any(|&(_, announced)| announced == unit)
    }

    /// The share of announcements that came true, as if nine of ten had before.
    fn belief(&self) -> f32 {
        ((self.kept.0 + 9.0) / (self.kept.1 + 10.0)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: UnitSpec = UnitSpec { memory: Bytes(170_000_000), cold: Span::from_millis(808), price: 1.0 };

    fn minute(minute: i64) -> WallTime {
        WallTime::from_unix_secs(minute * 60)
    }

    #[test]
    fn a_timer_is_ready_when_due_and_not_before() {
        let mut planner = WarmPlanner::new(WarmSettings::default());
        let (timer, other) = (planner.add(SPEC), planner.add(SPEC));
        let (mut ready_in_vain, mut hits) = (0, 0);
        for now in 0..1_200 {
            let plan = planner.plan(minute(now));
            let ready = plan.iter().any(|one| one.unit == timer && one.count == 1);
            assert!(plan.iter().all(|one| one.unit != other), "a unit that was never used is not kept");
            if now % 15 == 0 {
                let instance = planner.observe(timer, minute(now).plus(Span::from_secs(5)), None).unwrap();
                planner.ended(timer, instance, minute(now).plus(Span::from_secs(6)));
            }
            if now >= 600 {
                hits += i32::from(ready && now % 15 == 0);
                ready_in_vain += i32::from(ready && now % 15 != 0);
            }
        }
        assert_eq!(hits, 40);
        assert!(ready_in_vain <= 4, "{ready_in_vain}");
        assert_eq!(planner.model.habits(0).period.map(|period| period.0), Some(15));
    }

    #[test]
    fn busy_instances_need_another_one() {
        let mut planner = WarmPlanner::new(WarmSettings { instances_max: 3, ..WarmSettings::default() });
        let unit = planner.add(SPEC);
        let at = |second| WallTime::from_unix_secs(second);
        assert_eq!([1, 2, 3, 4].map(|second| planner.observe(unit, at(second), None)), [Some(0), Some(1), Some(2), None]);
        planner.ended(unit, 1, at(5));
        assert_eq!(planner.observe(unit, at(6), None), Some(1));
        // All are busy: nothing is planned for them.
        assert!(planner.plan(at(61)).is_empty());
    }

    #[test]
    fn an_announcement_makes_ready_without_history() {
        let mut planner = WarmPlanner::new(WarmSettings::default());
        let unit = planner.add(SPEC);
        assert!(planner.plan(minute(0)).is_empty());
        planner.announce(unit, minute(2).plus(Span::from_secs(30)));
        assert!(planner.plan(minute(1)).is_empty());
        let plan = planner.plan(minute(2));
        assert_eq!(plan.len(), 1);
        assert!(plan[0].because.announced && plan[0].because.choice.figures.chance > 0.8);
        // Announcements that nobody keeps are believed less and less.
        for now in 3..300 {
            planner.announce(unit, minute(now));
            planner.plan(minute(now));
        }
        assert!(planner.belief() < 0.2, "{}", planner.belief());
    }

    #[test]
    fn a_burst_is_kept_for_a_while() {
        let mut planner = WarmPlanner::new(WarmSettings::default());
        let unit = planner.add(SPEC);
        for now in 0..2_000 {
            planner.plan(minute(now));
            if now % 200 < 20 && (now * 7_919 + now * now) % 11 < 4 {
                let instance = planner.observe(unit, minute(now), None).unwrap();
                planner.ended(unit, instance, minute(now));
            }
        }
        planner.plan(minute(2_000));
        planner.observe(unit, minute(2_000), None).map(|instance| planner.ended(unit, instance, minute(2_000))).unwrap();
        planner.plan(minute(2_001));
        let kept = planner.keep_alive_steps(unit, 60);
        assert!((2..30).contains(&kept), "{kept}");
    }
}
