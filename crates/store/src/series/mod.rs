//! Time series: what goes in, what comes out, and how it lies in the file.
//!
//! Samples arrive in batches across all series and are read per series, so they are stored twice, one after the other.
//! *Tail*: each batch is one row as it came, durable when `append` returns, and held in memory for reading.
//! *Packs*: from time to time the tail is transposed; each series' stretch becomes a block of two compressed columns
//! (times, values), and blocks of neighbouring series share a row of about 64 KiB. Series are grouped in *shards* of
//! 256; packs of one shard are merged eight to one as they age, so that blocks grow while one merge stays small.
//! When raw samples expire they become minutes, then ten minutes, in the same packs with three value columns.

mod bits;
pub(crate) mod catalogue;
mod decimal;
pub(crate) mod merge;
pub(crate) mod pack;
pub(crate) mod range;
pub(crate) mod rollup;
pub(crate) mod seal;
pub(crate) mod shelves;
pub(crate) mod tail;
mod times;
mod values;
mod varint;

use model::{Metric, TargetId, WallTime};

/// Names a series: a target's metric, and for [`Metric::Application`] which one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Whose.
    pub target: TargetId,
    /// Of what.
    pub metric: Metric,
    /// The name of an application metric; empty otherwise.
    pub name: Box<str>,
}

impl SeriesKey {
    /// The series of one of the host's metrics.
    pub fn new(target: TargetId, metric: Metric) -> Self {
        SeriesKey { target, metric, name: "".into() }
    }
    /// The series of an application metric of that name.
    pub fn application(target: TargetId, name: impl Into<Box<str>>) -> Self {
        SeriesKey { target, metric: Metric::Application, name: name.into() }
    }
}

/// A handle to a series, valid for the store that gave it while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub(crate) u32);

impl SeriesId {
    /// The dense number behind it, for tables beside the store.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Of which series.
    pub series: SeriesId,
    /// When.
    pub at: WallTime,
    /// In the series' own unit. Kept to the bit; an `f32` converted here comes back exactly.
    pub value: f64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Samples that are durable now.
    pub stored: usize,
    /// Samples not newer than the newest of their series: not stored.
    pub out_of_order: usize,
}

/// How samples that fall into one step are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// The highest.
    Max,
    /// The mean over samples.
    Mean,
}

/// One point of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The sample's time, or the start of the step that it stands for.
    pub at: WallTime,
    /// The value.
    pub value: f64,
}

/// How fine the samples of a pack are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// As they came.
    Raw = 0,
    /// Highest and mean of a minute.
    Minute = 1,
    /// Highest and mean of ten minutes.
    TenMinutes = 2,
}

impl Level {
    pub(crate) const ALL: [Level; 3] = [Level::Raw, Level::Minute, Level::TenMinutes];

    pub(crate) fn of_number(number: i64) -> Option<Level> {
        Level::ALL.into_iter().find(|level| *level as i64 == number)
    }

    /// Columns of values in a block: the value, or highest, mean and how many samples.
    pub(crate) const fn columns(self) -> usize {
        if matches!(self, Level::Raw) { 1 } else { 3 }
    }

    /// The level that expired points become, and its step in milliseconds.
    pub(crate) const fn coarser(self) -> Option<(Level, i64)> {
        match self {
            Level::Raw => Some((Level::Minute, 60_000)),
            Level::Minute => Some((Level::TenMinutes, 600_000)),
            Level::TenMinutes => None,
        }
    }
}

/// Series per shard.
pub(crate) const SHARD: u32 = 256;

/// Points of one series at one level, in columns; `mean` and `weight` are empty at [`Level::Raw`], where every point is
/// one sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Columns {
    pub times: Vec<i64>,
    /// The value, or the highest of the step.
    pub values: Vec<f64>,
    pub mean: Vec<f64>,
    pub weight: Vec<f64>,
}

impl Columns {
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.mean.clear();
        self.weight.clear();
    }

    pub(crate) fn append(&mut self, other: &Columns) {
        self.times.extend_from_slice(&other.times);
        self.values.extend_from_slice(&other.values);
        self.mean.extend_from_slice(&other.mean);
        self.weight.extend_from_slice(&other.weight);
    }

    /// The points as (time, highest, mean, weight).
    pub(crate) fn points(&self) -> impl Iterator<Item = (i64, f64, f64, f64)> + '_ {
        let raw = self.mean.is_empty();
        (0..self.len()).map(move |i| {
            let value = self.values[i];
            if raw { (self.times[i], value, value, 1.0) } else { (self.times[i], value, self.mean[i], self.weight[i]) }
        })
    }

    /// Sorts by time and joins points of the same step. Points are almost always in order already.
    pub(crate) fn normalise(&mut self) {
        if self.times.is_sorted_by(|a, b| a < b) {
            return;
        }
        let mut points: Vec<(i64, f64, f64, f64)> = self.points().collect();
        points.sort_by_key(|point| point.0);
        let raw = self.mean.is_empty();
        self.clear();
        for point in points {
            self.push(point, raw);
        }
    }

    /// Appends a point, or joins it with the last one when that has the same time.
    pub(crate) fn push(&mut self, (time, highest, mean, weight): (i64, f64, f64, f64), raw: bool) {
        if self.times.last() == Some(&time) && !raw {
            let last = self.len() - 1;
            let total = self.weight[last] + weight;
            self.values[last] = self.values[last].max(highest);
            self.mean[last] = (self.mean[last] * self.weight[last] + mean * weight) / total;
            self.weight[last] = total;
        } else if self.times.last() != Some(&time) {
            self.times.push(time);
            self.values.push(highest);
            if !raw {
                self.mean.push(mean);
                self.weight.push(weight);
            }
        }
    }
}
