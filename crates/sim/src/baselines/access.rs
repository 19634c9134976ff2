//! Our planner and the peers that it is compared with, each behind [`AccessPolicy`].

mod frequency;
mod last_run;
mod markov;
mod per_stream;
mod ppm;
mod readahead;

pub use frequency::Frequency;
pub use last_run::LastRun;
pub use markov::Markov;
pub use per_stream::{PerStream, StreamGuesser};
pub use ppm::Ppm3;
pub use readahead::Readahead;

use crate::backtest::access::AccessPolicy;
use crate::ours::access::ForerunAccess;

/// Our planner and every peer.
pub fn all() -> Vec<Box<dyn AccessPolicy>> {
    vec![
        Box::new(ForerunAccess),
        Box::new(Markov { name: "order_0", order: 0 }),
        Box::new(Markov { name: "order_1", order: 1 }),
        Box::new(Markov { name: "order_3", order: 3 }),
        Box::new(Ppm3),
        Box::new(LastRun),
        Box::new(Frequency),
        Box::new(Readahead),
    ]
}
