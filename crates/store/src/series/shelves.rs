//! Which packs there are, in memory: per level and shard, in the order in which they were written.

use std::collections::BTreeMap;

use super::{Level, SHARD};

/// What is known of a pack without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackMeta {
    /// Its row.
    pub id: i64,
    pub level: Level,
    /// How often its samples were merged.
    pub generation: u8,
    /// Packs written together; later runs hold later points of each series.
    pub run: i64,
    pub series_first: u32,
    pub series_last: u32,
    /// Milliseconds since 1970.
    pub time_first: i64,
    pub time_last: i64,
    pub points: u64,
    pub blocks: u32,
    /// Size of its body.
    pub bytes: u64,
}

impl PackMeta {
    /// The shard that all its series belong to.
    pub(crate) fn shard(&self) -> u32 {
        self.series_first / SHARD
    }

    /// A checksum over the figures, so that a flipped bit in a row's plain columns does not hide a pack.
    pub(crate) fn check(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        for figure in [
            self.id,
            self.level as i64,
            i64::from(self.generation),
            self.run,
            i64::from(self.series_first),
            i64::from(self.series_last),
            self.time_first,
            self.time_last,
            self.points as i64,
            i64::from(self.blocks),
            self.bytes as i64,
        ] {
            hasher.update(&figure.to_le_bytes());
        }
        hasher.finalize()
    }
}

/// All packs of a store.
#[derive(Debug, Default)]
pub(crate) struct Shelves {
    /// Packs by run, then by series.
    packs: BTreeMap<(Level, u32), Vec<PackMeta>>,
    next_run: i64,
    next_id: i64,
}

impl Shelves {
    pub(crate) fn of_rows(rows: Vec<PackMeta>) -> Self {
        let mut shelves = Shelves { packs: BTreeMap::new(), next_run: 1, next_id: 1 };
        for pack in rows {
            shelves.add(pack);
        }
        shelves
    }

    /// The number of the next run.
    pub(crate) fn next_run(&self) -> i64 {
        self.next_run
    }

    /// The row of the next pack.
    pub(crate) fn next_id(&self) -> i64 {
        self.next_id
    }

    pub(crate) fn add(&mut self, pack: PackMeta) {
        self.next_run = self.next_run.max(pack.run + 1);
        self.next_id = self.next_id.max(pack.id + 1);
        let shelf = self.packs.entry((pack.level, pack.shard())).or_default();
        let place = shelf
            .partition_point(|other| (other.run, other.series_first, other.id) < (pack.run, pack.series_first, pack.id));
        shelf.insert(place, pack);
    }

    pub(crate) fn remove(&mut self, packs: &[PackMeta]) {
        for pack in packs {
            if let Some(shelf) = self.packs.get_mut(&(pack.level, pack.shard())) {
                shelf.retain(|other| other.id != pack.id);
            }
        }
        self.packs.retain(|_, shelf| !shelf.is_empty());
    }

    /// The packs of one level and shard.
    pub(crate) fn shelf(&self, level: Level, shard: u32) -> &[PackMeta] {
        self.packs.get(&(level, shard)).map_or(&[], Vec::as_slice)
    }

    /// Level and shard of every shelf that holds something.
    pub(crate) fn places(&self) -> Vec<(Level, u32)> {
        self.packs.keys().copied().collect()
    }

    /// Every pack.
    pub(crate) fn all(&self) -> impl Iterator<Item = &PackMeta> {
        self.packs.values().flatten()
    }

    /// The packs that may hold points of `series` in `from..=to`.
    pub(crate) fn holding(&self, level: Level, series: u32, from: i64, to: i64) -> impl Iterator<Item = &PackMeta> {
        self.shelf(level, series / SHARD).iter().filter(move |pack| {
            (pack.series_first..=pack.series_last).contains(&series) && pack.time_first <= to && pack.time_last >= from
        })
    }
}
