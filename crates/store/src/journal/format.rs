//! The bytes of a segment: a head with the epoch's settings, then records.
//!
//! Head: magic (8), version (u16), epoch (u64), segment (u32), first sequence (u64), settings length (u32), settings,
//! CRC-32 of all that. Record: marker (u8), packing (u8), payload length (u32), sequence (u64), CRC-32 of the three
//! and the payload, payload. Integers are little endian.

use model::{Moment, Observation, Span};
use serde::{Deserialize, Serialize};

use super::Record;
use crate::JournalError;
use crate::checked::{BlobFault, decode_wire};
use crate::wire::WireObservation;

const MAGIC: [u8; 8] = *b"FORERUNJ";
/// Raised with every change that an older program cannot read.
pub(super) const VERSION: u16 = 1;
const HEAD_FIXED: usize = 8 + 2 + 8 + 4 + 8 + 4;
const MARKER: u8 = 0xA7;
const PLAIN: u8 = 0;
const SNAPPY: u8 = 1;
/// Bytes of a record before its payload.
const RECORD_HEAD: usize = 1 + 1 + 4 + 8 + 4;
/// Payloads above this are worth compressing.
const COMPRESS_FROM: usize = 512;
/// The largest payload, before and after packing.
pub(super) const PAYLOAD_MAX: usize = 1 << 30;

/// What a segment's head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub epoch: u64,
    pub segment: u32,
    pub first_sequence: u64,
    pub settings: Vec<u8>,
}

/// Why a head cannot be used.
pub(super) enum HeadFault {
    Damaged(String),
    Version(u16),
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_FIXED + self.settings.len() + 4);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.first_sequence.to_le_bytes());
        let settings_len = u32::try_from(self.settings.len()).expect("settings are a file of a few kilobytes");
        bytes.extend_from_slice(&settings_len.to_le_bytes());
        bytes.extend_from_slice(&self.settings);
        crate::checked::seal(bytes)
    }

    /// The head at the start of `bytes` and its length.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Head, usize), HeadFault> {
        let cut = || HeadFault::Damaged(format!("the segment's head is cut off at {} bytes", bytes.len()));
        let mut fields = Fields(bytes);
        if fields.array::<8>().ok_or_else(cut)? != MAGIC {
            return Err(HeadFault::Damaged("it does not begin like a journal segment".into()));
        }
        let version = u16::from_le_bytes(fields.array().ok_or_else(cut)?);
        if version != VERSION {
            return Err(HeadFault::Version(version));
        }
        let epoch = u64::from_le_bytes(fields.array().ok_or_else(cut)?);
        let segment = u32::from_le_bytes(fields.array().ok_or_else(cut)?);
        let first_sequence = u64::from_le_bytes(fields.array().ok_or_else(cut)?);
        let settings_len = u32::from_le_bytes(fields.array().ok_or_else(cut)?) as usize;
        let whole = HEAD_FIXED.saturating_add(settings_len).saturating_add(4);
        let sealed = bytes.get(..whole).ok_or_else(cut)?;
        let body =
            crate::checked::unseal(sealed).map_err(|fault| HeadFault::Damaged(format!("the segment's head: {fault}")))?;
        Ok((Head { epoch, segment, first_sequence, settings: body[HEAD_FIXED..].to_vec() }, whole))
    }
}

#[derive(Serialize, Deserialize)]
struct WireRecord<T> {
    at: u64,
    observation: T,
}

/// The bytes of one record.
pub(super) fn encode_record(sequence: u64, at: Moment, observation: &Observation) -> Result<Vec<u8>, JournalError> {
    let wire = WireRecord { at: at.since_start().as_nanos(), observation: WireObservation::from(observation) };
    let plain = postcard::to_stdvec(&wire).expect("writing to memory cannot fail for the plain types of `wire`");
    if plain.len() > PAYLOAD_MAX {
        return Err(JournalError::RecordTooLarge { bytes: plain.len(), limit: PAYLOAD_MAX });
    }
    let packed = (plain.len() >= COMPRESS_FROM)
        .then(|| snap::raw::Encoder::new().compress_vec(&plain).ok())
        .flatten()
        .filter(|packed| packed.len() < plain.len());
    let (packing, payload) = packed.map_or((PLAIN, plain), |packed| (SNAPPY, packed));
    let mut bytes = Vec::with_capacity(RECORD_HEAD + payload.len());
    bytes.extend([MARKER, packing]);
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&sequence.to_le_bytes());
    let sum = checksum(&bytes[1..14], &payload);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

/// A record whose checksum fits, not yet decoded.
pub(super) struct RawRecord<'a> {
    pub sequence: u64,
    packing: u8,
    payload: &'a [u8],
    /// Bytes of the whole record.
    pub len: usize,
}

impl<'a> RawRecord<'a> {
    /// The record at the start of `bytes`.
    pub(super) fn at_start(bytes: &'a [u8]) -> Result<Self, String> {
        let Some(head) = bytes.first_chunk::<RECORD_HEAD>() else {
            return Err(format!("a record's head is cut off after {} of {RECORD_HEAD} bytes", bytes.len()));
        };
        if head[0] != MARKER {
            return Err(format!("no record begins here (byte {:#04x})", head[0]));
        }
        let mut fields = Fields(&head[1..]);
        let [packing] = fields.array().expect("the head is complete");
        let len = u32::from_le_bytes(fields.array().expect("the head is complete")) as usize;
        let sequence = u64::from_le_bytes(fields.array().expect("the head is complete"));
        let found = u32::from_le_bytes(fields.array().expect("the head is complete"));
        let rest = &bytes[RECORD_HEAD..];
        let Some(payload) = rest.get(..len) else {
            return Err(format!("record {sequence} is cut off after {} of {len} bytes", rest.len()));
        };
        let computed = checksum(&head[1..14], payload);
        if computed != found {
            return Err(format!("record {sequence}: checksum is {found:08x}, content gives {computed:08x}"));
        }
        Ok(RawRecord { sequence, packing, payload, len: RECORD_HEAD + len })
    }

    /// Whether a good record with a sequence of at least `from` begins anywhere in `bytes`.
    pub(super) fn any_in(bytes: &[u8], from: u64) -> bool {
        let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == MARKER);
        starts.into_iter().any(|(start, _)| RawRecord::at_start(&bytes[start..]).is_ok_and(|record| record.sequence >= from))
    }

    pub(super) fn decode(&self) -> Result<Record, BlobFault> {
        let unpacked;
        let plain = match self.packing {
            PLAIN => self.payload,
            SNAPPY => {
                let size = snap::raw::decompress_len(self.payload).map_err(BlobFault::content)?;
                if size > PAYLOAD_MAX {
                    return Err(BlobFault::content(format_args!("it claims to unpack to {size} bytes")));
                }
                unpacked = snap::raw::Decoder::new().decompress_vec(self.payload).map_err(BlobFault::content)?;
                &unpacked
            }
            other => return Err(BlobFault::content(format_args!("unknown packing {other}"))),
        };
        let wire: WireRecord<WireObservation> = decode_wire(plain)?;
        Ok(Record {
            sequence: self.sequence,
            at: Moment::after_start(Span::from_nanos(wire.at)),
            observation: wire.observation.try_into()?,
        })
    }
}

/// Takes fixed fields off the front of a slice.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}
