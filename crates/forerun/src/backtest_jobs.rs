//! `forerun backtest jobs`: reads traces of jobs, scores the daemon's own planner and its peers on them, and prints the scorecard.

use std::path::Path;

use sim::backtest::jobs::{JobOptions, run_with};
use sim::trace::{Job, read_jobs};

use crate::cli::arguments::{BacktestJobsArguments, Common};
use crate::cli::failure::Outcome;
use crate::scoring::{choose, progress_bar, tell, title, unreadable, write_report};

/// Scores and prints.
///
/// # Errors
/// `Status::NotFound` for a trace that is not there, `Status::Usage` for a policy that is not, otherwise
/// `Status::Failed` with file, line and field.
pub fn jobs(common: &Common, arguments: &BacktestJobsArguments) -> Outcome {
    let policies = choose(sim::baselines::jobs::all(), &arguments.scoring.policy, |policy| policy.name())?;
    let traces = arguments.trace.iter().map(|path| read(path)).collect::<Outcome<Vec<Vec<Job>>>>()?;
    let bar = progress_bar(policies.len() * traces.len(), "policies", common.json);
    let card = run_with(&policies, &traces, &JobOptions::default(), &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.scoring.html {
        write_report(path, &sim::report::jobs::html(&title(&arguments.trace), &card))?;
    }
    tell(common.json, &card, &card.table(), &card.losses())
}

fn read(path: &Path) -> Outcome<Vec<Job>> {
    read_jobs(path).map_err(|error| unreadable("jobs", path, &error))
}
