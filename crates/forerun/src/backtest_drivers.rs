//! `forerun backtest drivers`: reads multi-metric traces of resource use, scores the daemon's own planner of driver modules and its
//! peers on them, and prints the scorecard.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sim::backtest::drivers::{DriverOptions, SUBJECT, Workload, run_with};
use sim::trace::{TraceError, read_usage};

use crate::cli::arguments::{BacktestDriversArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::print;

/// Scores and prints.
///
/// # Errors
/// [`Status::NotFound`] for a trace that is not there, [`Status::Usage`] for a policy that is not and for traces without a metric
/// that speaks for a module, otherwise [`Status::Failed`] with file, line and field.
pub fn drivers(common: &Common, arguments: &BacktestDriversArguments) -> Outcome {
    let mut policies = sim::baselines::drivers::all();
    let known: Vec<&str> = policies.iter().map(|policy| policy.name()).collect();
    if let Some(unknown) = arguments.policy.iter().find(|name| !known.contains(&name.as_str())) {
        let what = format!("there is no policy `{unknown}`");
        return Err(Failure::new(Status::Usage, what, format!("one of {}", known.join(", "))));
    }
    policies.retain(|policy| {
        arguments.policy.is_empty() || policy.name() == SUBJECT || arguments.policy.iter().any(|name| name == policy.name())
    });
    let options = DriverOptions::default();
    let workloads = read(&arguments.trace)?;
    let bar = progress_bar(policies.len(), common.json);
    let card = run_with(&policies, &workloads, &options, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.html {
        let names: Vec<_> =
            arguments.trace.iter().map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()).collect();
        let written = std::fs::write(path, sim::report::drivers::html(&names.join(", "), &card));
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

/// The modules that all traces ask for. Instances of the same name in two traces are two instances.
fn read(traces: &[std::path::PathBuf]) -> Outcome<Vec<Workload>> {
    let mut workloads = Vec::new();
    for path in traces {
        workloads.extend(Workload::all(&read_usage(path).map_err(|error| unreadable(path, &error))?));
    }
    if workloads.is_empty() {
        let remedy = "name a trace with one of cpu, mem, disk_read, disk_write, net_rx, net_tx, gpu, gpu_mem";
        return Err(Failure::new(Status::Usage, "no metric of the traces speaks for a driver module", remedy));
    }
    Ok(workloads)
}

fn unreadable(path: &Path, error: &TraceError) -> Failure {
    let status = match error {
        TraceError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Status::NotFound,
        _ => Status::Failed,
    };
    let remedy = match status {
        Status::NotFound => format!("check the path {}", path.display()),
        _ => "`forerun backtest drivers --help` names the columns".into(),
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
