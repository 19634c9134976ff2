//! Block I/O of a v2 group: `io.stat`, `io.max`.

use std::path::Path;

use model::{Resource, Setting};

use crate::cgroup::layout::Version;
use crate::cgroup::{Devices, IoCounters, Place, knob, lowest_bandwidth};
use crate::fields;
use crate::kept::{Descriptors, KeptFile};

#[derive(Debug)]
pub(crate) struct Reader {
    stat: KeptFile,
}

impl Reader {
    pub(crate) fn open(place: &Place<'_>, descriptors: &Descriptors) -> Option<Reader> {
        let folder = place.folder(Version::V2, |has| has.io)?;
        Some(Reader { stat: KeptFile::open(&folder.join("io.stat"), descriptors) })
    }

    pub(crate) fn retry(&mut self) {
        self.stat.retry();
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8], devices: &mut Devices) -> Option<IoCounters> {
        let text = self.stat.read(buffer)?;
        let mut counters = IoCounters::default();
        for line in fields::lines(text) {
            let mut words = fields::words(line);
            let Some(device) = words.next().and_then(fields::device) else { continue };
            if !devices.counts(device) {
                continue;
            }
            for word in words {
                let counter = match word {
                    _ if word.starts_with(b"rbytes=") => &mut counters.read,
                    _ if word.starts_with(b"wbytes=") => &mut counters.written,
                    _ => continue,
                };
                *counter += fields::number(&word["rbytes=".len()..]).unwrap_or(0);
            }
        }
        Some(counters)
    }
}

/// Adds what the throttles hold: the lowest over all devices.
pub(crate) fn settings(folder: &Path, out: &mut Vec<(Resource, Setting)>) {
    let Some(text) = knob(folder, "io.max") else { return };
    for (resource, key) in [(Resource::DiskReadBandwidth, "rbps="), (Resource::DiskWriteBandwidth, "wbps=")] {
        let limit = |line: &str| {
            let value = line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key))?;
            // `max` is no number.
            fields::number(value.as_bytes())
        };
        out.push((resource, lowest_bandwidth(&text, limit)));
    }
}
