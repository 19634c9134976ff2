//! The driver planner: which driver modules stand loaded in which instance in the coming step.
//!
//! Readings become need ([`Gauge`]: this instance does bulk disk traffic now), need becomes a chance for the coming steps
//! ([`predict::hazard::NeedModel`]), and the chance becomes a plan by expected cost ([`DriverPlanner`]): a second of need without its
//! module costs one, a second of a module that stands idle a fraction of it, a load or an unload a few seconds. Where acting
//! ahead has not paid, it abstains and loads on demand. Pure: time comes in.

mod costs;
mod gauge;
mod planner;
mod profile;
mod rules;

pub use gauge::{Gauge, GaugeReading};
pub use planner::{DriverBecause, DriverPlanner, DriverSettings};
pub use profile::{Intensity, Profile};
pub use rules::Rule;
