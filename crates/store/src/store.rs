//! The store: one folder, one database file, one writer.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::{Bytes, Span, TargetId, WallTime};
use rusqlite::params;

use crate::database::Database;
use crate::series::range::Live;
use crate::series::shelves::PackMeta;
use crate::series::tail::{Batch, encode_layout};
use crate::series::{merge, rollup, seal};
use crate::{Aggregate, Appended, Limits, Point, Sample, SeriesId, SeriesKey, StoreError};

/// Batches in the tail above which it is sealed, however few samples they hold.
const TAIL_BATCHES_MAX: usize = 16_384;
/// Points that one call of [`Store::maintain`] merges or coarsens before it returns.
const MAINTAIN_POINTS: u64 = 4 << 20;
/// Points that one merge takes at most, beyond the first run.
const COARSEN_RECENT: Span = Span::from_secs(86_400);

/// Everything that forerun keeps in `forerun.db`. There is one per folder; [`Store::reader`] gives any number of readers.
pub struct Store {
    pub(crate) database: Database,
    pub(crate) live: Arc<RwLock<Live>>,
    pub(crate) limits: Limits,
    /// Packs that cannot be read: left alone, so that one of them does not stop the upkeep of all others.
    unreadable: Vec<i64>,
    next_tail_row: i64,
    /// Held while the store is open.
    pub(crate) _lock: File,
}

/// Reads series beside the store, from any thread.
#[derive(Clone)]
pub struct Reader {
    live: Arc<RwLock<Live>>,
    database: Arc<Mutex<Database>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.database.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

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

impl Store {
    pub(crate) fn assemble(database: Database, live: Live, limits: Limits, next_tail_row: i64, lock: File) -> Store {
        Store { database, live: Arc::new(RwLock::new(live)), limits, unreadable: Vec::new(), next_tail_row, _lock: lock }
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.database.path
    }

    /// The limits that it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A reader for other threads.
    ///
    /// # Errors
    /// When no further connection can be opened.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let database = Arc::new(Mutex::new(Database::open_reader(&self.database.path)?));
        Ok(Reader { live: Arc::clone(&self.live), database })
    }

    /// The handle of a series, which is made if it is new.
    ///
    /// # Errors
    /// When the limit of series is reached, or the name cannot be written.
    pub fn series_id(&mut self, key: &SeriesKey) -> Result<SeriesId, StoreError> {
        self.series_ids(std::slice::from_ref(key)).map(|ids| ids[0])
    }

    /// The handles of many series, new ones made in one transaction.
    ///
    /// # Errors
    /// As [`Store::series_id`]; then none of the new ones is made.
    pub fn series_ids(&mut self, keys: &[SeriesKey]) -> Result<Vec<SeriesId>, StoreError> {
        let mut live = write(&self.live);
        let mut ids = Vec::with_capacity(keys.len());
        let mut made = Vec::new();
        let database = &self.database;
        let result = database.transaction("add series", || {
            for key in keys {
                if let Some(id) = live.catalogue.hold(key) {
                    ids.push(id);
                    continue;
                }
                if live.catalogue.count() >= self.limits.series_max {
                    return Err(StoreError::SeriesLimit { limit: self.limits.series_max });
                }
                let number = live.catalogue.next_number();
                database.execute(
                    "add a series",
                    "INSERT INTO series (target, metric, name, number, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        key.target.as_str(),
                        key.metric.index() as i64,
                        &*key.name,
                        number,
                        crate::open::series_sum(number, key)
                    ],
                )?;
                live.catalogue.insert(number, key.clone(), true);
                made.push(number);
                ids.push(SeriesId(number));
            }
            Ok(())
        });
        if let Err(error) = result {
            made.into_iter().for_each(|number| live.catalogue.remove(number));
            return Err(error);
        }
        let end = live.catalogue.end() as usize;
        live.newest.resize(end, i64::MIN);
        Ok(ids)
    }

    /// Stores samples of any series in any order. When this returns, SIGKILL cannot lose them. A sample that is not
    /// newer than the newest of its series is counted, not stored.
    ///
    /// # Errors
    /// When a handle is unknown or the file cannot be written; then none of the batch is stored.
    pub fn append(&mut self, samples: &[Sample]) -> Result<Appended, StoreError> {
        let mut live = write(&self.live);
        if let Some(stranger) = samples.iter().find(|sample| !live.catalogue.contains(sample.series.0)) {
            return Err(StoreError::UnknownSeries(stranger.series));
        }
        let sorted;
        let samples = if samples.is_sorted_by_key(|sample| sample.series) {
            samples
        } else {
            sorted = {
                let mut copy = samples.to_vec();
                copy.sort_by_key(|sample| sample.series);
                copy
            };
            &sorted
        };
        let (mut series, mut times, mut values) = (Vec::new(), Vec::new(), Vec::new());
        series.reserve_exact(samples.len());
        times.reserve_exact(samples.len());
        values.reserve_exact(samples.len());
        let mut before = Vec::with_capacity(samples.len());
        for sample in samples {
            let (number, time) = (sample.series.0, sample.at.unix_millis());
            let newest = &mut live.newest[number as usize];
            if time > *newest {
                before.push(std::mem::replace(newest, time));
                series.push(number);
                times.push(time);
                values.push(sample.value);
            }
        }
        let appended = Appended { stored: series.len(), out_of_order: samples.len() - series.len() };
        if series.is_empty() {
            return Ok(appended);
        }
        match write_batch(&self.database, &live, self.next_tail_row, series, times, values) {
            Ok((batch, layout)) => {
                if let Some(row) = layout {
                    live.tail.add_layout(row, Arc::clone(&batch.series));
                }
                live.tail.push(batch);
                self.next_tail_row += 1;
            }
            Err((error, series)) => {
                // Backwards, so that a series that occurs twice ends at what it was at first.
                series.iter().zip(&before).rev().for_each(|(number, time)| live.newest[*number as usize] = *time);
                return Err(error);
            }
        }
        let full = live.tail.samples >= self.limits.tail_samples_max.max(1) || live.tail.batches.len() >= TAIL_BATCHES_MAX;
        drop(live);
        if full {
            // The batch is durable already: a failure here is met again by the next seal, and must not look like a loss.
            if let Err(error) = self.seal() {
                tracing::warn!(%error, "cannot seal the tail");
            }
        }
        Ok(appended)
    }

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

    /// Points of one series in `from..=to`, oldest first: samples, or the start of each step where they were coarsened.
    /// With `step` they are put together over steps that begin at whole multiples of it since 1970; NaN is left out then.
    ///
    /// # Errors
    /// When the handle is unknown, or a block that is needed is damaged.
    pub fn range(
        &self,
        series: SeriesId,
        from: WallTime,
        to: WallTime,
        step: Option<Span>,
        aggregate: Aggregate,
    ) -> Result<Vec<Point>, StoreError> {
        read(&self.live).range(&self.database, series, (from, to), step, aggregate)
    }

    /// The series of that name, if there is one.
    pub fn find(&self, key: &SeriesKey) -> Option<SeriesId> {
        read(&self.live).catalogue.find(key)
    }

    /// Every series with its name, by target, then metric, then name.
    pub fn series(&self) -> Vec<(SeriesId, SeriesKey)> {
        read(&self.live).catalogue.list()
    }

    /// The time of the newest sample of a series.
    pub fn newest(&self, series: SeriesId) -> Option<WallTime> {
        newest(&read(&self.live), series)
    }

    /// Bytes of the database and its write-ahead log.
    ///
    /// # Errors
    /// When a file cannot be looked at.
    pub fn bytes_on_disk(&self) -> Result<Bytes, StoreError> {
        let mut total = 0;
        for path in [self.database.path.clone(), beside(&self.database.path, "-wal")] {
            match std::fs::metadata(&path) {
                Ok(metadata) => total += metadata.len(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("measure", &path, error)),
            }
        }
        Ok(Bytes(total))
    }

    /// Points that are in the store: samples, and steps where they were coarsened.
    pub fn samples_stored(&self) -> u64 {
        let live = read(&self.live);
        live.shelves.all().map(|pack| pack.points).sum::<u64>() + live.tail.samples as u64
    }

    /// Checks the whole file: SQLite's structures and the checksum of every pack.
    ///
    /// # Errors
    /// Names the first damage.
    pub fn verify(&self) -> Result<(), StoreError> {
        crate::open::quick_check(&self.database)?;
        let live = read(&self.live);
        live.shelves.all().try_for_each(|pack| merge::readable(&self.database, pack))?;
        self.verify_ledger()?;
        self.verify_settings()
    }
}

impl Reader {
    /// As [`Store::range`].
    ///
    /// # Errors
    /// As [`Store::range`].
    pub fn range(
        &self,
        series: SeriesId,
        from: WallTime,
        to: WallTime,
        step: Option<Span>,
        aggregate: Aggregate,
    ) -> Result<Vec<Point>, StoreError> {
        // The lock is held over the read: what the index names is then in the file.
        let live = read(&self.live);
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        live.range(&database, series, (from, to), step, aggregate)
    }

    /// As [`Store::find`].
    pub fn find(&self, key: &SeriesKey) -> Option<SeriesId> {
        read(&self.live).catalogue.find(key)
    }

    /// The series of one target, by metric, then name.
    pub fn of_target(&self, target: &TargetId) -> Vec<(SeriesId, SeriesKey)> {
        read(&self.live).catalogue.of_target(target)
    }

    /// As [`Store::series`].
    pub fn series(&self) -> Vec<(SeriesId, SeriesKey)> {
        read(&self.live).catalogue.list()
    }

    /// As [`Store::newest`].
    pub fn newest(&self, series: SeriesId) -> Option<WallTime> {
        newest(&read(&self.live), series)
    }
}

/// What upkeep does with packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Merge,
    /// Everything of a shelf into one run.
    MergeLast,
    Coarsen,
}

fn newest(live: &Live, series: SeriesId) -> Option<WallTime> {
    let millis = live.newest.get(series.0 as usize).copied().filter(|millis| *millis != i64::MIN)?;
    Some(WallTime::from_unix_millis(millis))
}

type Written = (Batch, Option<i64>);

/// Writes one batch, and its layout if that is new; gives the series back on failure.
fn write_batch(
    database: &Database,
    live: &Live,
    row: i64,
    series: Vec<u32>,
    times: Vec<i64>,
    values: Vec<f64>,
) -> Result<Written, (StoreError, Vec<u32>)> {
    let known = live.tail.known_layout(&series);
    let (layout, shared, new) = match known {
        Some((layout, shared)) => (layout, shared, None),
        None => (live.tail.next_layout(), Arc::from(&series[..]), Some(encode_layout(&series))),
    };
    let batch = Batch::new(shared, times, values);
    let body = batch.encode(layout);
    let result = database.transaction("append samples", || {
        if let Some(new) = &new {
            database.execute("write a layout", "INSERT INTO layout (id, body) VALUES (?1, ?2)", params![layout, new])?;
        }
        database.execute("write a batch", "INSERT INTO tail (id, body) VALUES (?1, ?2)", params![row, body])
    });
    match result {
        Ok(_) => Ok((batch, new.map(|_| layout))),
        Err(error) => Err((error, series)),
    }
}

pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

// A panic while the lock was held is a bug that ends the daemon; until then readers may see what was there.
fn read(live: &RwLock<Live>) -> RwLockReadGuard<'_, Live> {
    live.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(live: &RwLock<Live>) -> RwLockWriteGuard<'_, Live> {
    live.write().unwrap_or_else(PoisonError::into_inner)
}
