//! What a kill costs: the daemon, in mode act on the examples, is killed with SIGKILL at random moments, again and again, while
//! somebody keeps changing bounds (so that there is always something to decide) and Prometheus keeps writing. The examples and
//! their groups outlive it. After every kill:
//!
//! * every limit lies above use, no quota below the least, nobody was killed for lack of memory;
//! * the database opens as it is, and holds every sample and decision that was acknowledged;
//! * every knob holds what the ledger says, unless a decision about it was under way;
//! * nothing but this run's own decisions is under way: the run reconciled what the one before had left;
//! * the run's journal replays to the very decisions that the ledger has.
//!
//! Settings, as NAME=VALUE: `kills`, `life` (longest life of a daemon in seconds), `seed`.
#![forbid(unsafe_code)]

mod check;
mod life;
mod remote_write;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use benches::{Arguments, Asked, Daemon, Group, Report, as_forerun};
use collect::Roots;
use collect::layout::Layout;
use forerun::examples::{self, Kind, Running};

use check::Checker;
use life::Chance;

/// Longer than any run: programs end by themselves even if nobody is left to end them.
const LIFETIME: Duration = Duration::from_secs(7_200);

/// One example. The process ends before its group is removed.
pub struct Program {
    kind: Kind,
    running: Running,
    /// Its group.
    pub group: Group,
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
    let mut report = Report::new("kill");
    match run(&arguments) {
        Ok(faults) => {
            for (what, times) in &faults {
                eprintln!("{times} times: {what}");
            }
            report.promise("kill-safe", Asked::Exactly(0.0), faults.values().sum::<u32>().into(), "losses");
        }
        Err(error) => report.not_measured("kill-safe", Asked::Exactly(0.0), "losses", &format!("{error:#}")),
    }
    report.finish(&arguments)
}

/// Kills as often as asked; what was found wrong, and how often.
fn run(arguments: &Arguments) -> Result<BTreeMap<String, u32>> {
    anyhow::ensure!(rustix::process::geteuid().is_root(), "needs root to make control groups");
    let kills: u32 = arguments.setting("kills", if arguments.quick { 10 } else { 100 })?;
    let longest: f64 = arguments.setting("life", 6.0)?;
    let mut chance = Chance::new(arguments.setting("seed", 1)?);
    let base = format!("forerun-bench-{}", std::process::id());
    let layout = Layout::detect(&Roots::host());
    let mut programs = Kind::ALL.into_iter().map(|kind| start(&layout, &base, kind)).collect::<Result<Vec<_>>>()?;
    let folder = tempfile::tempdir().context("no folder for the database")?;
    let settings = settings(&base);
    let mut checker = Checker::new(folder.path());
    for kill in 1..=kills {
        // The first life is long enough to learn (three windows) and to set every limit.
        let length = if kill == 1 { 36.0 } else { chance.between(0.2, longest) };
        let lived = life::live(folder.path(), &settings, &programs, kill, Duration::from_secs_f64(length), &mut chance);
        let told = lived.with_context(|| format!("life {kill}"))?;
        checker.after_kill(kill, &told, &programs)?;
        eprintln!("kill {kill} after {length:.1} s: {}", checker.summary());
        for program in &mut programs {
            if program.running.has_ended()? {
                *program = start(&layout, &base, program.kind)?;
            }
        }
    }
    let mut last = Daemon::start(folder.path(), &settings).context("the last start")?;
    let status = last.end().context("the last end")?;
    anyhow::ensure!(status.success(), "the last daemon ended with {status}");
    checker.at_the_end()?;
    Ok(checker.faults())
}

fn settings(base: &str) -> String {
    // Nothing but the groups of this bench is watched, let alone changed.
    format!(
        "sample_interval = \"200ms\"\ndiscover = []\n[load]\nwindow = \"10s\"\nchanges_per_day = 100000\n\
         [rails]\nprobation = \"2s\"\nrest_after_rollback = \"2s\"\nchange_budget_per_minute = 100000\n\
         [[target]]\nselect = \"/{base}/*\"\nmode = \"act\"\n"
    )
}

fn start(layout: &Layout, base: &str, kind: Kind) -> Result<Program> {
    let group = Group::make(layout, &format!("{base}/{}", kind.name())).context("cannot make a group")?;
    let options = examples::Options { day: Duration::from_secs(30), lifetime: Some(LIFETIME), ..Default::default() };
    let running = examples::spawn(kind, &options, |process| group.join(process)).context("cannot start an example")?;
    Ok(Program { kind, running, group })
}

/// The state folder below the bench's own.
pub fn state(folder: &Path) -> std::path::PathBuf {
    folder.join("state")
}
