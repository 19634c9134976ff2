//! What this host lets the actuator do, and how to mend what it does not.

use std::path::Path;

use crate::hierarchy::{Controller, Hierarchies, Roots, Version};

/// One thing that the actuator can do, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// A short name, such as `act.cpu_quota`.
    pub name: &'static str,
    /// Whether it works here.
    pub available: bool,
    /// How it works here, or what is missing.
    pub detail: String,
    /// What to do about it, where something can be done.
    pub remedy: Option<String>,
}

/// Tries every knob as far as that changes nothing.
pub(crate) fn probe(roots: &Roots, hierarchies: &Hierarchies) -> Vec<Capability> {
    let mut found = vec![openat2(roots), permission()];
    for (name, controller, v1, v2) in [
        ("act.cpu_quota", Controller::Cpu, "cpu.cfs_quota_us", "cpu.max"),
        ("act.cpu_burst", Controller::Cpu, "cpu.cfs_burst_us", "cpu.max.burst"),
        ("act.cpu_weight", Controller::Cpu, "cpu.shares", "cpu.weight"),
        ("act.memory_limit", Controller::Memory, "memory.limit_in_bytes", "memory.max"),
        ("act.disk_bandwidth", Controller::Disk, "blkio.throttle.read_bps_device", "io.max"),
    ] {
        found.push(knob(hierarchies, name, controller, v1, v2));
    }
    found.push(disks(&roots.sys));
    found.push(network(hierarchies));
    found
}

fn openat2(roots: &Roots) -> Capability {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
    let tried =
        rustix::fs::openat2(CWD, &roots.cgroup, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::NO_MAGICLINKS);
    Capability {
        name: "act.openat2",
        available: tried.is_ok(),
        detail: tried.as_ref().map_or_else(
            |error| format!("opening {} with openat2 failed: {error}", roots.cgroup.display()),
            |_| "files are opened below the tree's root and never through a link".to_owned(),
        ),
        remedy: tried.is_err().then(|| "use Linux 5.6 or later, and a seccomp profile that allows openat2".to_owned()),
    }
}

fn permission() -> Capability {
    let root = rustix::process::geteuid().is_root();
    Capability {
        name: "act.permission",
        available: root,
        detail: if root { "running as root" } else { "not running as root: the kernel refuses most changes" }.to_owned(),
        remedy: (!root)
            .then(|| "run the daemon as root, or delegate the groups to its user (systemd: Delegate=yes)".to_owned()),
    }
}

/// Whether any group (also the root, where v1 keeps most files) has the knob's file.
fn knob(
    hierarchies: &Hierarchies,
    name: &'static str,
    controller: Controller,
    v1: &'static str,
    v2: &'static str,
) -> Capability {
    let Some(tree) = hierarchies.of(controller) else {
        return Capability {
            name,
            available: false,
            detail: format!("no hierarchy has the {} controller", controller.v2_name()),
            remedy: Some("mount it, or boot with a kernel that has it".to_owned()),
        };
    };
    let (file, version) = match tree.version {
        Version::V1 => (v1, "v1"),
        Version::V2 => (v2, "v2"),
    };
    let available = has_file(&tree.path, file, 3);
    let enabled = std::fs::read_to_string(tree.path.join("cgroup.subtree_control")).unwrap_or_default();
    let off = tree.version == Version::V2 && !enabled.split_whitespace().any(|word| word == controller.v2_name());
    let remedy = match (available, off) {
        (true, _) => None,
        (false, true) => Some(format!("echo +{} > {}/cgroup.subtree_control", controller.v2_name(), tree.path.display())),
        (false, false) => Some(format!("make a group below {}, or use a kernel that has {file}", tree.path.display())),
    };
    let detail = match available {
        true => format!("{file} (cgroup {version} at {})", tree.path.display()),
        false => format!("no group below {} has {file}", tree.path.display()),
    };
    Capability { name, available, detail, remedy }
}

fn has_file(folder: &Path, file: &str, depth: u32) -> bool {
    if folder.join(file).exists() {
        return true;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    depth > 0
        && entries
            .flatten()
            .any(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()) && has_file(&entry.path(), file, depth - 1))
}

fn disks(sys: &Path) -> Capability {
    let devices = crate::devices::devices(sys);
    let detail = match &devices {
        Ok(devices) => {
            let shown: Vec<String> = devices.iter().map(ToString::to_string).collect();
            format!("{} block devices are limited: {}", shown.len(), shown.join(" "))
        }
        Err(error) => format!("failed to list {}: {error}", sys.join("block").display()),
    };
    let available = devices.is_ok_and(|devices| !devices.is_empty());
    Capability { name: "act.block_devices", available, detail, remedy: None }
}

fn network(hierarchies: &Hierarchies) -> Capability {
    let name = "act.network_bandwidth";
    if hierarchies.of(Controller::Unified).is_none() {
        return Capability {
            name,
            available: false,
            detail: "no cgroup v2 hierarchy is mounted, and network programs attach to that".to_owned(),
            remedy: Some("mount -t cgroup2 none /sys/fs/cgroup/unified, or boot with the unified hierarchy".to_owned()),
        };
    }
    match crate::network::probe() {
        Ok(()) => Capability {
            name,
            available: true,
            detail: "eBPF programs on the groups of the cgroup v2 hierarchy".to_owned(),
            remedy: None,
        },
        Err(detail) => Capability {
            name,
            available: false,
            detail,
            remedy: Some("use Linux 5.7 or later, and grant CAP_BPF and CAP_NET_ADMIN (or run as root)".to_owned()),
        },
    }
}
