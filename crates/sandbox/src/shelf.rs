//! What a pool keeps of one key: its idle instances, how many there should be, and what was counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use model::Bytes;

use crate::instance::Instance;
use crate::key::Key;
use crate::run::ColdReason;

/// How many instances of a key are to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Ready, waiting.
    pub waiting: usize,
    /// Ready, but standing still.
    pub frozen: usize,
}

/// What a pool counted for one key since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Claims that found an instance waiting.
    pub hits_warm: u64,
    /// Claims that found a frozen one.
    pub hits_thawed: u64,
    /// Claims that found none.
    pub misses: u64,
    /// Instances that were made ahead.
    pub made: u64,
    /// Instances that could not be made.
    pub failed: u64,
    /// Instances that were given up.
    pub evicted: u64,
    /// Memory held by idle instances times how long, in byte seconds.
    pub idle_byte_seconds: f64,
    /// Instances that wait now.
    pub waiting: usize,
    /// Instances that stand still now.
    pub frozen: usize,
    /// What both hold now.
    pub idle_bytes: Bytes,
}

/// The instances of one key.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) target: Target,
    /// What one of them is worth, in whatever unit the planner uses.
    pub(crate) worth: f64,
    pub(crate) waiting: VecDeque<Instance>,
    pub(crate) frozen: VecDeque<Instance>,
    /// How many are being made.
    pub(crate) making: Target,
    pub(crate) counts: Counts,
    /// Not before then is making tried again.
    pub(crate) retry_at: Option<Instant>,
    pub(crate) failures: u32,
    pub(crate) was_shed: bool,
}

impl Shelf {
    /// Accounts for the memory that an instance held while it was idle.
    pub(crate) fn leave(&mut self, instance: &Instance) {
        self.counts.idle_byte_seconds += held(instance);
    }

    pub(crate) fn miss(&self, found_dead: bool) -> ColdReason {
        if found_dead {
            ColdReason::Dead
        } else if self.was_shed {
            ColdReason::Shed
        } else if self.target == Target::default() {
            ColdReason::NoTarget
        } else if self.retry_at.is_some() {
            ColdReason::Failing
        } else {
            ColdReason::Drained
        }
    }
}

/// Memory times how long it was held idle, in byte seconds.
pub(crate) fn held(instance: &Instance) -> f64 {
    instance.bytes as f64 * instance.since.elapsed().as_secs_f64()
}

#[derive(Debug, Default)]
pub(crate) struct Shelves {
    pub(crate) by_key: BTreeMap<Arc<Key>, Shelf>,
    pub(crate) closed: bool,
    pub(crate) claimed_last: Option<Instant>,
}
