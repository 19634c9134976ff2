//! SIGKILL at any moment: nothing that was acknowledged is lost, and the store opens again.
//!
//! The test runs itself as a child that writes and says after each round what is acknowledged; the parent kills it after
//! a number of lines that differs each time, and looks at what is there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use model::{Observation, Outcome, Resource, Ticket};
use store::{Epoch, Journal, JournalLimits, JournalReader, Limits, SeriesId, Store};
use support::{Noise, all, at, cpu, decision, sample, target};

const FOLDER: &str = "FORERUN_STORE_KILL_FOLDER";
const SERIES: u32 = 40;
const KILLS: u64 = 8;

fn limits() -> Limits {
    Limits { tail_samples_max: 2_000, ..Limits::default() }
}

fn value(series: u32, second: i64) -> f64 {
    f64::from((f64::from(series) * 1.1 + second as f64 * 0.3) as f32)
}

fn handles(store: &mut Store) -> Vec<SeriesId> {
    store.series_ids(&(0..SERIES).map(cpu).collect::<Vec<_>>()).unwrap()
}

/// Does nothing unless the parent test started it.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut store = Store::open(folder, limits()).unwrap();
    let mut journal = Journal::begin_epoch(
        &folder.join("journal"),
        JournalLimits { segment_max: model::Bytes(4_000), ..Default::default() },
        b"settings",
    )
    .unwrap();
    let ids = handles(&mut store);
    let mut second = store.newest(ids[0]).map_or(0, |newest| newest.unix_secs() - support::START + 1);
    let mut out = std::io::stdout();
    loop {
        let tick: Vec<_> = ids.iter().map(|id| sample(*id, second, value(id.number(), second))).collect();
        assert_eq!(store.append(&tick).unwrap().stored, tick.len());
        let sequence = journal.append(model::Moment::START, &Observation::UndoAsked(Ticket(second as u64))).unwrap();
        let ticket = store.next_ticket().unwrap();
        store.record_decision(&target(1), &decision(ticket.0, Resource::CpuQuota, ticket.0, ticket.0 + 1)).unwrap();
        store.record_outcome(ticket, at(second), &Outcome::Applied).unwrap();
        writeln!(out, "acknowledged {second} {} {sequence}", ticket.0).unwrap();
        match second % 37 {
            0 => store.compact().unwrap(),
            5 | 15 | 25 => drop(store.maintain(at(second)).unwrap()),
            _ => {}
        }
        second += 1;
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut noise = Noise(20);
    // Decisions that a kill caught between their two records: nobody was told of them.
    let mut torn = std::collections::BTreeSet::new();
    for kill in 1..=KILLS {
        let acknowledged = run_and_kill(dir.path(), 1 + noise.below(120));
        let [second, ticket, sequence] = acknowledged[..] else { unreachable!("three figures") };

        let mut store = Store::open(dir.path(), limits()).unwrap();
        store.verify().unwrap();
        for id in handles(&mut store) {
            let found = all(&store, id);
            assert!(found.len() as i64 > second, "kill {kill}: {} samples of {id:?}, {second} acknowledged", found.len());
            let wanted = |i: usize| (i as i64, value(id.number(), i as i64).to_bits());
            assert!(found.iter().enumerate().all(|(i, point)| *point == wanted(i)), "kill {kill}: {id:?} has other samples");
        }
        let next = store.next_ticket().unwrap().0;
        let unfinished =
            |number: &u64| store.decision(Ticket(*number)).unwrap().is_some_and(|entry| entry.outcomes.is_empty());
        torn.extend((ticket as u64 + 1..next).filter(unfinished));
        for number in (1..=ticket as u64).filter(|number| !torn.contains(number)) {
            let entry = store.decision(Ticket(number)).unwrap().unwrap_or_else(|| panic!("kill {kill}: T{number} is lost"));
            assert_eq!(entry.outcomes.last().map(|entry| &entry.outcome), Some(&Outcome::Applied), "kill {kill}: T{number}");
        }
        let last = *Epoch::list(&dir.path().join("journal")).unwrap().last().unwrap();
        assert_eq!(last.number, kill);
        let recovered = JournalReader::open(&dir.path().join("journal"), kill).unwrap().recover().unwrap();
        assert!(
            recovered.records.len() as i64 >= sequence,
            "kill {kill}: {} records, {sequence} acknowledged",
            recovered.records.len()
        );
        assert_eq!(recovered.settings, b"settings");
    }
}

/// Starts the child, waits for `lines` acknowledgements, kills it, and gives the figures of the last whole line.
fn run_and_kill(folder: &Path, lines: u64) -> Vec<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_writes_until_it_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut last = Vec::new();
    let mut seen = 0;
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    loop {
        line.clear();
        if out.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            break;
        }
        let Some((_, figures)) = line.split_once("acknowledged ") else { continue };
        last = figures.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
        seen += 1;
        if seen == lines {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(status.code().is_none(), "the child was to be killed, but ended with {status}");
    last
}
