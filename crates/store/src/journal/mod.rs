//! The journal: every observation with its moment, appended before the engine steps, so that a run can be replayed.
//!
//! An *epoch* is one run of the engine and begins with the engine's settings. It is a row of segment files
//! `EPOCH-SEGMENT.journal`; each repeats the settings and holds records that carry a sequence number and a CRC-32.
//! A record is handed to the kernel in one write, so SIGKILL loses nothing that was acknowledged;
//! [`Journal::sync`] makes it survive a power cut.

mod format;
mod reader;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};

use model::{Bytes, Moment, Observation};

use crate::JournalError;

pub use reader::{JournalReader, Recovered, TailLoss};
pub use writer::Journal;

/// Limits of a [`Journal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// Size at which a new segment begins.
    pub segment_max: Bytes,
    /// Size of all segments together above which the oldest are removed: whole earlier epochs first, then the
    /// earliest segments of the running one (which can then no longer be replayed from its start).
    pub total_max: Bytes,
}

impl Default for JournalLimits {
    fn default() -> Self {
        JournalLimits { segment_max: Bytes(16 << 20), total_max: Bytes(2 << 30) }
    }
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number within the epoch, counted from 1.
    pub sequence: u64,
    /// When it was observed.
    pub at: Moment,
    /// What was observed.
    pub observation: Observation,
}

/// What is known of an epoch without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, counted from 1; later runs have higher ones.
    pub number: u64,
    /// Segments that are there.
    pub segments: u32,
    /// Their size.
    pub bytes: Bytes,
    /// Whether its first segment is there, so that it can be replayed.
    pub whole: bool,
}

impl Epoch {
    /// The epochs in `dir`, oldest first; none when the folder does not exist.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(dir: &Path) -> Result<Vec<Epoch>, JournalError> {
        let mut epochs: Vec<Epoch> = Vec::new();
        for segment in Segment::list(dir)? {
            match epochs.last_mut() {
                Some(epoch) if epoch.number == segment.epoch => {
                    epoch.segments += 1;
                    epoch.bytes.0 += segment.bytes;
                }
                _ => epochs.push(Epoch {
                    number: segment.epoch,
                    segments: 1,
                    bytes: Bytes(segment.bytes),
                    whole: segment.number == 1,
                }),
            }
        }
        Ok(epochs)
    }
}

/// A segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    epoch: u64,
    /// Its place within the epoch, counted from 1.
    number: u32,
    path: PathBuf,
    bytes: u64,
}

impl Segment {
    fn path(dir: &Path, epoch: u64, number: u32) -> PathBuf {
        dir.join(format!("{epoch:010}-{number:06}.journal"))
    }

    fn parse(name: &str) -> Option<(u64, u32)> {
        let (epoch, number) = name.strip_suffix(".journal")?.split_once('-')?;
        Some((epoch.parse().ok()?, number.parse().ok()?))
    }

    /// All segments in `dir` by epoch and number; other files are left alone.
    fn list(dir: &Path) -> Result<Vec<Segment>, JournalError> {
        let failed = |source| JournalError::io("list", dir, source);
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut segments = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if let Some((epoch, number)) = entry.file_name().to_str().and_then(Segment::parse) {
                let bytes = entry.metadata().map_err(failed)?.len();
                segments.push(Segment { epoch, number, path: entry.path(), bytes });
            }
        }
        segments.sort_by_key(|segment| (segment.epoch, segment.number));
        Ok(segments)
    }
}
