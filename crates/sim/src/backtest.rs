//! Backtests: what a policy would have done on a trace, with the past only.

pub mod access;
pub mod drivers;
pub mod jobs;
pub mod load;
pub mod pool;
pub mod users;
