//! Our planner and the peers that it is compared with, each behind [`DriverPolicy`].

mod oracle;
mod simple;

pub use oracle::DriverOracle;
pub use simple::{Always, OnDemand, Persistence, SameTimeYesterday};

use crate::backtest::drivers::DriverPolicy;
use crate::ours::drivers::ForerunDrivers;

/// Our planner and every peer.
pub fn all() -> Vec<Box<dyn DriverPolicy>> {
    vec![
        Box::new(ForerunDrivers),
        Box::new(OnDemand),
        Box::new(Always),
        Box::new(Persistence),
        Box::new(SameTimeYesterday),
        Box::new(DriverOracle),
    ]
}
