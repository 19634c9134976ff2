//! The store: one folder, one database file, one writer.

mod append;
mod reader;
mod upkeep;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::{Bytes, Span, WallTime};

use crate::database::Database;
use crate::series::merge;
use crate::series::range::Live;
use crate::{Aggregate, Limits, Point, SeriesId, SeriesKey, StoreError};

pub use reader::Reader;
pub use upkeep::Maintained;

/// Everything that forerun keeps in `forerun.db`. There is one per folder; [`Store::reader`] gives any number of readers.
pub struct Store {
    pub(crate) database: Database,
    pub(crate) live: Arc<RwLock<Live>>,
    pub(crate) limits: Limits,
    /// Packs that cannot be read: left alone, so that one of them does not stop the upkeep of all others.
    unreadable: Vec<i64>,
    next_tail_row: i64,
    /// Held while the store is open.
    pub(crate) _lock: File,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.database.path).finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn assemble(database: Database, live: Live, limits: Limits, next_tail_row: i64, lock: File) -> Store {
        Store { database, live: Arc::new(RwLock::new(live)), limits, unreadable: Vec::new(), next_tail_row, _lock: lock }
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.database.path
    }

    /// The limits that it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A reader for other threads.
    ///
    /// # Errors
    /// When no further connection can be opened.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let database = Arc::new(Mutex::new(Database::open_reader(&self.database.path)?));
        Ok(Reader { live: Arc::clone(&self.live), database })
    }

    /// Points of one series in `from..=to`, oldest first: samples, or the start of each step where they were coarsened.
    /// With `step` they are put together over steps that begin at whole multiples of it since 1970; NaN is left out then.
    ///
    /// # Errors
    /// When the handle is unknown, or a block that is needed is damaged.
    pub fn range(
        &self,
        series: SeriesId,
        from: WallTime,
        to: WallTime,
        step: Option<Span>,
        aggregate: Aggregate,
    ) -> Result<Vec<Point>, StoreError> {
        read(&self.live).range(&self.database, series, (from, to), step, aggregate)
    }

    /// The series of that name, if there is one.
    pub fn find(&self, key: &SeriesKey) -> Option<SeriesId> {
        read(&self.live).catalogue.find(key)
    }

    /// Every series with its name, by target, then metric, then name.
    pub fn series(&self) -> Vec<(SeriesId, SeriesKey)> {
        read(&self.live).catalogue.list()
    }

    /// The time of the newest sample of a series.
    pub fn newest(&self, series: SeriesId) -> Option<WallTime> {
        newest(&read(&self.live), series)
    }

    /// Bytes of the database and its write-ahead log.
    ///
    /// # Errors
    /// When a file cannot be looked at.
    pub fn bytes_on_disk(&self) -> Result<Bytes, StoreError> {
        let mut total = 0;
        for path in [self.database.path.clone(), beside(&self.database.path, "-wal")] {
            match std::fs::metadata(&path) {
                Ok(metadata) => total += metadata.len(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("measure", &path, error)),
            }
        }
        Ok(Bytes(total))
    }

    /// Points that are in the store: samples, and steps where they were coarsened.
    pub fn samples_stored(&self) -> u64 {
        let live = read(&self.live);
        live.shelves.all().map(|pack| pack.points).sum::<u64>() + live.tail.samples as u64
    }

    /// Checks the whole file: SQLite's structures and the checksum of every pack.
    ///
    /// # Errors
    /// Names the first damage.
    pub fn verify(&self) -> Result<(), StoreError> {
        crate::load::quick_check(&self.database)?;
        let live = read(&self.live);
        live.shelves.all().try_for_each(|pack| merge::readable(&self.database, pack))?;
        self.verify_ledger()?;
        self.verify_settings()
    }
}

fn newest(live: &Live, series: SeriesId) -> Option<WallTime> {
    let millis = live.newest.get(series.0 as usize).copied().filter(|millis| *millis != i64::MIN)?;
    Some(WallTime::from_unix_millis(millis))
}

pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

// A panic while the lock was held is a bug that ends the daemon; until then readers may see what was there.
fn read(live: &RwLock<Live>) -> RwLockReadGuard<'_, Live> {
    live.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(live: &RwLock<Live>) -> RwLockWriteGuard<'_, Live> {
    live.write().unwrap_or_else(PoisonError::into_inner)
}
