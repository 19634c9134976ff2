//! Forecasts as distributions: histogram, seasonal, ridge, recurrent, conformal, ensemble.
pub mod recurrent;
