//! The daemon: one thread owns engine, sampler, journal and actuator (`core`); the API asks it questions over a channel.

mod ask;
mod backend;
mod carry;
mod core;
mod groups;
pub mod header;
mod history;
mod outside;
mod pools;
mod reconcile;
mod remote;
mod targets;
mod training;
mod up;
mod views;
pub mod warm;

pub use up::{quicken, up};
