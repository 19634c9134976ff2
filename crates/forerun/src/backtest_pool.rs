//! `forerun backtest pool`: reads traces of invocations, scores the daemon's own planner and its peers on them, and prints the
//! scorecard.

use sim::backtest::pool::{PoolOptions, Workload, run_with};
use sim::trace::{CountSeries, TraceError, read_arrivals, read_counts};

use crate::cli::arguments::{BacktestPoolArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::scoring::{choose, progress_bar, tell, title, unreadable, write_report};

/// Scores and prints.
///
/// # Errors
/// `Status::NotFound` for a trace that is not there, `Status::Usage` for a policy that is not, otherwise
/// `Status::Failed` with file, line and field.
pub fn pool(common: &Common, arguments: &BacktestPoolArguments) -> Outcome {
    let policies = choose(sim::baselines::pool::all(), &arguments.scoring.policy, |policy| policy.name())?;
    let options = PoolOptions::default();
    let workload = read(&arguments.trace, &options)?;
    let bar = progress_bar(policies.len(), "policies", common.json);
    let card = run_with(&policies, &workload, &options, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.scoring.html {
        write_report(path, &sim::report::pool::html(&title(&arguments.trace), &card))?;
    }
    tell(common.json, &card, &card.table(), &card.losses())
}

/// The invocations of all traces; all must be of one kind.
fn read(traces: &[std::path::PathBuf], options: &PoolOptions) -> Outcome<Workload> {
    let (mut counts, mut arrivals): (Vec<CountSeries>, Vec<_>) = Default::default();
    for path in traces {
        // The header tells the kinds apart; the reader of the other kind then names what it finds wrong.
        match read_counts(path) {
            Ok(series) => counts.extend(series),
            Err(TraceError::Header { .. }) => {
                arrivals.extend(read_arrivals(path).map_err(|error| unreadable("pool", path, &error))?)
            }
            Err(error) => return Err(unreadable("pool", path, &error)),
        }
    }
    match (counts.is_empty(), arrivals.is_empty()) {
        (_, true) => Ok(Workload::from_counts(&counts, options)),
        (true, false) => Ok(Workload::from_arrivals(&arrivals, options)),
        (false, false) => Err(Failure::new(
            Status::Usage,
            "the traces are of both kinds, counts and arrivals",
            "score them one after the other",
        )),
    }
}
