//! Opening a store: the lock, the layout version, what is in memory, and setting a damaged file aside.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{TargetId, Ticket};

use crate::checked::{BlobFault, unseal_wire};
use crate::database::Database;
use crate::schema;
use crate::series::catalogue::{Catalogue, metric_of_number};
use crate::series::range::Live;
use crate::series::shelves::{PackMeta, Shelves};
use crate::series::tail::{Batch, Tail, decode_layout};
use crate::series::{Level, SHARD, SeriesKey};
use crate::store::beside;
use crate::{Limits, Store, StoreError};

const FILE: &str = "forerun.db";
/// How every SQLite database begins.
const HEAD: &[u8] = b"SQLite format 3\0";
const LOCK: &str = "forerun.lock";
/// Files up to this are checked from end to end when opened; larger ones by [`Store::verify`].
const CHECK_WHOLE_BELOW: u64 = 64 << 20;

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

fn load(path: &Path) -> Result<(Database, Live, i64), StoreError> {
    let database = Database::open(path)?;
    // Until it is known to be sound, closing must not write the log into the file.
    database.checkpoint_on_close(false)?;
    let loaded = load_all(&database)?;
    database.checkpoint_on_close(true)?;
    let (live, next_tail_row) = loaded;
    Ok((database, live, next_tail_row))
}

fn load_all(database: &Database) -> Result<(Live, i64), StoreError> {
    prepare(database)?;
    if fs::metadata(&database.path).is_ok_and(|metadata| metadata.len() < CHECK_WHOLE_BELOW) {
        quick_check(database)?;
    }
    let catalogue = load_catalogue(database)?;
    let mut newest = load_newest(database, catalogue.end() as usize)?;
    let (tail, next_tail_row) = load_tail(database)?;
    for batch in &tail.batches {
        for (series, time, _) in batch.of_series(0, u32::MAX) {
            let known = newest.get_mut(series as usize).filter(|_| catalogue.contains(series));
            let known = known.ok_or_else(|| {
                database.damaged("the tail", &BlobFault::content(format_args!("series {series} has no name")))
            })?;
            *known = time.max(*known);
        }
    }
    let shelves = load_shelves(database)?;
    Ok((Live { catalogue, newest, tail, shelves }, next_tail_row))
}

/// Makes the tables of a new file, or checks whose and of which version they are.
fn prepare(database: &Database) -> Result<(), StoreError> {
    let path = || database.path.clone();
    let tables = database.number("read the layout", "SELECT count(*) FROM sqlite_schema")?;
    let application = database.number("read the layout", "PRAGMA application_id")?;
    if tables == 0 && application == 0 {
        let stamp =
            format!("PRAGMA application_id = {}; PRAGMA user_version = {};", schema::APPLICATION_ID, schema::VERSION);
        return database.transaction("create tables", || {
            database.batch("create tables", &stamp)?;
            database.batch("create tables", schema::CREATE)
        });
    }
    if application != schema::APPLICATION_ID {
        return Err(StoreError::Foreign { path: path(), found: application });
    }
    let found = database.number("read the layout", "PRAGMA user_version")?;
    if found != schema::VERSION {
        return Err(StoreError::Version { path: path(), found, known: schema::VERSION });
    }
    Ok(())
}

/// SQLite's check of its structures.
pub(crate) fn quick_check(database: &Database) -> Result<(), StoreError> {
    let verdict: Option<String> = database.row("check", "PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict.as_deref() {
        Some("ok") => Ok(()),
        other => Err(StoreError::Damaged {
            path: database.path.clone(),
            what: other.unwrap_or("the check gave no answer").to_owned(),
        }),
    }
}

/// A checksum over a row of `series`.
pub(crate) fn series_sum(number: u32, key: &SeriesKey) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&[key.metric.index() as u8]);
    hasher.update(key.target.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(key.name.as_bytes());
    hasher.finalize()
}

/// A row of `series`: number, key, stored checksum; `None` when a figure makes no sense.
pub(crate) fn series_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<(u32, SeriesKey)>> {
    let (target, metric, name): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (number, sum): (i64, i64) = (row.get(3)?, row.get(4)?);
    let (Some(metric), Ok(number)) = (metric_of_number(metric), u32::try_from(number)) else { return Ok(None) };
    let key = SeriesKey { target: TargetId::new(target), metric, name: name.into() };
    Ok((i64::from(series_sum(number, &key)) == sum).then_some((number, key)))
}

pub(crate) const SERIES_ROWS: &str = "SELECT target, metric, name, number, sum FROM series";

fn load_catalogue(database: &Database) -> Result<Catalogue, StoreError> {
    let mut targets: BTreeMap<TargetId, TargetId> = BTreeMap::new();
    let rows = database.rows("read series", SERIES_ROWS, [], series_row)?;
    let rows = rows.into_iter().collect::<Option<Vec<_>>>();
    let mut rows =
        rows.ok_or_else(|| database.damaged("a row of series", &BlobFault::content("its checksum does not fit")))?;
    let mut seen = std::collections::BTreeSet::new();
    for (number, key) in &mut rows {
        if !seen.insert(*number) {
            return Err(database.damaged("series", &BlobFault::content(format_args!("number {number} occurs twice"))));
        }
        // Series of one target share its name in memory.
        key.target = targets.entry(key.target.clone()).or_insert_with(|| key.target.clone()).clone();
    }
    Ok(Catalogue::of_rows(rows))
}

fn load_newest(database: &Database, count: usize) -> Result<Vec<i64>, StoreError> {
    let mut newest = vec![i64::MIN; count];
    let rows = database.rows("read shards", "SELECT id, newest FROM shard", [], |row| {
        Ok((row.get::<_, i64>(0)?, unseal_wire::<Vec<i64>>(row.get_ref(1)?.as_blob()?)))
    })?;
    for (shard, times) in rows {
        let times = times.map_err(|fault| database.damaged(format_args!("shard {shard}"), &fault))?;
        let first = usize::try_from(shard).unwrap_or(usize::MAX).saturating_mul(SHARD as usize);
        newest.iter_mut().skip(first).zip(times).for_each(|(newest, time)| *newest = time);
    }
    Ok(newest)
}

fn load_tail(database: &Database) -> Result<(Tail, i64), StoreError> {
    let rows = database.rows("read layouts", "SELECT id, body FROM layout", [], |row| {
        Ok((row.get::<_, i64>(0)?, decode_layout(row.get_ref(1)?.as_blob()?)))
    })?;
    let mut layouts: BTreeMap<i64, Arc<[u32]>> = BTreeMap::new();
    for (id, layout) in rows {
        layouts.insert(id, layout.map_err(|fault| database.damaged(format_args!("layout {id}"), &fault))?);
    }
    let mut tail = Tail::default();
    for (id, layout) in &layouts {
        tail.add_layout(*id, Arc::clone(layout));
    }
    let rows = database.rows("read the tail", "SELECT id, body FROM tail ORDER BY id", [], |row| {
        Ok((row.get::<_, i64>(0)?, Batch::decode(row.get_ref(1)?.as_blob()?, |layout| layouts.get(&layout).cloned())))
    })?;
    let mut next = 1;
    for (id, batch) in rows {
        tail.push(batch.map_err(|fault| database.damaged(format_args!("row {id} of the tail"), &fault))?);
        next = id + 1;
    }
    Ok((tail, next))
}

pub(crate) const PACK_ROWS: &str = "SELECT id, level, generation, run, series_first, series_last, time_first, time_last, points, blocks, bytes, sum FROM pack";

/// The figures of a row of `pack`; `None` when they are not what was written.
pub(crate) fn pack_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<PackMeta>> {
    let Some(level) = Level::of_number(row.get(1)?) else { return Ok(None) };
    let (Ok(generation), Ok(series_first), Ok(series_last), Ok(blocks)) = (row.get(2), row.get(4), row.get(5), row.get(9))
    else {
        return Ok(None);
    };
    let meta = PackMeta {
        id: row.get(0)?,
        level,
        generation,
        run: row.get(3)?,
        series_first,
        series_last,
        time_first: row.get(6)?,
        time_last: row.get(7)?,
        points: row.get::<_, i64>(8)? as u64,
        blocks,
        bytes: row.get::<_, i64>(10)? as u64,
    };
    Ok((i64::from(meta.check()) == row.get::<_, i64>(11)?).then_some(meta))
}

fn load_shelves(database: &Database) -> Result<Shelves, StoreError> {
    let rows = database.rows("list packs", PACK_ROWS, [], pack_row)?;
    let rows = rows.into_iter().collect::<Option<Vec<_>>>();
    rows.map(Shelves::of_rows)
        .ok_or_else(|| database.damaged("a row of pack", &BlobFault::content("its checksum does not fit")))
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
