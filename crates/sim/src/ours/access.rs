//! The access planner as a contestant.

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
        crate::baselines::access::Ppm3.begin(trace)
    }
}
