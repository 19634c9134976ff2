//! The load planner as a contestant: the very engine that the daemon runs, on a host that does at once what it decides.
//!
//! One engine per setting of `GRID`, all fed the same steps; corrections between windows are off, since every contestant's
//! allocation holds for a window. What the engine decides at a window's turn is what the knob holds until the next.

pub mod access;
pub mod drivers;
pub mod jobs;
pub mod pool;
pub mod users;

use decide::{Engine, LoadSettings, Settings, TierSettings};
use model::{
    Bounds, Metric, Mode, Moment, Observation, Ordinal, Outcome, Resource, Setting, Span, TargetId, TargetKind,
    TargetSample, TargetSpec, Tier, WallTime,
};

use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};
use crate::trace::Unit;

/// What is tried: how an allocation follows its forecast, and the share of time that may be violated. The first is the default.
const GRID: [(Follow, f32); 11] = [
    (Follow::Default, 0.01),
    (Follow::Default, 0.025),
    (Follow::Default, 0.06),
    (Follow::Default, 0.12),
    (Follow::Default, 0.25),
    (Follow::Patient, 0.025),
    (Follow::Patient, 0.06),
    (Follow::Patient, 0.12),
    (Follow::Patient, 0.25),
    (Follow::Steady, 0.005),
    (Follow::Steady, 0.4),
];
/// Hundred percent of memory is read as this many bytes.
const MEMORY_PERCENT: f64 = (64u64 << 30) as f64 / 100.0;
/// The first reading of a series without a known size is read as this many cores.
const FIRST_CORES: f64 = 10.0;

/// How an allocation follows its forecast, by the settings of the load planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follow {
    /// As by default.
    Default,
    /// Moved when it is 5 % too small or 20 % too large, and let go slowly.
    Patient,
    /// Raised when twice as much is wanted, never lowered.
    Steady,
}

impl Follow {
    const fn name(self) -> &'static str {
        match self {
            Follow::Default => "",
            Follow::Patient => ", patient",
            Follow::Steady => ", steady",
        }
    }

    fn apply(self, load: &mut LoadSettings) {
        match self {
            Follow::Default => {}
            Follow::Patient => (load.hysteresis, load.release_below, load.lower_step) = (0.2, 0.5, 0.05),
            // A raise takes a quarter of the hysteresis.
            Follow::Steady => load.hysteresis = 4.0,
        }
    }
}

/// The load planner; beside the factor (its head room) its knobs are the
/// share of time that may be violated and how it follows the forecast.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forerun;

impl Policy for Forerun {
    fn name(&self) -> &'static str {
        "forerun"
    }

    fn variants(&self, _kind: Kind) -> Vec<Variant> {
        GRID.iter().map(|(follow, tail)| Variant::named(format!("tail {:.1}%{}", tail * 100.0, follow.name()))).collect()
    }

    fn begin(&self, about: &About<'_>) -> Box<dyn Recommender> {
        let engines = GRID.iter().map(|&(follow, tail)| engine(about, follow, tail)).collect();
        let scale = match (about.kind(), about.unit) {
            (_, Unit::Cores | Unit::Bytes) => Some(1.0),
            (Kind::Memory, Unit::Percent) => Some(MEMORY_PERCENT),
            _ => None,
        };
        let start = about.start.unwrap_or_default();
        Box::new(Running {
            engines,
            scale,
            metric: metric(about),
            start,
            step: about.step,
            steps: 0,
            nothing: Observation::Samples { wall: start, samples: Vec::new() },
        })
    }
}

fn metric(about: &About<'_>) -> Metric {
    match (about.kind(), about.unit) {
        (Kind::Memory, _) | (_, Unit::Bytes) => Metric::Memory,
        _ => Metric::Cpu,
    }
}

const TARGET: Ordinal = Ordinal(0);

/// An engine with one target whose one knob starts unlimited.
fn engine(about: &About<'_>, follow: Follow, tail: f32) -> Engine {
    let resource = resource(metric(about));
    let mut settings = Settings { mode: Mode::Act, ..Settings::default() };
    settings.load.window = about.step.times(about.window as u64);
    settings.load.sample_interval = about.step;
    settings.load.manage = vec![resource];
    settings.load.tiers = [TierSettings { tail, head_room: 0.0, price: 1.0 }; 3];
    settings.load.react = false;
    follow.apply(&mut settings.load);
    // A gap in a trace is not a broken sampler, and a replay is not held to a rate of changes per minute.
    settings.rails.stale_after = Span::from_secs(u64::MAX);
    settings.rails.changes_per_minute = u32::MAX;
    settings.rails.ledger_entries = 4;
    let mut engine = Engine::new(settings);
    let spec = TargetSpec {
        id: TargetId::new(about.series),
        kind: TargetKind::Series,
        tier: Tier::Standard,
        bounds: Bounds::default(),
        application: None,
    };
    engine.step(Moment::START, &Observation::TargetAppeared { target: TARGET, spec });
    let unlimited = vec![(resource, Setting::of(resource, None))];
    engine.step(Moment::START, &Observation::Settings { target: TARGET, settings: unlimited });
    engine
}

const fn resource(metric: Metric) -> Resource {
    if matches!(metric, Metric::Memory) { Resource::MemoryLimit } else { Resource::CpuQuota }
}

struct Running {
    engines: Vec<Engine>,
    /// From the series' unit to the metric's base unit; found with the first reading where the unit does not say.
    scale: Option<f64>,
    metric: Metric,
    start: WallTime,
    step: Span,
    steps: u64,
    /// Kept so that a step allocates nothing.
    nothing: Observation,
}

impl Recommender for Running {
    fn observe(&mut self, use_: Option<f32>) {
        self.steps += 1;
        if self.scale.is_none() {
            self.scale = use_.filter(|&value| value > 0.0).map(|first| FIRST_CORES / f64::from(first));
        }
        let since = self.step.times(self.steps);
        let now = Moment::after_start(since);
        let Observation::Samples { wall, samples } = &mut self.nothing else { return };
        *wall = self.start.plus(since);
        samples.clear();
        if let Some(value) = use_ {
            let mut sample = TargetSample::new(TARGET);
            sample.usage.set(self.metric, (f64::from(value) * self.scale.unwrap_or(1.0)) as f32);
            samples.push(sample);
        }
        for engine in &mut self.engines {
            let ticket = engine.step(now, &self.nothing).first().map(|decision| decision.ticket);
            if let Some(ticket) = ticket {
                engine.step(now, &Observation::Done { ticket, outcome: Outcome::Applied });
            }
        }
    }

    fn allocate(&mut self, allocations: &mut [f32]) {
        let units = if self.metric == Metric::Memory { 1.0 } else { 1_000.0 };
        for (engine, allocation) in self.engines.iter().zip(allocations) {
            let held = engine.target(TARGET).and_then(|target| target.knobs.first()?.holds?.amount());
            if let (Some(held), Some(scale)) = (held, self.scale) {
                *allocation = (held as f64 / units / scale) as f32;
            }
        }
    }
}
