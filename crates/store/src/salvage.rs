//! Reading what can be read from a damaged database: rows whose checksum fits are taken over, the others left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Decision, TargetId, Ticket};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Row, params};

use crate::checked::{unseal, unseal_named, unseal_wire};
use crate::load::{PACK_ROWS, SERIES_ROWS, pack_row, series_row};
use crate::series::tail::{Batch, decode_layout};
use crate::store::beside;
use crate::{Store, StoreError};

/// What was taken over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Salvaged {
    pub decisions: usize,
    pub packs: usize,
}

/// Copies the good rows of `damaged` into the new, empty `store`.
///
/// # Errors
/// When the new file cannot be written. A damaged file that cannot even be opened gives nothing.
pub(crate) fn salvage(damaged: &Path, store: &Store) -> Result<Salvaged, StoreError> {
    let whole = whole_copy(damaged);
    let Some(source) = open(whole.as_deref().unwrap_or(damaged)) else { return Ok(Salvaged::default()) };
    let saved = take_over(&source, store);
    drop(source);
    if let Some(copy) = whole {
        ["", "-wal", "-shm"].iter().for_each(|suffix| drop(fs::remove_file(beside(&copy, suffix))));
    }
    saved
}

fn open(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(path, flags).ok()?;
    // Reading must not change the evidence.
    source.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok()?;
    source.execute_batch("PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0;").ok()?;
    Some(source)
}

/// SQLite reads nothing of a file that is shorter than its header says. For such a file: a copy filled up with zeros.
fn whole_copy(damaged: &Path) -> Option<PathBuf> {
    let mut head = [0; 100];
    File::open(damaged).and_then(|mut file| file.read_exact(&mut head)).ok()?;
    let wanted = crate::open::len_by_header(&head)?;
    let len = fs::metadata(damaged).ok()?.len();
    // A length far beyond this is damage itself.
    if len >= wanted || wanted > len.saturating_mul(4) {
        return None;
    }
    let copy = beside(damaged, ".copy");
    fs::copy(damaged, &copy).ok()?;
    // Without a log there is none to copy.
    let _ = fs::copy(beside(damaged, "-wal"), beside(&copy, "-wal"));
    File::options().write(true).open(&copy).and_then(|file| file.set_len(wanted)).ok()?;
    Some(copy)
}

fn take_over(source: &Connection, store: &Store) -> Result<Salvaged, StoreError> {
    store.database.transaction("take over what is left", || {
        let decisions = ledger(source, store)?;
        settings(source, store)?;
        let packs = series(source, store)?;
        Ok(Salvaged { decisions, packs })
    })
}

/// Rows from the front until the damage, then from the back until the damage.
fn rows<T>(
    source: &Connection,
    sql: &str,
    order: &str,
    mut map: impl FnMut(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> Vec<T> {
    let mut found = Vec::new();
    for direction in ["ASC", "DESC"] {
        let sql = format!("{sql} ORDER BY {order} {direction}");
        let Ok(mut statement) = source.prepare(&sql) else { continue };
        let Ok(mut cursor) = statement.query([]) else { continue };
        loop {
            match cursor.next() {
                Ok(Some(row)) => found.extend(map(row).ok().flatten()),
                Ok(None) => return found,
                Err(_) => break,
            }
        }
    }
    found
}

fn ledger(source: &Connection, store: &Store) -> Result<usize, StoreError> {
    let entries = rows(source, "SELECT body FROM decision", "ticket", |row| {
        Ok(unseal_wire::<crate::ledger::WireEntry>(row.get_ref(0)?.as_blob()?).ok())
    });
    let mut saved = 0;
    for entry in entries {
        let (target, Ok(decision)) = entry.parts() else { continue };
        match store.insert_decision(&TargetId::new(target), &decision) {
            Ok(()) => saved += 1,
            Err(StoreError::TicketTaken(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let outcomes = rows(source, "SELECT id, body FROM outcome", "id", |row| {
        let wire = unseal_wire::<crate::ledger::WireOutcomeEntry>(row.get_ref(1)?.as_blob()?).ok();
        Ok(wire.map(|wire| (row.get::<_, i64>(0).unwrap_or(0), wire)))
    });
    let mut seen = BTreeMap::new();
    outcomes.into_iter().for_each(|(id, wire)| {
        seen.insert(id, wire);
    });
    for wire in seen.into_values() {
        let (ticket, wall, outcome) = wire.parts();
        match store.insert_outcome(ticket, wall, &outcome) {
            Ok(()) | Err(StoreError::UnknownTicket(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let last =
        rows(source, "SELECT seq FROM sqlite_sequence WHERE name = 'decision'", "seq", |row| row.get::<_, i64>(0).map(Some));
    if let Some(last) = last.into_iter().max().filter(|last| (1..1 << 62).contains(last)) {
        raise(store, Ticket(last as u64 + 1))?;
    }
    Ok(saved)
}

fn raise(store: &Store, next: Ticket) -> Result<(), StoreError> {
    let doing = "raise the next ticket";
    let last = next.0 as i64 - 1;
    let raised =
        store.database.execute(doing, "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'decision'", [last])?;
    if raised == 0 {
        store.database.execute(doing, "INSERT INTO sqlite_sequence (name, seq) VALUES ('decision', ?1)", [last])?;
    }
    Ok(())
}

fn settings(source: &Connection, store: &Store) -> Result<(), StoreError> {
    let settings = rows(source, "SELECT key, value FROM meta", "key", |row| {
        let (key, value): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        Ok(unseal_named(key.as_bytes(), &value).is_ok().then(|| (key.clone(), value.clone())))
    });
    for (key, value) in settings {
        let values = params![key, value];
        store.database.execute("take over a setting", "INSERT OR IGNORE INTO meta (key, value) VALUES (?1, ?2)", values)?;
    }
    let models = rows(source, "SELECT digest, saved, weights FROM model", "rowid", |row| {
        let (digest, saved, weights): (Vec<u8>, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(unseal_named(&digest, &weights).is_ok().then(|| (digest.clone(), saved, weights.clone())))
    });
    for (digest, saved, weights) in models {
        let values = params![digest, saved, weights];
        let sql = "INSERT OR IGNORE INTO model (digest, saved, weights) VALUES (?1, ?2, ?3)";
        store.database.execute("take over a model", sql, values)?;
    }
    Ok(())
}

/// Series, shards, packs and the tail.
fn series(source: &Connection, store: &Store) -> Result<usize, StoreError> {
    let mut numbers = BTreeSet::new();
    for (number, key) in rows(source, SERIES_ROWS, "target", series_row) {
        if numbers.insert(number) {
            let sum = crate::load::series_sum(number, &key);
            store.database.execute(
                "take over a series",
                "INSERT OR IGNORE INTO series (target, metric, name, number, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![key.target.as_str(), key.metric.index() as i64, &*key.name, number, sum],
            )?;
        }
    }
    let shards = rows(source, "SELECT id, newest FROM shard", "id", |row| {
        let blob = row.get_ref(1)?.as_blob()?;
        Ok(unseal(blob).is_ok().then(|| (row.get::<_, i64>(0), blob.to_vec())))
    });
    for (id, newest) in shards {
        let Ok(id) = id else { continue };
        store.database.execute(
            "take over a shard",
            "INSERT OR IGNORE INTO shard (id, newest) VALUES (?1, ?2)",
            params![id, newest],
        )?;
    }
    let mut saved = 0;
    for pack in rows(source, PACK_ROWS, "id", pack_row) {
        let body = source.query_row("SELECT body FROM pack WHERE id = ?1", [pack.id], |row| {
            let blob = row.get_ref(0)?.as_blob()?;
            Ok(unseal(blob).is_ok().then(|| blob.to_vec()))
        });
        let Ok(Some(body)) = body else { continue };
        saved += store.database.execute(
            "take over a pack",
            "INSERT OR IGNORE INTO pack (id, level, generation, run, series_first, series_last, time_first, time_last, points, blocks, bytes, sum, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                pack.id,
                pack.level as i64,
                pack.generation,
                pack.run,
                pack.series_first,
                pack.series_last,
                pack.time_first,
                pack.time_last,
                pack.points as i64,
                pack.blocks,
                pack.bytes as i64,
                pack.check(),
                body
            ],
        )?;
    }
    tail(source, store, &numbers)?;
    Ok(saved)
}

/// Batches whose layout is there and whose series have names.
fn tail(source: &Connection, store: &Store, numbers: &BTreeSet<u32>) -> Result<(), StoreError> {
    let layouts: BTreeMap<i64, (Arc<[u32]>, Vec<u8>)> = rows(source, "SELECT id, body FROM layout", "id", |row| {
        let (id, body): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let series = decode_layout(&body).ok().filter(|series| series.iter().all(|number| numbers.contains(number)));
        Ok(series.map(|series| (id, (series, body))))
    })
    .into_iter()
    .collect();
    for (id, (_, body)) in &layouts {
        store.database.execute(
            "take over a layout",
            "INSERT OR IGNORE INTO layout (id, body) VALUES (?1, ?2)",
            params![id, body],
        )?;
    }
    let batches = rows(source, "SELECT id, body FROM tail", "id", |row| {
        let (id, body): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let known = |layout: i64| layouts.get(&layout).map(|(series, _)| Arc::clone(series));
        Ok(Batch::decode(&body, known).is_ok().then_some((id, body)))
    });
    for (id, body) in batches {
        store.database.execute(
            "take over a batch",
            "INSERT OR IGNORE INTO tail (id, body) VALUES (?1, ?2)",
            params![id, body],
        )?;
    }
    Ok(())
}

impl crate::ledger::WireEntry {
    fn parts(self) -> (String, Result<Decision, crate::checked::BlobFault>) {
        (self.target, self.decision.try_into())
    }
}
