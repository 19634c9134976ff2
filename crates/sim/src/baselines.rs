//! The peers that the load planner is compared with, each behind [`Policy`].

mod last_window;
mod oracle;
pub mod vpa;

pub use last_window::LastWindow;
pub use oracle::Oracle;

use crate::backtest::load::Policy;

/// Every peer with its default setting, in the order of the scorecard.
pub fn peers() -> Vec<Box<dyn Policy>> {
    vec![Box::new(LastWindow), Box::new(Oracle)]
}
