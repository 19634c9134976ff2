//! Memory of a v2 group: `memory.current`, `memory.stat`, `memory.events`, `memory.max`.

use std::path::Path;

use model::{Bytes, Limit, Resource, Setting};

use crate::cgroup::layout::Version;
use crate::cgroup::{MemoryReading, Place, knob};
use crate::fields;
use crate::kept::{Descriptors, KeptFile};

#[derive(Debug)]
pub(crate) struct Reader {
    current: KeptFile,
    stat: KeptFile,
    events: KeptFile,
}

impl Reader {
    pub(crate) fn open(place: &Place<'_>, descriptors: &Descriptors) -> Option<Reader> {
        let folder = place.folder(Version::V2, |has| has.memory)?;
        let open = |name: &str| KeptFile::open(&folder.join(name), descriptors);
        Some(Reader { current: open("memory.current"), stat: open("memory.stat"), events: open("memory.events") })
    }

    pub(crate) fn retry(&mut self) {
        [&mut self.current, &mut self.stat, &mut self.events].into_iter().for_each(KeptFile::retry);
    }

    /// `file` counts shared memory too, which only swap can take; it is moved over to `anon`.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> MemoryReading {
        let usage = self.current.read(buffer).and_then(fields::number);
        let oom_kills = self.events.read(buffer).and_then(|text| fields::values(text, [b"oom_kill"])[0]);
        let keys: [&[u8]; 4] = [b"anon", b"file", b"shmem", b"inactive_file"];
        let [anon, file, shmem, inactive_file] = match self.stat.read(buffer) {
            Some(text) => fields::values(text, keys),
            None => [None; 4],
        };
        let shared = shmem.unwrap_or(0);
        MemoryReading {
            usage,
            inactive_file,
            anon: anon.map(|anon| anon + shared),
            file: file.map(|file| file.saturating_sub(shared)),
            oom_kills,
        }
    }
}

/// Adds what the memory limit holds.
pub(crate) fn settings(folder: &Path, out: &mut Vec<(Resource, Setting)>) {
    if let Some(limit) = knob(folder, "memory.max").and_then(|text| limit_of(&text)) {
        out.push((Resource::MemoryLimit, Setting::Memory(limit)));
    }
}

/// The limit that `max` or a figure stands for.
pub(crate) fn limit_of(text: &str) -> Option<Limit<Bytes>> {
    match text.trim() {
        "max" => Some(Limit::Unlimited),
        figure => fields::number(figure.as_bytes()).map(|bytes| Limit::At(Bytes(bytes))),
    }
}
