//! Ageing: raw samples become minutes, minutes become ten minutes, and those are dropped in the end.

use model::WallTime;

use super::pack::{BLOCK_MAX, BlockEncoder, PackWriter};
use super::seal::{RunWriter, delete};
use super::shelves::{PackMeta, Shelves};
use super::values::Effort;
use super::{Columns, Level};
use crate::database::Database;
use crate::{Limits, StoreError};

/// What time a pack of `level` must end before to be expired.
pub(crate) fn cutoff(limits: &Limits, level: Level, now: WallTime) -> i64 {
    let keep = match level {
        Level::Raw => limits.raw_keep,
        Level::Minute => limits.minute_keep,
        Level::TenMinutes => limits.ten_minute_keep,
    };
    now.minus(keep).unix_millis()
}

/// Turns packs of one shelf into packs of the next coarser level and removes them; to be called in a transaction.
/// At the coarsest level they are only removed. Gives the new packs.
pub(crate) fn coarsen(database: &Database, shelves: &Shelves, packs: &[PackMeta]) -> Result<Vec<PackMeta>, StoreError> {
    let Some(level) = packs.first().map(|pack| pack.level) else { return Ok(Vec::new()) };
    let mut written = Vec::new();
    if let Some((coarser, step)) = level.coarser() {
        let mut writer = RunWriter::new(database, 0, shelves.next_run(), shelves.next_id());
        let mut roller = Roller {
            packs: PackWriter::new(coarser),
            encoder: BlockEncoder::default(),
            series: 0,
            steps: Columns::default(),
        };
        super::merge::for_each_block(database, packs, |block| {
            let points = block.decode(level).map_err(|fault| database.damaged("a block", &fault))?;
            if block.series != roller.series || roller.steps.len() >= BLOCK_MAX {
                roller.flush(&mut writer)?;
                roller.series = block.series;
            }
            // Not-a-number marks the end of a series in remote write; it has no place in a mean.
            for (time, highest, mean, weight) in points.points().filter(|point| !point.2.is_nan()) {
                roller.steps.push((time.div_euclid(step) * step, highest, mean, weight), false);
            }
            Ok(())
        })?;
        roller.flush(&mut writer)?;
        if let Some(pack) = roller.packs.finish() {
            writer.write(pack)?;
        }
        written = writer.written;
    }
    delete(database, packs)?;
    Ok(written)
}

/// Gathers the steps of one series at a time.
struct Roller {
    packs: PackWriter,
    encoder: BlockEncoder,
    series: u32,
    steps: Columns,
}

impl Roller {
    fn flush(&mut self, writer: &mut RunWriter<'_>) -> Result<(), StoreError> {
        if self.steps.len() == 0 {
            return Ok(());
        }
        self.steps.normalise();
        // A mean is an estimate already: the digits that `f32` keeps are enough, and half as large.
        let shorter = |mean: f64| Some(f64::from(mean as f32)).filter(|short| short.is_finite()).unwrap_or(mean);
        self.steps.mean.iter_mut().for_each(|mean| *mean = shorter(*mean));
        let steps = std::mem::take(&mut self.steps);
        for start in (0..steps.len()).step_by(BLOCK_MAX) {
            let range = start..(start + BLOCK_MAX).min(steps.len());
            let part = Columns {
                times: steps.times[range.clone()].to_vec(),
                values: steps.values[range.clone()].to_vec(),
                mean: steps.mean[range.clone()].to_vec(),
                weight: steps.weight[range].to_vec(),
            };
            if let Some(pack) = self.packs.push(self.encoder.encode(self.series, &part, Effort::Best)) {
                writer.write(pack)?;
            }
        }
        Ok(())
    }
}
