//! The users planner: whose session is held while they are away, whose is resumed before they come, and how much is reserved.
//!
//! A [`Foreseer`] learns when users return and says it cell by cell; a [`HoldRule`] turns that into a plan at a price, by
//! expected cost. [`UserPlanner`] is both with one rule; the backtest runs the same parts with many prices at once.

mod foreseer;
mod hold;
mod planner;
mod reservation;

pub use foreseer::{Foreseer, Look};
pub use hold::{Cell, HoldPlan, HoldRule, LOOKS_MAX, Standing};
pub use planner::{UserBecause, UserPlan, UserPlanner, UserSettings, UserSpec};
pub use reservation::{Demand, Reservation};
