//! Reading an epoch back: in order, complete, or with an error that names file and byte.

use std::fs;
use std::path::{Path, PathBuf};

use super::format::{Head, HeadFault, RawRecord, VERSION};
use super::{Record, Segment};
use crate::JournalError;

/// Iterates over the records of one epoch. After an error it ends.
#[derive(Debug)]
pub struct JournalReader {
    settings: Vec<u8>,
    /// Segments still to be read, the next one last.
    ahead: Vec<Segment>,
    current: Loaded,
    next_sequence: u64,
    ended: bool,
}

/// The segment being read.
#[derive(Debug)]
struct Loaded {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Where the next record begins.
    offset: usize,
    first_sequence: u64,
}

/// The good part of an epoch.
#[derive(Debug)]
pub struct Recovered {
    /// The engine's settings.
    pub settings: Vec<u8>,
    /// Every record before the damage.
    pub records: Vec<Record>,
    /// What was lost, if anything.
    pub lost: Option<TailLoss>,
}

/// Where the good part ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailLoss {
    /// The damaged segment.
    pub path: PathBuf,
    /// Where its first bad record begins.
    pub offset: u64,
    /// Bytes from there to the end of the segment.
    pub lost_bytes: u64,
    /// How it shows.
    pub what: String,
}

impl JournalReader {
    /// Opens an epoch for reading from its first record.
    ///
    /// # Errors
    /// When it does not exist, its beginning was pruned, a segment is missing, or its head is damaged or of another version.
    pub fn open(dir: &Path, epoch: u64) -> Result<JournalReader, JournalError> {
        let reader = JournalReader::open_pruned(dir, epoch)?;
        match reader.next_sequence {
            1 => Ok(reader),
            first_sequence => Err(JournalError::HeadPruned { dir: dir.into(), epoch, first_sequence }),
        }
    }

    /// As [`JournalReader::open`], but accepts an epoch whose beginning was pruned.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn open_pruned(dir: &Path, epoch: u64) -> Result<JournalReader, JournalError> {
        let mut ahead: Vec<Segment> = Segment::list(dir)?.into_iter().filter(|segment| segment.epoch == epoch).collect();
        for pair in ahead.windows(2) {
            if pair[1].number != pair[0].number + 1 {
                return Err(JournalError::SegmentMissing { dir: dir.into(), epoch, segment: pair[0].number + 1 });
            }
        }
        ahead.reverse();
        let first = ahead.pop().ok_or_else(|| JournalError::NoEpoch { dir: dir.into(), epoch })?;
        let (current, settings) = load(&first, ahead.is_empty())?;
        let next_sequence = current.first_sequence;
        Ok(JournalReader { settings, ahead, current, next_sequence, ended: false })
    }

    /// The engine's settings, as given to [`super::Journal::begin_epoch`].
    pub fn settings(&self) -> &[u8] {
        &self.settings
    }

    /// Reads all that is good. A damaged tail is reported in [`Recovered::lost`].
    ///
    /// # Errors
    /// Everything but a damaged tail: with a damaged middle there is no honest good part.
    pub fn recover(mut self) -> Result<Recovered, JournalError> {
        let mut records = Vec::new();
        let lost = loop {
            match self.next() {
                None => break None,
                Some(Ok(record)) => records.push(record),
                Some(Err(JournalError::TailDamaged { path, offset, what, lost_bytes })) => {
                    break Some(TailLoss { path, offset, lost_bytes, what });
                }
                Some(Err(error)) => return Err(error),
            }
        };
        Ok(Recovered { settings: self.settings, records, lost })
    }

    fn read_next(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            let rest = &self.current.bytes[self.current.offset..];
            if rest.is_empty() {
                if !self.advance()? {
                    return Ok(None);
                }
                continue;
            }
            match RawRecord::at_start(rest) {
                Ok(raw) if raw.sequence == self.next_sequence => {
                    let record = raw.decode().map_err(|fault| self.middle(format!("record {}: {fault}", raw.sequence)))?;
                    self.current.offset += raw.len;
                    self.next_sequence += 1;
                    return Ok(Some(record));
                }
                Ok(raw) => {
                    return Err(self.middle(format!("record {} stands where {} belongs", raw.sequence, self.next_sequence)));
                }
                Err(what) => {
                    if RawRecord::any_in(&rest[1..], self.next_sequence) {
                        return Err(self.middle(what));
                    }
                    if self.ahead.is_empty() {
                        return Err(self.tail(what));
                    }
                    // A write that failed and could not be taken back leaves a torn record behind which a new segment begins;
                    // then nothing is lost. `advance` finds out whether it is so.
                    let torn = self.middle(what);
                    if self.ahead_first_sequence()? != Some(self.next_sequence) {
                        return Err(torn);
                    }
                    self.current.offset = self.current.bytes.len();
                }
            }
        }
    }

    /// Goes to the next segment; false when there is none.
    fn advance(&mut self) -> Result<bool, JournalError> {
        let Some(segment) = self.ahead.pop() else { return Ok(false) };
        let (loaded, _) = load(&segment, self.ahead.is_empty())?;
        if loaded.first_sequence != self.next_sequence {
            return Err(self.middle(format!(
                "it ends before record {}, the next segment begins at {}",
                self.next_sequence, loaded.first_sequence
            )));
        }
        self.current = loaded;
        Ok(true)
    }

    fn ahead_first_sequence(&self) -> Result<Option<u64>, JournalError> {
        let Some(segment) = self.ahead.last() else { return Ok(None) };
        load(segment, self.ahead.len() == 1).map(|(loaded, _)| Some(loaded.first_sequence))
    }

    fn middle(&self, what: String) -> JournalError {
        JournalError::MiddleDamaged { path: self.current.path.clone(), offset: self.current.offset as u64, what }
    }

    fn tail(&self, what: String) -> JournalError {
        let lost_bytes = (self.current.bytes.len() - self.current.offset) as u64;
        JournalError::TailDamaged { path: self.current.path.clone(), offset: self.current.offset as u64, what, lost_bytes }
    }
}

impl Iterator for JournalReader {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read_next().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads a segment and its head. A bad head is a damaged tail in the last segment, a damaged middle in others.
fn load(segment: &Segment, last: bool) -> Result<(Loaded, Vec<u8>), JournalError> {
    let path = segment.path.clone();
    let bytes = fs::read(&path).map_err(|source| JournalError::io("read", &path, source))?;
    let (head, offset) = match Head::decode(&bytes) {
        Ok(decoded) => decoded,
        Err(HeadFault::Version(found)) => return Err(JournalError::Version { path, found, known: VERSION }),
        Err(HeadFault::Damaged(what)) if last && !RawRecord::any_in(&bytes, 0) => {
            return Err(JournalError::TailDamaged { path, offset: 0, what, lost_bytes: bytes.len() as u64 });
        }
        Err(HeadFault::Damaged(what)) => return Err(JournalError::MiddleDamaged { path, offset: 0, what }),
    };
    if (head.epoch, head.segment) != (segment.epoch, segment.number) {
        let what = format!("its name is not its own: it holds segment {} of epoch {}", head.segment, head.epoch);
        return Err(JournalError::MiddleDamaged { path, offset: 0, what });
    }
    Ok((Loaded { path, bytes, offset, first_sequence: head.first_sequence }, head.settings))
}
