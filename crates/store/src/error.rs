//! What can go wrong, naming the file, what was tried, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::SeriesId;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("failed to {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// A database operation failed for a reason that has no variant of its own.
    #[error("failed to {doing} in {}", path.display())]
    Database {
        /// What was tried.
        doing: &'static str,
        /// The database file.
        path: PathBuf,
        /// What came back.
        source: rusqlite::Error,
    },
    /// The file is damaged. Nothing was moved or changed.
    #[error(
        "{} is damaged: {what}; restore it from a backup, or start in recovery, which sets the file aside and begins a new one",
        path.display()
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// Which part, and how it shows.
        what: String,
    },
    /// The file was written by another version of forerun.
    #[error("{} has layout version {found}, this program reads {known}: use a forerun that knows it", path.display())]
    Version {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// The file is a database of another program.
    #[error("{} is not a forerun database (application id {found:#010x}): choose another folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its application id.
        found: i64,
    },
    /// Another process has the store open.
    #[error("{} is in use by another process: stop it, or choose another folder", dir.display())]
    InUse {
        /// The folder of the store.
        dir: PathBuf,
    },
    /// The disk is full. What was acknowledged before is safe.
    #[error("no space left to {doing} in {}: free some, or lower the store's byte cap", path.display())]
    DiskFull {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file or its file system does not allow writing.
    #[error("cannot {doing} in {}: it is read-only", path.display())]
    ReadOnly {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A handle that this store did not give out.
    #[error("series number {} is not known to this store", .0.number())]
    UnknownSeries(SeriesId),
    /// The limit of distinct series is reached.
    #[error("the store holds its limit of {limit} series: raise the limit, or compact to forget series without samples")]
    SeriesLimit {
        /// The limit.
        limit: u32,
    },
    /// A decision of that number is in the ledger already.
    #[error("decision {0} is in the ledger already: numbers are never used twice")]
    TicketTaken(model::Ticket),
    /// An outcome for a decision that is not in the ledger.
    #[error("decision {0} is not in the ledger")]
    UnknownTicket(model::Ticket),
    /// The queue of the store's thread is full: the sample batch was not taken.
    #[error("the store's queue of {capacity} batches is full: the disk does not keep up")]
    QueueFull {
        /// How many batches fit.
        capacity: usize,
    },
    /// The store's thread has ended.
    #[error("the store's thread has ended")]
    Stopped,
}

impl StoreError {
    /// Sorts a database error into the variant that says most.
    pub(crate) fn database(doing: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(Code::DiskFull) => StoreError::DiskFull { doing, path },
            Some(Code::ReadOnly) => StoreError::ReadOnly { doing, path },
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => {
                StoreError::Damaged { path, what: format!("{source}, on trying to {doing}") }
            }
            _ => StoreError::Database { doing, path, source },
        }
    }

    /// Sorts a file error into the variant that says most.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull { doing, path },
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { doing, path },
            _ => StoreError::Io { doing, path, source },
        }
    }

    /// Whether the file itself is bad, so that [`crate::Store::open_or_recover`] would set it aside.
    pub fn is_damage(&self) -> bool {
        matches!(self, StoreError::Damaged { .. })
    }
}

/// An error of the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file operation failed.
    #[error("failed to {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// The disk is full.
    #[error("no space left to {doing} {}: free some, or lower the journal's byte cap", path.display())]
    DiskFull {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
    },
    /// There is no such epoch.
    #[error("{} holds no epoch {epoch}", dir.display())]
    NoEpoch {
        /// The journal's folder.
        dir: PathBuf,
        /// The epoch that was asked for.
        epoch: u64,
    },
    /// The epoch's first segments were pruned to stay under the byte cap, so it cannot be replayed from its start.
    #[error("epoch {epoch} in {} begins at record {first_sequence}: its beginning was pruned to stay under the byte cap", dir.display())]
    HeadPruned {
        /// The journal's folder.
        dir: PathBuf,
        /// The epoch.
        epoch: u64,
        /// The first record that is left.
        first_sequence: u64,
    },
    /// A segment was written by another version of forerun.
    #[error("{} has journal version {found}, this program reads {known}: replay it with the forerun that wrote it", path.display())]
    Version {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// The version of this program.
        known: u16,
    },
    /// The journal ends in a damaged record; every record before `offset` is good.
    #[error("{} ends damaged at byte {offset}: {what} ({lost_bytes} bytes lost; records before it are good)", path.display())]
    TailDamaged {
        /// The last segment.
        path: PathBuf,
        /// Where the first bad record begins.
        offset: u64,
        /// How it shows.
        what: String,
        /// Bytes from there to the end of the file.
        lost_bytes: u64,
    },
    /// A record is damaged and good ones follow it: the journal was altered, not cut off.
    #[error("{} is damaged in its middle at byte {offset}: {what}; good records follow, so a replay would not be the run", path.display())]
    MiddleDamaged {
        /// The segment.
        path: PathBuf,
        /// Where the bad record begins.
        offset: u64,
        /// How it shows.
        what: String,
    },
    /// A segment is missing between two others.
    #[error("{} lacks segment {segment} of epoch {epoch}", dir.display())]
    SegmentMissing {
        /// The journal's folder.
        dir: PathBuf,
        /// The epoch.
        epoch: u64,
        /// The missing segment.
        segment: u32,
    },
    /// A record is larger than the format allows.
    #[error("a record of {bytes} bytes is larger than the {limit} that the journal takes")]
    RecordTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl JournalError {
    /// Sorts a file error into the variant that says most.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JournalError::DiskFull { doing, path },
            _ => JournalError::Io { doing, path, source },
        }
    }
}
