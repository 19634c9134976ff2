//! Forecasts as distributions: histogram, seasonal, ridge, recurrent, conformal, ensemble.
//!
//! [`Series`] is the whole of it for one metric of one target: it takes one value after the other, closes a window when it is
//! told to, learns from what its experts had said of that window, and says the quantiles of the next one. Pure: time comes in.
#![forbid(unsafe_code)]

pub mod hazard;
pub mod jobs;
pub mod recurrent;
pub mod sequence;

mod calendar;
mod conformal;
mod cycle;
mod experts;
mod half;
mod histogram;
mod regression;
mod residual;
mod series;
pub mod trees;

pub use calendar::{CalendarMemory, Slot};
pub use conformal::LevelControl;
pub use cycle::CycleMemory;
pub use experts::Expert;
pub use histogram::{Buckets, DecayingHistogram, Weight as HistogramWeight};
pub use regression::RecursiveLeastSquares;
pub use residual::ResidualHistogram;
pub use series::{Recurrent, Scheme, Series, Trust};
