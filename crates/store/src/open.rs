//! Opening a store: the lock, the layout version, what is in memory, and setting a damaged file aside.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use model::Ticket;

use crate::load::load;
use crate::store::beside;
use crate::{Limits, Store, StoreError};

const FILE: &str = "forerun.db";
/// How every SQLite database begins.
const HEAD: &[u8] = b"SQLite format 3\0";
const LOCK: &str = "forerun.lock";

/// What [`Store::open_or_recover`] did about a damaged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Where the damaged file lies now.
    pub set_aside: PathBuf,
    /// What was wrong with it.
    pub what: String,
    /// Decisions that could be read from it and are in the new file.
    pub decisions_saved: usize,
    /// Packs of samples that could be read from it and are in the new file.
    pub packs_saved: usize,
    /// The next ticket, above every one that could be read. Raise it further with [`Store::raise_next_ticket`] when the
    /// journal knows of later ones.
    pub next_ticket: Ticket,
}

impl Store {
    /// Opens the store in `dir`, made if missing. Nothing is moved or repaired when the file is bad.
    ///
    /// # Errors
    /// When another process has it open, the file is damaged, foreign or of another version, or cannot be written.
    pub fn open(dir: &Path, limits: Limits) -> Result<Store, StoreError> {
        let lock = lock(dir)?;
        open_locked(dir, limits, lock).map_err(|(error, _)| error)
    }

    /// As [`Store::open`]; a damaged file is set aside as `forerun.db.damaged-N`, a new one begun, and what could be
    /// read of decisions, settings and samples taken over.
    ///
    /// # Errors
    /// As [`Store::open`], but for damage; and when the file cannot be renamed.
    pub fn open_or_recover(dir: &Path, limits: Limits) -> Result<(Store, Option<Recovery>), StoreError> {
        let lock = lock(dir)?;
        match open_locked(dir, limits, lock) {
            Ok(store) => Ok((store, None)),
            Err((StoreError::Damaged { what, .. }, lock)) => {
                let set_aside = set_aside(&dir.join(FILE))?;
                let store = open_locked(dir, limits, lock).map_err(|(error, _)| error)?;
                let saved = crate::salvage::salvage(&set_aside, &store)?;
                // What was taken over is read back like any other file.
                let Store { database, _lock: lock, .. } = store;
                drop(database);
                let store = open_locked(dir, limits, lock).map_err(|(error, _)| error)?;
                let next_ticket = store.next_ticket()?;
                let recovery =
                    Recovery { set_aside, what, decisions_saved: saved.decisions, packs_saved: saved.packs, next_ticket };
                Ok((store, Some(recovery)))
            }
            Err((error, _)) => Err(error),
        }
    }
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(dir).map_err(|error| StoreError::io("create", dir, error))?;
    let path = dir.join(LOCK);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| StoreError::io("open", &path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.into() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path, error)),
    }
}

fn open_locked(dir: &Path, limits: Limits, lock: File) -> Result<Store, (StoreError, File)> {
    let path = dir.join(FILE);
    // SQLite takes an empty file for a new database. The lock remembers that there was one.
    let emptied = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == 0)
        && lock.metadata().is_ok_and(|metadata| metadata.len() > 0);
    if emptied && fs::metadata(beside(&path, "-wal")).map_or(0, |metadata| metadata.len()) == 0 {
        return Err((StoreError::Damaged { path, what: "it is empty".into() }, lock));
    }
    if let Err(error) = check_head(&path) {
        return Err((error, lock));
    }
    let loaded = load(&path).and_then(|loaded| {
        let mut mark = &lock;
        let marked = mark.rewind().and_then(|()| mark.write_all(b"1"));
        marked.map_err(|error| StoreError::io("mark", &dir.join(LOCK), error)).map(|()| loaded)
    });
    match loaded {
        Ok((database, live, next_tail_row)) => Ok(Store::assemble(database, live, limits, next_tail_row, lock)),
        Err(error) => Err((error, lock)),
    }
}

/// SQLite also takes a file of a few bytes for a new database.
fn check_head(path: &Path) -> Result<(), StoreError> {
    let head = match File::open(path) {
        Ok(file) => {
            let mut head = Vec::new();
            file.take(100).read_to_end(&mut head).map_err(|error| StoreError::io("read", path, error))?;
            head
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("open", path, error)),
    };
    let damaged = |what| Err(StoreError::Damaged { path: path.into(), what });
    if head.is_empty() {
        return Ok(());
    }
    let Some(wanted) = len_by_header(&head) else { return damaged("it does not begin like a database".into()) };
    let len = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    // With a log beside it, the rest may still be in there.
    if len(path) < wanted && len(&beside(path, "-wal")) == 0 {
        return damaged(format!("it has {} bytes, its header says {wanted}", len(path)));
    }
    Ok(())
}

/// How long a database with this header is; `None` when it is none.
pub(crate) fn len_by_header(head: &[u8]) -> Option<u64> {
    let head: &[u8; 100] = head.first_chunk()?;
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u32::from_be_bytes([head[28], head[29], head[30], head[31]]);
    head.starts_with(HEAD).then_some(page * u64::from(pages))
}

/// Renames the database and its log to the first free `damaged-N`.
fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let free = (1u32..).map(|n| beside(path, &format!(".damaged-{n}"))).find(|aside| !aside.exists());
    let aside = free.expect("a folder does not hold four thousand million damaged files");
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (beside(path, suffix), beside(&aside, suffix));
        match fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("set aside", &from, error)),
        }
    }
    Ok(aside)
}
