//! CPU use, throttling and CPU knobs of a v2 group: `cpu.stat`, `cpu.max`, `cpu.weight`.

use std::path::Path;

use model::{Resource, Setting, Weight};

use crate::cgroup::layout::Version;
use crate::cgroup::{CpuCounters, Place, knob, quota};
use crate::fields;
use crate::kept::{Descriptors, KeptFile};

#[derive(Debug)]
pub(crate) struct Reader {
    stat: KeptFile,
}

impl Reader {
    pub(crate) fn open(place: &Place<'_>, descriptors: &Descriptors) -> Option<Reader> {
        let folder = place.folder(Version::V2, |has| has.cpu_usage)?;
        Some(Reader { stat: KeptFile::open(&folder.join("cpu.stat"), descriptors) })
    }

    pub(crate) fn retry(&mut self) {
        self.stat.retry();
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> CpuCounters {
        let Some(text) = self.stat.read(buffer) else { return CpuCounters::default() };
        let [usage_us, throttled_us] = fields::values(text, [b"usage_usec", b"throttled_usec"]);
        let nanos = |us: u64| us.saturating_mul(1_000);
        CpuCounters { usage_ns: usage_us.map(nanos), throttled_ns: throttled_us.map(nanos) }
    }
}

/// Adds what the CPU knobs hold.
pub(crate) fn settings(folder: &Path, out: &mut Vec<(Resource, Setting)>) {
    if let Some(text) = knob(folder, "cpu.max") {
        let mut words = fields::words(text.as_bytes());
        let held = words.next().unwrap_or_default();
        if let Some(period_us) = words.next().and_then(fields::number) {
            out.push((Resource::CpuQuota, quota(fields::number(held), period_us)));
        }
    }
    if let Some(weight) = knob(folder, "cpu.weight").and_then(|text| fields::number(text.as_bytes())) {
        out.push((Resource::CpuWeight, Setting::Weight(Weight::clamped(weight))));
    }
}
