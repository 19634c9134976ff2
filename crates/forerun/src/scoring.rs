//! What the backtests' commands share: choosing policies, progress, reports, and what a trace that cannot be read comes to.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use sim::trace::TraceError;

use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::print;

/// The policy that every other is compared with.
const SUBJECT: &str = "forerun";

/// The policies that are `wanted` by name, and forerun's own; all of them when nothing is wanted.
///
/// # Errors
/// [`Status::Usage`] names the first that there is not, and those that there are.
pub fn choose<P>(mut all: Vec<P>, wanted: &[String], name: impl Fn(&P) -> &str) -> Outcome<Vec<P>> {
    if let Some(unknown) = wanted.iter().find(|wanted| !all.iter().any(|policy| name(policy) == wanted.as_str())) {
        let known: Vec<&str> = all.iter().map(&name).collect();
        let what = format!("there is no policy `{unknown}`");
        return Err(Failure::new(Status::Usage, what, format!("one of {}", known.join(", "))));
    }
    all.retain(|policy| wanted.is_empty() || name(policy) == SUBJECT || wanted.iter().any(|wanted| wanted == name(policy)));
    Ok(all)
}

/// A bar on standard error, for people who look; it counts what `of` names.
pub fn progress_bar(count: usize, of: &str, json: bool) -> ProgressBar {
    let target =
        if json || !std::io::stderr().is_terminal() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}} of {{len}} {of}, {{eta}} left"));
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What a trace that cannot be read comes to; `kind` is the backtest whose help names the columns.
pub fn unreadable(kind: &str, path: &Path, error: &TraceError) -> Failure {
    let status = match error {
        TraceError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Status::NotFound,
        _ => Status::Failed,
    };
    let remedy = match status {
        Status::NotFound => {
            format!("check the path; {} is relative to the present folder unless it begins with /", path.display())
        }
        _ => format!("`forerun backtest {kind} --help` names the columns"),
    };
    Failure::of(status, error, remedy)
}

/// The names of trace files, for a report's title.
pub fn title(traces: &[PathBuf]) -> String {
    let names = traces.iter().map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
    names.collect::<Vec<_>>().join(", ")
}

/// Writes a report.
///
/// # Errors
/// When it cannot be written.
pub fn write_report(path: &Path, page: &str) -> Outcome {
    let written = std::fs::write(path, page);
    written.map_err(|error| Failure::new(Status::Failed, format!("cannot write the report {}: {error}", path.display()), ""))
}

/// Prints a scorecard: as one line of JSON, or the table and where others win.
///
/// # Errors
/// When standard output is gone.
pub fn tell(json: bool, card: &impl Serialize, table: &str, losses: &[String]) -> Outcome {
    if !json {
        let losses: String = losses.iter().map(|loss| format!("{loss}\n")).collect();
        return print(&format!("{table}{losses}"));
    }
    let document = serde_json::to_string(card);
    let document = document
        .map_err(|error| Failure::new(Status::Failed, format!("cannot write the scorecard as JSON: {error}"), ""))?;
    print(&format!("{document}\n"))
}
