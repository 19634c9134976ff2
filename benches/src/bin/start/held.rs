//! What this process holds of the host, to see that jobs leave nothing behind.

use std::path::{Path, PathBuf};

/// Counts of what could be left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub groups: usize,
    pub mounts: usize,
    pub descriptors: usize,
    pub processes: usize,
    pub namespaces: usize,
}

impl Held {
    pub fn now() -> Held {
        let processes = descendants();
        let space = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
        let mut namespaces = processes.iter().filter_map(space).collect::<Vec<_>>();
        namespaces.sort();
        namespaces.dedup();
        Held {
            groups: groups(),
            mounts: std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines().count(),
            descriptors: list(Path::new("/proc/self/fd")).len(),
            processes: processes.len(),
            namespaces: namespaces.len(),
        }
    }

    /// By how much this is more than `before`.
    pub fn beyond(&self, before: &Held) -> usize {
        let of = |held: &Held| [held.groups, held.mounts, held.descriptors, held.processes, held.namespaces];
        of(self).into_iter().zip(of(before)).map(|(now, before)| now.saturating_sub(before)).sum()
    }
}

fn list(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Folders of control groups that this process made, in all trees.
fn groups() -> usize {
    let root = Path::new("/sys/fs/cgroup");
    let own = format!("forerun-sandbox-{}-", std::process::id());
    let trees = list(root).into_iter().chain([root.to_owned()]);
    let folders = trees
        .flat_map(|tree| list(&tree))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&own)));
    folders.map(|folder| 1 + list(&folder).iter().filter(|path| path.is_dir()).count()).sum()
}

fn descendants() -> Vec<u32> {
    let pids = list(Path::new("/proc")).into_iter().filter_map(|path| path.file_name()?.to_str()?.parse::<u32>().ok());
    let parents = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect::<std::collections::BTreeMap<_, _>>();
    let is_ours = |mut pid: u32| {
        while let Some(&above) = parents.get(&pid) {
            if above == std::process::id() {
                return true;
            }
            pid = above;
        }
        false
    };
    parents.keys().copied().filter(|&pid| is_ours(pid)).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
