//! Control groups: which versions this host has, which groups there are, and what their files say. The modules
//! [`v1`] and [`v2`] are siblings with the same file names; what they return has one shape.

pub mod discover;
pub mod glob;
pub(crate) mod kind;
pub mod layout;
pub(crate) mod v1;
pub(crate) mod v2;

use std::path::{Path, PathBuf};

use layout::{Controllers, Layout, Version};
use model::{BytesPerSecond, Limit, MilliCores, Setting};

/// CPU counters of a group, cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuCounters {
    /// CPU time used, in nanoseconds.
    pub(crate) usage_ns: Option<u64>,
    /// Time held back by the quota in nanoseconds, summed over CPUs.
    pub(crate) throttled_ns: Option<u64>,
}

/// Memory of a group now, in bytes, and its kills since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryReading {
    /// Charged in all.
    pub(crate) usage: Option<u64>,
    /// Page cache that has not been used for long.
    pub(crate) inactive_file: Option<u64>,
    /// Anonymous and shared memory: what only swap can take.
    pub(crate) anon: Option<u64>,
    /// Page cache that has a file behind it.
    pub(crate) file: Option<u64>,
    /// Kills for lack of memory, cumulative.
    pub(crate) oom_kills: Option<u64>,
}

/// Block I/O counters of a group, cumulative, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IoCounters {
    pub(crate) read: u64,
    pub(crate) written: u64,
}

/// Block devices whose I/O is counted once. A device that is stacked on others (device mapper, RAID, loop) is left out,
/// because the same bytes are counted on what lies below it.
#[derive(Debug)]
pub(crate) struct Devices {
    folder: PathBuf,
    known: Vec<((u32, u32), bool)>,
}

impl Devices {
    pub(crate) fn new(sys: &Path) -> Self {
        Devices { folder: sys.join("dev/block"), known: Vec::new() }
    }

    /// Forgets what is known: devices come and go.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }

    /// Whether I/O of this device is counted. Touches the file system once per device.
    pub(crate) fn counts(&mut self, device: (u32, u32)) -> bool {
        if let Some((_, counts)) = self.known.iter().find(|(known, _)| *known == device) {
            return *counts;
        }
        let folder = self.folder.join(format!("{}:{}", device.0, device.1));
        let on_others = std::fs::read_dir(folder.join("slaves")).is_ok_and(|mut slaves| slaves.next().is_some());
        let counts = !on_others && !folder.join("loop/backing_file").exists();
        self.known.push((device, counts));
        counts
    }
}

/// Where one group is found: its path, and in which of the layout's hierarchies it exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) path: &'a str,
    pub(crate) present: [Option<u64>; Layout::HIERARCHIES_MAX],
}

impl Place<'_> {
    /// The group's folder in the hierarchy of `version` that has what `wanted` selects, if the group exists there.
    pub(crate) fn folder(&self, version: Version, wanted: impl Fn(&Controllers) -> bool) -> Option<PathBuf> {
        let hierarchies = self.layout.hierarchies.iter().zip(self.present);
        hierarchies
            .filter(|(hierarchy, inode)| hierarchy.version == version && inode.is_some() && wanted(&hierarchy.controllers))
            .map(|(hierarchy, _)| folder(&hierarchy.root, self.path))
            .next()
    }
}

/// Reads a knob that is looked at rarely; `None` when it is not there or cannot be read.
pub(crate) fn knob(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

/// The lowest of the limits in lines `MAJ:MIN ...`, each read by `limit_of`; unlimited when no device has one.
pub(crate) fn lowest_bandwidth(text: &str, limit_of: impl Fn(&str) -> Option<u64>) -> Setting {
    let lowest = text.lines().filter_map(limit_of).min();
    Setting::Bandwidth(lowest.map_or(Limit::Unlimited, |rate| Limit::At(BytesPerSecond(rate))))
}

/// The quota as millicores, to the nearest; unlimited without a quota.
pub(crate) fn quota(quota_us: Option<u64>, period_us: u64) -> Setting {
    let period = u128::from(period_us.max(1));
    Setting::Cpu(quota_us.map_or(Limit::Unlimited, |quota| {
        let milli = (u128::from(quota) * 1_000 + period / 2) / period;
        Limit::At(MilliCores(u64::try_from(milli).unwrap_or(u64::MAX)))
    }))
}

/// The folder of the group `path` (which starts with `/`) below a hierarchy's root.
pub(crate) fn folder(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacked_devices_do_not_count() {
        let sys = tempfile::tempdir().unwrap();
        for made in ["dev/block/8:0/slaves", "dev/block/253:0/slaves/sda", "dev/block/7:0/loop"] {
            std::fs::create_dir_all(sys.path().join(made)).unwrap();
        }
        std::fs::write(sys.path().join("dev/block/7:0/loop/backing_file"), "/image\n").unwrap();
        let mut devices = Devices::new(sys.path());
        let counts = [(8, 0), (253, 0), (7, 0), (9, 9)].map(|device| devices.counts(device));
        assert_eq!(counts, [true, false, false, true]);
    }
}
