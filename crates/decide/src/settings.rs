//! What the engine is told once, at its start: part of the journal's header, so that a replay decides alike.

use crate::warm::WarmSettings;
use model::{Bytes, Mode, Permille, Resource, Span, Tier};

/// All settings of an engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The mode of everything until told otherwise.
    pub mode: Mode,
    /// The number of the first decision; above every number used before.
    pub first_ticket: u64,
    /// The load planner.
    pub load: LoadSettings,
    /// What is shared out.
    pub arbiter: ArbiterSettings,
    /// What holds decisions back.
    pub rails: Rails,
    /// Pools of instances.
    pub warm: PoolSettings,
}

/// Settings of the pools.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSettings {
    /// Share of the host's memory that all pools together may hold.
    pub memory: Permille,
    /// Step, ladder, prices.
    pub planner: WarmSettings,
}

/// Settings of the load planner.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadSettings {
    /// How far a forecast reaches, and how long an allocation holds.
    pub window: Span,
    /// How often targets are sampled; only sets the weight of one sample.
    pub sample_interval: Span,
    /// The knobs that are turned.
    pub manage: Vec<Resource>,
    /// Per tier, indexed by `tier as usize`.
    pub tiers: [TierSettings; 3],
    /// A change below this share of what is set is not made, 0 to 1.
    pub hysteresis: f32,
    /// Released at once when the prediction is below this share of the allocation (the 80 % rule), 0 to 1.
    pub release_below: f32,
    /// Otherwise lowered by at most this share per window, 0 to 1.
    pub lower_step: f32,
    /// Changes of more than 10 % per knob and day before releases wait and only small steps are taken.
    pub changes_per_day: f32,
    /// Whether throttling, pressure and kills are answered between windows.
    pub react: bool,
}

/// What is asked for targets of one tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TierSettings {
    /// Share of time in which a target may need more than it was given, above 0 and below 1.
    pub tail: f32,
    /// Head room on top of the forecast, as a share of it.
    pub head_room: f32,
    /// What a second of waiting is worth, in unit-seconds (core-seconds, GB-seconds): lambda times the tier's factor.
    pub price: f32,
}

/// What is shared out among targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArbiterSettings {
    /// Part of the host that is never given away.
    pub reserve: Permille,
    /// CPU may be promised this many times over: a quota is a cap and not a reservation, and what is not used costs nobody.
    pub cpu_overcommit: Permille,
}

/// What holds decisions back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rails {
    /// Knobs turned per minute at most; emergencies are not counted against it.
    pub changes_per_minute: u32,
    /// Older samples stop action.
    pub stale_after: Span,
    /// Rest of a knob after it was raised.
    pub rest_after_raise: Span,
    /// Rest of a knob after it was lowered.
    pub rest_after_lower: Span,
    /// How long a lowering is watched for harm.
    pub probation: Span,
    /// Rest of a knob after a rollback or an undo.
    pub rest_after_rollback: Span,
    /// A memory limit stays above use by this share of it.
    pub memory_margin: f32,
    /// ... and by at least this much.
    pub memory_margin_min: Bytes,
    /// A stalled or throttled share above this counts as harm, 0 to 1.
    pub harm: f32,
    /// Decisions kept in memory for undo and explanation.
    pub ledger_entries: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let tier = |tail, head_room, price| TierSettings { tail, head_room, price };
        Settings {
            mode: Mode::Recommend,
            first_ticket: 1,
            load: LoadSettings {
                window: Span::from_secs(600),
                sample_interval: Span::from_secs(1),
                manage: vec![Resource::CpuQuota, Resource::MemoryLimit],
                tiers: [tier(0.03, 0.0, 0.3), tier(0.01, 0.0, 1.0), tier(0.002, 0.0, 5.0)],
                hysteresis: 0.02,
                release_below: 0.8,
                lower_step: 0.095,
                changes_per_day: 8.0,
                react: true,
            },
            arbiter: ArbiterSettings { reserve: Permille(50), cpu_overcommit: Permille(4_000) },
            rails: Rails {
                changes_per_minute: 600,
                stale_after: Span::from_secs(30),
                rest_after_raise: Span::ZERO,
                rest_after_lower: Span::ZERO,
                probation: Span::from_secs(60),
                rest_after_rollback: Span::from_secs(900),
                memory_margin: 0.03,
                memory_margin_min: Bytes(4 << 20),
                harm: 0.10,
                ledger_entries: 10_000,
            },
            warm: PoolSettings { memory: Permille(200), planner: WarmSettings::default() },
        }
    }
}

impl LoadSettings {
    /// What is asked for targets of `tier`.
    pub fn tier(&self, tier: Tier) -> &TierSettings {
        &self.tiers[tier as usize]
    }
}
