//! One life of the daemon: an operator who changes bounds, a Prometheus that writes, and the kill.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use benches::{Daemon, Socket};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::Program;
use crate::remote_write::write_request;

/// Between two things that are asked of the daemon, at most.
const PAUSE: f64 = 0.06;

/// Every other kill is aimed: it comes so soon after an undo is asked for, at most, that it may fall between writing a decision
/// down and writing down what became of it.
const AIM: f64 = 0.002;

/// What was acknowledged before the kill.
#[derive(Debug, Default)]
pub struct Told {
    /// The number of this life.
    pub life: u32,
    /// Samples that were written and acknowledged: milliseconds and value, of the series of this life.
    pub samples: Vec<(i64, f64)>,
    /// Decisions that were shown, by ticket, as they were shown last.
    pub decisions: BTreeMap<u64, Value>,
    /// Refusals that nobody expected.
    pub refusals: Vec<String>,
}

/// Starts a daemon, keeps it busy, and kills it after `length`; what it had acknowledged by then.
///
/// # Errors
/// When it does not start.
pub fn live(
    folder: &Path,
    settings: &str,
    programs: &[Program],
    life: u32,
    length: Duration,
    chance: &mut Chance,
) -> Result<Told> {
    let mut daemon = Daemon::start(folder, settings).context("the daemon does not start")?;
    let process = daemon.process().context("the daemon has no process")?;
    let (socket, aim) = (daemon.socket(), chance.between(0.0, AIM));
    let aimed = life.is_multiple_of(2);
    let killer = std::thread::spawn(move || {
        std::thread::sleep(length);
        if aimed {
            // Whether there was something to undo or not: the kill comes.
            let _ = begin_an_undo(&socket);
            std::thread::sleep(Duration::from_secs_f64(aim));
        }
        kill_process(process, Signal::KILL)
    });
    let mut told = Told { life, ..Told::default() };
    // A connection that breaks is the kill; whatever was under way then was not acknowledged.
    while let Ok(()) = ask_something(&daemon, programs, chance, &mut told) {
        std::thread::sleep(Duration::from_secs_f64(chance.between(0.0, PAUSE)));
    }
    let killed = killer.join().map_err(|_| anyhow::anyhow!("the killer panicked"))?;
    killed.context("cannot kill the daemon")?;
    let status = daemon.wait().context("the daemon does not end")?;
    anyhow::ensure!(!status.success() && status.code().is_none(), "the daemon ended by itself, with {status}");
    Ok(told)
}

/// Asks for an undo and does not wait.
fn begin_an_undo(socket: &Socket) -> std::io::Result<()> {
    let page = socket.json("GET", "/v1/decisions?limit=50", &Value::Null)?;
    let undoable = page["decisions"].as_array().into_iter().flatten().find(|decision| decision["undoable"] == true);
    match undoable.and_then(|decision| decision["ticket"].as_u64()) {
        Some(ticket) => socket.send("POST", &format!("/v1/decisions/{ticket}/undo"), &[], b"").map(drop),
        None => Ok(()),
    }
}

fn ask_something(daemon: &Daemon, programs: &[Program], chance: &mut Chance, told: &mut Told) -> std::io::Result<()> {
    let asked = match chance.below(4) {
        0 => change_bounds(daemon, &programs[chance.below(programs.len() as u64) as usize], chance),
        1 | 2 => write_sample(daemon, told),
        _ => look(daemon, told),
    };
    match asked {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
            told.refusals.push(error.to_string());
            Ok(())
        }
        other => other,
    }
}

/// Other bounds make other limits: sooner or later one is raised, one lowered.
fn change_bounds(daemon: &Daemon, program: &Program, chance: &mut Chance) -> std::io::Result<()> {
    let id = program.group.id().replace(':', "%3A").replace('/', "%2F");
    let bounds = json!({
        "cpu_cores_min": (chance.between(0.05, 1.5) * 1_000.0).round() / 1_000.0,
        "cpu_cores_max": 2.0,
        "memory_bytes_min": (chance.between(32.0, 400.0) as u64) << 20,
    });
    match daemon.json("PATCH", &format!("/v1/targets/{id}"), &json!({ "bounds": bounds })) {
        // A daemon that has just started may not have found it yet.
        Err(error) if error.to_string().contains("404") => Ok(()),
        other => other.map(drop),
    }
}

fn write_sample(daemon: &Daemon, told: &mut Told) -> std::io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let at = told.samples.last().map_or(now, |(last, _)| now.max(last + 1));
    let value = told.samples.len() as f64 + 0.25;
    let body = write_request(&[("__name__", "bench_written"), ("life", &told.life.to_string())], at, value);
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    let (status, answer) = daemon.socket().ask("POST", "/api/v1/write", &headers, &body)?;
    match status {
        200..300 => told.samples.push((at, value)),
        _ => told.refusals.push(format!("write: {status}: {}", String::from_utf8_lossy(&answer))),
    }
    Ok(())
}

fn look(daemon: &Daemon, told: &mut Told) -> std::io::Result<()> {
    let page = daemon.json("GET", "/v1/decisions?limit=50", &Value::Null)?;
    for decision in page["decisions"].as_array().into_iter().flatten() {
        if let Some(ticket) = decision["ticket"].as_u64() {
            told.decisions.insert(ticket, decision.clone());
        }
    }
    Ok(())
}

/// Random numbers with a seed (SplitMix64; Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Chance(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Evenly distributed from `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (self.next() >> 11) as f64 / (1_u64 << 53) as f64 * (high - low)
    }

    /// A whole number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}
