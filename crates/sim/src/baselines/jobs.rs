//! Our planner and the peers that it is compared with, each behind [`JobPolicy`].

mod plain;
mod process;

pub use plain::{JobOracle, LastTwo, MaxSeen, Request};

use crate::backtest::jobs::JobPolicy;
use crate::ours::jobs::ForerunJobs;

/// Our planner and every peer.
pub fn all() -> Vec<Box<dyn JobPolicy>> {
    vec![Box::new(ForerunJobs::default()), Box::new(Request), Box::new(MaxSeen), Box::new(LastTwo), Box::new(JobOracle)]
}
