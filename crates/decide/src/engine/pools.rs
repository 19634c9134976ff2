//! Pools: how many instances of each stand ready in the coming step, and on which rung.

use std::collections::{BTreeMap, VecDeque};

use model::{Action, Because, Bytes, Cap, Habit, Metric, OfferFigures, RunEvent, Trigger, Wait};

use super::*;
use crate::warm::{Readiness, UnitSpec, WarmPlanner};

/// The two knobs of a pool.
const KNOBS: [Resource; 2] = [Resource::WarmInstances, Resource::FrozenInstances];

/// What the engine keeps of all pools.
#[derive(Clone, Debug)]
pub(super) struct Pools {
    planner: WarmPlanner,
    /// Whose unit it is, by the planner's numbers. A pool that ended leaves its unit behind: it is never used again.
    units: Vec<Ordinal>,
    pools: BTreeMap<Ordinal, Pool>,
    /// The planner's step that is open, counted from 1970.
    step: i64,
}

#[derive(Clone, Debug)]
struct Pool {
    unit: usize,
    memory: Bytes,
    at_least: u32,
    at_most: u32,
    /// The instance that each run occupies.
    running: BTreeMap<u64, usize>,
    /// The chance that was said of the open step, and the runs that began in it.
    open: (f32, u32),
    /// The same of the last steps, oldest first.
    past: VecDeque<(f32, u32)>,
}

/// Steps that a pool remembers for [`Engine::pool_curve`]: a week of minutes.
const PAST_MAX: usize = 10_080;

/// What one lambda would have meant for a pool's first instance, over the steps that are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CurvePoint {
    /// What a second of waiting was worth.
    pub lambda: f64,
    /// Steps with a use that found it ready, on whatever rung.
    pub hits: u64,
    /// Steps with a use.
    pub uses: u64,
    /// Steps.
    pub steps: u64,
    /// Memory held in vain, in byte-seconds.
    pub idle_byte_seconds: f64,
}

/// What the planner would like of one pool.
#[derive(Clone, Copy, Debug, Default)]
struct Wish {
    /// Per knob.
    counts: [u32; 2],
    figures: OfferFigures,
    habit: Option<Habit>,
    announced: bool,
    cut: bool,
}

impl Pools {
    pub(super) fn new(settings: &Settings) -> Pools {
        Pools {
            planner: WarmPlanner::new(settings.warm.planner.clone()),
            units: Vec::new(),
            pools: BTreeMap::new(),
            step: 0,
        }
    }

    pub(super) fn forget(&mut self, target: Ordinal) {
        self.pools.remove(&target);
    }

    fn habit(&self, readiness: &Readiness, step: Span) -> Option<Habit> {
        let habits = readiness.because.habits;
        let period = habits.period.map(|(steps, share)| (step.times(u64::from(steps)), share));
        let follows = habits.follows.and_then(|slot| self.units.get(self.planner.unit_of(slot)?).copied());
        (period.is_some() || follows.is_some()).then_some(Habit { period, follows })
    }
}

impl Engine {
    pub(super) fn price_pool(&mut self, target: Ordinal, spec: UnitSpec, bounds: (u32, u32)) {
        if self.target(target).is_none() {
            return;
        }
        let (memory, (at_least, at_most)) = (spec.memory, bounds);
        if let Some(pool) = self.pools.pools.get_mut(&target) {
            (pool.memory, pool.at_least, pool.at_most) = (memory, at_least, at_most);
            self.pools.planner.set_spec(pool.unit, spec);
            self.pools.step = 0;
            return;
        }
        let unit = self.pools.planner.add(spec);
        self.pools.units.push(target);
        self.pools.pools.insert(
            target,
            Pool { unit, memory, at_least, at_most, running: BTreeMap::new(), open: (0.0, 0), past: VecDeque::new() },
        );
        // What is asked for at least need not wait for the next step.
        self.pools.step = 0;
    }

    /// The tier's factor on what a second of waiting is worth.
    pub(super) fn pool_price(&self, target: Ordinal) -> f64 {
        let tier = self.target(target).map_or(model::Tier::Standard, |target| target.spec.tier);
        f64::from(self.settings.load.tier(tier).price)
    }

    pub(super) fn runs(&mut self, events: &[RunEvent]) {
        let Pools { planner, pools, .. } = &mut self.pools;
        for event in events {
            let Some(pool) = pools.get_mut(&event.target) else { continue };
            if event.ended {
                if let Some(instance) = pool.running.remove(&event.run) {
                    planner.ended(pool.unit, instance, event.at);
                }
                continue;
            }
            pool.open.1 = pool.open.1.saturating_add(1);
            if let Some(instance) = planner.observe(pool.unit, event.at, None) {
                pool.running.insert(event.run, instance);
            }
        }
    }

    pub(super) fn announce_pool(&mut self, announcement: &model::Announcement) {
        if let Some(pool) = self.pools.pools.get(&announcement.target) {
            self.pools.planner.announce(pool.unit, announcement.from);
        }
    }

    /// Plans all pools when the planner's next step has begun.
    pub(super) fn turn_pools(&mut self, now: Moment) {
        if self.pools.pools.is_empty() {
            return;
        }
        let step = self.settings.warm.planner.step;
        let open = self.wall.unix_millis().div_euclid((step.as_millis() as i64).max(1));
        if open == self.pools.step {
            return;
        }
        self.pools.step = open;
        let wishes = self.wishes(step);
        let Pools { planner, pools, .. } = &mut self.pools;
        for pool in pools.values_mut() {
            if pool.past.len() == PAST_MAX {
                pool.past.pop_front();
            }
            pool.past.push_back(pool.open);
            pool.open = (planner.chance_of(pool.unit).unwrap_or(0.0), 0);
        }
        for (target, wish) in wishes {
            for (place, resource) in KNOBS.into_iter().enumerate() {
                self.turn_pool(now, target, resource, wish.counts[place], &wish);
            }
        }
    }

    /// What each pool should hold: the best offers first, as far as the share of memory for pools goes.
    fn wishes(&mut self, step: Span) -> BTreeMap<Ordinal, Wish> {
        let mut wishes: BTreeMap<Ordinal, Wish> = self.pools.pools.keys().map(|target| (*target, Wish::default())).collect();
        let mut plan = self.pools.planner.plan(self.wall);
        let gain = |one: &Readiness| {
            let figures = &one.because.choice.figures;
            f64::from(figures.chance * figures.seconds_saved) * one.because.lambda / f64::from(figures.hold_cost).max(1e-9)
        };
        plan.sort_by(|one, other| gain(other).total_cmp(&gain(one)).then(one.unit.cmp(&other.unit)));
        let mut left = self.pool_memory();
        for (target, pool) in &self.pools.pools {
            let least = u64::from(pool.at_least).saturating_mul(pool.memory.0.max(1));
            left = left.saturating_sub(least);
            if let Some(wish) = wishes.get_mut(target) {
                wish.counts[0] = pool.at_least;
            }
        }
        let top = self.settings.warm.planner.ladder.rungs().len() - 1;
        for one in &plan {
            let Some(target) = self.pools.units.get(one.unit).copied() else { continue };
            let habit = self.pools.habit(one, step);
            let (Some(pool), Some(wish)) = (self.pools.pools.get(&target), wishes.get_mut(&target)) else { continue };
            let place = usize::from(one.rung != top);
            let held: u32 = wish.counts.iter().sum();
            // What is kept in any case stands there already, and is warm.
            let asked = if place == 0 { one.count.saturating_sub(wish.counts[0]) } else { one.count };
            let room = pool.at_most.saturating_sub(held).min(u32::try_from(left / pool.memory.0.max(1)).unwrap_or(u32::MAX));
            let granted = asked.min(room);
            left = left.saturating_sub(u64::from(granted).saturating_mul(pool.memory.0));
            wish.counts[place] += granted;
            wish.cut |= granted < asked;
            if wish.habit.is_none() {
                wish.habit = habit;
            }
            wish.announced |= one.because.announced;
            wish.figures = one.because.choice.figures;
        }
        wishes
    }

    /// Memory that all pools together may hold.
    fn pool_memory(&self) -> u64 {
        let share = u128::from(self.settings.warm.memory.0);
        self.capacity.map_or(u64::MAX, |capacity| (u128::from(capacity.memory.0) * share / 1_000) as u64)
    }

    fn turn_pool(&mut self, now: Moment, ordinal: Ordinal, resource: Resource, wanted: u32, wish: &Wish) {
        let Some(place) = self.settings.load.manage.iter().position(|managed| *managed == resource) else { return };
        let mode = self.mode_of(ordinal);
        let busy = self.pools.pools.get(&ordinal).map_or(0, |pool| pool.running.len());
        let at_least = self.pools.pools.get(&ordinal).map_or(0, |pool| pool.at_least);
        let Some(target) = self.target_mut(ordinal) else { return };
        let knob = &mut target.knobs[place];
        knob.wanted = Some(u64::from(wanted));
        let Some(holds) = knob.base() else {
            knob.wait = Some(Wait::Unsupported);
            return;
        };
        if let Some(wait) = knob.blocked(now) {
            knob.wait = Some(wait);
            return;
        }
        let held = holds.amount().unwrap_or(0);
        if held == u64::from(wanted) || mode == Mode::Observe {
            knob.wait = Some(if mode == Mode::Observe { Wait::Paused } else { Wait::Fits });
            return;
        }
        let mut caps = Vec::new();
        if wish.cut {
            caps.push(Cap::Capacity);
        }
        if resource == Resource::WarmInstances && wanted == at_least && at_least > 0 {
            caps.push(Cap::BoundMin);
        }
        let trigger = if u64::from(wanted) < held { Trigger::Released } else { Trigger::Predicted };
        let because = Because {
            trigger,
            metric: Metric::Application,
            forecast: None,
            level: 0.0,
            margin: 0.0,
            in_use: busy as f32,
            figures: wish.figures,
            wanted: wanted as f32,
            caps,
            habit: wish.habit,
        };
        let action = Action::Set { resource, before: holds, after: Setting::Instances(wanted) };
        self.emit(now, ordinal, place, mode, action, because);
    }

    pub(super) fn set_lambda(&mut self, lambda: f64) {
        self.pools.planner.set_lambda(lambda);
    }

    /// What a second of waiting for an instance is worth.
    pub fn pool_lambda(&self) -> f64 {
        self.pools.planner.lambda()
    }

    /// What other lambdas would have meant for a pool: its past chances, decided again.
    pub fn pool_curve(&self, target: Ordinal, lambdas: &[f64]) -> Option<Vec<CurvePoint>> {
        let pool = self.pools.pools.get(&target)?;
        let planner = &self.settings.warm.planner;
        let rungs = planner.ladder.rungs();
        let step_bytes = pool.memory.0 as f64 * planner.step.as_secs_f64();
        let points = lambdas.iter().map(|&lambda| {
            let mut point = CurvePoint { lambda, ..CurvePoint::default() };
            let mut rung = 0;
            for &(chance, uses) in &pool.past {
                rung = self.pools.planner.rung_at(pool.unit, chance, lambda, rung);
                point.steps += 1;
                point.uses += u64::from(uses > 0);
                point.hits += u64::from(uses > 0 && rung > 0);
                if uses == 0 {
                    point.idle_byte_seconds += rungs.get(rung).map_or(0.0, |rung| rung.hold_share) * step_bytes;
                }
            }
            point
        });
        Some(points.collect())
    }

    /// What the pool planner expects of a pool: the chance that an instance is used in the coming step, and for how long one
    /// would be kept if nobody used it.
    pub fn pool_outlook(&self, target: Ordinal) -> Option<(f32, Span)> {
        let pool = self.pools.pools.get(&target)?;
        let chance = self.pools.planner.chance_of(pool.unit)?;
        let steps = self.pools.planner.keep_alive_steps(pool.unit, 1_440);
        Some((chance, self.settings.warm.planner.step.times(u64::from(steps))))
    }
}
