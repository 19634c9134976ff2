//! The job planner: what a job gets, attempt by attempt, and why, from what a client says before its code is there.

mod planner;

pub use planner::{JobBecause, JobPlanner, JobTicket, Prediction, Quantiles};
pub use predict::jobs::{JobMetadata, JobModelSettings, JobOutcome};
