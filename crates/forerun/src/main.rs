//! The forerun command and daemon.
fn main() {}
