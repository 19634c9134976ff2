//! The access planner as a contestant.

use predict::sequence::{SequenceModel, SequenceSettings, Touch};

use crate::backtest::access::{AccessPolicy, Guesser, PLACES, SUBJECT};
use crate::trace::{Access, AccessTrace};

/// The access planner.
#[derive(Clone, Copy, Debug)]
pub struct ForerunAccess;

impl AccessPolicy for ForerunAccess {
    fn name(&self) -> &'static str {
        SUBJECT
    }
    fn begin(&self, trace: &AccessTrace) -> Box<dyn Guesser> {
        let mut model = SequenceModel::new(SequenceSettings::default());
        trace.streams.iter().for_each(|_| {
            model.add_stream(trace.numbered);
        });
        Box::new(Planning { model })
    }
}

struct Planning {
    model: SequenceModel,
}

impl Guesser for Planning {
    fn guess(&mut self, stream: u32, guess: &mut Vec<u64>) {
        guess.extend(self.model.predict(stream as usize).iter().take(PLACES).map(|one| one.0));
    }
    fn observe(&mut self, access: &Access) {
        let kind = access.op.map_or(0, |op| op as u8 + 1);
        self.model.observe(access.stream as usize, &Touch { key: access.key, length: access.blocks, kind });
    }
}
