//! `forerun backtest drivers`: reads multi-metric traces of resource use, scores the daemon's own planner of driver modules and its
//! peers on them, and prints the scorecard.

use sim::backtest::drivers::{DriverOptions, Workload, run_with};
use sim::trace::read_usage;

use crate::cli::arguments::{BacktestDriversArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::scoring::{choose, progress_bar, tell, title, unreadable, write_report};

/// Scores and prints.
///
/// # Errors
/// `Status::NotFound` for a trace that is not there, `Status::Usage` for a policy that is not and for traces without a metric
/// that speaks for a module, otherwise `Status::Failed` with file, line and field.
pub fn drivers(common: &Common, arguments: &BacktestDriversArguments) -> Outcome {
    let policies = choose(sim::baselines::drivers::all(), &arguments.scoring.policy, |policy| policy.name())?;
    let options = DriverOptions::default();
    let workloads = read(&arguments.trace)?;
    let bar = progress_bar(policies.len(), "policies", common.json);
    let card = run_with(&policies, &workloads, &options, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.scoring.html {
        write_report(path, &sim::report::drivers::html(&title(&arguments.trace), &card))?;
    }
    tell(common.json, &card, &card.table(), &card.losses())
}

/// The modules that all traces ask for. Instances of the same name in two traces are two instances.
fn read(traces: &[std::path::PathBuf]) -> Outcome<Vec<Workload>> {
    let mut workloads = Vec::new();
    for path in traces {
        workloads.extend(Workload::all(&read_usage(path).map_err(|error| unreadable("drivers", path, &error))?));
    }
    if workloads.is_empty() {
        let remedy = "name a trace with one of cpu, mem, disk_read, disk_write, net_rx, net_tx, gpu, gpu_mem";
        return Err(Failure::new(Status::Usage, "no metric of the traces speaks for a driver module", remedy));
    }
    Ok(workloads)
}
