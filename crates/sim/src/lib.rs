//! Trace readers, baselines, backtests, scorecards and the fake host.
