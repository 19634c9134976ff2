//! Reading what the store holds in memory from its file, with every row's checksum.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use model::TargetId;

use crate::StoreError;
use crate::checked::{BlobFault, unseal_wire};
use crate::database::Database;
use crate::schema;
use crate::series::catalogue::{Catalogue, metric_of_number};
use crate::series::range::Live;
use crate::series::shelves::{PackMeta, Shelves};
use crate::series::tail::{Batch, Tail, decode_layout};
use crate::series::{Level, SHARD, SeriesKey};

/// Files up to this are checked from end to end when opened; larger ones by [`crate::Store::verify`].
const CHECK_WHOLE_BELOW: u64 = 64 << 20;

/// Opens the file and reads what belongs in memory, with the number of the next row of the tail.
pub(crate) fn load(path: &Path) -> Result<(Database, Live, i64), StoreError> {
    let database = Database::open(path)?;
    // Until it is known to be sound, closing must not write the log into the file.
    database.checkpoint_on_close(false)?;
    let loaded = load_all(&database)?;
    database.checkpoint_on_close(true)?;
    let (live, next_tail_row) = loaded;
    Ok((database, live, next_tail_row))
}

fn load_all(database: &Database) -> Result<(Live, i64), StoreError> {
    prepare(database)?;
    if fs::metadata(&database.path).is_ok_and(|metadata| metadata.len() < CHECK_WHOLE_BELOW) {
        quick_check(database)?;
    }
    let catalogue = load_catalogue(database)?;
    let mut newest = load_newest(database, catalogue.end() as usize)?;
    let (tail, next_tail_row) = load_tail(database)?;
    for batch in &tail.batches {
        for (series, time, _) in batch.of_series(0, u32::MAX) {
            let known = newest.get_mut(series as usize).filter(|_| catalogue.contains(series));
            let known = known.ok_or_else(|| {
                database.damaged("the tail", &BlobFault::content(format_args!("series {series} has no name")))
            })?;
            *known = time.max(*known);
        }
    }
    let shelves = load_shelves(database)?;
    Ok((Live { catalogue, newest, tail, shelves }, next_tail_row))
}

/// Makes the tables of a new file, or checks whose and of which version they are.
fn prepare(database: &Database) -> Result<(), StoreError> {
    let path = || database.path.clone();
    let tables = database.number("read the layout", "SELECT count(*) FROM sqlite_schema")?;
    let application = database.number("read the layout", "PRAGMA application_id")?;
    if tables == 0 && application == 0 {
        let stamp =
            format!("PRAGMA application_id = {}; PRAGMA user_version = {};", schema::APPLICATION_ID, schema::VERSION);
        return database.transaction("create tables", || {
            database.batch("create tables", &stamp)?;
            database.batch("create tables", schema::CREATE)
        });
    }
    if application != schema::APPLICATION_ID {
        return Err(StoreError::Foreign { path: path(), found: application });
    }
    let found = database.number("read the layout", "PRAGMA user_version")?;
    if found != schema::VERSION {
        return Err(StoreError::Version { path: path(), found, known: schema::VERSION });
    }
    Ok(())
}

/// SQLite's check of its structures.
pub(crate) fn quick_check(database: &Database) -> Result<(), StoreError> {
    let verdict: Option<String> = database.row("check", "PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict.as_deref() {
        Some("ok") => Ok(()),
        other => Err(StoreError::Damaged {
            path: database.path.clone(),
            what: other.unwrap_or("the check gave no answer").to_owned(),
        }),
    }
}

/// A checksum over a row of `series`.
pub(crate) fn series_sum(number: u32, key: &SeriesKey) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&[key.metric.index() as u8]);
    hasher.update(key.target.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(key.name.as_bytes());
    hasher.finalize()
}

/// A row of `series`: number, key, stored checksum; `None` when a figure makes no sense.
pub(crate) fn series_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<(u32, SeriesKey)>> {
    let (target, metric, name): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (number, sum): (i64, i64) = (row.get(3)?, row.get(4)?);
    let (Some(metric), Ok(number)) = (metric_of_number(metric), u32::try_from(number)) else { return Ok(None) };
    let key = SeriesKey { target: TargetId::new(target), metric, name: name.into() };
    Ok((i64::from(series_sum(number, &key)) == sum).then_some((number, key)))
}

pub(crate) const SERIES_ROWS: &str = "SELECT target, metric, name, number, sum FROM series";

fn load_catalogue(database: &Database) -> Result<Catalogue, StoreError> {
    let mut targets: BTreeMap<TargetId, TargetId> = BTreeMap::new();
    let rows = database.rows("read series", SERIES_ROWS, [], series_row)?;
    let rows = rows.into_iter().collect::<Option<Vec<_>>>();
    let mut rows =
        rows.ok_or_else(|| database.damaged("a row of series", &BlobFault::content("its checksum does not fit")))?;
    let mut seen = BTreeSet::new();
    for (number, key) in &mut rows {
        if !seen.insert(*number) {
            return Err(database.damaged("series", &BlobFault::content(format_args!("number {number} occurs twice"))));
        }
        // Series of one target share its name in memory.
        key.target = targets.entry(key.target.clone()).or_insert_with(|| key.target.clone()).clone();
    }
    Ok(Catalogue::of_rows(rows))
}

fn load_newest(database: &Database, count: usize) -> Result<Vec<i64>, StoreError> {
    let mut newest = vec![i64::MIN; count];
    let rows = database.rows("read shards", "SELECT id, newest FROM shard", [], |row| {
        Ok((row.get::<_, i64>(0)?, unseal_wire::<Vec<i64>>(row.get_ref(1)?.as_blob()?)))
    })?;
    for (shard, times) in rows {
        let times = times.map_err(|fault| database.damaged(format_args!("shard {shard}"), &fault))?;
        let first = usize::try_from(shard).unwrap_or(usize::MAX).saturating_mul(SHARD as usize);
        newest.iter_mut().skip(first).zip(times).for_each(|(newest, time)| *newest = time);
    }
    Ok(newest)
}

fn load_tail(database: &Database) -> Result<(Tail, i64), StoreError> {
    let rows = database.rows("read layouts", "SELECT id, body FROM layout", [], |row| {
        Ok((row.get::<_, i64>(0)?, decode_layout(row.get_ref(1)?.as_blob()?)))
    })?;
    let mut layouts: BTreeMap<i64, Arc<[u32]>> = BTreeMap::new();
    for (id, layout) in rows {
        layouts.insert(id, layout.map_err(|fault| database.damaged(format_args!("layout {id}"), &fault))?);
    }
    let mut tail = Tail::default();
    for (id, layout) in &layouts {
        tail.add_layout(*id, Arc::clone(layout));
    }
    let rows = database.rows("read the tail", "SELECT id, body FROM tail ORDER BY id", [], |row| {
        Ok((row.get::<_, i64>(0)?, Batch::decode(row.get_ref(1)?.as_blob()?, |layout| layouts.get(&layout).cloned())))
    })?;
    let mut next = 1;
    for (id, batch) in rows {
        tail.push(batch.map_err(|fault| database.damaged(format_args!("row {id} of the tail"), &fault))?);
        next = id + 1;
    }
    Ok((tail, next))
}

pub(crate) const PACK_ROWS: &str = "SELECT id, level, generation, run, series_first, series_last, time_first, time_last, points, blocks, bytes, sum FROM pack";

/// The figures of a row of `pack`; `None` when they are not what was written.
pub(crate) fn pack_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<PackMeta>> {
    let Some(level) = Level::of_number(row.get(1)?) else { return Ok(None) };
    let (Ok(generation), Ok(series_first), Ok(series_last), Ok(blocks)) = (row.get(2), row.get(4), row.get(5), row.get(9))
    else {
        return Ok(None);
    };
    let meta = PackMeta {
        id: row.get(0)?,
        level,
        generation,
        run: row.get(3)?,
        series_first,
        series_last,
        time_first: row.get(6)?,
        time_last: row.get(7)?,
        points: row.get::<_, i64>(8)? as u64,
        blocks,
        bytes: row.get::<_, i64>(10)? as u64,
    };
    Ok((i64::from(meta.check()) == row.get::<_, i64>(11)?).then_some(meta))
}

fn load_shelves(database: &Database) -> Result<Shelves, StoreError> {
    let rows = database.rows("list packs", PACK_ROWS, [], pack_row)?;
    let rows = rows.into_iter().collect::<Option<Vec<_>>>();
    rows.map(Shelves::of_rows)
        .ok_or_else(|| database.damaged("a row of pack", &BlobFault::content("its checksum does not fit")))
}
