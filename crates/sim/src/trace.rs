//! Readers of the canonical trace kinds. The only module of this crate that opens files.
//!
//! A trace is CSV, plain or gzip (told apart by its first bytes), one kind per file, without quoting: a cell never holds a
//! comma. Readers are strict: the first cell that is not as promised ends the reading with file, line and field.

mod access;
mod arrivals;
mod counts;
mod jobs;
mod lines;
mod usage;

pub use access::{Access, AccessOp, AccessTrace, read_access};
pub use arrivals::{Arrival, read_arrivals};
pub use counts::{CountSeries, read_counts};
pub use jobs::{Job, read_jobs};
pub use usage::{Unit, UsageReader, UsageSeries, read_usage};

use std::io;
use std::path::PathBuf;

/// What can be wrong with a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file could not be opened.
    #[error("failed to open trace {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file could not be read or decompressed.
    #[error("failed to read trace {path} at line {line}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line is longer than [`MAX_LINE_BYTES`].
    #[error("{path}:{line}: the line is longer than {MAX_LINE_BYTES} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// The first line does not name the columns of the expected kind.
    #[error("{path}:1: header is \"{found}\", expected \"{expected}\"")]
    Header {
        /// The file.
        path: PathBuf,
        /// What the file has, cut after 200 characters.
        found: String,
        /// What the kind has.
        expected: &'static str,
    },
    /// A row has too few or too many cells.
    #[error("{path}:{line}: found {found} cells, expected {expected}")]
    Cells {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Cells in the row.
        found: usize,
        /// Cells of the kind.
        expected: usize,
    },
    /// A cell is not what its column promises.
    #[error("{path}:{line}: field {field}: {problem}")]
    Field {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column's name.
        field: &'static str,
        /// What was found and what was expected.
        problem: String,
    },
}

/// The longest line that is read: about twenty times the longest known one.
pub const MAX_LINE_BYTES: u64 = 256 << 20;
