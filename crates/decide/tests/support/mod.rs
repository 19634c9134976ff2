//! What the tests of the engine share: a small source of chance, and short ways to say observations.
#![allow(dead_code, reason = "each test file uses its part")]

use model::{
    Bounds, Bytes, Limit, Metric, MilliCores, Moment, Observation, Ordinal, Resource, Setting, Span, TargetId, TargetKind,
    TargetSample, TargetSpec, Tier, WallTime,
};

/// 2024-01-01, a Monday, 00:00 UTC.
pub const MONDAY: i64 = 1_704_067_200;
/// One MiB.
pub const MIB: u64 = 1 << 20;

/// SplitMix64: the same seed gives the same numbers everywhere.
pub struct Chance(pub u64);

impl Chance {
    /// A number below `end` (above 0).
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }

    /// Whether something happens that does so in `percent` of 100.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `items`.
    pub fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }
}

/// The moment `secs` after the start.
pub fn at(secs: u64) -> Moment {
    Moment::after_start(Span::from_secs(secs))
}

/// The wall clock `secs` after [`MONDAY`].
pub fn wall(secs: u64) -> WallTime {
    WallTime::from_unix_secs(MONDAY + secs as i64)
}

/// A target.
pub fn spec(name: &str, tier: Tier, bounds: Bounds) -> TargetSpec {
    TargetSpec { id: TargetId::new(name), kind: TargetKind::Service, tier, bounds, application: None }
}

/// A target appears.
pub fn appears(target: u32, tier: Tier) -> Observation {
    Observation::TargetAppeared {
        target: Ordinal(target),
        spec: spec(&format!("cgroup:/{target}"), tier, Bounds::default()),
    }
}

/// A sample of CPU in cores and memory in MiB.
pub fn sample(target: u32, cores: f32, mib: f32) -> TargetSample {
    let mut sample = TargetSample::new(Ordinal(target));
    sample.usage.set(Metric::Cpu, cores);
    sample.usage.set(Metric::Memory, mib * MIB as f32);
    sample
}

/// A CPU quota in millicores.
pub fn cpu(millicores: u64) -> Setting {
    Setting::Cpu(Limit::At(MilliCores(millicores)))
}

/// A memory limit in MiB.
pub fn memory(mib: u64) -> Setting {
    Setting::Memory(Limit::At(Bytes(mib * MIB)))
}

/// What the knobs of a target hold.
pub fn settings(target: u32, cpu: Setting, memory: Setting) -> Observation {
    Observation::Settings {
        target: Ordinal(target),
        settings: vec![(Resource::CpuQuota, cpu), (Resource::MemoryLimit, memory)],
    }
}
