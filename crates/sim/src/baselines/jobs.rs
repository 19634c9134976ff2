//! Our planner and the peers that it is compared with, each behind [`JobPolicy`].

mod k_segments;
mod plain;
mod process;
mod sizey;
mod witt;

pub use k_segments::KSegments;
pub use plain::{JobOracle, LastTwo, MaxSeen, Request};
pub use sizey::Sizey;
pub use witt::Witt;

use crate::backtest::jobs::JobPolicy;
use crate::ours::jobs::ForerunJobs;

/// Our planner and every peer.
pub fn all() -> Vec<Box<dyn JobPolicy>> {
    vec![
        Box::new(ForerunJobs::default()),
        Box::new(Request),
        Box::new(MaxSeen),
        Box::new(Witt),
        Box::new(Sizey),
        Box::new(KSegments),
        Box::new(LastTwo),
        Box::new(JobOracle),
    ]
}
