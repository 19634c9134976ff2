//! Network bytes of a target. A group whose processes have a network namespace of their own is read from
//! `/proc/<pid>/net/dev`; one that shares ours can be counted by two small eBPF programs on its v2 folder
//! ([`counter`]), if the caller asks for it. Loopback traffic never leaves the host and is not counted.

pub(crate) mod counter;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Roots;
use crate::cgroup::{Place, folder};
use crate::fields;
use crate::kept::{Descriptors, KeptFile};
use counter::{Counting, Slot};

/// Cumulative bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NetworkCounters {
    pub(crate) received: u64,
    pub(crate) transmitted: u64,
}

/// Where a target's bytes are counted.
#[derive(Debug, Default)]
pub(crate) enum Source {
    /// No process was seen yet.
    #[default]
    Unknown,
    /// It shares our namespace and is not counted.
    Shared,
    /// It shares our namespace and is counted by eBPF.
    Counted(Slot),
    /// It has a namespace of its own, with this inode. The open file keeps the namespace alive until it is dropped.
    Own { namespace: u64, devices: KeptFile },
}

impl Source {
    /// The bytes so far. Groups that share one namespace (containers of a pod) each show all of its bytes.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Option<NetworkCounters> {
        match self {
            Source::Unknown | Source::Shared => None,
            Source::Counted(slot) => Some(slot.read()),
            Source::Own { devices, .. } => devices.read(buffer).map(sum_of_devices),
        }
    }

    /// Looks again at whose namespace the group's processes are in.
    pub(crate) fn resolve(
        &mut self,
        place: &Place<'_>,
        roots: &Roots,
        descriptors: &Descriptors,
        counting: Option<&Counting>,
    ) {
        let Some(pid) = first_process(place) else {
            *self = Source::Unknown;
            return;
        };
        let namespace_of = |pid: &str| fs::metadata(roots.proc.join(pid).join("ns/net")).ok().map(|data| data.ino());
        let pid = pid.to_string();
        match (namespace_of(&pid), namespace_of("self")) {
            (Some(namespace), Some(ours)) if namespace != ours => {
                if self.is_open_on(namespace) {
                    return;
                }
                let devices = KeptFile::open(&roots.proc.join(&pid).join("net/dev"), descriptors);
                *self = Source::Own { namespace, devices };
            }
            (Some(_), Some(_)) => {
                if matches!(self, Source::Counted(_)) {
                    return;
                }
                *self = counting.and_then(|counting| attach(place, counting)).map_or(Source::Shared, Source::Counted);
            }
            // The process has just ended, or we may not look at it.
            _ => {}
        }
    }

    fn is_open_on(&self, wanted: u64) -> bool {
        matches!(self, Source::Own { namespace, devices } if *namespace == wanted && devices.is_there())
    }
}

fn attach(place: &Place<'_>, counting: &Counting) -> Option<Slot> {
    let folder = place.folder(crate::cgroup::layout::Version::V2, |_| true)?;
    match counting.attach(&folder) {
        Ok(slot) => Some(slot),
        Err(error) => {
            tracing::debug!(path = place.path, %error, "network bytes are not counted");
            None
        }
    }
}

/// A process of the group, or of a group below it.
pub(crate) fn first_process(place: &Place<'_>) -> Option<u32> {
    let hierarchies = place.layout.hierarchies.iter().zip(place.present).filter(|(_, inode)| inode.is_some());
    hierarchies.map(|(hierarchy, _)| folder(&hierarchy.root, place.path)).find_map(|folder| process_below(&folder, 3))
}

fn process_below(folder: &Path, depth: usize) -> Option<u32> {
    let own = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    // 0 stands for a process outside our pid namespace.
    let pid = own.lines().find_map(|line| line.parse().ok().filter(|pid| *pid != 0));
    if pid.is_some() || depth == 0 || fs::metadata(folder).is_ok_and(|data| data.nlink() == 2) {
        return pid;
    }
    let children = fs::read_dir(folder).ok()?.flatten();
    let mut children: Vec<PathBuf> =
        children.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect();
    children.sort();
    children.iter().find_map(|child| process_below(child, depth - 1))
}

/// Bytes of every device in `/proc/<pid>/net/dev` but loopback.
fn sum_of_devices(text: &[u8]) -> NetworkCounters {
    let mut sum = NetworkCounters::default();
    for line in fields::lines(text) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        if line[..colon].trim_ascii() == b"lo" {
            continue;
        }
        let mut columns = fields::words(&line[colon + 1..]).map(|word| fields::number(word).unwrap_or(0));
        sum.received += columns.next().unwrap_or(0);
        // Bytes sent are the ninth column; one is taken already.
        sum.transmitted += columns.nth(7).unwrap_or(0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_summed_without_loopback() {
        let text = b"Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  900 1 0 0 0 0 0 0  900 1 0 0 0 0 0 0
  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0
  eth1:5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
";
        assert_eq!(sum_of_devices(text), NetworkCounters { received: 1_005, transmitted: 2_007 });
        assert_eq!(sum_of_devices(b"nonsense\n"), NetworkCounters::default());
    }
}
