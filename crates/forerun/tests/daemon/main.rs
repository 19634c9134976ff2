//! The daemon as it is started by a user: the real binary, its socket and its address, and, as root, real control groups.
//! Tests with `host` in their name change this host and undo it; what they need and do not find they say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod host_damage;
mod host_examples;
mod host_runs;
mod host_unprivileged;
mod host_written;
mod refusals;
mod support;
