//! A pack: the compressed blocks of neighbouring series in one row.
//!
//! Layout: version, level; the directory of time columns (points, first, last, length) and of blocks (series, time
//! column, lengths of the value columns); then the bytes of the time columns, then of the value columns. Series that
//! were sampled at the same instants share one time column.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use super::values::Effort;
use super::varint::{get_unsigned, put_signed, put_unsigned};
use super::{Columns, Level, times, values};
use crate::checked::{BlobFault, seal, unseal};

const VERSION: u8 = 1;
/// Points in the largest block.
pub(super) const BLOCK_MAX: usize = 16_384;
/// Bytes at which a pack is closed: large enough that a database page cut at its end does not matter, small enough to
/// be read whole for one series.
const PACK_BYTES: usize = 96 << 10;

/// One series' stretch, encoded.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub series: u32,
    pub times: TimeColumn,
    /// The bytes that its value columns lie in: its own, or those of the pack it was read from.
    data: Rc<[u8]>,
    /// Where each value column lies; those that the level does not have are empty.
    columns: [Range<usize>; 3],
}

/// Encoded times and what is known of them without decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeColumn {
    pub count: u32,
    pub first: i64,
    pub last: i64,
    pub bytes: Rc<[u8]>,
}

/// Encodes blocks; remembers the last time column, which neighbours mostly share.
#[derive(Default)]
pub(super) struct BlockEncoder {
    times: Vec<i64>,
    column: Option<TimeColumn>,
}

impl BlockEncoder {
    /// Encodes points in increasing order, at most [`BLOCK_MAX`].
    pub(super) fn encode(&mut self, series: u32, points: &Columns, effort: Effort) -> Block {
        let times = match &self.column {
            Some(column) if self.times == points.times => column.clone(),
            _ => {
                let bytes = times::encode(&points.times);
                let column = TimeColumn {
                    count: points.len() as u32,
                    first: points.times[0],
                    last: points.times[points.len() - 1],
                    bytes: bytes.into(),
                };
                self.times.clone_from(&points.times);
                self.column.insert(column).clone()
            }
        };
        let mut data = values::encode(&points.values, effort);
        let first = data.len();
        // Steps of one sample each have the same mean as highest value: nothing is stored for them.
        let same = points.mean.iter().zip(&points.values).all(|(mean, value)| mean.to_bits() == value.to_bits());
        if !same {
            data.extend(values::encode(&points.mean, effort));
        }
        let second = data.len();
        if points.weight.iter().any(|weight| *weight != 1.0) {
            data.extend(values::encode(&points.weight, effort));
        }
        let columns = [0..first, first..second, second..data.len()];
        Block { series, times, data: data.into(), columns }
    }
}

impl Block {
    /// The points.
    pub(super) fn decode(&self, level: Level) -> Result<Columns, BlobFault> {
        decode_block(level, self.times.count as usize, &self.times.bytes, &self.data, &self.columns)
    }
}

fn decode_block(
    level: Level,
    count: usize,
    times: &[u8],
    data: &[u8],
    columns: &[Range<usize>; 3],
) -> Result<Columns, BlobFault> {
    let [values, mean, weight] = columns.clone().map(|column| &data[column]);
    let mut points =
        Columns { times: times::decode(times, count)?, values: values::decode(values, count)?, ..Columns::default() };
    if level.columns() > 1 {
        points.mean = if mean.is_empty() { points.values.clone() } else { values::decode(mean, count)? };
        points.weight = if weight.is_empty() { vec![1.0; count] } else { values::decode(weight, count)? };
    }
    Ok(points)
}

/// A block that waits: its series, its time column, the bytes, and where its value columns lie in them.
type Placed = (u32, usize, Rc<[u8]>, [Range<usize>; 3]);

/// Gathers blocks in series order into packs.
pub(super) struct PackWriter {
    level: Level,
    blocks: Vec<Placed>,
    time_columns: Vec<TimeColumn>,
    time_places: BTreeMap<Rc<[u8]>, usize>,
    bytes: usize,
}

/// A finished pack.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pack {
    pub level: Level,
    pub series_first: u32,
    pub series_last: u32,
    pub time_first: i64,
    pub time_last: i64,
    pub points: u64,
    pub blocks: u32,
    /// With its checksum.
    pub body: Vec<u8>,
}

impl PackWriter {
    pub(super) fn new(level: Level) -> Self {
        PackWriter { level, blocks: Vec::new(), time_columns: Vec::new(), time_places: BTreeMap::new(), bytes: 0 }
    }

    /// Adds a block of the same or a later series; returns a pack when one is full.
    pub(super) fn push(&mut self, block: Block) -> Option<Pack> {
        let place = match self.time_places.get(&block.times.bytes) {
            // The same bytes with another count would be another column.
            Some(&place) if self.time_columns[place] == block.times => place,
            _ => {
                self.bytes += block.times.bytes.len() + 12;
                self.time_places.insert(block.times.bytes.clone(), self.time_columns.len());
                self.time_columns.push(block.times);
                self.time_columns.len() - 1
            }
        };
        self.bytes += block.columns.iter().map(Range::len).sum::<usize>() + 4;
        self.blocks.push((block.series, place, block.data, block.columns));
        (self.bytes >= PACK_BYTES).then(|| self.finish()).flatten()
    }

    /// The pack of what is left, if anything.
    pub(super) fn finish(&mut self) -> Option<Pack> {
        let (first, last) = (self.blocks.first()?.0, self.blocks.last()?.0);
        let mut body = Vec::with_capacity(self.bytes + 64);
        body.extend([VERSION, self.level as u8]);
        put_unsigned(&mut body, self.time_columns.len() as u64);
        for column in &self.time_columns {
            put_unsigned(&mut body, u64::from(column.count));
            put_signed(&mut body, column.first);
            put_unsigned(&mut body, column.last.abs_diff(column.first));
            put_unsigned(&mut body, column.bytes.len() as u64);
        }
        put_unsigned(&mut body, self.blocks.len() as u64);
        let mut previous = 0;
        let width = self.level.columns();
        for (series, place, _, columns) in &self.blocks {
            put_unsigned(&mut body, u64::from(series - previous));
            put_unsigned(&mut body, *place as u64);
            columns[..width].iter().for_each(|column| put_unsigned(&mut body, column.len() as u64));
            previous = *series;
        }
        self.time_columns.iter().for_each(|column| body.extend_from_slice(&column.bytes));
        for (_, _, data, columns) in &self.blocks {
            columns.iter().for_each(|column| body.extend_from_slice(&data[column.clone()]));
        }
        let pack = Pack {
            level: self.level,
            series_first: first,
            series_last: last,
            time_first: self.time_columns.iter().map(|column| column.first).min()?,
            time_last: self.time_columns.iter().map(|column| column.last).max()?,
            points: self.blocks.iter().map(|(_, place, ..)| u64::from(self.time_columns[*place].count)).sum(),
            blocks: self.blocks.len() as u32,
            body: seal(body),
        };
        *self = PackWriter::new(self.level);
        Some(pack)
    }
}

/// A pack's directory over its bytes.
pub(super) struct PackView<'a> {
    body: &'a [u8],
    level: Level,
    /// Count, first, last, and where the bytes lie.
    time_columns: Vec<(u32, i64, i64, Range<usize>)>,
    /// Series, time column, and where the value columns lie.
    blocks: Vec<(u32, usize, [Range<usize>; 3])>,
}

impl<'a> PackView<'a> {
    /// Checks the checksum and reads the directory.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, BlobFault> {
        let cut = || BlobFault::content("a pack's directory is cut off");
        let body = unseal(blob)?;
        let mut rest = body;
        let (&[version, level], tail) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        rest = tail;
        if version != VERSION {
            return Err(BlobFault::content(format_args!("unknown pack version {version}")));
        }
        let level = Level::of_number(i64::from(level)).ok_or_else(|| BlobFault::content("unknown level"))?;
        let mut number = || get_unsigned(&mut rest).ok_or_else(cut);
        let mut sizes = Vec::new();
        for _ in 0..number()? {
            let (count, first) = (number()? as u32, number()?);
            let first = (first >> 1) as i64 ^ -((first & 1) as i64);
            let last = first.wrapping_add(number()? as i64);
            sizes.push((count, first, last, number()? as usize));
        }
        let mut entries = Vec::new();
        let mut series = 0u32;
        for _ in 0..number()? {
            series = series.wrapping_add(number()? as u32);
            let place = number()? as usize;
            let mut lens = [0; 3];
            for len in &mut lens[..level.columns()] {
                *len = number()? as usize;
            }
            entries.push((series, place, lens));
        }
        let mut offset = body.len() - rest.len();
        let mut take = |len: usize| {
            let end = offset.checked_add(len).filter(|end| *end <= body.len()).ok_or_else(cut)?;
            Ok::<_, BlobFault>(std::mem::replace(&mut offset, end)..end)
        };
        let mut time_columns = Vec::with_capacity(sizes.len());
        for (count, first, last, len) in sizes {
            time_columns.push((count, first, last, take(len)?));
        }
        let mut blocks = Vec::with_capacity(entries.len());
        for (series, place, [a, b, c]) in entries {
            if place >= time_columns.len() {
                return Err(BlobFault::content("a block names a time column that is not there"));
            }
            blocks.push((series, place, [take(a)?, take(b)?, take(c)?]));
        }
        Ok(PackView { body, level, time_columns, blocks })
    }

    /// The series of each block, in order.
    pub(super) fn series(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks.iter().map(|block| block.0)
    }

    /// Decodes the blocks of `series` that reach into `from..=to`.
    pub(super) fn read(&self, series: u32, from: i64, to: i64, mut each: impl FnMut(Columns)) -> Result<(), BlobFault> {
        let start = self.blocks.partition_point(|block| block.0 < series);
        for (_, place, columns) in self.blocks[start..].iter().take_while(|block| block.0 == series) {
            let (count, first, last, times) = &self.time_columns[*place];
            if *first <= to && *last >= from {
                each(decode_block(self.level, *count as usize, &self.body[times.clone()], self.body, columns)?);
            }
        }
        Ok(())
    }

    /// Every block, in order, still encoded.
    pub(super) fn into_blocks(self) -> Vec<Block> {
        let columns: Vec<TimeColumn> = self
            .time_columns
            .iter()
            .map(|(count, first, last, range)| TimeColumn {
                count: *count,
                first: *first,
                last: *last,
                bytes: self.body[range.clone()].into(),
            })
            .collect();
        let data: Rc<[u8]> = self.body.into();
        let block = |(series, place, ranges): (u32, usize, [Range<usize>; 3])| Block {
            series,
            times: columns[place].clone(),
            data: Rc::clone(&data),
            columns: ranges,
        };
        self.blocks.into_iter().map(block).collect()
    }
}
