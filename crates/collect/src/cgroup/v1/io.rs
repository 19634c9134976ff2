//! Block I/O of a v1 group: `blkio.throttle.io_service_bytes`. v1 charges delayed writes to the root group, so only
//! direct and synchronous writes are seen here.

use std::path::Path;

use model::{Resource, Setting};

use crate::cgroup::layout::Version;
use crate::cgroup::{Devices, IoCounters, Place, knob, lowest_bandwidth};
use crate::fields;
use crate::kept::{Descriptors, KeptFile};

#[derive(Debug)]
pub(crate) struct Reader {
    bytes: KeptFile,
}

impl Reader {
    pub(crate) fn open(place: &Place<'_>, descriptors: &Descriptors) -> Option<Reader> {
        let folder = place.folder(Version::V1, |has| has.io)?;
        let recursive = KeptFile::open(&folder.join("blkio.throttle.io_service_bytes_recursive"), descriptors);
        let bytes = match recursive.is_there() {
            true => recursive,
            false => KeptFile::open(&folder.join("blkio.throttle.io_service_bytes"), descriptors),
        };
        Some(Reader { bytes })
    }

    pub(crate) fn retry(&mut self) {
        self.bytes.retry();
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8], devices: &mut Devices) -> Option<IoCounters> {
        let text = self.bytes.read(buffer)?;
        let mut counters = IoCounters::default();
        for line in fields::lines(text) {
            let mut words = fields::words(line);
            let (Some(device), Some(operation), Some(bytes)) =
                (words.next().and_then(fields::device), words.next(), words.next().and_then(fields::number))
            else {
                continue;
            };
            let counter = match operation {
                b"Read" => &mut counters.read,
                b"Write" => &mut counters.written,
                _ => continue,
            };
            if devices.counts(device) {
                *counter += bytes;
            }
        }
        Some(counters)
    }
}

/// Adds what the throttles hold: the lowest over all devices.
pub(crate) fn settings(folder: &Path, out: &mut Vec<(Resource, Setting)>) {
    for (resource, name) in [
        (Resource::DiskReadBandwidth, "blkio.throttle.read_bps_device"),
        (Resource::DiskWriteBandwidth, "blkio.throttle.write_bps_device"),
    ] {
        if let Some(text) = knob(folder, name) {
            let limit = |line: &str| fields::words(line.as_bytes()).nth(1).and_then(fields::number);
            out.push((resource, lowest_bandwidth(&text, limit)));
        }
    }
}
