//! Upkeep: sealing, merging, ageing, compacting. The caller decides when; each step is one transaction.

use std::sync::RwLockReadGuard;

use model::{Span, WallTime};
use rusqlite::params;

use super::{Store, read, write};
use crate::database::Database;
use crate::series::range::Live;
use crate::series::shelves::PackMeta;
use crate::series::{merge, rollup, seal};
use crate::{SeriesId, StoreError};

/// Batches in the tail above which it is sealed, however few samples they hold.
pub(super) const TAIL_BATCHES_MAX: usize = 16_384;
/// Points that one call of [`Store::maintain`] merges or coarsens before it returns.
const MAINTAIN_POINTS: u64 = 4 << 20;
/// What is younger than this is coarsened to stay under the byte cap only when nothing older can be.
const COARSEN_RECENT: Span = Span::from_secs(86_400);

/// What [`Store::maintain`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Samples that went from the tail into packs.
    pub sealed_samples: usize,
    /// Points that were merged into longer blocks.
    pub merged_points: u64,
    /// Points that became coarser because they expired, or because the store is over its byte cap.
    pub coarsened_points: u64,
    /// Points that were dropped for the same reasons.
    pub dropped_points: u64,
    /// Decisions that were forgotten.
    pub forgotten_decisions: usize,
    /// Damage that was met, each named once. The rest of the work was done.
    pub damaged: Vec<String>,
    /// Whether there is more to do now: call again when nothing else waits.
    pub more: bool,
}

/// What upkeep does with packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Merge,
    /// Everything of a shelf into one run.
    MergeLast,
    Coarsen,
}

impl Store {
    /// Compresses everything that waits in the tail. Gives the number of samples.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is lost then.
    pub fn seal(&mut self) -> Result<usize, StoreError> {
        let live = read(&self.live);
        let samples = live.tail.samples;
        if samples == 0 {
            return Ok(0);
        }
        let (run, next_id) = (live.shelves.next_run(), live.shelves.next_id());
        self.change(
            live,
            "seal the tail",
            |database, live| seal::seal(database, &live.tail, &live.newest, run, next_id),
            |live, packs| {
                live.tail.clear();
                packs.into_iter().for_each(|pack| live.shelves.add(pack));
            },
        )?;
        Ok(samples)
    }

    /// Works on the file in a transaction while readers go on, then commits and shows them the result at one blow.
    fn change<T>(
        &self,
        live: RwLockReadGuard<'_, Live>,
        doing: &'static str,
        work: impl FnOnce(&Database, &Live) -> Result<T, StoreError>,
        show: impl FnOnce(&mut Live, T),
    ) -> Result<(), StoreError> {
        let mut shown = None;
        let mut live = Some(live);
        self.database.transaction(doing, || {
            let held = live.take().expect("taken once");
            let result = work(&self.database, &held)?;
            drop(held);
            // Nobody but this store writes, so nothing changes between the two locks; readers wait for the commit only.
            shown = Some((write(&self.live), result));
            Ok(())
        })?;
        if let Some((mut live, result)) = shown {
            show(&mut live, result);
        }
        Ok(())
    }

    /// Upkeep: seals the tail when it is due, merges and coarsens packs, forgets what expired. Works for a bounded time;
    /// [`Maintained::more`] says whether to call again.
    ///
    /// # Errors
    /// When the file cannot be written. Damage that it meets is reported in the result instead.
    pub fn maintain(&mut self, now: WallTime) -> Result<Maintained, StoreError> {
        let mut done = Maintained::default();
        let due = {
            let live = read(&self.live);
            let old = live.tail.oldest.is_some_and(|oldest| oldest <= now.minus(self.limits.tail_age_max).unix_millis());
            old || live.tail.samples >= self.limits.tail_samples_max / 2 || live.tail.batches.len() >= TAIL_BATCHES_MAX / 2
        };
        if due {
            done.sealed_samples = self.seal()?;
        }
        while done.merged_points + done.coarsened_points + done.dropped_points < MAINTAIN_POINTS {
            let Some((work, packs)) = self.next_work(now)? else {
                done.forgotten_decisions = self.forget_decisions(now)?;
                return Ok(done);
            };
            self.work(work, &packs, &mut done)?;
        }
        done.more = true;
        Ok(done)
    }

    fn work(&mut self, work: Work, packs: &[PackMeta], done: &mut Maintained) -> Result<(), StoreError> {
        let points: u64 = packs.iter().map(|pack| pack.points).sum();
        let result = self.replace(work, packs);
        match result {
            Ok(()) => match work {
                Work::Merge | Work::MergeLast => done.merged_points += points,
                Work::Coarsen if packs[0].level.coarser().is_none() => done.dropped_points += points,
                Work::Coarsen => done.coarsened_points += points,
            },
            Err(StoreError::Damaged { what, .. }) => {
                // One of them is bad: find out which, so that only that one is left out.
                let before = self.unreadable.len();
                let bad = packs.iter().filter(|pack| merge::readable(&self.database, pack).is_err()).map(|pack| pack.id);
                self.unreadable.extend(bad);
                if self.unreadable.len() == before {
                    self.unreadable.extend(packs.iter().map(|pack| pack.id));
                }
                done.damaged.push(what);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn replace(&self, work: Work, packs: &[PackMeta]) -> Result<(), StoreError> {
        let live = read(&self.live);
        self.change(
            live,
            "rewrite packs",
            |database, live| match work {
                Work::Merge => merge::merge(database, &live.shelves, packs, false),
                Work::MergeLast => merge::merge(database, &live.shelves, packs, true),
                Work::Coarsen => rollup::coarsen(database, &live.shelves, packs),
            },
            |live, written| {
                live.shelves.remove(packs);
                written.into_iter().for_each(|pack| live.shelves.add(pack));
            },
        )
    }

    /// The next thing to do, if anything is due.
    fn next_work(&self, now: WallTime) -> Result<Option<(Work, Vec<PackMeta>)>, StoreError> {
        let live = read(&self.live);
        let good = |packs: &[PackMeta]| {
            packs.iter().filter(|pack| !self.unreadable.contains(&pack.id)).copied().collect::<Vec<_>>()
        };
        for (level, shard) in live.shelves.places() {
            let shelf = good(live.shelves.shelf(level, shard));
            let cutoff = rollup::cutoff(&self.limits, level, now);
            let expired: Vec<PackMeta> = shelf.iter().filter(|pack| pack.time_last < cutoff).copied().collect();
            if !expired.is_empty() {
                return Ok(Some((Work::Coarsen, expired)));
            }
            let due = merge::due(&shelf);
            if !due.is_empty() {
                return Ok(Some((Work::Merge, due)));
            }
        }
        if self.database.bytes_used()? > self.limits.bytes_max.0 {
            let recent = now.minus(COARSEN_RECENT).unix_millis();
            let oldest = |packs: Vec<PackMeta>| packs.into_iter().min_by_key(|pack| (pack.level, pack.time_last));
            let all = good(&live.shelves.all().copied().collect::<Vec<_>>());
            let fine =
                all.iter().filter(|pack| pack.level.coarser().is_some() && pack.time_last < recent).copied().collect();
            if let Some(pack) = oldest(fine).or_else(|| all.iter().max_by_key(|pack| (pack.level, -pack.time_last)).copied())
            {
                return Ok(Some((Work::Coarsen, vec![pack])));
            }
        }
        Ok(None)
    }

    /// Makes the file as small as it gets: seals the tail, merges each series' blocks, forgets series without samples
    /// that nobody holds, gives free pages back and empties the write-ahead log. Takes time in proportion to the file.
    ///
    /// # Errors
    /// When the file cannot be written, or a pack is damaged.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        self.seal()?;
        let places = read(&self.live).shelves.places();
        for (level, shard) in places {
            let packs: Vec<PackMeta> = read(&self.live).shelves.shelf(level, shard).to_vec();
            if packs.iter().any(|pack| pack.run != packs[0].run || pack.generation == 0) {
                self.replace(Work::MergeLast, &packs)?;
            }
        }
        self.forget_empty_series()?;
        // Each step of this statement frees one page.
        self.database.rows("give free pages back", "PRAGMA incremental_vacuum", [], |_| Ok(()))?;
        self.checkpoint()
    }

    /// Moves the write-ahead log into the file and empties it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.database.row("empty the log", "PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map(|_| ())
    }

    fn forget_empty_series(&mut self) -> Result<(), StoreError> {
        let mut live = write(&self.live);
        let mut doomed: std::collections::BTreeSet<u32> = live.catalogue.not_held().into_iter().collect();
        if doomed.is_empty() {
            return Ok(());
        }
        for pack in live.shelves.all() {
            merge::series_in(&self.database, pack)?.into_iter().for_each(|series| {
                doomed.remove(&series);
            });
        }
        let mut shards: Vec<u32> = doomed.iter().map(|number| number / crate::series::SHARD).collect();
        shards.dedup();
        let mut newest = live.newest.clone();
        doomed.iter().for_each(|number| newest[*number as usize] = i64::MIN);
        self.database.transaction("forget series", || {
            for number in &doomed {
                let Some(key) = live.catalogue.key(SeriesId(*number)) else { continue };
                self.database.execute(
                    "forget a series",
                    "DELETE FROM series WHERE target = ?1 AND metric = ?2 AND name = ?3",
                    params![key.target.as_str(), key.metric.index() as i64, &*key.name],
                )?;
            }
            for shard in shards {
                let first = (shard * crate::series::SHARD) as usize;
                let end = (first + crate::series::SHARD as usize).min(newest.len());
                seal::write_newest(&self.database, shard, &newest[first..end])?;
            }
            Ok(())
        })?;
        live.newest = newest;
        doomed.into_iter().for_each(|number| live.catalogue.remove(number));
        Ok(())
    }
}
