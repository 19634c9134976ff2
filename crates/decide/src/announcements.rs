//! Announced changes of load, and what earlier ones of the same source brought.

use std::collections::BTreeMap;

use model::{Announcement, AnnouncementId, Metric, Ordinal, Span, WallTime};

/// At most this many are kept; the ones that end first go first.
const ANNOUNCEMENTS_MAX: usize = 10_000;
/// At most this many sources are learned from.
const SOURCES_MAX: usize = 10_000;
/// How much of what was learned stays when a source comes round again.
const KEEP: f32 = 0.7;

/// The announcements that have not ended, and the peaks seen during earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Announcements {
    coming: BTreeMap<AnnouncementId, Announcement>,
    learned: BTreeMap<(Box<str>, Ordinal, Metric), f32>,
}

impl Announcements {
    /// Adds or replaces one.
    pub fn add(&mut self, announcement: Announcement) {
        self.coming.insert(announcement.id, announcement);
        while self.coming.len() > ANNOUNCEMENTS_MAX {
            let Some(first) = self.coming.values().min_by_key(|held| (held.until, held.id)).map(|held| held.id) else { return };
            self.coming.remove(&first);
        }
    }

    /// Takes one back.
    pub fn withdraw(&mut self, id: AnnouncementId) {
        self.coming.remove(&id);
    }

    /// Forgets what concerned a target that ended.
    pub fn forget(&mut self, target: Ordinal) {
        self.coming.retain(|_, held| held.target != target);
        self.learned.retain(|key, _| key.1 != target);
    }

    /// Whether there are none: then nothing needs to be asked per target.
    pub fn is_empty(&self) -> bool {
        self.coming.is_empty()
    }

    /// What is announced for the window that starts at `start`: which announcement, and the amount to expect.
    pub fn expected(&self, target: Ordinal, metric: Metric, start: WallTime, window: Span) -> Option<(AnnouncementId, f32)> {
        let end = start.plus(window);
        self.coming
            .values()
            .filter(|held| held.target == target && held.metric == metric && held.from < end && held.until > start)
            .filter_map(|held| {
                let learned = || self.learned.get(&(held.source.clone(), target, metric)).copied();
                held.expected.or_else(learned).map(|amount| (held.id, amount))
            })
            .max_by(|left, right| left.1.total_cmp(&right.1))
    }

    /// Learns the peak of a window that ended at `end`, and drops what is over.
    pub fn learn(&mut self, end: WallTime, window: Span, mut peak: impl FnMut(Ordinal, Metric) -> Option<f32>) {
        let start = end.minus(window);
        for held in self.coming.values().filter(|held| held.from < end && held.until > start) {
            let Some(peak) = peak(held.target, held.metric) else { continue };
            let key = (held.source.clone(), held.target, held.metric);
            if self.learned.len() < SOURCES_MAX || self.learned.contains_key(&key) {
                let learned = self.learned.entry(key).or_insert(peak);
                *learned = (KEEP * *learned).max(peak);
            }
        }
        self.coming.retain(|_, held| held.until > start);
    }
}
