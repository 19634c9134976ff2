//! `forerun backtest access`: reads traces of accesses, scores the daemon's own planner and its peers on each, and prints the
//! scorecard.

use std::path::Path;

use sim::backtest::access::run_with;
use sim::trace::{AccessTrace, read_access};

use crate::cli::arguments::{BacktestAccessArguments, Common};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::scoring::{choose, progress_bar, tell, unreadable, write_report};

/// Scores and prints.
///
/// # Errors
/// `Status::NotFound` for a trace that is not there, `Status::Usage` for a policy that is not, otherwise
/// `Status::Failed` with file, line and field.
pub fn access(common: &Common, arguments: &BacktestAccessArguments) -> Outcome {
    let policies = choose(sim::baselines::access::all(), &arguments.scoring.policy, |policy| policy.name())?;
    let traces = read(&arguments.trace)?;
    let bar = progress_bar(policies.len() * traces.len(), "runs", common.json);
    let card = run_with(&policies, &traces, &|done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    if let Some(path) = &arguments.scoring.html {
        let names: Vec<&str> = traces.iter().map(|(name, _)| name.as_str()).collect();
        write_report(path, &sim::report::access::html(&names.join(", "), &card))?;
    }
    tell(common.json, &card, &card.table(), &card.losses())
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
        traces.push((name, read_access(path).map_err(|error| unreadable("access", path, &error))?));
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
