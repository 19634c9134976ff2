//! `forerun backtest jobs`: reads traces of jobs, scores the daemon's own planner and its peers on them, and prints the scorecard.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sim::backtest::jobs::{JobOptions, SUBJECT, run_with};
use sim::trace::{Job, TraceError, read_jobs};

use crate::cli::arguments::{BacktestJobsArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::print;

/// Scores and prints.
///
/// # Errors
/// [`Status::NotFound`] for a trace that is not there, [`Status::Usage`] for a policy that is not, otherwise
/// [`Status::Failed`] with file, line and field.
pub fn jobs(common: &Common, arguments: &BacktestJobsArguments) -> Outcome {
    let mut policies = sim::baselines::jobs::all();
    let known: Vec<&str> = policies.iter().map(|policy| policy.name()).collect();
    if let Some(unknown) = arguments.policy.iter().find(|name| !known.contains(&name.as_str())) {
        let what = format!("there is no policy `{unknown}`");
        return Err(Failure::new(Status::Usage, what, format!("one of {}", known.join(", "))));
    }
    policies.retain(|policy| {
        arguments.policy.is_empty() || policy.name() == SUBJECT || arguments.policy.iter().any(|name| name == policy.name())
    });
    let traces = arguments.trace.iter().map(|path| read(path)).collect::<Result<Vec<Vec<Job>>, Failure>>()?;
    let bar = progress_bar(policies.len() * traces.len(), common.json);
    let card = run_with(&policies, &traces, &JobOptions::default(), &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.html {
        let names: Vec<_> =
            arguments.trace.iter().map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()).collect();
        let written = std::fs::write(path, sim::report::jobs::html(&names.join(", "), &card));
        written.map_err(|error| {
            Failure::new(Status::Failed, format!("cannot write the report {}: {error}", path.display()), "")
        })?;
    }
    if !common.json {
        let losses: String = card.losses().iter().map(|loss| format!("{loss}\n")).collect();
        return print(&format!("{}{losses}", card.table()));
    }
    let document = serde_json::to_string(&card);
    print(
        &(document
            .map_err(|error| Failure::new(Status::Failed, format!("cannot write the scorecard as JSON: {error}"), ""))?
            + "\n"),
    )
}

fn read(path: &Path) -> Result<Vec<Job>, Failure> {
    read_jobs(path).map_err(|error| {
        let status = match &error {
            TraceError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Status::NotFound,
            _ => Status::Failed,
        };
        let remedy = match status {
            Status::NotFound => format!("check the path {}", path.display()),
            _ => "`forerun backtest jobs --help` names the columns".into(),
        };
        Failure::of(status, &error, remedy)
    })
}

fn progress_bar(count: usize, json: bool) -> ProgressBar {
    let target =
        if json || !std::io::stderr().is_terminal() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} policies, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
