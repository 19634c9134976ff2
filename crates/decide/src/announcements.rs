//! Announced changes of load, and what earlier ones of the same source brought.

use std::collections::{BTreeMap, BTreeSet};

use model::{Announcement, AnnouncementId, Metric, Ordinal, Span, WallTime};

/// At most this many are kept; the ones that end first go first.
const ANNOUNCEMENTS_MAX: usize = 10_000;
/// At most this many sources are learned from.
const SOURCES_MAX: usize = 10_000;
/// How much of what was learned stays when a source comes round again.
const KEEP: f32 = 0.7;

/// One that has not ended.
#[derive(Clone, Debug)]
pub struct Held {
    announced: Announcement,
    /// The highest peak while it lasted.
    seen: Option<f32>,
}

/// The announcements that have not ended, and the peaks seen during earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Announcements {
    coming: BTreeMap<AnnouncementId, Held>,
    /// The same by whom they concern: asked for every knob at every window's turn.
    concerned: BTreeSet<(Ordinal, Metric, AnnouncementId)>,
    learned: BTreeMap<(Ordinal, Metric, Box<str>), f32>,
}

impl Announcements {
    /// Adds or replaces one. An expected load that is negative or no number counts as unknown.
    pub fn add(&mut self, mut announcement: Announcement) {
        announcement.expected = announcement.expected.filter(|load| load.is_finite() && *load >= 0.0);
        self.withdraw(announcement.id);
        self.concerned.insert((announcement.target, announcement.metric, announcement.id));
        self.coming.insert(announcement.id, Held { announced: announcement, seen: None });
        while self.coming.len() > ANNOUNCEMENTS_MAX {
            let Some(first) = self
                .coming
                .values()
                .min_by_key(|held| (held.announced.until, held.announced.id))
                .map(|held| held.announced.id)
            else {
                return;
            };
            self.withdraw(first);
        }
    }

    /// Takes one back.
    pub fn withdraw(&mut self, id: AnnouncementId) -> Option<Held> {
        let held = self.coming.remove(&id)?;
        self.concerned.remove(&(held.announced.target, held.announced.metric, id));
        Some(held)
    }

    /// Forgets what concerned a target that ended.
    pub fn forget(&mut self, target: Ordinal) {
        let gone: Vec<AnnouncementId> = self.of_target(target).map(|(_, _, id)| *id).collect();
        gone.into_iter().for_each(|id| drop(self.withdraw(id)));
        self.learned.retain(|key, _| key.0 != target);
    }

    fn of_target(&self, target: Ordinal) -> impl Iterator<Item = &(Ordinal, Metric, AnnouncementId)> {
        let first = (target, Metric::Cpu, AnnouncementId(0));
        self.concerned.range(first..).take_while(move |held| held.0 == target)
    }

    /// Whether there are none: then nothing needs to be asked per target.
    pub fn is_empty(&self) -> bool {
        self.coming.is_empty()
    }

    /// What is announced for the window that starts at `start`: which announcement, and the amount to expect.
    pub fn expected(&self, target: Ordinal, metric: Metric, start: WallTime, window: Span) -> Option<(AnnouncementId, f32)> {
        let end = start.plus(window);
        self.of_target(target)
            .filter(|held| held.1 == metric)
            .filter_map(|held| Some(&self.coming.get(&held.2)?.announced))
            .filter(|held| held.from < end && held.until > start)
            .filter_map(|held| {
                let learned = || self.learned.get(&(target, metric, held.source.clone())).copied();
                held.expected.or_else(learned).map(|amount| (held.id, amount))
            })
            .max_by(|left, right| left.1.total_cmp(&right.1))
    }

    /// Learns the peak of a window that ended at `end`; what is over becomes what its source is expected to bring next time.
    pub fn learn(&mut self, end: WallTime, window: Span, mut peak: impl FnMut(Ordinal, Metric) -> Option<f32>) {
        let start = end.minus(window);
        let mut over = Vec::new();
        for (id, held) in &mut self.coming {
            let announced = &held.announced;
            if announced.from < end && announced.until > start {
                let peak = peak(announced.target, announced.metric);
                held.seen = held.seen.into_iter().chain(peak).reduce(f32::max);
            }
            if announced.until <= end {
                over.push(*id);
            }
        }
        for id in over {
            let Some(Held { announced, seen: Some(seen) }) = self.withdraw(id) else { continue };
            let key = (announced.target, announced.metric, announced.source);
            if self.learned.len() < SOURCES_MAX || self.learned.contains_key(&key) {
                let learned = self.learned.entry(key).or_insert(seen);
                *learned = (KEEP * *learned).max(seen);
            }
        }
    }
}
