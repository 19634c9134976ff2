//! `forerun backtest access`: reads traces of accesses, scores the daemon's own planner and its peers on each, and prints the
//! scorecard.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sim::backtest::access::{SUBJECT, run_with};
use sim::trace::{AccessTrace, TraceError, read_access};

use crate::cli::arguments::{BacktestAccessArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::print;

/// Scores and prints.
///
/// # Errors
/// [`Status::NotFound`] for a trace that is not there, [`Status::Usage`] for a policy that is not, otherwise
/// [`Status::Failed`] with file, line and field.
pub fn access(common: &Common, arguments: &BacktestAccessArguments) -> Outcome {
    let mut policies = sim::baselines::access::all();
    let known: Vec<&str> = policies.iter().map(|policy| policy.name()).collect();
    if let Some(unknown) = arguments.policy.iter().find(|name| !known.contains(&name.as_str())) {
        let what = format!("there is no policy `{unknown}`");
        return Err(Failure::new(Status::Usage, what, format!("one of {}", known.join(", "))));
    }
    policies.retain(|policy| {
        arguments.policy.is_empty() || policy.name() == SUBJECT || arguments.policy.iter().any(|name| name == policy.name())
    });
    let traces = read(&arguments.trace)?;
    let bar = progress_bar(policies.len() * traces.len(), common.json);
    let card = run_with(&policies, &traces, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.html {
        let names: Vec<&str> = traces.iter().map(|(name, _)| name.as_str()).collect();
        let written = std::fs::write(path, sim::report::access::html(&names.join(", "), &card));
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

/// The traces by name: the file's name up to its endings.
fn read(paths: &[std::path::PathBuf]) -> Outcome<Vec<(String, AccessTrace)>> {
    let mut traces: Vec<(String, AccessTrace)> = Vec::new();
    for path in paths {
        let name = name(path);
        if traces.iter().any(|(other, _)| *other == name) {
            let what = format!("two traces are called `{name}`");
            return Err(Failure::new(Status::Usage, what, "score them one after the other, or rename one"));
        }
        traces.push((name, read_access(path).map_err(|error| unreadable(path, &error))?));
    }
    Ok(traces)
}

/// `lirs` of `/data/lirs.access.csv.gz`.
fn name(path: &Path) -> String {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let mut name: &str = &file;
    for ending in [".gz", ".csv", ".access"] {
        name = name.strip_suffix(ending).unwrap_or(name);
    }
    name.to_owned()
}

fn unreadable(path: &Path, error: &TraceError) -> Failure {
    let status = match error {
        TraceError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Status::NotFound,
        _ => Status::Failed,
    };
    let remedy = match status {
        Status::NotFound => format!("check the path {}", path.display()),
        _ => "`forerun backtest access --help` names the columns".into(),
    };
    Failure::of(status, error, remedy)
}

fn progress_bar(count: usize, json: bool) -> ProgressBar {
    let target =
        if json || !std::io::stderr().is_terminal() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} runs, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_called_by_its_file_without_endings() {
        for (path, called) in [("/d/lirs.access.csv.gz", "lirs"), ("a.b.access.csv", "a.b"), ("plain", "plain")] {
            assert_eq!(name(Path::new(path)), called);
        }
    }
}
