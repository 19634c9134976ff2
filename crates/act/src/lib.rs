//! Applies actions to control groups and undoes them. An actuator chooses nothing: an [`model::Action`] states the knob, what it
//! must hold now and what it shall hold; here it is checked against the host, written, read back, and reported as a
//! [`model::Outcome`].
//!
//! A knob is changed only while it still holds what the action expects. "Holds" means equal on the grid that the kernel rounds to:
//! * CPU quota: equal after rounding the quota to a thousandth of a core (the kernel's period is at least 1 ms, so one
//!   microsecond of quota is at most one millicore, and what was written reads back as the same millicores);
//! * CPU weight: equal after rounding to cgroup v2's weights (v1: `weight = shares * 100 / 1024`, so 1024 shares are weight 100);
//! * memory limit: equal in whole pages, rounded down; whatever the kernel reports from 2^63 less one page upwards is unlimited;
//! * bandwidths: equal to the byte.
//!
//! Where such a grid would lose what was there first (a quota of 123.45 millicores, 107 shares), the file's own text is remembered
//! for as long as the [`Actuator`] lives and put back as it was when the knob returns to that setting.
#![deny(unsafe_code)]

mod actuator;
mod cpu;
mod devices;
mod disk;
mod error;
mod files;
mod group;
mod hierarchy;
mod knob;
mod line;
mod memory;
mod network;
mod originals;
mod probe;
mod v1;
mod v2;

pub use actuator::{Actuator, Config};
pub use error::ActError;
pub use hierarchy::Roots;
pub use probe::Capability;
