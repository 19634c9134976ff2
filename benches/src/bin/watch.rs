//! What watching costs: the daemon in mode observe beside 200 control groups, each with a process in it, measured every
//! second; its CPU time and memory over a minute, after a warm-up.
//!
//! Settings, as NAME=VALUE: `groups`, `busy` (how many of them work a little instead of sleeping), `warm` and `secs` (seconds
//! before and while it is measured), `window` (such as 10m), `mode`.
#![forbid(unsafe_code)]

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use benches::{Arguments, Asked, Daemon, Group, Report, as_forerun};
use collect::Roots;
use collect::layout::Layout;

/// What is asked.
const CPU_PERCENT: Asked = Asked::AtMost(2.0);
const MEMORY_MIB: Asked = Asked::AtMost(80.0);

/// A group with a process in it. The process ends before its group is removed.
struct Watched {
    child: Child,
    _group: Group,
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn main() -> ExitCode {
    if let Some(status) = as_forerun() {
        return status;
    }
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut report = Report::new("watch");
    match measure(&arguments) {
        Ok((percent, mebibytes)) => {
            report.promise("daemon-cpu", CPU_PERCENT, percent, "% of a core");
            report.promise("daemon-memory", MEMORY_MIB, mebibytes, "MiB");
        }
        Err(error) => {
            report.not_measured("daemon-cpu", CPU_PERCENT, "% of a core", &format!("{error:#}"));
            report.not_measured("daemon-memory", MEMORY_MIB, "MiB", &format!("{error:#}"));
        }
    }
    report.finish(&arguments)
}

/// Share of a core in percent, and the most memory that was seen, in MiB.
fn measure(arguments: &Arguments) -> Result<(f64, f64)> {
    anyhow::ensure!(rustix::process::geteuid().is_root(), "needs root to make control groups");
    let quick = arguments.quick;
    let count: usize = arguments.setting("groups", 200)?;
    let busy: usize = arguments.setting("busy", 20)?;
    let warm = Duration::from_secs(arguments.setting("warm", if quick { 5 } else { 30 })?);
    let secs: u64 = arguments.setting("secs", if quick { 10 } else { 90 })?;
    let (window, mode) = (arguments.setting("window", "10m".to_owned())?, arguments.setting("mode", "observe".to_owned())?);
    let base = format!("forerun-bench-{}", std::process::id());
    let layout = Layout::detect(&Roots::host());
    let groups = (0..count).map(|number| watched(&layout, &format!("{base}/group-{number:03}"), number < busy));
    let groups = groups.collect::<Result<Vec<_>>>()?;
    let folder = tempfile::tempdir().context("no folder for the database")?;
    let settings = format!(
        "sample_interval = \"1s\"\ndiscover = []\n[load]\nwindow = {window:?}\n[[target]]\nselect = \"/{base}/*\"\nmode = {mode:?}\n"
    );
    let mut daemon = Daemon::start(folder.path(), &settings).context("the daemon does not start")?;
    std::thread::sleep(warm);
    let status = daemon.json("GET", "/v1/status", &serde_json::Value::Null).context("no status")?;
    anyhow::ensure!(status["targets"] == count, "{} groups are watched, not {count}", status["targets"]);
    let (began, before) = (Instant::now(), daemon.used()?);
    let mut resident = before.resident;
    for _ in 0..secs {
        std::thread::sleep(Duration::from_secs(1));
        resident = resident.max(daemon.used()?.resident);
    }
    let after = daemon.used()?;
    let percent = 100.0 * (after.cpu_secs - before.cpu_secs) / began.elapsed().as_secs_f64();
    let taken = daemon.json("GET", "/v1/status", &serde_json::Value::Null)?["samples_total"].as_u64().unwrap_or(0);
    eprintln!(
        "{count} groups, {taken} samples taken in all, {} bytes on disk",
        size_of_folder(&folder.path().join("state"))
    );
    daemon.end().context("the daemon does not end")?;
    drop(groups);
    Ok((percent, resident as f64 / f64::from(1 << 20)))
}

fn watched(layout: &Layout, path: &str, busy: bool) -> Result<Watched> {
    let group = Group::make(layout, path).context("cannot make a group")?;
    let mut command = Command::new("sh");
    // A shell that sleeps, or one that wakes up twice a second.
    command.args(["-c", if busy { "while sleep 0.5; do :; done" } else { "exec sleep 3600" }]);
    let child = command.stdin(Stdio::null()).spawn().context("cannot start a shell")?;
    group.join(child.id()).context("cannot put a process into a group")?;
    Ok(Watched { child, _group: group })
}

fn size_of_folder(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of_folder(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
