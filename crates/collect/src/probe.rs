//! What works on this host and what does not, with what would mend it: for `forerun doctor`.

use std::fs;
use std::path::Path;

use crate::Roots;
use crate::cgroup::layout::{Controllers, Layout, LayoutKind, Version};
use crate::fields;
use crate::gpu::{GpuState, Gpus};
use crate::network::counter::{CounterError, Counting};

/// One thing that forerun can or cannot do here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// A short lasting name, such as `cgroup.memory`.
    pub name: &'static str,
    /// Whether it works.
    pub available: bool,
    /// What was found.
    pub detail: String,
    /// What would make it work; empty when it does, or when nothing would.
    pub remedy: String,
}

/// Looks at everything that the reading side depends on. Opens NVML and makes (and at once drops) one eBPF map.
pub fn probe(layout: &Layout, roots: &Roots) -> Vec<Capability> {
    let mut found = vec![root(), cgroups(layout)];
    found.extend(controllers(layout));
    found.extend([pressure_of_host(roots), pressure_of_groups(layout), throttling_io(layout), swap(roots), open_files()]);
    found.push(counting(layout, Counting::start().map(|_| ())));
    found.push(graphics(Gpus::open().1));
    found.extend(schedules(roots));
    found
}

fn capability(name: &'static str, available: bool, detail: impl Into<String>, remedy: &str) -> Capability {
    let remedy = if available { String::new() } else { remedy.to_owned() };
    Capability { name, available, detail: detail.into(), remedy }
}

fn root() -> Capability {
    let user = rustix::process::geteuid();
    let detail = format!("running as user id {}", user.as_raw());
    capability("root", user.is_root(), detail, "run as root: limits and other users' processes need it")
}

fn cgroups(layout: &Layout) -> Capability {
    let remedy = "mount cgroup2 at /sys/fs/cgroup; in a container, share the host's with --cgroupns=host";
    let available = layout.kind != LayoutKind::Missing;
    capability("cgroup", available, layout.kind.to_string(), remedy)
}

fn controllers(layout: &Layout) -> [Capability; 4] {
    type Has = fn(&Controllers) -> bool;
    let wanted: [(&'static str, Has, &str); 4] = [
        ("cgroup.cpu", |has| has.cpu, "enable it: echo +cpu > /sys/fs/cgroup/cgroup.subtree_control"),
        ("cgroup.cpu_usage", |has| has.cpu_usage, "boot without cgroup_disable=cpuacct"),
        ("cgroup.memory", |has| has.memory, "boot with cgroup_enable=memory, or enable it in cgroup.subtree_control"),
        ("cgroup.io", |has| has.io, "enable it: echo +io > /sys/fs/cgroup/cgroup.subtree_control"),
    ];
    wanted.map(|(name, has, remedy)| {
        let at = layout.with(Version::V1, has).or_else(|| layout.with(Version::V2, has));
        let detail = at.map_or("no hierarchy has it".to_owned(), |hierarchy| {
            format!("{} at {}", if hierarchy.version == Version::V1 { "v1" } else { "v2" }, hierarchy.root.display())
        });
        capability(name, at.is_some(), detail, remedy)
    })
}

const PSI_REMEDY: &str = "boot with psi=1 (kernel 4.20 or newer with CONFIG_PSI)";

fn pressure_of_host(roots: &Roots) -> Capability {
    let file = roots.proc.join("pressure/cpu");
    // Without psi=1 the file is there but cannot be read.
    match fs::read_to_string(&file) {
        Ok(_) => capability("pressure.host", true, file.display().to_string(), ""),
        Err(error) => capability("pressure.host", false, format!("{}: {error}", file.display()), PSI_REMEDY),
    }
}

fn pressure_of_groups(layout: &Layout) -> Capability {
    let at = layout.with(Version::V2, |has| has.pressure).or_else(|| layout.with(Version::V1, |has| has.pressure));
    let shown = at.and_then(|hierarchy| {
        let folders = [hierarchy.root.clone()].into_iter().chain(first_group(&hierarchy.root));
        folders.map(|folder| folder.join("cpu.pressure")).find(|file| fs::read(file).is_ok())
    });
    match shown {
        Some(file) => capability("pressure.groups", true, format!("such as {}", file.display()), ""),
        None => capability("pressure.groups", false, "no group shows its pressure", PSI_REMEDY),
    }
}

fn first_group(root: &Path) -> Option<std::path::PathBuf> {
    let entries = fs::read_dir(root).ok()?.flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).min()
}

fn throttling_io(layout: &Layout) -> Capability {
    let remedy = "use a kernel with CONFIG_BLK_DEV_THROTTLING";
    let v1 = layout.with(Version::V1, |has| has.io).map(|hierarchy| hierarchy.root.join("blkio.throttle.write_bps_device"));
    if let Some(file) = v1.filter(|file| file.exists()) {
        return capability("io.throttle", true, format!("{} (direct and synchronous I/O only)", file.display()), "");
    }
    let v2 = layout.with(Version::V2, |has| has.io);
    // The root group has no io.max, so that without any other group the controller has to do as evidence.
    let held = v2.map(|hierarchy| first_group(&hierarchy.root).is_none_or(|group| group.join("io.max").exists()));
    let detail = if held == Some(true) { "io.max" } else { "neither io.max nor blkio.throttle" };
    capability("io.throttle", held == Some(true), detail, remedy)
}

fn swap(roots: &Roots) -> Capability {
    let text = fs::read_to_string(roots.proc.join("meminfo")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("SwapTotal:"));
    let kilobytes = line.and_then(|line| fields::words(line.as_bytes()).next().and_then(fields::number)).unwrap_or(0);
    let remedy = "add swap or zram: without it memory limits cannot go below anonymous memory";
    capability("swap", kilobytes > 0, format!("{} MiB", kilobytes / 1_024), remedy)
}

fn open_files() -> Capability {
    const WANTED: u64 = 4_096;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let detail = limit.map_or("unlimited".to_owned(), |limit| format!("at most {limit}"));
    let remedy = "raise LimitNOFILE to 65536: with fewer, files are opened for each sample, at several times the cost";
    capability("open_files", limit.is_none_or(|limit| limit >= WANTED), detail, remedy)
}

fn counting(layout: &Layout, started: Result<(), CounterError>) -> Capability {
    const NAME: &str = "network.bpf";
    if layout.v2().is_none() {
        return capability(NAME, false, "no cgroup v2 mount to attach to", "mount cgroup2 at /sys/fs/cgroup/unified");
    }
    match started {
        Ok(()) => capability(NAME, true, "bpf(2) is allowed", ""),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            capability(NAME, false, format!("{error}{cause}"), "run with CAP_BPF and CAP_NET_ADMIN on Linux 5.8 or newer")
        }
    }
}

fn graphics(state: GpuState) -> Capability {
    let available = matches!(state, GpuState::Present { .. });
    capability("gpu.nvml", available, state.to_string(), "install the NVIDIA driver if this host has its GPUs")
}

fn schedules(roots: &Roots) -> [Capability; 2] {
    let cron =
        roots.etc.join("crontab").exists() || roots.etc.join("cron.d").exists() || roots.var.join("spool/cron").exists();
    let systemd = roots.run.join("systemd/system").exists();
    let said = |available: bool, yes: &str, no: &str| (if available { yes } else { no }).to_owned();
    [
        capability("schedules.cron", cron, said(cron, "crontabs found", "no crontabs"), ""),
        capability("schedules.timers", systemd, said(systemd, "systemd runs", "systemd does not run here"), ""),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_host_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::under(folder.path());
        let found = probe(&Layout::detect(&roots), &roots);
        let of = |name: &str| found.iter().find(|capability| capability.name == name).unwrap();
        for name in ["cgroup", "cgroup.memory", "pressure.host", "pressure.groups", "io.throttle", "swap", "network.bpf"] {
            assert!(!of(name).available, "{name}");
            assert!(!of(name).remedy.is_empty(), "{name}");
        }
        assert_eq!(of("cgroup").detail, "no cgroups");
        assert_eq!(of("swap").detail, "0 MiB");
    }

    #[test]
    fn what_is_there_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::under(folder.path());
        let write = |path: std::path::PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(roots.cgroup.join("cgroup.controllers"), "cpu io memory\n");
        write(roots.cgroup.join("system.slice/io.max"), "");
        write(roots.cgroup.join("system.slice/cpu.pressure"), "some avg10=0.00\n");
        write(roots.proc.join("pressure/cpu"), "some avg10=0.00\n");
        write(roots.proc.join("meminfo"), "MemTotal: 4096 kB\nSwapTotal: 2048 kB\n");
        let found = probe(&Layout::detect(&roots), &roots);
        for name in ["cgroup", "cgroup.memory", "cgroup.io", "pressure.host", "pressure.groups", "io.throttle", "swap"] {
            let capability = found.iter().find(|capability| capability.name == name).unwrap();
            assert!(capability.available && capability.remedy.is_empty(), "{capability:?}");
        }
    }
}
