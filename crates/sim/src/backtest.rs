//! Backtests: what a policy would have done on a trace, with the past only.

pub mod drivers;
pub mod access;
pub mod jobs;
pub mod load;
pub mod pool;
pub mod users;
