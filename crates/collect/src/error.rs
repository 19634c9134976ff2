//! What can go wrong when the host is read.

use std::io;
use std::path::{Path, PathBuf};

/// A reading that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The file could not be read.
    #[error("failed to read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file does not say what was looked for.
    #[error("found no {wanted} in {path}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
}

/// The text of `path`, or an error that names it.
pub(crate) fn text_of(path: &Path) -> Result<String, CollectError> {
    std::fs::read_to_string(path).map_err(|source| CollectError::Read { path: path.to_owned(), source })
}
