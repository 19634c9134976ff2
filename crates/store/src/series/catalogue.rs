//! Which series there are: names to dense numbers and back.

use std::collections::BTreeMap;

use model::{METRICS, Metric, TargetId};

use super::{SeriesId, SeriesKey};

/// All series of a store, in memory.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    by_target: BTreeMap<TargetId, Vec<Named>>,
    /// By number; holes are series that were forgotten.
    by_number: Vec<Option<SeriesKey>>,
    /// Numbers that may be given again: holes that were there when the store was opened, so nobody holds a handle.
    free: Vec<u32>,
    count: u32,
}

#[derive(Debug)]
struct Named {
    metric: Metric,
    name: Box<str>,
    number: u32,
    /// Whether a handle was given out since the store was opened.
    held: bool,
}

impl Catalogue {
    /// The catalogue of the rows in the file.
    pub(crate) fn of_rows(rows: Vec<(u32, SeriesKey)>) -> Self {
        let mut catalogue = Catalogue::default();
        for (number, key) in rows {
            catalogue.insert(number, key, false);
        }
        let holes = catalogue.by_number.iter().enumerate().filter(|(_, key)| key.is_none());
        catalogue.free = holes.map(|(number, _)| number as u32).rev().collect();
        catalogue
    }

    /// Distinct series.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// One more than the highest number ever given.
    pub(crate) fn end(&self) -> u32 {
        self.by_number.len() as u32
    }

    /// Whether the number belongs to a series.
    pub(crate) fn contains(&self, number: u32) -> bool {
        self.by_number.get(number as usize).is_some_and(Option::is_some)
    }

    /// The name behind a number.
    pub(crate) fn key(&self, series: SeriesId) -> Option<&SeriesKey> {
        self.by_number.get(series.0 as usize)?.as_ref()
    }

    /// The series of that name, and marks its handle as given out.
    pub(crate) fn hold(&mut self, key: &SeriesKey) -> Option<SeriesId> {
        let named = self
            .by_target
            .get_mut(&key.target)?
            .iter_mut()
            .find(|named| named.metric == key.metric && named.name == key.name)?;
        named.held = true;
        Some(SeriesId(named.number))
    }

    /// The series of that name.
    pub(crate) fn find(&self, key: &SeriesKey) -> Option<SeriesId> {
        let named =
            self.by_target.get(&key.target)?.iter().find(|named| named.metric == key.metric && named.name == key.name)?;
        Some(SeriesId(named.number))
    }

    /// The number that the next new series gets.
    pub(crate) fn next_number(&self) -> u32 {
        self.free.last().copied().unwrap_or_else(|| self.end())
    }

    /// Adds a series under a number that no other has.
    pub(crate) fn insert(&mut self, number: u32, key: SeriesKey, held: bool) {
        if self.free.last() == Some(&number) {
            self.free.pop();
        }
        if number >= self.end() {
            self.by_number.resize(number as usize + 1, None);
        }
        let named = Named { metric: key.metric, name: key.name.clone(), number, held };
        self.by_target.entry(key.target.clone()).or_default().push(named);
        self.by_number[number as usize] = Some(key);
        self.count += 1;
    }

    /// Series without a handle given out since the store was opened.
    pub(crate) fn not_held(&self) -> Vec<u32> {
        self.by_target.values().flatten().filter(|named| !named.held).map(|named| named.number).collect()
    }

    /// Forgets a series. Its number is not given again before the store is opened anew.
    pub(crate) fn remove(&mut self, number: u32) {
        let Some(key) = self.by_number.get_mut(number as usize).and_then(Option::take) else { return };
        if let Some(named) = self.by_target.get_mut(&key.target) {
            named.retain(|named| named.number != number);
            if named.is_empty() {
                self.by_target.remove(&key.target);
            }
        }
        self.count -= 1;
    }

    /// Every series, by target, then metric, then name.
    pub(crate) fn list(&self) -> Vec<(SeriesId, SeriesKey)> {
        let mut all: Vec<_> = self
            .by_target
            .iter()
            .flat_map(|(target, named)| named.iter().map(move |named| self.entry(target, named)))
            .collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        all
    }

    /// The series of one target.
    pub(crate) fn of_target(&self, target: &TargetId) -> Vec<(SeriesId, SeriesKey)> {
        let mut all: Vec<_> =
            self.by_target.get(target).into_iter().flatten().map(|named| self.entry(target, named)).collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        all
    }

    fn entry(&self, target: &TargetId, named: &Named) -> (SeriesId, SeriesKey) {
        (SeriesId(named.number), SeriesKey { target: target.clone(), metric: named.metric, name: named.name.clone() })
    }
}

/// The metric of that number in the file.
pub(crate) fn metric_of_number(number: i64) -> Option<Metric> {
    METRICS.into_iter().find(|metric| metric.index() as i64 == number)
}
