//! CPU use, throttling and CPU knobs of a v1 group: `cpuacct.usage`, `cpu.stat`, `cpu.cfs_*`, `cpu.shares`.

use std::path::Path;

use model::{Resource, Setting, Weight};

use crate::cgroup::layout::Version;
use crate::cgroup::{CpuCounters, Place, knob, quota};
use crate::fields;
use crate::kept::{Descriptors, KeptFile};

/// `cpu.shares` of a group that nobody touched.
const SHARES_DEFAULT: u64 = 1_024;

#[derive(Debug)]
pub(crate) struct Reader {
    usage: Option<KeptFile>,
    stat: Option<KeptFile>,
}

impl Reader {
    pub(crate) fn open(place: &Place<'_>, descriptors: &Descriptors) -> Option<Reader> {
        let usage = place.folder(Version::V1, |has| has.cpu_usage).map(|folder| folder.join("cpuacct.usage"));
        let stat = place.folder(Version::V1, |has| has.cpu).map(|folder| folder.join("cpu.stat"));
        if usage.is_none() && stat.is_none() {
            return None;
        }
        let open = |path: std::path::PathBuf| KeptFile::open(&path, descriptors);
        Some(Reader { usage: usage.map(open), stat: stat.map(open) })
    }

    pub(crate) fn counts_usage(&self) -> bool {
        self.usage.as_ref().is_some_and(KeptFile::is_there)
    }

    pub(crate) fn retry(&mut self) {
        [&mut self.usage, &mut self.stat].into_iter().flatten().for_each(KeptFile::retry);
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> CpuCounters {
        let usage = self.usage.as_mut().and_then(|file| file.read(buffer));
        let usage_ns = usage.and_then(fields::number);
        let stat = self.stat.as_mut().and_then(|file| file.read(buffer));
        let throttled_ns = stat.and_then(|text| fields::values(text, [b"throttled_time"])[0]);
        CpuCounters { usage_ns, throttled_ns }
    }
}

/// Adds what the CPU knobs hold.
pub(crate) fn settings(folder: &Path, out: &mut Vec<(Resource, Setting)>) {
    if let (Some(held), Some(period)) = (knob(folder, "cpu.cfs_quota_us"), knob(folder, "cpu.cfs_period_us"))
        && let Some(period_us) = fields::number(period.as_bytes())
    {
        // -1, which is no number here, means no quota.
        out.push((Resource::CpuQuota, quota(fields::number(held.as_bytes()), period_us)));
    }
    if let Some(shares) = knob(folder, "cpu.shares").and_then(|text| fields::number(text.as_bytes())) {
        out.push((Resource::CpuWeight, Setting::Weight(weight_of(shares))));
    }
}

/// The weight that has these shares in the kernel's own conversion, `shares = weight * 1024 / 100`, to the nearest.
fn weight_of(shares: u64) -> Weight {
    Weight::clamped((shares.min(1 << 20) * 100 + SHARES_DEFAULT / 2) / SHARES_DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_weights() {
        for (shares, weight) in [(1_024, 100), (2, 1), (512, 50), (10_240, 1_000), (262_144, 10_000)] {
            assert_eq!(weight_of(shares).get(), weight, "{shares}");
        }
    }
}
