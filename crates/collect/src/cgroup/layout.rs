//! Finds which cgroup hierarchies this host has, by the files that are there rather than by what they are called:
//! pure v2, v1, or hybrid (v1 controllers beside a v2 mount that has none, or only some).

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Roots;

/// How the host mounts its cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutKind {
    /// One v2 hierarchy with all controllers.
    Unified,
    /// v1 hierarchies only.
    Legacy,
    /// v1 controllers and a v2 hierarchy beside them.
    Hybrid,
    /// No cgroup mount was found.
    Missing,
}

impl fmt::Display for LayoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LayoutKind::Unified => "cgroup v2",
            LayoutKind::Legacy => "cgroup v1",
            LayoutKind::Hybrid => "cgroup v1 with a v2 mount (hybrid)",
            LayoutKind::Missing => "no cgroups",
        })
    }
}

/// Version of a cgroup interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy per controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// What a hierarchy can tell or set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Controllers {
    /// CPU quota, weight and throttling.
    pub cpu: bool,
    /// CPU time used.
    pub cpu_usage: bool,
    /// Memory.
    pub memory: bool,
    /// Block I/O.
    pub io: bool,
    /// Pressure stall information per group.
    pub pressure: bool,
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub root: PathBuf,
    /// Its version.
    pub version: Version,
    /// What it can tell.
    pub controllers: Controllers,
}

/// Every hierarchy that tells something, the v1 ones first. At most [`Layout::HIERARCHIES_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How the host mounts its cgroups.
    pub kind: LayoutKind,
    /// The hierarchies.
    pub hierarchies: Vec<Hierarchy>,
}

impl Layout {
    /// cpu, cpuacct, memory, blkio, and the v2 mount.
    pub const HIERARCHIES_MAX: usize = 5;

    /// Looks below `roots.cgroup`. Folders that cannot be read count as absent.
    pub fn detect(roots: &Roots) -> Layout {
        if let Some(unified) = v2_at(&roots.cgroup) {
            return Layout { kind: LayoutKind::Unified, hierarchies: vec![unified] };
        }
        let mut hierarchies: Vec<Hierarchy> = Vec::new();
        let mut seen = Vec::new();
        let mut unified = None;
        for folder in folders(&roots.cgroup) {
            let Ok(metadata) = fs::metadata(&folder) else { continue };
            // `cpu` and `cpuacct` are often links to one mount `cpu,cpuacct`.
            let identity = (metadata.dev(), metadata.ino());
            if seen.contains(&identity) {
                continue;
            }
            if let Some(found) = v2_at(&folder) {
                unified = unified.or(Some(found));
            } else if let Some(found) = v1_at(&folder) {
                hierarchies.push(found);
            } else {
                continue;
            }
            seen.push(identity);
        }
        let kind = match (hierarchies.is_empty(), &unified) {
            (true, None) => LayoutKind::Missing,
            (true, Some(_)) => LayoutKind::Unified,
            (false, None) => LayoutKind::Legacy,
            (false, Some(_)) => LayoutKind::Hybrid,
        };
        hierarchies.truncate(Self::HIERARCHIES_MAX - 1);
        hierarchies.extend(unified);
        Layout { kind, hierarchies }
    }

    /// The v2 hierarchy, where there is one.
    pub fn v2(&self) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V2)
    }

    /// The first hierarchy of `version` that has what `wanted` selects.
    pub fn with(&self, version: Version, wanted: impl Fn(&Controllers) -> bool) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.version == version && wanted(&hierarchy.controllers))
    }
}

/// Real folders before links, each in order of name.
fn folders(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut folders: Vec<(bool, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_type().is_ok_and(|kind| kind.is_symlink()), entry.path()))
        .collect();
    folders.sort();
    folders.into_iter().map(|(_, path)| path).collect()
}

fn v2_at(folder: &Path) -> Option<Hierarchy> {
    let listed = fs::read_to_string(folder.join("cgroup.controllers")).ok()?;
    let has = |name: &str| listed.split_ascii_whitespace().any(|controller| controller == name);
    let controllers = Controllers {
        cpu: has("cpu"),
        // Every v2 group counts its CPU time, with or without the controller (since Linux 4.15).
        cpu_usage: true,
        memory: has("memory"),
        io: has("io"),
        // Whether the kernel has it shows at the groups' files; the root of older kernels does not have them.
        pressure: true,
    };
    Some(Hierarchy { root: folder.to_owned(), version: Version::V2, controllers })
}

fn v1_at(folder: &Path) -> Option<Hierarchy> {
    let has = |file: &str| folder.join(file).exists();
    let controllers = Controllers {
        cpu: has("cpu.shares"),
        cpu_usage: has("cpuacct.usage"),
        memory: has("memory.usage_in_bytes"),
        io: has("blkio.throttle.io_service_bytes") || has("blkio.throttle.io_service_bytes_recursive"),
        // Some vendors' kernels have it here.
        pressure: has("cpuacct.usage") && has("cpu.pressure"),
    };
    (controllers != Controllers::default()).then(|| Hierarchy { root: folder.to_owned(), version: Version::V1, controllers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str], links: &[(&str, &str)]) -> (tempfile::TempDir, Roots) {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::under(folder.path());
        for file in files {
            let path = roots.cgroup.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, if file.ends_with("controllers") { "cpuset cpu io memory pids\n" } else { "0\n" }).unwrap();
        }
        for (link, target) in links {
            std::os::unix::fs::symlink(target, roots.cgroup.join(link)).unwrap();
        }
        (folder, roots)
    }

    fn text(layout: &Layout, roots: &Roots) -> String {
        let mut text = layout.kind.to_string();
        for hierarchy in &layout.hierarchies {
            let c = hierarchy.controllers;
            let flags = [c.cpu, c.cpu_usage, c.memory, c.io, c.pressure].map(|on| if on { 'x' } else { '-' });
            let name = hierarchy.root.strip_prefix(&roots.cgroup).unwrap().display();
            text.push_str(&format!("; {name} {:?} {}", hierarchy.version, flags.iter().collect::<String>()));
        }
        text
    }

    #[test]
    fn layouts_are_told_apart() {
        let (_keep, roots) = tree(&["cgroup.controllers", "cpu.pressure", "system.slice/cgroup.controllers"], &[]);
        assert_eq!(text(&Layout::detect(&roots), &roots), "cgroup v2;  V2 xxxxx");

        let v1 = ["cpu,cpuacct/cpu.shares", "cpu,cpuacct/cpuacct.usage", "memory/memory.usage_in_bytes", "pids/tasks"];
        let (_keep, roots) = tree(&v1, &[("cpu", "cpu,cpuacct"), ("cpuacct", "cpu,cpuacct")]);
        assert_eq!(text(&Layout::detect(&roots), &roots), "cgroup v1; cpu,cpuacct V1 xx---; memory V1 --x--");

        let hybrid = [
            "cpu/cpu.shares",
            "cpuacct/cpuacct.usage",
            "memory/memory.usage_in_bytes",
            "blkio/blkio.throttle.io_service_bytes_recursive",
            "unified/cgroup.controllers",
        ];
        let (_keep, roots) = tree(&hybrid, &[]);
        fs::write(roots.cgroup.join("unified/cgroup.controllers"), "hugetlb\n").unwrap();
        assert_eq!(
            text(&Layout::detect(&roots), &roots),
            "cgroup v1 with a v2 mount (hybrid); blkio V1 ---x-; cpu V1 x----; cpuacct V1 -x---; memory V1 --x--; \
             unified V2 -x--x"
        );

        let (_keep, roots) = tree(&[], &[]);
        assert_eq!(text(&Layout::detect(&roots), &roots), "no cgroups");
    }
}
