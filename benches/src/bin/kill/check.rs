//! What must hold when the daemon is gone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use model::{Metric, Setting, TargetId, Ticket, WallTime};
use serde_json::Value;
use store::{Aggregate, Limits, SeriesKey, Store};

use crate::Program;
use crate::life::Told;

/// The least quota: the default of `[load.bounds] cpu_min`, in cores.
const LEAST_CORES: f64 = 0.025;

/// Finds what is wrong, and counts what was looked at.
pub struct Checker {
    state: PathBuf,
    faults: BTreeMap<String, u32>,
    /// The highest ticket that the ledger held after the kill before.
    newest: u64,
    out_of_memory: u64,
    samples: usize,
    decisions: usize,
    under_way: usize,
    replayed: u64,
}

impl Checker {
    /// For daemons in `folder`.
    pub fn new(folder: &Path) -> Checker {
        Checker {
            state: crate::state(folder),
            faults: BTreeMap::new(),
            newest: 0,
            out_of_memory: 0,
            samples: 0,
            decisions: 0,
            under_way: 0,
            replayed: 0,
        }
    }

    /// What was found wrong, and how often.
    pub fn faults(self) -> BTreeMap<String, u32> {
        self.faults
    }

    /// What was looked at so far.
    pub fn summary(&self) -> String {
        format!(
            "{} samples and {} decisions were acknowledged, {} decisions were under way, {} replayed; {} faults",
            self.samples,
            self.decisions,
            self.under_way,
            self.replayed,
            self.faults.values().sum::<u32>()
        )
    }

    fn fault(&mut self, kill: u32, what: &str, detail: &str) {
        eprintln!("FAULT after kill {kill}: {what}: {detail}");
        *self.faults.entry(what.to_owned()).or_default() += 1;
    }

    /// Looks at groups, database and journal.
    ///
    /// # Errors
    /// When a check itself cannot be made.
    pub fn after_kill(&mut self, kill: u32, told: &Told, programs: &[Program]) -> Result<()> {
        self.limits(kill, programs);
        for refusal in &told.refusals {
            self.fault(kill, "a request was refused", refusal);
        }
        match Store::open(&self.state, Limits::default()) {
            Ok(store) => {
                self.acknowledged(kill, told, &store)?;
                self.ledger(kill, programs, &store)?;
            }
            Err(error) => self.fault(kill, "the database does not open", &error.to_string()),
        }
        self.replay(kill)
    }

    /// After an end that was asked for nothing is under way, and the whole database is sound.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn at_the_end(&mut self) -> Result<()> {
        let store = Store::open(&self.state, Limits::default()).context("the database does not open at the end")?;
        if let Err(error) = store.verify() {
            self.fault(0, "the database is damaged", &error.to_string());
        }
        for entry in store.unfinished()? {
            self.fault(0, "a decision is under way at the end", &format!("{:?}", entry.decision.ticket));
        }
        Ok(())
    }

    fn limits(&mut self, kill: u32, programs: &[Program]) {
        for Program { group, .. } in programs {
            let (id, in_use) = (group.id(), group.memory_in_use());
            if let Some(limit) = group.memory_limit().filter(|limit| *limit < in_use) {
                self.fault(kill, "a memory limit lies below use", &format!("{id}: {limit} < {in_use}"));
            }
            if let Some(cores) = group.quota_cores().filter(|cores| *cores < LEAST_CORES) {
                self.fault(kill, "a quota lies below the least", &format!("{id}: {cores}"));
            }
        }
        let kills: u64 = programs.iter().map(|program| program.group.out_of_memory_kills()).sum();
        if kills > self.out_of_memory {
            self.fault(kill, "a program was killed for lack of memory", &format!("{} times", kills - self.out_of_memory));
        }
        self.out_of_memory = kills;
    }

    /// What was acknowledged is there.
    fn acknowledged(&mut self, kill: u32, told: &Told, store: &Store) -> Result<()> {
        if let (Some(first), Some(last)) = (told.samples.first(), told.samples.last()) {
            let target = TargetId::new(format!("prometheus:bench_written{{life=\"{}\"}}", told.life));
            let (from, to) = (WallTime::from_unix_millis(first.0), WallTime::from_unix_millis(last.0 + 1));
            let kept = match store.find(&SeriesKey::new(target, Metric::Application)) {
                Some(series) => store.range(series, from, to, None, Aggregate::Mean)?,
                None => Vec::new(),
            };
            let kept: BTreeMap<i64, f64> = kept.iter().map(|point| (point.at.unix_millis(), point.value)).collect();
            let lost = told.samples.iter().filter(|(at, value)| kept.get(at) != Some(value)).count();
            if lost > 0 {
                self.fault(kill, "acknowledged samples are lost", &format!("{lost} of {}", told.samples.len()));
            }
        }
        self.samples += told.samples.len();
        for (ticket, shown) in &told.decisions {
            let Some(entry) = store.decision(Ticket(*ticket))? else {
                self.fault(kill, "an acknowledged decision is lost", &format!("T{ticket}"));
                continue;
            };
            let applied = shown["outcome"]["state"] == "applied";
            let kept = entry.outcomes.iter().any(|known| known.outcome == model::Outcome::Applied);
            if shown["target"] != entry.target.as_str() || (applied && !kept) {
                self.fault(kill, "an acknowledged decision is kept otherwise", &format!("{shown}"));
            }
        }
        self.decisions += told.decisions.len();
        Ok(())
    }

    /// Nothing older than this run is under way, and knobs hold what the ledger says.
    fn ledger(&mut self, kill: u32, programs: &[Program], store: &Store) -> Result<()> {
        let unfinished = store.unfinished()?;
        self.under_way += unfinished.len();
        let newest = self.newest;
        for entry in unfinished.iter().filter(|entry| entry.decision.ticket.0 <= newest) {
            self.fault(kill, "a decision of an earlier run is still under way", &format!("{:?}", entry.decision.ticket));
        }
        let under_way = |target: &TargetId, resource| {
            unfinished.iter().any(|entry| entry.target == *target && entry.decision.action.resource() == resource)
        };
        for knob in store.applied_knobs()? {
            let Some(program) = programs.iter().find(|program| program.group.id() == knob.target.as_str()) else { continue };
            let holds = match knob.value {
                Setting::Cpu(_) => program.group.quota_cores().map(|cores| (cores * 1_000.0).round() as u64),
                Setting::Memory(_) => program.group.memory_limit(),
                _ => continue,
            };
            // The kernel keeps whole pages.
            let same = match (knob.value.amount(), holds) {
                (Some(said), Some(held)) => {
                    said.abs_diff(held) < if matches!(knob.value, Setting::Cpu(_)) { 1 } else { 4_096 }
                }
                (said, held) => said == held,
            };
            if !same && !under_way(&knob.target, knob.resource) {
                let detail =
                    format!("{} {}: {} in the ledger, {holds:?} in the file", knob.target, knob.resource.name(), knob.value);
                self.fault(kill, "a knob holds something else than the ledger says", &detail);
            }
        }
        self.newest = store.next_ticket()?.0.saturating_sub(1);
        Ok(())
    }

    /// Replays the journal of the run that was killed.
    fn replay(&mut self, kill: u32) -> Result<()> {
        let program = std::env::current_exe().context("which program is this?")?;
        let output = Command::new(program).args(["replay", "--json"]).arg(&self.state).output().context("cannot replay")?;
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        match report["compared"].as_u64() {
            Some(compared) if output.status.success() => self.replayed += compared,
            _ => {
                let detail = format!("{report}{}", String::from_utf8_lossy(&output.stderr));
                self.fault(kill, "a replay differs", detail.get(..2_000).unwrap_or(&detail));
            }
        }
        Ok(())
    }
}
