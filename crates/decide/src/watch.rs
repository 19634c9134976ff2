//! Watches knobs that were lowered, and says when that hurt.

use model::{Action, Moment, Resource, Ticket};

use crate::settings::Rails;
use crate::target::Target;

/// A lowering on probation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch {
    /// The decision that is watched.
    pub ticket: Ticket,
    /// What it did.
    pub action: Action,
    /// When it was applied: what was measured before says nothing of it.
    pub since: Moment,
    /// When it has passed.
    pub until: Moment,
    /// Throttled share that was usual before.
    pub throttled_before: f32,
    /// Kills before.
    pub kills_before: u32,
}

impl Watch {
    /// Whether what was seen since counts as harm.
    pub fn hurt(&self, target: &Target, rails: &Rails) -> bool {
        if target.sampled_at.is_none_or(|sampled_at| sampled_at <= self.since) {
            return false;
        }
        match self.action.resource() {
            Resource::CpuQuota => target.alarm.throttled > self.throttled_before + rails.harm,
            Resource::MemoryLimit => target.kills > self.kills_before || target.alarm.memory_stalled > rails.harm,
            Resource::DiskReadBandwidth | Resource::DiskWriteBandwidth => {
                target.pressure.is_some_and(|pressure| pressure.io_some.0 as f32 / 1_000.0 > 5.0 * rails.harm)
            }
            _ => false,
        }
    }
}
