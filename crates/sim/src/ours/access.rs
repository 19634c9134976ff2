//! The access planner as a contestant: the very planner that the daemon runs, on storage that does at once what it plans.

use decide::access::{AccessPlanner, AccessSettings, SourceSpec, Storage};
use model::Bytes;
use predict::sequence::Touch;

use crate::backtest::access::{AccessPolicy, Guesser, Outcome, PLACES, SUBJECT};
use crate::trace::{Access, AccessTrace};

/// Bytes per key, where a trace does not say: a page.
const BLOCK: Bytes = Bytes(4_096);

/// The access planner, as it is by default, with every stream on a disk.
#[derive(Clone, Copy, Debug)]
pub struct ForerunAccess;

impl AccessPolicy for ForerunAccess {
    fn name(&self) -> &'static str {
        SUBJECT
    }
    fn begin(&self, trace: &AccessTrace) -> Box<dyn Guesser> {
        let mut planner = AccessPlanner::new(AccessSettings::default());
        for _ in &trace.streams {
            planner.add(SourceSpec { ordered: trace.numbered, block: BLOCK, storage: Storage::DISK, price: 1.0 });
        }
        Box::new(Planning { planner, streams: trace.streams.len(), abstained: 0, acted: 0 })
    }
}

struct Planning {
    planner: AccessPlanner,
    streams: usize,
    abstained: u64,
    acted: u64,
}

impl Planning {
    fn mean(&self, of: impl Fn(usize) -> f64) -> f64 {
        (0..self.streams).map(of).sum::<f64>() / self.streams.max(1) as f64
    }
}

impl Guesser for Planning {
    fn guess(&mut self, stream: u32, guess: &mut Vec<u64>) {
        guess.extend(self.planner.likely(stream as usize).iter().take(PLACES).map(|one| one.0));
        let plan = self.planner.plan(stream as usize);
        self.abstained += u64::from(plan.abstains());
        self.acted += u64::from(!plan.stage.is_empty());
    }

    fn observe(&mut self, access: &Access) {
        let kind = access.op.map_or(0, |op| op as u8 + 1);
        self.planner.observe(access.stream as usize, &Touch { key: access.key, length: access.blocks, kind });
    }

    fn outcome(&self) -> Option<Outcome> {
        let totals = self.planner.totals();
        Some(Outcome {
            abstained: self.abstained,
            acted: self.acted,
            staged: totals.staged,
            used: totals.used,
            staged_bytes: totals.staged_bytes,
            used_bytes: totals.used_bytes,
            gain: self.mean(|stream| self.planner.gain(stream)),
            used_share: self.mean(|stream| self.planner.used(stream)),
        })
    }
}
