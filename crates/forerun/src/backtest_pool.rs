//! `forerun backtest pool`: reads traces of invocations, scores the daemon's own planner and its peers on them, and prints the
//! scorecard.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sim::backtest::pool::{PoolOptions, Workload, run_with};
use sim::trace::{CountSeries, TraceError, read_arrivals, read_counts};

use crate::cli::arguments::{BacktestPoolArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::print;

/// The policy that every other is compared with.
const SUBJECT: &str = "forerun";

/// Scores and prints.
///
/// # Errors
/// [`Status::NotFound`] for a trace that is not there, [`Status::Usage`] for a policy that is not, otherwise
/// [`Status::Failed`] with file, line and field.
pub fn pool(common: &Common, arguments: &BacktestPoolArguments) -> Outcome {
    let mut policies = sim::baselines::pool::all();
    let known: Vec<&str> = policies.iter().map(|policy| policy.name()).collect();
    if let Some(unknown) = arguments.policy.iter().find(|name| !known.contains(&name.as_str())) {
        let what = format!("there is no policy `{unknown}`");
        return Err(Failure::new(Status::Usage, what, format!("one of {}", known.join(", "))));
    }
    policies.retain(|policy| {
        arguments.policy.is_empty() || policy.name() == SUBJECT || arguments.policy.iter().any(|name| name == policy.name())
    });
    let options = PoolOptions::default();
    let workload = read(&arguments.trace, &options)?;
    let bar = progress_bar(policies.len(), common.json);
    let card = run_with(&policies, &workload, &options, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.html {
        let names: Vec<_> =
            arguments.trace.iter().map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()).collect();
        let written = std::fs::write(path, sim::report::pool::html(&names.join(", "), &card));
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

/// The invocations of all traces; all must be of one kind.
fn read(traces: &[std::path::PathBuf], options: &PoolOptions) -> Outcome<Workload> {
    let (mut counts, mut arrivals): (Vec<CountSeries>, Vec<_>) = Default::default();
    for path in traces {
        // The header tells the kinds apart; the reader of the other kind then names what it finds wrong.
        match read_counts(path) {
            Ok(series) => counts.extend(series),
            Err(TraceError::Header { .. }) => {
                arrivals.extend(read_arrivals(path).map_err(|error| unreadable(path, &error))?)
            }
            Err(error) => return Err(unreadable(path, &error)),
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

fn unreadable(path: &Path, error: &TraceError) -> Failure {
    let status = match error {
        TraceError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Status::NotFound,
        _ => Status::Failed,
    };
    let remedy = match status {
        Status::NotFound => format!("check the path {}", path.display()),
        _ => "`forerun backtest pool --help` names the columns of both kinds".into(),
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
