//! REST, events, metrics and the dashboard: everything that a person or a program sees of a running daemon over HTTP.
//!
//! The daemon implements [`Backend`] and calls [`run()`]; nothing here knows the engine, the store or an actuator.

#![forbid(unsafe_code)]

mod api;
mod assets;
mod auth;
mod backend;
mod error;
mod extract;
mod guard;
mod idempotency;
mod metrics;
mod remote_write;
mod router;
mod run;
pub mod view;

pub use auth::{Auth, Peer, Principal, Role, Secret, TokenRecord, UnixOthers};
pub use backend::{Answer, Backend, ready};
pub use error::{ApiError, ErrorKind, Problem};
pub use prometheus_client::registry::Registry;
pub use remote_write::{WriteLimits, WrittenSeries};
pub use router::{Limits, Settings, openapi, router};
pub use run::{Listeners, ServeError, run};
