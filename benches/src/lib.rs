//! What every bench shares: its arguments, and the report of its promises in the form of `docs/promises.md`.
//! A bench is a file of `src/bin`; `cargo xtask bench NAME` runs it in release.
#![forbid(unsafe_code)]

mod arguments;
mod daemon;
mod group;
mod report;

pub use arguments::{Arguments, ArgumentsError};
pub use daemon::{Daemon, Socket, Use, as_forerun};
pub use group::Group;
pub use report::{Asked, Report};
