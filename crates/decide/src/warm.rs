//! The warm planner: which instances of which unit stand how ready in the coming step.
//!
//! Every step it learns from what was used, asks [`predict::hazard::ArrivalModel`] for the chance that each slot (the first, second, ...
//! instance of a unit) is used in the coming one, and takes for each slot the rung of the ladder that costs least:
//! `lambda * chance * wait + (1 - chance) * hold + make`, all in seconds of waiting. With two rungs that is the hazard rule: ready
//! iff what a cold start is expected to cost exceeds what waiting in vain is expected to cost. Where making is free, no other plan is
//! cheaper: nothing decided for one step changes what the next may do. Pure: time comes in.

mod because;
mod ladder;
mod planner;

pub use because::WarmBecause;
pub use ladder::{Choice, Ladder, Rung, Stakes};
pub use planner::{Readiness, UnitSpec, WarmPlanner, WarmSettings};
