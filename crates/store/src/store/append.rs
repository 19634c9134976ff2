//! Taking samples in: handles, and batches that are durable when they are acknowledged.

use std::sync::Arc;

use rusqlite::params;

use super::upkeep::TAIL_BATCHES_MAX;
use super::{Store, write};
use crate::database::Database;
use crate::series::range::Live;
use crate::series::tail::{Batch, encode_layout};
use crate::{Appended, Sample, SeriesId, SeriesKey, StoreError};

impl Store {
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
                        crate::load::series_sum(number, key)
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
        match write_batch(&self.database, &live, self.next_tail_row, &series, times, values) {
            Ok((batch, layout)) => {
                if let Some(row) = layout {
                    live.tail.add_layout(row, Arc::clone(&batch.series));
                }
                live.tail.push(batch);
                self.next_tail_row += 1;
            }
            Err(error) => {
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
}

/// A batch in the tail, and the row of its layout if that is new.
type Written = (Batch, Option<i64>);

/// Writes one batch, and its layout if that is new.
fn write_batch(
    database: &Database,
    live: &Live,
    row: i64,
    series: &[u32],
    times: Vec<i64>,
    values: Vec<f64>,
) -> Result<Written, StoreError> {
    let known = live.tail.known_layout(series);
    let (layout, shared, new) = match known {
        Some((layout, shared)) => (layout, shared, None),
        None => (live.tail.next_layout(), Arc::from(series), Some(encode_layout(series))),
    };
    let batch = Batch::new(shared, times, values);
    let body = batch.encode(layout);
    database.transaction("append samples", || {
        if let Some(new) = &new {
            database.execute("write a layout", "INSERT INTO layout (id, body) VALUES (?1, ?2)", params![layout, new])?;
        }
        database.execute("write a batch", "INSERT INTO tail (id, body) VALUES (?1, ?2)", params![row, body])
    })?;
    Ok((batch, new.map(|_| layout)))
}

#[cfg(test)]
mod tests {
    use model::{Metric, TargetId, WallTime};

    use super::*;
    use crate::Limits;

    fn tick(series: SeriesId, count: i64, from: i64) -> Vec<Sample> {
        (from..from + count).map(|at| Sample { series, at: WallTime::from_unix_secs(at), value: at as f64 * 0.1 }).collect()
    }

    #[test]
    fn a_full_disk_and_a_read_only_one_are_named_and_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), Limits::default()).unwrap();
        let id = store.series_id(&SeriesKey::new(TargetId::new("t"), Metric::Cpu)).unwrap();
        store.append(&tick(id, 10, 0)).unwrap();
        let pages = store.database.number("read", "PRAGMA page_count").unwrap();
        store.database.number("limit", &format!("PRAGMA max_page_count = {}", pages + 1)).unwrap();
        let error = store.append(&tick(id, 5_000, 10)).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        assert!(error.to_string().contains("no space left") && error.to_string().contains("forerun.db"), "{error}");
        assert_eq!((store.samples_stored(), store.newest(id)), (10, Some(WallTime::from_unix_secs(9))));

        store.database.number("limit", "PRAGMA max_page_count = 1000000").unwrap();
        store.database.batch("set", "PRAGMA query_only = ON").unwrap();
        let error = store.append(&tick(id, 1, 10)).unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
        assert!(store.seal().is_err());
        store.database.batch("set", "PRAGMA query_only = OFF").unwrap();

        assert_eq!(store.append(&tick(id, 5_000, 10)).unwrap().stored, 5_000, "the same samples are taken afterwards");
        store.seal().unwrap();
        store.verify().unwrap();
        assert_eq!(store.samples_stored(), 5_010);
    }

    #[test]
    fn a_seal_that_fails_leaves_the_tail() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { tail_samples_max: 4_000, ..Limits::default() };
        let mut store = Store::open(dir.path(), limits).unwrap();
        let id = store.series_id(&SeriesKey::new(TargetId::new("t"), Metric::Cpu)).unwrap();
        store.database.batch("break", "ALTER TABLE pack RENAME TO hidden").unwrap();
        assert_eq!(store.append(&tick(id, 5_000, 0)).unwrap().stored, 5_000, "stored, although it could not be sealed");
        assert!(store.seal().is_err());
        assert_eq!(store.samples_stored(), 5_000);
        store.database.batch("mend", "ALTER TABLE hidden RENAME TO pack").unwrap();
        drop(store);
        let mut store = Store::open(dir.path(), limits).unwrap();
        assert_eq!(store.samples_stored(), 5_000);
        assert_eq!(store.seal().unwrap(), 5_000);
    }
}
