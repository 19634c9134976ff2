//! What the engine keeps of one target.

use model::{Bytes, METRICS, Metric, Moment, Pressure, Resource, TargetSample, TargetSpec};
use predict::{Scheme, Series};

use crate::knob::{Knob, metric_of};
use crate::settings::Settings;

/// No row in the bank.
pub const NO_ROW: u32 = u32::MAX;

/// What hit a target in the newest sample and cannot wait for the window's end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Alarm {
    /// Share of the interval in which it was throttled.
    pub throttled: f32,
    /// Kills for lack of memory.
    pub kills: u32,
    /// Share of time in which all its tasks waited for memory.
    pub memory_stalled: f32,
    /// Whether any of them calls for a closer look, or memory comes close to its limit.
    pub any: bool,
}

/// One target.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it is.
    pub spec: TargetSpec,
    /// Which of the targets that ever had this ordinal it is.
    pub(crate) generation: u64,
    /// One per metric that was ever seen.
    pub series: [Option<Box<Series>>; METRICS.len()],
    /// The series' rows in the bank.
    pub rows: [u32; METRICS.len()],
    /// One per knob in [`crate::LoadSettings::manage`], in that order.
    pub knobs: Box<[Knob]>,
    /// When the newest sample came.
    pub sampled_at: Option<Moment>,
    /// The newest value of each metric, in its base unit, and when it came; `None` also when only its history is known.
    newest: [Option<(Moment, f32)>; METRICS.len()],
    /// Memory that cannot be dropped.
    pub memory_anon: Option<Bytes>,
    /// The newest alarm signals.
    pub alarm: Alarm,
    /// Usual throttled share: what a lowering is compared with.
    pub throttled_usual: f32,
    /// Sum of the throttled shares of the open window, and how many there were.
    pub throttled_open: (f32, u32),
    /// What quotas are multiplied by, 1 to 4: use is a mean over a sample, but a quota is kept in every 100 ms, and how far
    /// bursts stand above the mean shows only in throttling.
    pub burstiness: f32,
    /// The newest pressure.
    pub pressure: Option<Pressure>,
    /// Kills for lack of memory since it appeared.
    pub kills: u32,
}

impl Target {
    /// A target that just appeared.
    pub fn new(spec: TargetSpec, settings: &Settings) -> Self {
        Target {
            spec,
            generation: 0,
            series: Default::default(),
            rows: [NO_ROW; METRICS.len()],
            knobs: settings.load.manage.iter().map(|_| Knob::new(settings.load.changes_per_day)).collect(),
            sampled_at: None,
            newest: [None; METRICS.len()],
            memory_anon: None,
            alarm: Alarm::default(),
            throttled_usual: 0.0,
            throttled_open: (0.0, 0),
            burstiness: 1.0,
            pressure: None,
            kills: 0,
        }
    }

    /// Takes in a sample; `clock` is the wall clock as a moment, for the histograms.
    pub fn observe(&mut self, now: Moment, clock: Moment, sample: &TargetSample, schemes: &Schemes, settings: &Settings) {
        self.sampled_at = Some(now);
        for metric in METRICS {
            if let Some(value) = sample.usage.get(metric) {
                self.newest[metric.index()] = Some((now, value));
                let scheme = schemes.of(metric);
                let value = if metric == Metric::Cpu { demand(value, sample.throttled) } else { value };
                self.series[metric.index()]
                    .get_or_insert_with(|| Box::new(Series::new(scheme)))
                    .observe(scheme, clock, value);
            }
        }
        self.memory_anon = sample.memory_anon.or(self.memory_anon);
        self.pressure = sample.pressure;
        self.kills = self.kills.saturating_add(sample.out_of_memory_kills);
        let throttled = sample.throttled.unwrap_or(0.0);
        self.throttled_usual += 0.02 * (throttled - self.throttled_usual);
        self.throttled_open = (self.throttled_open.0 + throttled, self.throttled_open.1 + 1);
        self.alarm = Alarm {
            throttled,
            kills: sample.out_of_memory_kills,
            memory_stalled: sample.pressure.map_or(0.0, |pressure| pressure.memory_full.0 as f32 / 1_000.0),
            any: false,
        };
        let close = || sample.usage.get(Metric::Memory).is_some_and(|in_use| self.memory_is_close(in_use, settings));
        self.alarm.any = throttled > 0.0 || sample.out_of_memory_kills > 0 || self.alarm.memory_stalled > 0.0 || close();
    }

    /// Whether use is within half the margin of the memory limit: the kernel is about to reclaim.
    pub fn memory_is_close(&self, in_use: f32, settings: &Settings) -> bool {
        let place = settings.load.manage.iter().position(|managed| *managed == Resource::MemoryLimit);
        let limit = place.and_then(|place| self.knobs[place].holds?.amount());
        let share = 1.0 - 0.5 * f64::from(settings.rails.memory_margin);
        limit.is_some_and(|limit| f64::from(in_use) > limit as f64 * share)
    }

    /// When the newest value of `metric` was measured; `None` when only its history is known.
    pub fn seen_at(&self, metric: Metric) -> Option<Moment> {
        self.newest[metric.index()].map(|(seen_at, _)| seen_at)
    }

    /// Learns from the throttling of the window that ended how bursty the target is.
    pub fn learn_burstiness(&mut self, tail: f32) {
        let (throttled, samples) = std::mem::take(&mut self.throttled_open);
        let throttled = throttled / samples.max(1) as f32;
        self.burstiness = if throttled > tail {
            (self.burstiness * (1.0 + 2.0 * throttled.min(0.5))).min(BURSTINESS_MAX)
        } else {
            1.0 + BURSTINESS_KEEP * (self.burstiness - 1.0)
        };
    }

    /// A quota hurt at once: its bursts stand further above the mean than was known.
    pub fn learn_burst(&mut self) {
        self.burstiness = (self.burstiness * 2.0).min(BURSTINESS_MAX);
    }

    /// The series of a metric.
    pub fn series(&self, metric: Metric) -> Option<&Series> {
        self.series[metric.index()].as_deref()
    }

    /// Present use of what a knob limits, in the metric's base unit.
    pub fn in_use(&self, resource: Resource) -> Option<f32> {
        let metric = metric_of(resource)?;
        self.newest[metric.index()].map(|(_, value)| value).or_else(|| self.series(metric).map(Series::newest))
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let series: usize = self.series.iter().flatten().map(|series| series.bytes()).sum();
        size_of::<Target>() + self.knobs.len() * size_of::<Knob>() + self.spec.id.as_str().len() + series
    }
}

/// Quotas are raised for bursts by at most this factor, and a clean window takes back a hundredth of it.
const BURSTINESS_MAX: f32 = 4.0;
const BURSTINESS_KEEP: f32 = 0.99;

/// What a target would have used had its quota not held it back: use is cut off at the quota, demand is not. The throttled
/// share says how much of the time it waited; what it would have done then is taken to be what it did otherwise, up to
/// three times as much.
fn demand(used: f32, throttled: Option<f32>) -> f32 {
    used / (1.0 - throttled.unwrap_or(0.0).clamp(0.0, 2.0 / 3.0))
}

/// The scheme of every metric.
#[derive(Clone, Debug)]
pub struct Schemes([Scheme; METRICS.len()]);

impl Schemes {
    /// Schemes of the engine's windows.
    pub fn new(settings: &Settings) -> Self {
        let window = settings.load.window;
        let values = window.as_secs_f64() / settings.load.sample_interval.as_secs_f64().max(1e-3);
        Schemes(METRICS.map(|metric| Scheme {
            window,
            values_per_window: values.max(1.0) as f32,
            grain: metric.grain(),
            buckets: buckets(metric),
        }))
    }

    /// The scheme of one metric.
    pub fn of(&self, metric: Metric) -> &Scheme {
        &self.0[metric.index()]
    }
}

/// The VPA's own buckets for CPU and memory, the same ratio from the metric's grain for the others.
fn buckets(metric: Metric) -> predict::Buckets {
    const RATIO: f64 = 1.05;
    match metric {
        Metric::Cpu => predict::Buckets::cpu_cores(),
        Metric::Memory | Metric::GpuMemory => predict::Buckets::memory_bytes(),
        Metric::Application => predict::Buckets::exponential(f64::from(metric.grain()), 1e12, RATIO),
        _ => predict::Buckets::exponential(f64::from(metric.grain()), 1e12, RATIO),
    }
}
