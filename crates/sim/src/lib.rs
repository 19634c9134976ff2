//! Trace readers, baselines, backtests, scorecards and the fake host.
//!
//! How to score a policy on a trace:
//! 1. [`trace::read_usage`] reads a file into [`trace::UsageSeries`].
//! 2. Implement [`backtest::load::SweptPolicy`] (runs the whole series once per value of its knob) or
//!    [`backtest::load::Policy`] (sees one step after the other; its knob is a factor that is found exactly).
//! 3. [`backtest::load::run`] scores all [`backtest::load::Entrant`]s on all series.
//! 4. [`backtest::load::Scorecard`] holds the means and pairs, as text, JSON and, through [`report`], HTML.
//!
//! Nothing here reads a clock or a file except [`trace`].

pub mod backtest;
pub mod baselines;
pub mod ours;
pub mod report;
pub mod trace;
