//! `forerun backtest users`: reads traces of users' activity, scores the daemon's own planner and its peers on them, and prints
//! the scorecard.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sim::backtest::users::{Population, SUBJECT, UserOptions, run_with};
use sim::trace::{TraceError, read_arrivals};

use crate::cli::arguments::{BacktestUsersArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::print;

/// Scores and prints.
///
/// # Errors
/// [`Status::NotFound`] for a trace that is not there, [`Status::Usage`] for a policy that is not, otherwise
/// [`Status::Failed`] with file, line and field.
pub fn users(common: &Common, arguments: &BacktestUsersArguments) -> Outcome {
    let mut policies = sim::baselines::users::all();
    let known: Vec<&str> = policies.iter().map(|policy| policy.name()).collect();
    if let Some(unknown) = arguments.policy.iter().find(|name| !known.contains(&name.as_str())) {
        let what = format!("there is no policy `{unknown}`");
        return Err(Failure::new(Status::Usage, what, format!("one of {}", known.join(", "))));
    }
    policies.retain(|policy| {
        arguments.policy.is_empty() || policy.name() == SUBJECT || arguments.policy.iter().any(|name| name == policy.name())
    });
    let population = read(&arguments.trace)?;
    let bar = progress_bar(policies.len(), common.json);
    let card = run_with(&policies, &population, &UserOptions::default(), &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.html {
        let names: Vec<_> =
            arguments.trace.iter().map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()).collect();
        let written = std::fs::write(path, sim::report::users::html(&names.join(", "), &card));
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

/// The acts of all traces together.
fn read(traces: &[std::path::PathBuf]) -> Outcome<Population> {
    let mut arrivals = Vec::new();
    for path in traces {
        arrivals.extend(read_arrivals(path).map_err(|error| unreadable(path, &error))?);
    }
    Ok(Population::from_arrivals(&arrivals))
}

fn unreadable(path: &Path, error: &TraceError) -> Failure {
    let status = match error {
        TraceError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Status::NotFound,
        _ => Status::Failed,
    };
    let remedy = match status {
        Status::NotFound => format!("check the path {}", path.display()),
        _ => "`forerun backtest users --help` names the columns".into(),
    };
    Failure::of(status, error, remedy)
}

fn progress_bar(count: usize, json: bool) -> ProgressBar {
    let target =
        if json || !std::io::stderr().is_terminal() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} policies, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
