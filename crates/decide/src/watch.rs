//! Watches knobs that were lowered, and says when that hurt.

use model::{Moment, Ordinal, Resource, Ticket};

use crate::settings::Rails;
use crate::target::Target;

/// A lowering on probation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch {
    /// The decision that is watched.
    pub ticket: Ticket,
    /// Whose.
    pub target: Ordinal,
    /// The knob's place in the target.
    pub knob: usize,
    /// When it has passed.
    pub until: Moment,
    /// Throttled share that was usual before.
    pub throttled_before: f32,
    /// Kills before.
    pub kills_before: u32,
}

impl Watch {
    /// Whether what was seen since counts as harm.
    pub fn hurt(&self, resource: Resource, target: &Target, rails: &Rails) -> bool {
        match resource {
            Resource::CpuQuota => target.alarm.throttled > self.throttled_before + rails.harm,
            Resource::MemoryLimit => target.kills > self.kills_before || target.alarm.memory_stalled > rails.harm,
            Resource::DiskReadBandwidth | Resource::DiskWriteBandwidth => {
                target.pressure.is_some_and(|pressure| pressure.io_some.0 as f32 / 1_000.0 > 5.0 * rails.harm)
            }
            _ => false,
        }
    }
}
