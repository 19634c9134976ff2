//! Prometheus as a source: its text format, which applications expose, and its range queries, which hold history.

pub mod exposition;
mod range;

pub use range::{POINTS_PER_PAGE, PrometheusError, RangeQuery, Series, range};
