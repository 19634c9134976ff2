//! Merging: packs of several runs of one shard become packs of one run, with longer blocks.

use super::pack::{BLOCK_MAX, Block, BlockEncoder, PackView, PackWriter};
use super::seal::{RunWriter, delete};
use super::shelves::{PackMeta, Shelves};
use super::values::Effort;
use super::{Columns, Level};
use crate::StoreError;
use crate::checked::BlobFault;
use crate::database::Database;

/// Runs of one generation that are merged into one.
const FAN_IN: usize = 8;
/// Generations up to this are always merged: at one seal per quarter of an hour the last holds 16 hours.
const GENERATION_ALWAYS: u8 = 2;
/// Later ones only while blocks hold fewer points than this on average: long packs expire late.
const POINTS_WORTH_MERGING: u64 = 2_048;

/// The oldest packs of a shelf that are due to be merged; empty when none are.
pub(crate) fn due(shelf: &[PackMeta]) -> Vec<PackMeta> {
    let mut start = 0;
    while start < shelf.len() {
        let generation = shelf[start].generation;
        let end = start + shelf[start..].iter().take_while(|pack| pack.generation == generation).count();
        let same = &shelf[start..end];
        let mut runs: Vec<i64> = same.iter().map(|pack| pack.run).collect();
        runs.dedup();
        let points: u64 = same.iter().map(|pack| pack.points).sum();
        let blocks: u64 = same.iter().map(|pack| u64::from(pack.blocks)).sum();
        if runs.len() >= FAN_IN && (generation < GENERATION_ALWAYS || points < POINTS_WORTH_MERGING * blocks) {
            return same.iter().filter(|pack| pack.run <= runs[FAN_IN - 1]).copied().collect();
        }
        start = end;
    }
    Vec::new()
}

/// Merges packs of one shelf into one run that takes the place of the oldest, and removes them; to be called in a
/// transaction. `packs` are consecutive runs. Gives the new packs.
/// With `last`, every block gets its best form, because nothing may merge it again.
pub(crate) fn merge(
    database: &Database,
    shelves: &Shelves,
    packs: &[PackMeta],
    last: bool,
) -> Result<Vec<PackMeta>, StoreError> {
    let Some(oldest) = packs.first() else { return Ok(Vec::new()) };
    let generation = packs.iter().map(|pack| pack.generation).max().unwrap_or(0).saturating_add(1);
    let mut writer = RunWriter::new(database, generation, oldest.run, shelves.next_id());
    let effort = if last || generation >= GENERATION_ALWAYS { Effort::Best } else { Effort::Quick };
    let mut joiner = Joiner::new(oldest.level, effort);
    let mut join = |block: Option<Block>, writer: &mut RunWriter<'_>| -> Result<(), StoreError> {
        let finished = match block {
            Some(block) => joiner.push(block),
            None => joiner.finish(),
        };
        finished.map_err(|fault| database.damaged("a block", &fault))?.into_iter().try_for_each(|pack| writer.write(pack))
    };
    for_each_block(database, packs, |block| join(Some(block), &mut writer))?;
    join(None, &mut writer)?;
    let written = writer.written;
    delete(database, packs)?;
    Ok(written)
}

/// Gives every block of `packs` in the order of series, then runs. Holds one pack per run in memory.
pub(super) fn for_each_block(
    database: &Database,
    packs: &[PackMeta],
    mut each: impl FnMut(Block) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut cursors: Vec<Cursor> = Vec::new();
    for pack in packs {
        match cursors.last_mut() {
            Some(cursor) if cursor.run == pack.run => cursor.ahead.push(*pack),
            _ => cursors.push(Cursor { run: pack.run, ahead: vec![*pack], blocks: Vec::new().into_iter().peekable() }),
        }
    }
    cursors.iter_mut().for_each(|cursor| cursor.ahead.reverse());
    loop {
        let mut lowest = None;
        for cursor in &mut cursors {
            if let Some(series) = cursor.series(database)? {
                lowest = Some(lowest.map_or(series, |lowest: u32| lowest.min(series)));
            }
        }
        let Some(series) = lowest else { return Ok(()) };
        for cursor in &mut cursors {
            while cursor.series(database)? == Some(series) {
                cursor.blocks.next().map_or(Ok(()), &mut each)?;
            }
        }
    }
}

/// Walks over the blocks of one run.
struct Cursor {
    run: i64,
    /// Packs still to be read, the next one last.
    ahead: Vec<PackMeta>,
    blocks: std::iter::Peekable<std::vec::IntoIter<Block>>,
}

impl Cursor {
    /// The series of the next block.
    fn series(&mut self, database: &Database) -> Result<Option<u32>, StoreError> {
        loop {
            if let Some(block) = self.blocks.peek() {
                return Ok(Some(block.series));
            }
            let Some(pack) = self.ahead.pop() else { return Ok(None) };
            self.blocks = with_pack(database, &pack, |view| Ok(view.into_blocks()))?.into_iter().peekable();
        }
    }
}

/// Reads a pack and gives `use_` its directory.
pub(super) fn with_pack<T>(
    database: &Database,
    pack: &PackMeta,
    use_: impl FnOnce(PackView<'_>) -> Result<T, BlobFault>,
) -> Result<T, StoreError> {
    let read = database.row("read a pack", "SELECT body FROM pack WHERE id = ?1", [pack.id], |row| {
        Ok(PackView::parse(row.get_ref(0)?.as_blob()?).and_then(use_))
    })?;
    let read = read.unwrap_or_else(|| Err(BlobFault::content("its row is missing")));
    read.map_err(|fault| database.damaged(format_args!("pack {}", pack.id), &fault))
}

/// Joins consecutive blocks of a series up to [`BLOCK_MAX`] points; blocks that are half full pass as they are.
struct Joiner {
    level: Level,
    effort: Effort,
    packs: PackWriter,
    encoder: BlockEncoder,
    series: u32,
    /// Decoded points that wait for more.
    pending: Columns,
    /// The only block that waits, as it came.
    single: Option<Block>,
}

impl Joiner {
    fn new(level: Level, effort: Effort) -> Self {
        let (packs, encoder) = (PackWriter::new(level), BlockEncoder::default());
        Joiner { level, effort, packs, encoder, series: 0, pending: Columns::default(), single: None }
    }

    fn push(&mut self, block: Block) -> Result<Vec<super::pack::Pack>, BlobFault> {
        let mut finished = Vec::new();
        let count = block.times.count as usize;
        let full = count >= BLOCK_MAX / 2;
        let waiting = self.pending.len() + self.single.as_ref().map_or(0, |single| single.times.count as usize);
        if block.series != self.series || full || waiting + count > BLOCK_MAX {
            self.flush(&mut finished)?;
        }
        self.series = block.series;
        if full {
            finished.extend(self.packs.push(block));
        } else if self.pending.len() == 0 && self.single.is_none() {
            self.single = Some(block);
        } else {
            if let Some(single) = self.single.take() {
                self.pending.append(&single.decode(self.level)?);
            }
            self.pending.append(&block.decode(self.level)?);
        }
        Ok(finished)
    }

    fn flush(&mut self, finished: &mut Vec<super::pack::Pack>) -> Result<(), BlobFault> {
        if let Some(single) = self.single.take() {
            if self.effort == Effort::Quick {
                finished.extend(self.packs.push(single));
            } else {
                self.pending.append(&single.decode(self.level)?);
            }
        }
        if self.pending.len() > 0 {
            self.pending.normalise();
            let block = self.encoder.encode(self.series, &self.pending, self.effort);
            finished.extend(self.packs.push(block));
            self.pending.clear();
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<super::pack::Pack>, BlobFault> {
        let mut finished = Vec::new();
        self.flush(&mut finished)?;
        finished.extend(self.packs.finish());
        debug_assert!(finished.iter().all(|pack| pack.level == self.level));
        Ok(finished)
    }
}

/// The series that a pack holds.
pub(crate) fn series_in(database: &Database, pack: &PackMeta) -> Result<Vec<u32>, StoreError> {
    with_pack(database, pack, |view| {
        let mut series: Vec<u32> = view.series().collect();
        series.dedup();
        Ok(series)
    })
}

/// Whether the pack's bytes are those that were written.
pub(crate) fn readable(database: &Database, pack: &PackMeta) -> Result<(), StoreError> {
    with_pack(database, pack, |_| Ok(()))
}
