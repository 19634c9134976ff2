//! Our planner and the peers that it is compared with, each behind [`PoolPolicy`].

mod femux;
mod fixed;
mod greedy_dual;
mod hybrid_histogram;
mod icebreaker;
mod oracle;
mod per_slot;
mod rainbowcake;
mod spectrum;
mod spes;
mod tuned;

pub use femux::FeMux;
pub use fixed::{Fixed, SkiRental};
pub use greedy_dual::GreedyDual;
pub use hybrid_histogram::HybridHistogram;
pub use icebreaker::IceBreaker;
pub use oracle::PoolOracle;
pub use rainbowcake::RainbowCake;
pub use spes::Spes;
pub use tuned::Tuned;

use crate::backtest::pool::PoolPolicy;
use crate::ours::pool::ForerunPool;

/// Our planner and every peer.
pub fn all() -> Vec<Box<dyn PoolPolicy>> {
    vec![
        Box::new(ForerunPool),
        Box::new(FeMux),
        Box::new(Fixed { name: "fixed_1m", keep_s: 60.0 }),
        Box::new(Fixed { name: "fixed_5m", keep_s: 300.0 }),
        Box::new(Fixed { name: "fixed_10m", keep_s: 600.0 }),
        Box::new(Fixed { name: "fixed_60m", keep_s: 3_600.0 }),
        Box::new(SkiRental),
        Box::new(HybridHistogram),
        Box::new(Tuned(GreedyDual)),
        Box::new(Spes),
        Box::new(RainbowCake),
        Box::new(Tuned(IceBreaker)),
        Box::new(PoolOracle),
    ]
}
