//! The peers that the warm planner is compared with, each behind [`PoolPolicy`].

mod fixed;
mod oracle;
mod per_slot;

pub use fixed::{Fixed, SkiRental};
pub use oracle::PoolOracle;

use crate::backtest::pool::PoolPolicy;

/// Our planner and every peer.
pub fn all() -> Vec<Box<dyn PoolPolicy>> {
    vec![
        Box::new(crate::ours_pool::ForerunPool),
        Box::new(Fixed { name: "fixed_1m", keep_s: 60.0 }),
        Box::new(Fixed { name: "fixed_5m", keep_s: 300.0 }),
        Box::new(Fixed { name: "fixed_10m", keep_s: 600.0 }),
        Box::new(Fixed { name: "fixed_60m", keep_s: 3_600.0 }),
        Box::new(SkiRental),
        Box::new(PoolOracle),
    ]
}
