//! Engine, arbiter, tiers, rails, ledger and the planners.
//!
//! [`Engine::step`] is the only way in: it takes a moment and an [`model::Observation`] and returns the decisions that follow.
//! The daemon, dry runs, replays, backtests and simulations all call it. It reads no clock, file or random source, so a recorded
//! list of observations gives the same decisions again.
#![forbid(unsafe_code)]

pub mod access;
mod announcements;
mod arbiter;
mod bank;
mod budget;
pub mod drivers;
mod engine;
pub mod jobs;
mod knob;
mod ledger;
pub mod lint;
mod load;
mod modes;
mod preview;
mod settings;
mod target;
pub mod users;
mod views;
pub mod warm;
mod watch;

pub use engine::{CurvePoint, Engine};
pub use knob::Knob;
pub use ledger::{Entry, Ledger};
pub use preview::{DryRun, Preview};
pub use settings::{ArbiterSettings, LoadSettings, PoolSettings, Rails, Settings, TierSettings};
pub use target::Target;
pub use views::{KnobView, MetricView, PlanLine, TargetView};
