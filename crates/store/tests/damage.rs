//! Damaged, foreign and newer files: each gets an error that names it, and nothing is ever read wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use model::{Outcome, Resource, Ticket};
use store::{LedgerEntry, Limits, Store, StoreError};
use support::{Noise, all, at, cpu, decision, open, sample, target};

/// Everything that a small store holds.
type Content = (Vec<Vec<(i64, u64)>>, Vec<LedgerEntry>, Vec<(String, Vec<u8>)>);

fn fill(dir: &Path) -> Content {
    let mut store = open(dir);
    let ids = store.series_ids(&(0..30).map(cpu).collect::<Vec<_>>()).unwrap();
    let mut noise = Noise(1);
    for second in 0..300 {
        store
            .append(&ids.iter().map(|id| sample(*id, second, noise.below(5_000) as f64 / 10.0)).collect::<Vec<_>>())
            .unwrap();
        if second == 200 {
            store.seal().unwrap();
        }
    }
    for ticket in 1..=20 {
        store.record_decision(&target(1), &decision(ticket, Resource::CpuQuota, ticket, ticket + 1)).unwrap();
        store.record_outcome(Ticket(ticket), at(1), &Outcome::Applied).unwrap();
    }
    store.set("mode", b"act").unwrap();
    store.checkpoint().unwrap();
    content(&mut store).unwrap()
}

fn content(store: &mut Store) -> Result<Content, StoreError> {
    store.verify()?;
    let ids = store.series_ids(&(0..30).map(cpu).collect::<Vec<_>>())?;
    Ok((ids.iter().map(|id| all(store, *id)).collect(), store.latest_decisions(100)?, store.settings("")?))
}

fn file(dir: &Path) -> PathBuf {
    dir.join("forerun.db")
}

/// A store whose file is `bytes`.
fn with_bytes(bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(file(dir.path()), bytes).unwrap();
    // The lock remembers that a store was here.
    fs::write(dir.path().join("forerun.lock"), "1").unwrap();
    dir
}

#[test]
fn a_flipped_bit_is_an_error_or_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = fill(dir.path());
    let good = fs::read(file(dir.path())).unwrap();
    let mut noise = Noise(2);
    let mut found = 0;
    for _ in 0..250 {
        let bit = noise.below(good.len() as u64 * 8) as usize;
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let dir = with_bytes(&bad);
        match Store::open(dir.path(), Limits::default()).and_then(|mut store| content(&mut store)) {
            Ok(content) => assert!(content == wanted, "bit {} of byte {} changed what is read", bit % 8, bit / 8),
            Err(error) => {
                found += 1;
                let text = error.to_string();
                assert!(text.contains("forerun.db"), "byte {}: {text}", bit / 8);
            }
        }
    }
    assert!(found > 60, "only {found} of 250 flips were in what is in use");
}

#[test]
fn a_truncated_file_is_damage_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let good = fs::read(file(dir.path())).unwrap();
    for len in [0, 1, 15, 99, 1_000, 4_096, 8_191, good.len() / 2, good.len() - 4_096, good.len() - 1] {
        let dir = with_bytes(&good[..len]);
        let error = Store::open(dir.path(), Limits::default()).err().unwrap_or_else(|| panic!("{len} bytes were opened"));
        assert!(error.is_damage(), "{len} bytes: {error}");
        let text = error.to_string();
        assert!(text.contains("forerun.db is damaged") && text.contains("recovery"), "{text}");
        assert_eq!(fs::read(file(dir.path())).unwrap(), &good[..len], "{len} bytes: the file was changed");
    }
}

#[test]
fn recovery_sets_the_file_aside_and_keeps_what_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = fill(dir.path());
    let good = fs::read(file(dir.path())).unwrap();
    let (store, nothing) = Store::open_or_recover(dir.path(), Limits::default()).unwrap();
    assert_eq!(nothing, None);
    drop(store);
    let other = rusqlite::Connection::open(file(dir.path())).unwrap();
    assert_eq!(other.execute("UPDATE tail SET body = zeroblob(9) WHERE id = 250", []).unwrap(), 1);
    drop(other);
    let (mut store, recovery) = Store::open_or_recover(dir.path(), Limits::default()).unwrap();
    let recovery = recovery.unwrap();
    assert_eq!(recovery.set_aside, dir.path().join("forerun.db.damaged-1"));
    assert!(recovery.set_aside.exists() && recovery.what.contains("row 250 of the tail"), "{}", recovery.what);
    assert_eq!((recovery.decisions_saved, recovery.packs_saved, recovery.next_ticket), (20, 1, Ticket(21)));
    let (series, decisions, settings) = content(&mut store).unwrap();
    assert!(decisions == wanted.1 && settings == wanted.2);
    for (found, wanted) in series.iter().zip(&wanted.0) {
        let wanted: Vec<(i64, u64)> = wanted.iter().filter(|point| point.0 != 249).copied().collect();
        assert!(*found == wanted, "all but the bad row is there");
    }
    drop(store);

    // Cut off: what is left of it depends on where SQLite put its pages, but nothing may be wrong.
    fs::write(file(dir.path()), &good[..good.len() - 2 * 4_096]).unwrap();
    let (mut store, recovery) = Store::open_or_recover(dir.path(), Limits::default()).unwrap();
    let recovery = recovery.unwrap();
    assert_eq!(recovery.set_aside, dir.path().join("forerun.db.damaged-2"));
    assert_eq!(
        fs::metadata(&recovery.set_aside).unwrap().len() as usize,
        good.len() - 2 * 4_096,
        "the evidence is as it was"
    );
    let (series, decisions, _) = content(&mut store).unwrap();
    assert!(decisions.len() == recovery.decisions_saved && decisions.len() > 10, "{} decisions", decisions.len());
    assert!(decisions.iter().all(|entry| wanted.1.iter().any(|wanted| wanted.decision == entry.decision)));
    for (found, wanted) in series.iter().zip(&wanted.0) {
        assert!(found.iter().all(|point| wanted.contains(point)));
    }
    drop(store);
    open(dir.path()).verify().unwrap();
    assert_eq!(
        fs::read_dir(dir.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().to_str().unwrap().contains(".copy"))
            .count(),
        0
    );
    fs::write(file(dir.path()), "not a database at all, but long enough to have a header of one hundred bytes. ".repeat(9))
        .unwrap();
    let (store, recovery) = Store::open_or_recover(dir.path(), Limits::default()).unwrap();
    assert_eq!(recovery.unwrap().decisions_saved, 0);
    assert_eq!(store.next_ticket().unwrap(), Ticket(1));
}

#[test]
fn other_programs_files_and_later_versions_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(file(dir.path())).unwrap();
    other.execute_batch("PRAGMA application_id = 7; CREATE TABLE t (x);").unwrap();
    drop(other);
    let error = Store::open(dir.path(), Limits::default()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { found: 7, .. }), "{error}");

    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    rusqlite::Connection::open(file(dir.path())).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    for result in [
        Store::open(dir.path(), Limits::default()).map(|_| ()),
        Store::open_or_recover(dir.path(), Limits::default()).map(|_| ()),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Version { found: 99, known: 1, .. }), "{error}");
    }
    assert!(!dir.path().join("forerun.db.damaged-1").exists(), "a newer file is not damage");
}

#[test]
fn one_damaged_pack_does_not_stop_the_upkeep_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let ids = store.series_ids(&(0..300).map(cpu).collect::<Vec<_>>()).unwrap();
    for second in 0..8 {
        store.append(&ids.iter().map(|id| sample(*id, second, 1.0 + second as f64)).collect::<Vec<_>>()).unwrap();
        store.seal().unwrap();
    }
    let other = rusqlite::Connection::open(file(dir.path())).unwrap();
    other.execute("UPDATE pack SET body = zeroblob(length(body)) WHERE id = 3", []).unwrap();
    let done = store.maintain(at(10)).unwrap();
    assert_eq!(done.damaged.len(), 1, "{done:?}");
    assert!(done.damaged[0].contains("pack 3"), "{done:?}");
    assert!(done.merged_points > 0, "the other shard was merged");
    assert!(store.maintain(at(10)).unwrap().damaged.is_empty(), "it is named once");
    let read = |id| store.range(id, at(0), at(9), None, store::Aggregate::Max);
    assert!(matches!(read(ids[0]), Err(StoreError::Damaged { .. })), "never silently without it");
    assert_eq!(read(ids[299]).unwrap().len(), 8);
    assert!(store.verify().unwrap_err().is_damage());
}
