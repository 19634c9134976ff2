//! A lane: the three examples in groups of their own, a sampler, an actuator, and the controller that sets their quotas.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use act::{Actuator, Config};
use anyhow::{Context, Result};
use benches::Group;
use collect::layout::Layout;
use collect::{Glob, Roots, Sampler, Selectors};
use forerun::examples::{self, Kind, Running};
use model::{
    Action, Capacity, Decision, Limit, MilliCores, Moment, Ordinal, Outcome, Permille, Resource, Setting, TargetId,
    TargetSample, TargetSpec, Ticket, WallTime,
};

use crate::Conditions;

/// Longer than any run: programs end by themselves even if nobody is left to end them.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// What sets the quotas of a lane.
pub trait Controller {
    /// A program is there; its quota holds `held`.
    fn begin(&mut self, now: Moment, target: Ordinal, spec: &TargetSpec, held: Setting, capacity: Capacity);
    /// One round of samples; what to change.
    fn sampled(&mut self, now: Moment, wall: WallTime, samples: Vec<TargetSample>) -> Vec<Change>;
    /// How a change ended; what to change because of it.
    fn done(&mut self, now: Moment, change: &Change, outcome: Outcome) -> Vec<Change>;
}

/// A change of one knob.
#[derive(Clone, Debug)]
pub struct Change {
    /// For whom.
    pub target: Ordinal,
    /// What to do.
    pub action: Action,
    /// The decision, where it is one.
    pub ticket: Option<Ticket>,
}

impl From<&Decision> for Change {
    fn from(decision: &Decision) -> Self {
        Change { target: decision.target, action: decision.action, ticket: Some(decision.ticket) }
    }
}

/// One example of a lane.
struct Program {
    kind: Kind,
    id: TargetId,
    allotted: f64,
    before: (f64, f64),
    // Dropped in this order: the process ends, then its group goes.
    running: Running,
    group: Group,
}

/// See the module. Its clock begins with it.
pub struct Lane<C> {
    /// Who sets the quotas.
    pub controller: C,
    programs: BTreeMap<Ordinal, Program>,
    sampler: Sampler,
    actuator: Actuator,
    cores: f64,
    began: Instant,
    last: Option<Moment>,
}

/// What one program got and lacked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    throttled_secs: f64,
    core_secs: f64,
    used_secs: f64,
}

/// What was counted, by program.
#[derive(Clone, Debug, Default)]
pub struct Counted(BTreeMap<&'static str, Figures>);

impl<C: Controller> Lane<C> {
    /// Starts the programs of a lane.
    ///
    /// # Errors
    /// When groups, sampler, actuator or programs cannot be had.
    pub fn start(layout: &Layout, base: &str, conditions: &Conditions, mut controller: C) -> Result<Lane<C>> {
        let mut sampler = Sampler::new(layout.clone(), Roots::host());
        let include = vec![Glob::new(&format!("/{base}/*"))];
        sampler.select(Selectors { services: false, containers: false, include, ..Selectors::default() });
        let burst = (conditions.burst > 0).then_some(Permille(conditions.burst));
        let actuator = Actuator::new(Config { cpu_burst: burst, ..Config::default() }).context("no actuator")?;
        let mut groups = BTreeMap::new();
        for kind in Kind::ALL {
            let group = Group::make(layout, &format!("{base}/{}", kind.name())).context("cannot make a group")?;
            groups.insert(group.id(), (kind, group));
        }
        let capacity = sampler.capacity().context("what has this host?")?;
        let mut programs = BTreeMap::new();
        for (ordinal, mut spec) in sampler.refresh().appeared {
            let Some((kind, group)) = groups.remove(spec.id.as_str()) else { continue };
            let options = examples::Options {
                seed: conditions.seed,
                day: conditions.day,
                lifetime: Some(LIFETIME),
                ..Default::default()
            };
            let running =
                examples::spawn(kind, &options, |process| group.join(process)).context("cannot start an example")?;
            spec.bounds.cpu_min = Some(crate::controller::LEAST);
            spec.bounds.cpu_max = Some(MilliCores((conditions.cores * 1_000.0) as u64));
            controller.begin(Moment::START, ordinal, &spec, Setting::Cpu(Limit::Unlimited), capacity);
            let before = (group.throttled_secs(), group.used_secs());
            programs.insert(ordinal, Program { kind, id: spec.id, allotted: 0.0, before, running, group });
        }
        anyhow::ensure!(groups.is_empty(), "the sampler does not see {:?}", groups.keys());
        Ok(Lane { controller, programs, sampler, actuator, cores: conditions.cores, began: Instant::now(), last: None })
    }

    /// Measures, and lets the controller set what it wants.
    ///
    /// # Errors
    /// When a program has ended.
    pub fn step(&mut self, wall: WallTime) -> Result<()> {
        let now = Moment::after_start(self.began.elapsed().into());
        let passed = self.last.map_or(0.0, |last| now.since(last).as_secs_f64());
        self.last = Some(now);
        for program in self.programs.values_mut() {
            // What held since the last step.
            program.allotted += passed * program.group.quota_cores().map_or(self.cores, |quota| quota.min(self.cores));
            anyhow::ensure!(!program.running.has_ended()?, "the {} ended", program.kind.name());
        }
        let mut samples = Vec::new();
        self.sampler.sample(now, &mut samples);
        let mut changes = self.controller.sampled(now, wall, samples);
        while !changes.is_empty() {
            let mut following = Vec::new();
            for change in &changes {
                let Some(program) = self.programs.get(&change.target) else { continue };
                let outcome = self.actuator.apply(&program.id, &change.action);
                anyhow::ensure!(
                    outcome == Outcome::Applied || change.action.resource() != Resource::CpuQuota,
                    "{:?} ended with {outcome:?}",
                    change.action
                );
                following.extend(self.controller.done(now, change, outcome));
            }
            changes = following;
        }
        Ok(())
    }

    /// How many of its days are over.
    pub fn days(&self, length: Duration) -> u32 {
        (self.began.elapsed().as_secs_f64() / length.as_secs_f64()) as u32
    }

    /// What was counted since the last time.
    pub fn count(&mut self) -> Counted {
        let figures = self.programs.values_mut().map(|program| {
            let now = (program.group.throttled_secs(), program.group.used_secs());
            let before = std::mem::replace(&mut program.before, now);
            let core_secs = std::mem::take(&mut program.allotted);
            (program.kind.name(), Figures { throttled_secs: now.0 - before.0, core_secs, used_secs: now.1 - before.1 })
        });
        Counted(figures.collect())
    }
}

impl Counted {
    /// Adds what was counted on another day.
    pub fn add(&mut self, other: &Counted) {
        for (name, figures) in &other.0 {
            let sum = self.0.entry(name).or_default();
            sum.throttled_secs += figures.throttled_secs;
            sum.core_secs += figures.core_secs;
            sum.used_secs += figures.used_secs;
        }
    }

    /// Throttled time of all programs.
    pub fn throttled_secs(&self) -> f64 {
        self.0.values().map(|figures| figures.throttled_secs).sum()
    }

    /// Core-seconds that all programs were given.
    pub fn core_secs(&self) -> f64 {
        self.0.values().map(|figures| figures.core_secs).sum()
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "throttled {:7.2} s of {:6.1} core-s given", self.throttled_secs(), self.core_secs())?;
        for (name, Figures { throttled_secs, core_secs, used_secs }) in &self.0 {
            write!(f, "; {name} {throttled_secs:.2} of {core_secs:.1}, used {used_secs:.1}")?;
        }
        Ok(())
    }
}
