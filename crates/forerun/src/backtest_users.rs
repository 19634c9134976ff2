//! `forerun backtest users`: reads traces of users' activity, scores the daemon's own planner and its peers on them, and prints
//! the scorecard.

use sim::backtest::users::{Population, UserOptions, run_with};
use sim::trace::read_arrivals;

use crate::cli::arguments::{BacktestUsersArguments, Common};
use crate::cli::failure::Outcome;
use crate::scoring::{choose, progress_bar, tell, title, unreadable, write_report};

/// Scores and prints.
///
/// # Errors
/// `Status::NotFound` for a trace that is not there, `Status::Usage` for a policy that is not, otherwise
/// `Status::Failed` with file, line and field.
pub fn users(common: &Common, arguments: &BacktestUsersArguments) -> Outcome {
    let policies = choose(sim::baselines::users::all(), &arguments.scoring.policy, |policy| policy.name())?;
    let population = read(&arguments.trace)?;
    let bar = progress_bar(policies.len(), "policies", common.json);
    let card = run_with(&policies, &population, &UserOptions::default(), &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.scoring.html {
        write_report(path, &sim::report::users::html(&title(&arguments.trace), &card))?;
    }
    tell(common.json, &card, &card.table(), &card.losses())
}

/// The acts of all traces together.
fn read(traces: &[std::path::PathBuf]) -> Outcome<Population> {
    let mut arrivals = Vec::new();
    for path in traces {
        arrivals.extend(read_arrivals(path).map_err(|error| unreadable("users", path, &error))?);
    }
    Ok(Population::from_arrivals(&arrivals))
}
