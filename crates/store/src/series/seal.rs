//! Sealing: the tail is transposed into packs, shard by shard, and its rows are removed, in one transaction.

use rusqlite::params;

use super::pack::{BLOCK_MAX, BlockEncoder, Pack, PackWriter};
use super::shelves::PackMeta;
use super::tail::Tail;
use super::values::Effort;
use super::{Columns, Level, SHARD};
use crate::StoreError;
use crate::database::Database;

/// Writes packs of one run.
pub(super) struct RunWriter<'a> {
    database: &'a Database,
    generation: u8,
    run: i64,
    next_id: i64,
    pub written: Vec<PackMeta>,
}

impl<'a> RunWriter<'a> {
    pub(super) fn new(database: &'a Database, generation: u8, run: i64, next_id: i64) -> Self {
        RunWriter { database, generation, run, next_id, written: Vec::new() }
    }

    pub(super) fn write(&mut self, pack: Pack) -> Result<(), StoreError> {
        let Pack { level, series_first, series_last, time_first, time_last, points, blocks, body } = pack;
        let (id, bytes) = (self.next_id, body.len() as u64);
        let meta = PackMeta {
            id,
            level,
            generation: self.generation,
            run: self.run,
            series_first,
            series_last,
            time_first,
            time_last,
            points,
            blocks,
            bytes,
        };
        self.database.execute(
            "write a pack",
            "INSERT INTO pack (id, level, generation, run, series_first, series_last, time_first, time_last, points, blocks, bytes, sum, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                id,
                level as i64,
                self.generation,
                self.run,
                series_first,
                series_last,
                time_first,
                time_last,
                points as i64,
                blocks,
                bytes as i64,
                meta.check(),
                body
            ],
        )?;
        self.next_id += 1;
        self.written.push(meta);
        Ok(())
    }
}

/// Removes the rows of `packs`.
pub(super) fn delete(database: &Database, packs: &[PackMeta]) -> Result<(), StoreError> {
    packs
        .iter()
        .try_for_each(|pack| database.execute("remove a pack", "DELETE FROM pack WHERE id = ?1", [pack.id]).map(|_| ()))
}

/// The newest time of each series of a shard, as its row.
pub(crate) fn write_newest(database: &Database, shard: u32, newest: &[i64]) -> Result<(), StoreError> {
    let body = crate::checked::seal_wire(&newest);
    database
        .execute("write a shard", "INSERT OR REPLACE INTO shard (id, newest) VALUES (?1, ?2)", params![shard, body])
        .map(|_| ())
}

/// Writes the tail's content as packs of one run and removes its rows; to be called in a transaction.
/// `newest` is by series number. Gives the packs.
pub(crate) fn seal(
    database: &Database,
    tail: &Tail,
    newest: &[i64],
    run: i64,
    next_id: i64,
) -> Result<Vec<PackMeta>, StoreError> {
    let mut writer = RunWriter::new(database, 0, run, next_id);
    let mut gathered: Vec<Columns> = vec![Columns::default(); SHARD as usize];
    for shard in shards_of(tail) {
        let first = shard * SHARD;
        for batch in &tail.batches {
            for (series, time, value) in batch.of_series(first, first.saturating_add(SHARD)) {
                let columns = &mut gathered[(series - first) as usize];
                columns.times.push(time);
                columns.values.push(value);
            }
        }
        let mut packs = PackWriter::new(Level::Raw);
        let mut encoder = BlockEncoder::default();
        for (series, columns) in (first..).zip(&mut gathered) {
            if columns.len() <= BLOCK_MAX {
                if columns.len() > 0
                    && let Some(pack) = packs.push(encoder.encode(series, columns, Effort::Quick))
                {
                    writer.write(pack)?;
                }
            } else {
                for block in blocks(columns) {
                    if let Some(pack) = packs.push(encoder.encode(series, &block, Effort::Best)) {
                        writer.write(pack)?;
                    }
                }
            }
            columns.clear();
        }
        if let Some(pack) = packs.finish() {
            writer.write(pack)?;
        }
        let end = ((first + SHARD) as usize).min(newest.len());
        write_newest(database, shard, &newest[first as usize..end])?;
    }
    database.batch("clear the tail", "DELETE FROM tail; DELETE FROM layout;")?;
    Ok(writer.written)
}

/// Points cut into stretches that fit a block.
fn blocks(columns: &mut Columns) -> impl Iterator<Item = Columns> + '_ {
    let starts = (0..columns.len()).step_by(BLOCK_MAX);
    starts.map(|start| {
        let range = start..(start + BLOCK_MAX).min(columns.len());
        Columns {
            times: columns.times[range.clone()].to_vec(),
            values: columns.values[range].to_vec(),
            ..Columns::default()
        }
    })
}

fn shards_of(tail: &Tail) -> Vec<u32> {
    let mut shards = std::collections::BTreeSet::new();
    let mut seen: Option<&std::sync::Arc<[u32]>> = None;
    for batch in &tail.batches {
        // Batches of one layout share the list: it is looked at once.
        if seen.is_some_and(|seen| std::sync::Arc::ptr_eq(seen, &batch.series)) {
            continue;
        }
        seen = Some(&batch.series);
        shards.extend(batch.series.iter().map(|series| series / SHARD));
    }
    shards.into_iter().collect()
}
