//! Commands that run the program's own parts: the daemon, doctor, backtests, replay and import.

use crate::cli::arguments::{BacktestKind, Common, ImportPrometheusArguments, ImportSource, ReplayArguments, UpArguments};
use crate::cli::failure::{Failure, Outcome, Status};

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
    }
}

/// Replays a journal.
pub fn replay(_common: &Common, _arguments: &ReplayArguments) -> Outcome {
    Err(absent("replay"))
}

/// Fetches earlier history.
pub fn import(_common: &Common, source: &ImportSource) -> Outcome {
    match source {
        ImportSource::Prometheus(ImportPrometheusArguments { .. }) => Err(absent("import prometheus")),
    }
}

fn absent(command: &str) -> Failure {
    Failure::new(Status::Failed, format!("`forerun {command}` is not part of this build yet"), "")
}
