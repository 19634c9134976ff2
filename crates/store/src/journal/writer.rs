//! Appending to the journal.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use model::{Bytes, Moment, Observation};

use super::format::{Head, encode_record};
use super::{Epoch, JournalLimits, Segment};
use crate::JournalError;

/// The running epoch's writer.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    limits: JournalLimits,
    epoch: u64,
    settings: Vec<u8>,
    next_sequence: u64,
    segment: OpenSegment,
    /// Bytes in all other segments.
    other_bytes: u64,
}

/// The segment that is written to.
#[derive(Debug)]
struct OpenSegment {
    number: u32,
    path: PathBuf,
    file: File,
    /// Length up to the end of the last whole record.
    len: u64,
    /// A write failed and could not be taken back: the segment ends in a torn record and takes no more.
    torn: bool,
}

impl Journal {
    /// Begins a new epoch in `dir` (made if missing) with the engine's settings, which its replay needs.
    /// Earlier epochs are kept as far as the limits allow.
    ///
    /// # Errors
    /// When the folder or the first segment cannot be made.
    pub fn begin_epoch(dir: &Path, limits: JournalLimits, settings: &[u8]) -> Result<Journal, JournalError> {
        fs::create_dir_all(dir).map_err(|source| JournalError::io("create", dir, source))?;
        let segments = Segment::list(dir)?;
        let epoch = segments.last().map_or(0, |segment| segment.epoch) + 1;
        let other_bytes = segments.iter().map(|segment| segment.bytes).sum();
        let segment = OpenSegment::create(dir, epoch, 1, 1, settings)?;
        let mut journal =
            Journal { dir: dir.into(), limits, epoch, settings: settings.into(), next_sequence: 1, segment, other_bytes };
        journal.prune()?;
        Ok(journal)
    }

    /// The number of the running epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The journal's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Size of all segments.
    pub fn bytes_on_disk(&self) -> Bytes {
        Bytes(self.other_bytes + self.segment.len)
    }

    /// Appends one observation and returns its sequence number. When this returns, SIGKILL cannot lose it.
    ///
    /// # Errors
    /// When it cannot be written; the journal then still ends in its last whole record and takes further ones.
    pub fn append(&mut self, at: Moment, observation: &Observation) -> Result<u64, JournalError> {
        let sequence = self.next_sequence;
        let record = encode_record(sequence, at, observation)?;
        let full = self.segment.len.saturating_add(record.len() as u64) > self.limits.segment_max.0
            && self.segment.holds_records(&self.settings);
        if full || self.segment.torn {
            self.begin_segment()?;
        }
        self.segment.write(&record)?;
        self.next_sequence += 1;
        Ok(sequence)
    }

    /// Makes everything appended so far survive a power cut.
    ///
    /// # Errors
    /// When the kernel cannot write it out.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.segment.file.sync_data().map_err(|source| JournalError::io("sync", &self.segment.path, source))
    }

    fn begin_segment(&mut self) -> Result<(), JournalError> {
        self.sync()?;
        let next = OpenSegment::create(&self.dir, self.epoch, self.segment.number + 1, self.next_sequence, &self.settings)?;
        self.other_bytes += std::mem::replace(&mut self.segment, next).len;
        self.prune()
    }

    /// Removes the oldest segments until the total fits: whole earlier epochs first.
    fn prune(&mut self) -> Result<(), JournalError> {
        if self.bytes_on_disk().0 <= self.limits.total_max.0 {
            return Ok(());
        }
        let segments = Segment::list(&self.dir)?;
        self.other_bytes =
            segments.iter().filter(|segment| segment.path != self.segment.path).map(|segment| segment.bytes).sum();
        let mut clearing = 0;
        for segment in segments.into_iter().filter(|segment| segment.path != self.segment.path) {
            let same_old_epoch = segment.epoch == clearing && segment.epoch != self.epoch;
            if self.bytes_on_disk().0 <= self.limits.total_max.0 && !same_old_epoch {
                break;
            }
            clearing = segment.epoch;
            fs::remove_file(&segment.path).map_err(|source| JournalError::io("remove", &segment.path, source))?;
            self.other_bytes -= segment.bytes;
            tracing::info!(path = %segment.path.display(), "removed a journal segment to stay under the byte cap");
        }
        Ok(())
    }

    /// Removes all earlier epochs but the newest `keep`.
    ///
    /// # Errors
    /// When a segment cannot be removed.
    pub fn prune_epochs(&mut self, keep: usize) -> Result<(), JournalError> {
        let earlier: Vec<u64> =
            Epoch::list(&self.dir)?.into_iter().map(|epoch| epoch.number).filter(|&number| number != self.epoch).collect();
        let doomed = &earlier[..earlier.len().saturating_sub(keep)];
        for segment in Segment::list(&self.dir)?.into_iter().filter(|segment| doomed.contains(&segment.epoch)) {
            fs::remove_file(&segment.path).map_err(|source| JournalError::io("remove", &segment.path, source))?;
            self.other_bytes = self.other_bytes.saturating_sub(segment.bytes);
        }
        Ok(())
    }
}

impl OpenSegment {
    fn create(
        dir: &Path,
        epoch: u64,
        number: u32,
        first_sequence: u64,
        settings: &[u8],
    ) -> Result<OpenSegment, JournalError> {
        let path = Segment::path(dir, epoch, number);
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        let file = file.map_err(|source| JournalError::io("create", &path, source))?;
        let mut segment = OpenSegment { number, path, file, len: 0, torn: false };
        let head = Head { epoch, segment: number, first_sequence, settings: settings.to_vec() };
        if let Err(error) = segment.write(&head.encode()) {
            // Best effort: an empty segment would only be reported as a cut head later.
            let _ = fs::remove_file(&segment.path);
            return Err(error);
        }
        // The name must survive a power cut as well as the content.
        let named = File::open(dir).and_then(|folder| folder.sync_all());
        named.map_err(|source| JournalError::io("sync", dir, source))?;
        Ok(segment)
    }

    fn holds_records(&self, settings: &[u8]) -> bool {
        // Magic, fields and checksum of the head come to 38 bytes.
        self.len > 38 + settings.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.len += bytes.len() as u64;
                Ok(())
            }
            Err(source) => {
                self.torn = self.file.set_len(self.len).is_err();
                Err(JournalError::io("append to", &self.path, source))
            }
        }
    }
}
