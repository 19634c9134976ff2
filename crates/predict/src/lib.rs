//! Forecasts as distributions: histogram, seasonal, ridge, recurrent, conformal, ensemble.
pub mod recurrent;

mod histogram;
pub use histogram::{Buckets, DecayingHistogram};
