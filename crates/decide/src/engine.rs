//! The heart: one observation in, decisions out.

mod act;
mod feedback;
mod pools;
mod window;

use std::collections::{BTreeMap, VecDeque};

use model::{
    Capacity, Decision, Metric, Mode, Moment, Observation, Ordinal, Planner, Resource, Setting, Span, TargetSample, WallTime,
};
use predict::recurrent::Weights;
use predict::{Scheme, Slot};
use rayon::prelude::*;

use crate::announcements::Announcements;
use crate::bank::Bank;
use crate::budget::Allowance;
use crate::knob::{is_of, near};
use crate::ledger::Ledger;
use crate::load::WindowView;
use crate::modes::Modes;
use crate::settings::Settings;
use crate::target::{NO_ROW, Schemes, Target};
use crate::warm::UnitSpec;
use crate::watch::Watch;
pub use pools::CurvePoint;
use pools::Pools;

/// More targets than this are refused: a bound on memory, not a figure of speed.
const TARGETS_MAX: usize = 1_000_000;
/// Room for this many decisions is kept from one step to the next.
const DECISIONS_KEPT: usize = 4_096;
/// Below this many targets one core does it.
const PARALLEL_FROM: usize = 512;

/// Forecasts, plans and decides for all targets of one host. See the crate's documentation.
#[derive(Clone, Debug)]
pub struct Engine {
    settings: Settings,
    schemes: Schemes,
    targets: Vec<Option<Box<Target>>>,
    /// Where in the present samples each target is, plus 1; 0 = nowhere. Kept to spare allocation.
    sampled: Vec<u32>,
    bank: Bank,
    modes: Modes,
    ledger: Ledger,
    announcements: Announcements,
    capacity: Option<Capacity>,
    changes: Allowance,
    /// By target and knob.
    watches: BTreeMap<(Ordinal, usize), Watch>,
    /// Targets to look at before the window turns, and whether releases count too: the budget was spent, or something about
    /// them was changed.
    put_off: VecDeque<(Ordinal, bool)>,
    /// Targets so far: an ordinal names another one each time that it is reused.
    generations: u64,
    /// The window that is open, counted from the engine's start.
    window: u64,
    wall: WallTime,
    decisions: Vec<Decision>,
    digest: Option<model::Digest>,
    pools: Pools,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Engine {
            schemes: Schemes::new(&settings),
            targets: Vec::new(),
            sampled: Vec::new(),
            bank: Bank::default(),
            modes: Modes::new(settings.mode),
            ledger: Ledger::new(settings.first_ticket, settings.rails.ledger_entries),
            announcements: Announcements::default(),
            capacity: None,
            changes: Allowance::new(settings.rails.changes_per_minute as f32, Span::from_secs(60)),
            watches: BTreeMap::new(),
            put_off: VecDeque::new(),
            generations: 0,
            window: 0,
            wall: WallTime::default(),
            decisions: Vec::new(),
            digest: None,
            pools: Pools::new(&settings),
            settings,
        }
    }

    /// Takes in one observation at `now`, which must not go back, and returns what was decided because of it.
    pub fn step(&mut self, now: Moment, observation: &Observation) -> &[Decision] {
        if self.decisions.capacity() > DECISIONS_KEPT {
            self.decisions = Vec::new();
        }
        self.decisions.clear();
        match observation {
            Observation::TargetAppeared { target, spec } => {
                self.appear(*target, Box::new(Target::new(spec.clone(), &self.settings)))
            }
            Observation::TargetGone { target } => self.vanish(*target),
            Observation::Samples { wall, samples } => self.sampled(now, *wall, samples),
            Observation::History(history) => self.learn_history(history),
            Observation::Capacity(capacity) => self.capacity = Some(*capacity),
            Observation::Settings { target, settings } => self.read_settings(*target, settings),
            Observation::Announced(announcement) => self.announced(announcement),
            Observation::AnnouncementWithdrawn(id) => drop(self.announcements.withdraw(*id)),
            Observation::ModelReady { digest, weights } => {
                if let Ok(weights) = Weights::from_bytes(weights)
                    && self.bank.load(weights)
                {
                    self.digest = Some(*digest);
                }
            }
            Observation::ModeSet { scope, mode } => self.set_mode(scope, *mode),
            Observation::KillSwitch(killed) => self.modes.kill(*killed),
            Observation::BoundsSet { target, bounds } => {
                if let Some(held) = self.target_mut(*target) {
                    held.spec.bounds = *bounds;
                    self.look_soon(*target, true);
                }
            }
            Observation::TierSet { target, tier } => {
                if let Some(target) = self.target_mut(*target) {
                    target.spec.tier = *tier;
                }
            }
            Observation::PoolPriced { target, memory, cold, at_least, at_most } => {
                let spec = UnitSpec { memory: *memory, cold: *cold, price: self.pool_price(*target) };
                self.price_pool(*target, spec, (*at_least, *at_most));
            }
            Observation::Runs(events) => self.runs(events),
            Observation::LambdaSet(lambda) => self.set_lambda(*lambda),
            Observation::UndoAsked(ticket) => self.undo(now, *ticket),
            Observation::Adopted(decision) => self.adopt(decision),
            Observation::Done { ticket, outcome } => self.done(now, *ticket, outcome),
        }
        &self.decisions
    }

    fn appear(&mut self, ordinal: Ordinal, mut target: Box<Target>) {
        let place = ordinal.0 as usize;
        if place >= TARGETS_MAX {
            return;
        }
        if self.targets.len() <= place {
            self.targets.resize_with(place + 1, || None);
            self.sampled.resize(place + 1, 0);
        }
        self.vanish(ordinal);
        self.generations += 1;
        target.generation = self.generations;
        self.targets[place] = Some(target);
    }

    fn vanish(&mut self, ordinal: Ordinal) {
        let Some(target) = self.targets.get_mut(ordinal.0 as usize).and_then(Option::take) else { return };
        for row in target.rows.into_iter().filter(|&row| row != NO_ROW) {
            self.bank.free_row(row);
        }
        for ticket in target.knobs.iter().filter_map(|knob| knob.in_flight) {
            self.ledger.finish(ticket, model::Outcome::TargetGone);
        }
        for place in 0..target.knobs.len() {
            self.watches.remove(&(ordinal, place));
        }
        self.modes.forget(ordinal);
        self.announcements.forget(ordinal);
        self.pools.forget(ordinal);
    }

    fn sampled(&mut self, now: Moment, wall: WallTime, samples: &[TargetSample]) {
        self.wall = wall;
        for (place, sample) in samples.iter().enumerate() {
            if let Some(slot) = self.sampled.get_mut(sample.target.0 as usize) {
                *slot = place as u32 + 1;
            }
        }
        let clock = Moment::after_start(Span::from_millis(wall.unix_millis().max(0) as u64));
        let (schemes, settings, places) = (&self.schemes, &self.settings, &self.sampled);
        let observe = |(ordinal, slot): (usize, &mut Option<Box<Target>>)| {
            if let (Some(target), Some(place)) = (slot.as_deref_mut(), places[ordinal].checked_sub(1)) {
                target.observe(now, clock, &samples[place as usize], schemes, settings);
            }
        };
        if self.targets.len() < PARALLEL_FROM {
            self.targets.iter_mut().enumerate().for_each(observe);
        } else {
            self.targets.par_iter_mut().enumerate().with_min_len(64).for_each(observe);
        }
        for sample in samples {
            if let Some(slot) = self.sampled.get_mut(sample.target.0 as usize) {
                *slot = 0;
            }
        }
        self.check_watches(now);
        self.turn_pools(now);
        let window = now.since_start().as_nanos() / self.settings.load.window.as_nanos().max(1);
        if window > self.window {
            self.window = window;
            self.turn_window(now, wall);
        } else {
            self.between_windows(now, samples);
        }
    }

    /// An announcement of a target that is not there concerns nobody: the ordinal may be given to another.
    fn announced(&mut self, announcement: &model::Announcement) {
        if self.target(announcement.target).is_some() {
            self.announce_pool(announcement);
            self.announcements.add(announcement.clone());
            self.look_soon(announcement.target, false);
        }
    }

    /// Has a target looked at with the next samples; `all` when releases count too, and not only what it lacks.
    fn look_soon(&mut self, target: Ordinal, all: bool) {
        // Beyond the limit the turn of the window will do.
        if self.put_off.len() < self.targets.len().saturating_mul(4).max(64) {
            self.put_off.push_back((target, all));
        }
    }

    /// Learns from earlier use: closes a window whenever the wall clock enters the next one.
    fn learn_history(&mut self, history: &model::History) {
        let window = self.settings.load.window;
        let metric = history.metric;
        let scheme = self.schemes.of(metric).clone();
        let scheme = &Scheme {
            values_per_window: (window.as_secs_f64() / history.step.as_secs_f64().max(1e-3)).max(1.0) as f32,
            ..scheme
        };
        let Some(target) = self.targets.get_mut(history.target.0 as usize).and_then(Option::as_deref_mut) else { return };
        let tail = self.settings.load.tier(target.spec.tier).tail;
        let series = target.series[metric.index()].get_or_insert_with(|| Box::new(predict::Series::new(scheme)));
        let millis = (window.as_millis() as i64).max(1);
        let mut open = history.start.unix_millis().div_euclid(millis);
        for (step, value) in history.values.iter().enumerate() {
            let end = history.start.plus(history.step.times(step as u64 + 1));
            if let Some(value) = value {
                series.observe(scheme, Moment::after_start(Span::from_millis(end.unix_millis().max(0) as u64)), *value);
            }
            let window_now = end.unix_millis().div_euclid(millis);
            if window_now > open {
                let start = WallTime::from_unix_millis(open * millis);
                let closed = series.close(scheme, Slot::of(start, window), tail);
                open = window_now;
                if closed {
                    series.prepare(scheme, Slot::of(WallTime::from_unix_millis(open * millis), window), tail, None);
                }
            }
        }
    }

    fn read_settings(&mut self, ordinal: Ordinal, settings: &[(Resource, Setting)]) {
        let acting = self.mode_of(ordinal) == Mode::Act;
        let manage = &self.settings.load.manage;
        let Some(target) = self.targets.get_mut(ordinal.0 as usize).and_then(Option::as_deref_mut) else { return };
        for (knob, resource) in target.knobs.iter_mut().zip(manage) {
            let read = settings.iter().find(|(read, _)| read == resource).map(|(_, setting)| *setting);
            let read = read.filter(|setting| is_of(*resource, *setting));
            if knob.in_flight.is_some() {
                continue;
            }
            // Somebody else set it. Where forerun had set it, or may act, it is theirs from now on; where forerun only advised,
            // they may have followed: the next advice starts from what is. The first reading is nobody's.
            // Nobody else can turn a pool's: there a difference is what was given up for want of memory.
            if let (Some(held), Some(read)) = (knob.holds, read)
                && !near(held, read)
                && !matches!(read, Setting::Instances(_))
            {
                knob.held_elsewhere |= acting || knob.ours;
                knob.ours = false;
                knob.advised = None;
            }
            knob.holds = read;
        }
    }

    fn target_mut(&mut self, ordinal: Ordinal) -> Option<&mut Target> {
        self.targets.get_mut(ordinal.0 as usize)?.as_deref_mut()
    }

    /// What the load planner may do with a target.
    pub fn mode_for(&self, ordinal: Ordinal) -> Mode {
        self.mode_of(ordinal)
    }

    fn mode_of(&self, ordinal: Ordinal) -> Mode {
        let is_pool = self.target(ordinal).is_some_and(|target| target.spec.kind == model::TargetKind::Pool);
        self.modes.of(if is_pool { Planner::Warm } else { Planner::Load }, ordinal)
    }

    /// What the load planner sees of the window that starts now.
    pub(crate) fn view(&self, now: Moment) -> WindowView<'_> {
        WindowView {
            now,
            start: self.wall,
            settings: &self.settings,
            schemes: &self.schemes,
            announcements: &self.announcements,
            capacity: self.capacity,
            modes: &self.modes,
        }
    }

    /// The targets, by ordinal.
    pub fn targets(&self) -> impl Iterator<Item = (Ordinal, &Target)> {
        self.targets
            .iter()
            .enumerate()
            .filter_map(|(place, target)| target.as_deref().map(|target| (Ordinal(place as u32), target)))
    }

    /// One target.
    pub fn target(&self, ordinal: Ordinal) -> Option<&Target> {
        self.targets.get(ordinal.0 as usize)?.as_deref()
    }

    /// The forecast of one metric of one target.
    pub fn forecast(&self, ordinal: Ordinal, metric: Metric) -> Option<model::Forecast> {
        self.target(ordinal)?.series(metric)?.forecast(self.schemes.of(metric))
    }

    /// The amount that one metric of one target passes in the share of time its tier allows, in the base unit.
    pub fn limit(&self, ordinal: Ordinal, metric: Metric) -> Option<f32> {
        self.target(ordinal)?.series(metric)?.limit()
    }

    /// The decisions that can still be undone.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Modes of all scopes.
    pub fn mode(&self) -> Mode {
        self.modes.all()
    }

    /// Whether the kill switch is thrown.
    pub fn killed(&self) -> bool {
        self.modes.killed()
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The weights that serve the recurrent member.
    pub fn model_digest(&self) -> Option<model::Digest> {
        self.digest
    }

    /// Bytes that targets and their series hold.
    pub fn bytes(&self) -> usize {
        self.targets().map(|(_, target)| target.bytes()).sum::<usize>() + self.bank.bytes() + self.targets.capacity() * 8
    }

    /// Decisions by outcome, for metrics: how many of the remembered ones ended how.
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for entry in self.ledger.iter() {
            *counts.entry(feedback::outcome_name(entry.outcome.as_ref())).or_default() += 1;
        }
        counts
    }
}
