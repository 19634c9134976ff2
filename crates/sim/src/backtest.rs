//! Backtests: what a policy would have done on a trace, with the past only.

pub mod drivers;
pub mod load;
pub mod pool;
