//! Commands that run the program's own parts: the daemon, doctor, backtests, replay and import.

use crate::cli::arguments::{BacktestKind, Common, ImportSource, ReplayArguments, UpArguments};
use crate::cli::failure::Outcome;

/// Starts the daemon and serves until it is stopped.
pub fn up(common: &Common, arguments: &UpArguments) -> Outcome {
    crate::daemon::up(common, arguments)
}

/// Says what works on this host.
pub fn doctor(common: &Common) -> Outcome {
    crate::doctor::doctor(common)
}

/// Runs a backtest.
pub fn backtest(common: &Common, kind: &BacktestKind) -> Outcome {
    match kind {
        BacktestKind::Load(arguments) => crate::backtest::load(common, arguments),
        BacktestKind::Access(arguments) => crate::backtest_access::access(common, arguments),
        BacktestKind::Pool(arguments) => crate::backtest_pool::pool(common, arguments),
        BacktestKind::Drivers(arguments) => crate::backtest_drivers::drivers(common, arguments),
        BacktestKind::Users(arguments) => crate::backtest_users::users(common, arguments),
        BacktestKind::Jobs(arguments) => crate::backtest_jobs::jobs(common, arguments),
    }
}

/// Replays a journal.
pub fn replay(common: &Common, arguments: &ReplayArguments) -> Outcome {
    crate::replay::replay(common, arguments)
}

/// Fetches earlier history.
pub fn import(common: &Common, source: &ImportSource) -> Outcome {
    match source {
        ImportSource::Prometheus(arguments) => crate::import::prometheus(common, arguments),
    }
}
