//! Memory of a v1 group: `memory.usage_in_bytes`, `memory.stat`, `memory.oom_control`, `memory.limit_in_bytes`.

use std::path::Path;

use model::{Bytes, Limit, Resource, Setting};

use crate::cgroup::layout::Version;
use crate::cgroup::{MemoryReading, Place, knob};
use crate::fields;
use crate::kept::{Descriptors, KeptFile};

/// What the kernel shows for "no limit" is the largest whole number of pages; no host has this much memory.
const UNLIMITED_FROM: u64 = 1 << 62;

#[derive(Debug)]
pub(crate) struct Reader {
    usage: KeptFile,
    stat: KeptFile,
    oom: KeptFile,
}

impl Reader {
    pub(crate) fn open(place: &Place<'_>, descriptors: &Descriptors) -> Option<Reader> {
        let folder = place.folder(Version::V1, |has| has.memory)?;
        let open = |name: &str| KeptFile::open(&folder.join(name), descriptors);
        Some(Reader { usage: open("memory.usage_in_bytes"), stat: open("memory.stat"), oom: open("memory.oom_control") })
    }

    pub(crate) fn retry(&mut self) {
        [&mut self.usage, &mut self.stat, &mut self.oom].into_iter().for_each(KeptFile::retry);
    }

    /// The `total_` figures, which include the groups below. `total_rss` is anonymous memory without shared memory,
    /// which v1 counts into `total_cache`; only swap can take it, so it is moved over.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> MemoryReading {
        let usage = self.usage.read(buffer).and_then(fields::number);
        let oom_kills = self.oom.read(buffer).and_then(|text| fields::values(text, [b"oom_kill"])[0]);
        let keys: [&[u8]; 4] = [b"total_rss", b"total_cache", b"total_shmem", b"total_inactive_file"];
        let [rss, cache, shmem, inactive_file] = match self.stat.read(buffer) {
            Some(text) => fields::values(text, keys),
            None => [None; 4],
        };
        let shared = shmem.unwrap_or(0);
        MemoryReading {
            usage,
            inactive_file,
            anon: rss.map(|rss| rss + shared),
            file: cache.map(|cache| cache.saturating_sub(shared)),
            oom_kills,
        }
    }
}

/// Adds what the memory limit holds.
pub(crate) fn settings(folder: &Path, out: &mut Vec<(Resource, Setting)>) {
    if let Some(limit) = knob(folder, "memory.limit_in_bytes").and_then(|text| fields::number(text.as_bytes())) {
        out.push((Resource::MemoryLimit, Setting::Memory(limit_of(limit))));
    }
}

/// The limit that the kernel's figure stands for.
pub(crate) fn limit_of(bytes: u64) -> Limit<Bytes> {
    if bytes >= UNLIMITED_FROM { Limit::Unlimited } else { Limit::At(Bytes(bytes)) }
}
