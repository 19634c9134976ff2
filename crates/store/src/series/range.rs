//! Reading one series over a stretch of time, from all levels and the tail.

use model::{Span, WallTime};

use super::catalogue::Catalogue;
use super::shelves::Shelves;
use super::tail::Tail;
use super::{Aggregate, Columns, Level, Point, SeriesId};
use crate::StoreError;
use crate::database::Database;

/// What the store holds in memory, shared by its writer and readers.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub catalogue: Catalogue,
    /// The newest time of each series by number; `i64::MIN` where there is none.
    pub newest: Vec<i64>,
    pub tail: Tail,
    pub shelves: Shelves,
}

impl Live {
    /// The points of `series` in `from..=to` (by the start of their step), put together over `step` if given.
    pub(crate) fn range(
        &self,
        database: &Database,
        series: SeriesId,
        (from, to): (WallTime, WallTime),
        step: Option<Span>,
        aggregate: Aggregate,
    ) -> Result<Vec<Point>, StoreError> {
        let points = self.columns(database, series, from.unix_millis(), to.unix_millis())?;
        let step = step.map(|step| step.as_millis().clamp(1, i64::MAX as u64) as i64);
        let mut out: Vec<Point> = Vec::new();
        let mut weights = 0.0;
        for (time, highest, mean, weight) in points.points() {
            let at = WallTime::from_unix_millis(step.map_or(time, |step| time.div_euclid(step) * step));
            let value = if aggregate == Aggregate::Max { highest } else { mean };
            if step.is_some() && value.is_nan() {
                continue;
            }
            match out.last_mut() {
                Some(last) if last.at == at => {
                    weights += weight;
                    match aggregate {
                        Aggregate::Max => last.value = last.value.max(value),
                        Aggregate::Mean => last.value += (value - last.value) * (weight / weights),
                    }
                }
                _ => {
                    weights = weight;
                    out.push(Point { at, value });
                }
            }
        }
        Ok(out)
    }

    /// All points in order; raw ones only when no coarser ones take part, else as steps of one sample.
    fn columns(&self, database: &Database, series: SeriesId, from: i64, to: i64) -> Result<Columns, StoreError> {
        if !self.catalogue.contains(series.0) {
            return Err(StoreError::UnknownSeries(series));
        }
        let mut stretches = Vec::new();
        for level in Level::ALL.into_iter().rev() {
            // A coarse step that begins before `from` may reach into it, but it is asked for by its start.
            for pack in self.shelves.holding(level, series.0, from, to) {
                super::merge::with_pack(database, pack, |view| {
                    view.read(series.0, from, to, |points| stretches.push(points))
                })?;
            }
        }
        let raw = stretches.iter().all(|points: &Columns| points.mean.is_empty());
        let mut all = Columns::default();
        for points in &stretches {
            let (start, end) = bounds(points, from, to);
            all.times.extend_from_slice(&points.times[start..end]);
            all.values.extend_from_slice(&points.values[start..end]);
            if !raw {
                let taken = points.points().skip(start).take(end - start);
                taken.for_each(|(_, _, mean, weight)| {
                    all.mean.push(mean);
                    all.weight.push(weight);
                });
            }
        }
        for batch in &self.tail.batches {
            for (_, time, value) in batch.of_series(series.0, series.0 + 1).filter(|(_, time, _)| (from..=to).contains(time))
            {
                all.times.push(time);
                all.values.push(value);
                if !raw {
                    all.mean.push(value);
                    all.weight.push(1.0);
                }
            }
        }
        all.normalise();
        Ok(all)
    }
}

/// Where `from..=to` lies in points that are in order.
fn bounds(points: &Columns, from: i64, to: i64) -> (usize, usize) {
    let start = points.times.partition_point(|time| *time < from);
    (start, points.times.partition_point(|time| *time <= to).max(start))
}
