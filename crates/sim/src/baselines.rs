//! The peers that the load planner is compared with, each behind [`Policy`].

pub mod access;
mod adaptive;
mod autopilot;
mod autopilot_ml;
mod crane;
pub mod drivers;
pub mod jobs;
mod koordinator;
mod krr;
mod last_window;
mod oracle;
pub mod pool;
pub mod users;
pub mod vpa;

pub use autopilot::Autopilot;
pub use autopilot_ml::AutopilotMl;
pub use crane::Crane;
pub use koordinator::Koordinator;
pub use krr::Krr;
pub use last_window::LastWindow;
pub use oracle::Oracle;
pub use vpa::Vpa;

use crate::backtest::load::Policy;

/// Every peer with its default setting.
pub fn peers() -> Vec<Box<dyn Policy>> {
    vec![
        Box::new(Vpa),
        Box::new(Autopilot),
        Box::new(AutopilotMl),
        Box::new(Crane::default()),
        Box::new(Koordinator),
        Box::new(Krr),
        Box::new(LastWindow),
        Box::new(Oracle),
    ]
}
