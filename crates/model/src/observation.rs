//! Everything that the engine may learn. A recorded list of these replays to the same decisions.

use std::sync::Arc;

use crate::{
    AnnouncementId, Bounds, Bytes, Decision, Digest, Metric, MilliCores, Mode, Ordinal, Outcome, Permille, Resource, Scope,
    Setting, Span, TargetSpec, Ticket, Tier, WallTime,
};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A target came into being. `target` must be free.
    TargetAppeared {
        /// The ordinal it is given by the caller.
        target: Ordinal,
        /// What it is.
        spec: TargetSpec,
    },
    /// A target ended. Its ordinal is free again.
    TargetGone {
        /// Which.
        target: Ordinal,
    },
    /// One round of measurement over all targets that could be read; also the engine's tick (may be empty).
    Samples {
        /// When, on the wall clock.
        wall: WallTime,
        /// The samples, ordered by ordinal.
        samples: Vec<TargetSample>,
    },
    /// Earlier use of a target, from the store or an import, oldest first: learned from as if it had been sampled.
    History(History),
    /// What the host has to give.
    Capacity(Capacity),
    /// What a target's knobs hold, as read from the host.
    Settings {
        /// Which target.
        target: Ordinal,
        /// Knob and value; a knob that is missing here is unsupported for this target.
        settings: Vec<(Resource, Setting)>,
    },
    /// A change of load was announced.
    Announced(Announcement),
    /// An announcement was withdrawn.
    AnnouncementWithdrawn(AnnouncementId),
    /// Training finished: from now on these weights serve the recurrent member.
    ModelReady {
        /// SHA-256 of `weights`.
        digest: Digest,
        /// The weights as `predict` reads them.
        weights: Arc<[u8]>,
    },
    /// The mode of a scope was set.
    ModeSet {
        /// Of what.
        scope: Scope,
        /// To what.
        mode: Mode,
    },
    /// The kill switch was thrown (`true`) or released.
    KillSwitch(bool),
    /// A target's bounds were set.
    BoundsSet {
        /// Which target.
        target: Ordinal,
        /// Its new bounds.
        bounds: Bounds,
    },
    /// A target's tier was set.
    TierSet {
        /// Which target.
        target: Ordinal,
        /// Its new tier.
        tier: Tier,
    },
    /// What one instance of a pool costs, as it was measured.
    PoolPriced {
        /// Which pool.
        target: Ordinal,
        /// What a waiting instance holds.
        memory: Bytes,
        /// How long a start takes where nothing is ready.
        cold: Span,
        /// Instances that are kept warm whatever is predicted.
        at_least: u32,
        /// Never more than this.
        at_most: u32,
    },
    /// What a second of waiting for an instance is worth was set; 1 = as the settings say.
    LambdaSet(f64),
    /// Runs of pools that began and ended since the last such list, in the order of time.
    Runs(Vec<RunEvent>),
    /// A person asked that a decision be undone.
    UndoAsked(Ticket),
    /// A decision that an earlier run applied and whose value its knob still holds; `target` is the ordinal of today.
    Adopted(Box<Decision>),
    /// An actuator finished.
    Done {
        /// Which decision.
        ticket: Ticket,
        /// How it ended.
        outcome: Outcome,
    },
}

/// A run of a pool began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// Of which pool.
    pub target: Ordinal,
    /// Its number, alike in both events.
    pub run: u64,
    /// When.
    pub at: WallTime,
    /// Whether it ended.
    pub ended: bool,
}

/// Use of one target over the sampling interval that just ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetSample {
    /// Which target.
    pub target: Ordinal,
    /// Use per metric.
    pub usage: Usage,
    /// Share of the interval in which the target's tasks were held back by its CPU quota, 0 to 1.
    pub throttled: Option<f32>,
    /// Anonymous memory: what cannot be dropped without swap, in bytes.
    pub memory_anon: Option<Bytes>,
    /// Page cache charged to the target, in bytes.
    pub memory_file: Option<Bytes>,
    /// Kills for lack of memory since the last sample.
    pub out_of_memory_kills: u32,
    /// Pressure stall information, where the kernel has it for this target.
    pub pressure: Option<Pressure>,
}

impl TargetSample {
    /// A sample of `target` with nothing known yet.
    pub fn new(target: Ordinal) -> Self {
        TargetSample {
            target,
            usage: Usage::default(),
            throttled: None,
            memory_anon: None,
            memory_file: None,
            out_of_memory_kills: 0,
            pressure: None,
        }
    }
}

/// One optional reading per [`Metric`], in its base unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage([Option<f32>; crate::METRICS.len()]);

impl Usage {
    /// The reading of `metric`.
    pub fn get(&self, metric: Metric) -> Option<f32> {
        self.0[metric.index()]
    }
    /// Records a reading; one that is negative or not finite counts as missing.
    pub fn set(&mut self, metric: Metric, value: f32) {
        self.0[metric.index()] = (value.is_finite() && value >= 0.0).then_some(value);
    }
    /// Records a reading and returns the usage: for building one in place.
    pub fn with(mut self, metric: Metric, value: f32) -> Self {
        self.set(metric, value);
        self
    }
}

/// Stalled shares of the last ten seconds (PSI `some avg10` and `full avg10`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Some task waited for CPU.
    pub cpu_some: Permille,
    /// Some task waited for memory.
    pub memory_some: Permille,
    /// All tasks waited for memory.
    pub memory_full: Permille,
    /// Some task waited for storage.
    pub io_some: Permille,
}

/// A stretch of earlier use on a regular grid.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Which target.
    pub target: Ordinal,
    /// Which metric.
    pub metric: Metric,
    /// When the first step begins.
    pub start: WallTime,
    /// The grid.
    pub step: Span,
    /// Peak of each step, in the metric's base unit; `None` where nothing is known.
    pub values: Vec<Option<f32>>,
}

/// What the host has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// CPU of all cores.
    pub cpu: MilliCores,
    /// Memory less what the kernel and forerun need.
    pub memory: Bytes,
}

/// An announced change of load: from cron, a timer, a calendar or the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Announcement {
    /// Its number.
    pub id: AnnouncementId,
    /// Whom it concerns.
    pub target: Ordinal,
    /// Which metric.
    pub metric: Metric,
    /// When it begins.
    pub from: WallTime,
    /// When it ends.
    pub until: WallTime,
    /// The load to expect, in the metric's base unit; `None` when only the time is known, then what was
    /// seen at earlier announcements of the same source serves.
    pub expected: Option<f32>,
    /// Where it came from, such as `cron:/etc/cron.d/backup:3`.
    pub source: Box<str>,
}
