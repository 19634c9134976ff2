//! Reading series beside the store, from any thread.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::{Span, TargetId, WallTime};

use super::{newest, read};
use crate::database::Database;
use crate::series::range::Live;
use crate::{Aggregate, Point, SeriesId, SeriesKey, StoreError};

/// Reads series beside the store, from any thread.
#[derive(Clone)]
pub struct Reader {
    pub(super) live: Arc<RwLock<Live>>,
    pub(super) database: Arc<Mutex<Database>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// As [`crate::Store::range`].
    ///
    /// # Errors
    /// As [`crate::Store::range`].
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

    /// As [`crate::Store::find`].
    pub fn find(&self, key: &SeriesKey) -> Option<SeriesId> {
        read(&self.live).catalogue.find(key)
    }

    /// The series of one target, by metric, then name.
    pub fn of_target(&self, target: &TargetId) -> Vec<(SeriesId, SeriesKey)> {
        read(&self.live).catalogue.of_target(target)
    }

    /// As [`crate::Store::series`].
    pub fn series(&self) -> Vec<(SeriesId, SeriesKey)> {
        read(&self.live).catalogue.list()
    }

    /// As [`crate::Store::newest`].
    pub fn newest(&self, series: SeriesId) -> Option<WallTime> {
        newest(&read(&self.live), series)
    }
}
