//! The two controllers: forerun's engine, and last window's peak times a margin.

use std::collections::BTreeMap;

use decide::{Engine, Settings};
use model::{
    Action, Capacity, Limit, Metric, MilliCores, Mode, Moment, Observation, Ordinal, Outcome, Permille, Resource, Setting,
    Span, TargetSample, TargetSpec, WallTime,
};

use crate::Conditions;
use crate::lane::{Change, Controller};

/// The least quota of both: the default of `[load.bounds] cpu_min`.
pub const LEAST: MilliCores = MilliCores(25);

/// forerun's engine.
pub struct Forerun {
    engine: Engine,
    triggers: BTreeMap<String, u64>,
}

impl Forerun {
    /// With the settings of `up --examples`, but for what the bench was told.
    pub fn new(conditions: &Conditions) -> Forerun {
        let mut settings = Settings { mode: Mode::Act, ..conditions.user.engine(1) };
        settings.load.window = conditions.window;
        settings.load.sample_interval = conditions.sample;
        settings.load.manage = vec![Resource::CpuQuota];
        for tier in &mut settings.load.tiers {
            tier.tail = conditions.tail;
            tier.head_room = conditions.head_room;
        }
        settings.arbiter.cpu_overcommit = Permille(conditions.overcommit);
        Forerun { engine: Engine::new(settings), triggers: BTreeMap::new() }
    }

    /// How often each cause led to a decision.
    pub fn summary(&self) -> String {
        let parts = self.triggers.iter().map(|(name, count)| format!("{name} {count}"));
        parts.collect::<Vec<_>>().join(", ")
    }

    fn step(&mut self, now: Moment, observation: &Observation) -> Vec<Change> {
        let decisions = self.engine.step(now, observation);
        for decision in decisions {
            let name = format!("{:?}", decision.because.trigger);
            let name = name.split('(').next().unwrap_or_default().to_owned();
            *self.triggers.entry(name).or_default() += 1;
        }
        decisions.iter().filter(|decision| decision.mode == Mode::Act).map(Change::from).collect()
    }
}

impl Controller for Forerun {
    fn begin(&mut self, now: Moment, target: Ordinal, spec: &TargetSpec, held: Setting, capacity: Capacity) {
        self.step(now, &Observation::Capacity(capacity));
        self.step(now, &Observation::TargetAppeared { target, spec: spec.clone() });
        self.step(now, &Observation::Settings { target, settings: vec![(Resource::CpuQuota, held)] });
    }

    fn sampled(&mut self, now: Moment, wall: WallTime, samples: Vec<TargetSample>) -> Vec<Change> {
        self.step(now, &Observation::Samples { wall, samples })
    }

    fn done(&mut self, now: Moment, change: &Change, outcome: Outcome) -> Vec<Change> {
        change.ticket.map_or_else(Vec::new, |ticket| self.step(now, &Observation::Done { ticket, outcome }))
    }
}

/// Gives each program what it used at most in the last window, times a margin.
pub struct Reactive {
    window: Span,
    margin: f64,
    most: u64,
    turned: u64,
    programs: BTreeMap<Ordinal, Watched>,
}

struct Watched {
    held: Setting,
    /// Highest use in the open window, in cores; `None` until something was measured.
    peak: Option<f64>,
    /// Peaks of the windows of this day.
    peaks: Vec<f64>,
}

impl Reactive {
    /// With a margin of 15 % to begin with, the usual one.
    pub fn new(conditions: &Conditions) -> Reactive {
        let most = (conditions.cores * 1_000.0) as u64;
        Reactive { window: conditions.window, margin: 0.15, most, turned: 0, programs: BTreeMap::new() }
    }

    /// The margin in use, as a share.
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// Takes the margin that would have allocated `core_secs` on the day that ends.
    pub fn spend(&mut self, core_secs: f64) {
        let peaks: Vec<f64> = self.programs.values_mut().flat_map(|program| std::mem::take(&mut program.peaks)).collect();
        let secs = self.window.as_secs_f64();
        let cost = |margin: f64| peaks.iter().map(|peak| self.limit(*peak, margin) as f64 / 1_000.0 * secs).sum::<f64>();
        let (mut low, mut high) = (0.0, 1_000.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if cost(middle) < core_secs { low = middle } else { high = middle }
        }
        self.margin = high;
    }

    fn limit(&self, peak: f64, margin: f64) -> u64 {
        ((peak * (1.0 + margin) * 1_000.0).ceil() as u64).clamp(LEAST.0, self.most)
    }
}

impl Controller for Reactive {
    fn begin(&mut self, _now: Moment, target: Ordinal, _spec: &TargetSpec, held: Setting, _capacity: Capacity) {
        self.programs.insert(target, Watched { held, peak: None, peaks: Vec::new() });
    }

    fn sampled(&mut self, now: Moment, _wall: WallTime, samples: Vec<TargetSample>) -> Vec<Change> {
        for sample in &samples {
            if let (Some(program), Some(cores)) = (self.programs.get_mut(&sample.target), sample.usage.get(Metric::Cpu)) {
                program.peak = Some(program.peak.unwrap_or(0.0).max(f64::from(cores)));
            }
        }
        let window = now.since_start().as_nanos() / self.window.as_nanos().max(1);
        if window <= self.turned {
            return Vec::new();
        }
        self.turned = window;
        let mut limits = Vec::new();
        for (target, program) in &mut self.programs {
            if let Some(peak) = program.peak.take() {
                program.peaks.push(peak);
                limits.push((*target, peak, program.held));
            }
        }
        let change = |(target, peak, before): (Ordinal, f64, Setting)| {
            let after = Setting::Cpu(Limit::At(MilliCores(self.limit(peak, self.margin))));
            let action = Action::Set { resource: Resource::CpuQuota, before, after };
            (before != after).then_some(Change { target, action, ticket: None })
        };
        limits.into_iter().filter_map(change).collect()
    }

    fn done(&mut self, _now: Moment, change: &Change, outcome: Outcome) -> Vec<Change> {
        if let (Some(program), Outcome::Applied) = (self.programs.get_mut(&change.target), outcome) {
            program.held = change.action.after();
        }
        Vec::new()
    }
}
