//! Reads the host: procfs, cgroups, pressure, block and network counters, GPU, Prometheus, schedules.
//!
//! Synchronous throughout: the daemon calls it on a thread of its own. Every reader takes the folders it reads as
//! [`Roots`], so that a made-up tree tests it and a container can look at its host.

pub mod application;
mod cgroup;
mod error;
mod fields;
mod gpu;
mod host;
mod http;
mod kept;
mod network;
mod pressure;
pub mod probe;
pub mod prometheus;
mod roots;
mod sampler;
pub mod schedules;

pub use cgroup::discover::{Found, Selectors, discover};
pub use cgroup::glob::Glob;
pub use cgroup::layout;
pub use error::CollectError;
pub use gpu::GpuState;
pub use host::{HostSample, capacity};
pub use http::HttpError;
pub use network::counter::CounterError;
pub use roots::Roots;
pub use sampler::{Changes, Sampler};
