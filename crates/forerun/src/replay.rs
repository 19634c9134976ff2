//! `forerun replay`: runs a journal through a fresh engine and compares every decision with the recorded one.

use std::path::{Path, PathBuf};

use decide::Engine;
use model::{Decision, Ticket};
use serde::Serialize;
use store::{Epoch, JournalReader, Store};

use crate::cli::arguments::{Common, ReplayArguments};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::cli::output;
use crate::daemon::header;

/// Differences that are printed.
const SHOWN_MAX: usize = 10;

/// What a replay found.
#[derive(Debug, Serialize)]
struct Report {
    journal: PathBuf,
    epoch: u64,
    records: usize,
    /// Bytes at the end of the journal that a crash left unreadable, and where.
    lost: Option<String>,
    decisions: usize,
    /// Decisions that the ledger holds too; `null` when there is no ledger to compare with.
    compared: Option<usize>,
    /// Why nothing was compared.
    not_compared_because: Option<String>,
    different: Vec<Difference>,
    /// Decisions of the ledger's span that the replay did not make.
    missing: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Difference {
    ticket: u64,
    recorded: String,
    replayed: String,
}

/// Replays and prints; fails when a decision differs.
///
/// # Errors
/// [`Status::NotFound`] without a journal there, [`Status::Failed`] when it is damaged before its end or decisions differ.
pub fn replay(common: &Common, arguments: &ReplayArguments) -> Outcome {
    let folder = folder(&arguments.journal)?;
    let epoch = epoch(&folder, arguments.epoch)?;
    let reader = JournalReader::open(&folder, epoch).map_err(|error| damaged(&error))?;
    let settings = header::decode(reader.settings())
        .map_err(|what| Failure::new(Status::Failed, what, "it was written by another version"))?;
    let first = settings.first_ticket;
    let recovered = reader.recover().map_err(|error| damaged(&error))?;
    let mut engine = Engine::new(settings);
    let mut decisions: Vec<Decision> = Vec::new();
    for record in &recovered.records {
        decisions.extend_from_slice(engine.step(record.at, &record.observation));
    }
    let mut report = Report {
        records: recovered.records.len(),
        lost: recovered
            .lost
            .map(|lost| format!("{} bytes of {} at {}: {}", lost.lost_bytes, lost.path.display(), lost.offset, lost.what)),
        decisions: decisions.len(),
        compared: None,
        not_compared_because: None,
        different: Vec::new(),
        missing: Vec::new(),
        journal: folder.clone(),
        epoch,
    };
    compare(&folder, first, &decisions, &mut report);
    output(common.json, &report, || text(&report))?;
    match report.different.len() + report.missing.len() {
        0 => Ok(()),
        count => Err(Failure::new(Status::Failed, format!("{count} decisions differ from the recorded ones"), "")),
    }
}

fn damaged(error: &store::JournalError) -> Failure {
    Failure::of(Status::Failed, error, "an earlier run can be chosen with --epoch")
}

/// The folder of segments: it may be given itself, as the state folder above it, or as one of its files.
fn folder(given: &Path) -> Outcome<PathBuf> {
    let candidates = [given.to_path_buf(), given.join("journal"), given.parent().map(Path::to_path_buf).unwrap_or_default()];
    let found = candidates.into_iter().find(|folder| Epoch::list(folder).is_ok_and(|epochs| !epochs.is_empty()));
    found.ok_or_else(|| {
        let what = format!("there is no journal at {}", given.display());
        Failure::new(Status::NotFound, what, "give the daemon's state folder, such as /var/lib/forerun")
    })
}

fn epoch(folder: &Path, wanted: Option<u64>) -> Outcome<u64> {
    let epochs = Epoch::list(folder).map_err(|error| damaged(&error))?;
    let newest = epochs.iter().rfind(|epoch| epoch.whole).map(|epoch| epoch.number);
    let found = wanted.map_or(newest, |wanted| epochs.iter().find(|epoch| epoch.number == wanted).map(|epoch| epoch.number));
    found.ok_or_else(|| {
        let known: Vec<String> = epochs.iter().map(|epoch| epoch.number.to_string()).collect();
        Failure::new(
            Status::NotFound,
            "there is no such run in the journal".to_owned(),
            format!("one of {}", known.join(", ")),
        )
    })
}

/// Compares with the ledger beside the journal. The last decisions may be missing there: the daemon was killed before it
/// wrote them down, and so did not carry them out.
fn compare(folder: &Path, first: u64, decisions: &[Decision], report: &mut Report) {
    let dir = folder.parent().unwrap_or(folder);
    if !dir.join("forerun.db").exists() {
        report.not_compared_because = Some(format!("there is no forerun.db in {}", dir.display()));
        return;
    }
    let store = match Store::open(dir, store::Limits::default()) {
        Ok(store) => store,
        Err(error) => {
            report.not_compared_because = Some(error.to_string());
            return;
        }
    };
    let mut compared = 0;
    for replayed in decisions {
        let Ok(Some(entry)) = store.decision(replayed.ticket) else { continue };
        compared += 1;
        if entry.decision != *replayed && report.different.len() < SHOWN_MAX {
            report.different.push(Difference {
                ticket: replayed.ticket.0,
                recorded: format!("{:?}", entry.decision),
                replayed: format!("{replayed:?}"),
            });
        }
    }
    let last = decisions.last().map_or(first, |decision| decision.ticket.0);
    let known: std::collections::BTreeSet<Ticket> = decisions.iter().map(|decision| decision.ticket).collect();
    report.missing = (first..last).filter(|ticket| !known.contains(&Ticket(*ticket))).take(SHOWN_MAX).collect();
    report.compared = Some(compared);
}

fn text(report: &Report) -> String {
    let mut text = format!(
        "run {} of {}: {} observations replayed, {} decisions made\n",
        report.epoch,
        report.journal.display(),
        report.records,
        report.decisions
    );
    if let Some(lost) = &report.lost {
        text += &format!("the end of the journal is damaged: {lost}; all before it was replayed\n");
    }
    match (report.compared, &report.not_compared_because) {
        (Some(compared), _) => {
            let same = compared - report.different.len();
            text += &format!("{same} of {compared} recorded decisions are the same, bit for bit\n");
        }
        (None, Some(reason)) => text += &format!("not compared with the recorded decisions: {reason}\n"),
        (None, None) => {}
    }
    for difference in &report.different {
        text += &format!(
            "T{} differs\n  recorded {}\n  replayed {}\n",
            difference.ticket, difference.recorded, difference.replayed
        );
    }
    text
}
