//! One connection to `forerun.db`, with errors that say what was tried on which file.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row};

use crate::StoreError;
use crate::checked::BlobFault;

/// A connection and the file it is for.
#[derive(Debug)]
pub(crate) struct Database {
    pub connection: Connection,
    pub path: PathBuf,
}

/// How much of the file SQLite keeps in memory, in KiB.
const CACHE_KIB: i64 = 8_192;
/// Pages of 4 KiB in the write-ahead log at which they are moved to the file.
const CHECKPOINT_PAGES: i64 = 4_096;
/// The write-ahead log is cut back to this many bytes when it was larger.
const LOG_BYTES_MAX: i64 = 64 << 20;

impl Database {
    /// Opens the file for writing, made if missing.
    pub(crate) fn open(path: &Path) -> Result<Database, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Database::connect(path, flags)?;
        let read_only = database.connection.is_readonly(rusqlite::MAIN_DB).map_err(|error| database.error("open", error))?;
        if read_only {
            return Err(StoreError::ReadOnly { doing: "open for writing", path: path.into() });
        }
        // Before the first table is made: then space freed can be given back piece by piece.
        database.batch("set up", "PRAGMA auto_vacuum = INCREMENTAL;")?;
        database.batch("set up", "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;")?;
        let sizes = format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA journal_size_limit = {LOG_BYTES_MAX};");
        database.batch("set up", &sizes)?;
        Ok(database)
    }

    /// Opens the file for reading beside a writer of the same process.
    pub(crate) fn open_reader(path: &Path) -> Result<Database, StoreError> {
        Database::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Database, StoreError> {
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| StoreError::database("open", path, error))?;
        let database = Database { connection, path: path.into() };
        database
            .connection
            .busy_timeout(std::time::Duration::from_secs(5))
            .map_err(|error| database.error("open", error))?;
        database.batch("set up", &format!("PRAGMA cache_size = -{CACHE_KIB};"))?;
        Ok(database)
    }

    pub(crate) fn error(&self, doing: &'static str, source: rusqlite::Error) -> StoreError {
        StoreError::database(doing, &self.path, source)
    }

    /// The error of a row whose content is not what was written.
    pub(crate) fn damaged(&self, row: impl std::fmt::Display, fault: &BlobFault) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what: format!("{row}: {fault}") }
    }

    pub(crate) fn batch(&self, doing: &'static str, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(|error| self.error(doing, error))
    }

    pub(crate) fn execute(&self, doing: &'static str, sql: &str, values: impl Params) -> Result<usize, StoreError> {
        let run = || self.connection.prepare_cached(sql)?.execute(values);
        run().map_err(|error| self.error(doing, error))
    }

    /// The first row, mapped.
    pub(crate) fn row<T>(
        &self,
        doing: &'static str,
        sql: &str,
        values: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let run = || self.connection.prepare_cached(sql)?.query_row(values, map).optional();
        run().map_err(|error| self.error(doing, error))
    }

    /// Every row, mapped.
    pub(crate) fn rows<T>(
        &self,
        doing: &'static str,
        sql: &str,
        values: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let run = || self.connection.prepare_cached(sql)?.query_map(values, map)?.collect::<rusqlite::Result<Vec<T>>>();
        run().map_err(|error| self.error(doing, error))
    }

    /// The number that a pragma or an aggregate gives.
    pub(crate) fn number(&self, doing: &'static str, sql: &str) -> Result<i64, StoreError> {
        Ok(self.row(doing, sql, [], |row| row.get(0))?.unwrap_or(0))
    }

    /// Runs `work` in one transaction, rolled back when it fails.
    pub(crate) fn transaction<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.batch(doing, "BEGIN IMMEDIATE")?;
        let result = work().and_then(|value| self.batch(doing, "COMMIT").map(|()| value));
        if result.is_err() {
            // The first error is the one to report; SQLite has rolled back by itself for some of them.
            self.roll_back();
        }
        result
    }

    /// As [`Database::transaction`], and on disk (fsync) when it returns, with everything before it.
    pub(crate) fn durable_transaction<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.batch(doing, "PRAGMA synchronous = FULL")?;
        let result = self.transaction(doing, work);
        let relaxed = self.batch(doing, "PRAGMA synchronous = NORMAL");
        result.and_then(|value| relaxed.map(|()| value))
    }

    /// Whether closing moves the log into the file.
    pub(crate) fn checkpoint_on_close(&self, yes: bool) -> Result<(), StoreError> {
        let set = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !yes);
        set.map(|_| ()).map_err(|error| self.error("set up", error))
    }

    /// Ends a transaction that a panic left open.
    pub(crate) fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // Nothing can be done about a failure here that the next statement will not report.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Bytes of the pages that hold something.
    pub(crate) fn bytes_used(&self) -> Result<u64, StoreError> {
        let pages = self.number("measure", "PRAGMA page_count")? - self.number("measure", "PRAGMA freelist_count")?;
        Ok((pages * self.number("measure", "PRAGMA page_size")?) as u64)
    }
}
