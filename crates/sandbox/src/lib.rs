//! Runs code in isolated instances that were ready before they were asked for.
//!
//! A [`Host`] makes [`Instance`]s: processes in namespaces, a control group and a root of their own, confined before any code of
//! others runs in them. Each waits, ready, and runs one job; then it is destroyed. A [`Pool`] keeps as many of them as somebody who
//! plans says, and hands them out. A job's outputs arrive as [`Event`]s.
//!
//! This isolates as well as Linux namespaces do. Tenants that attack the kernel itself need a virtual machine around it.

mod cgroup;
mod confine;
mod error;
mod filter;
mod handle;
mod host;
mod image;
mod instance;
mod job;
mod key;
mod line;
mod pool;
mod refill;
mod root;
mod run;
mod shelf;
mod sources;
mod stem;
mod supervisor;
mod sys;
mod template;
mod wire;

pub use error::SandboxError;
pub use host::{Host, Settings, TemplateProgram};
pub use image::{HOST, Image};
pub use instance::Instance;
pub use key::{Dependencies, Key, Limits, Readiness, Runtime};
pub use pool::{Claimed, Pool, PoolEvent};
pub use run::{
    ColdReason, Event, Exit, File, Finished, Network, Output, Program, Run, Running, Sealed, Stage, StartPath, Stopper,
};
pub use shelf::{Counts, Target};
pub use template::as_template;
