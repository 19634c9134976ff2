//! What the actuator does to this very host: in groups of its own, as root, and undone at the end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cpu;
mod disk;
mod distance;
mod groups;
mod memory;
mod network;
mod roles;
mod speed;
