//! The control groups of instances: one folder per tree that this host has, v1 side by side, v2, or both.

pub(crate) mod v1;
pub(crate) mod v2;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::error::SandboxError;
use crate::key::Limits;

/// The two file layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// Which tree of a list a controller belongs to.
#[derive(Clone, Copy, Debug)]
struct Place {
    version: Version,
    tree: usize,
}

/// The trees that this host has, below each of them the folder that is ours.
#[derive(Debug)]
pub(crate) struct Trees {
    /// Our folder in each tree that is used.
    folders: Vec<PathBuf>,
    cpu: Place,
    memory: Place,
    pids: Place,
    /// Where freezing is done.
    freezer: Place,
    /// Where block I/O is limited, where this host can.
    io: Option<Place>,
    /// Its block devices, as major and minor number.
    devices: Vec<String>,
    /// The v2 tree, if there is one.
    unified: Option<usize>,
}

/// The beginning of our folders' names; the process id of the daemon and a number follow.
const PREFIX: &str = "forerun-sandbox-";

impl Trees {
    /// Finds the trees below `root`, removes what daemons left there that have died, and makes this process's own folder.
    ///
    /// # Errors
    /// When a controller is missing, or the folder cannot be made.
    pub(crate) fn prepare(root: &Path) -> Result<Trees, SandboxError> {
        let pure = root.join("cgroup.controllers").exists();
        let unified = if pure { Some(root.to_owned()) } else { Some(root.join("unified")).filter(|path| v2::is_tree(path)) };
        let mut parents: Vec<PathBuf> = unified.iter().cloned().collect();
        let mut place = |names: &[&str], controller: &str| {
            if let Some(unified) = &unified
                && v2::has(unified, controller)
            {
                return Ok(Place { version: Version::V2, tree: 0 });
            }
            let found = names.iter().map(|name| root.join(name)).find(|path| path.join("cgroup.procs").exists());
            let found = found.ok_or_else(|| SandboxError::Unsupported {
                what: format!("no {controller} controller below {}: enable control groups", root.display()),
            })?;
            let tree = parents.iter().position(|known| *known == found).unwrap_or(parents.len());
            if tree == parents.len() {
                parents.push(found);
            }
            Ok(Place { version: Version::V1, tree })
        };
        let cpu = place(&["cpu", "cpu,cpuacct", "cpuacct,cpu"], "cpu")?;
        let memory = place(&["memory"], "memory")?;
        let pids = place(&["pids"], "pids")?;
        let freezer =
            if unified.is_some() { Place { version: Version::V2, tree: 0 } } else { place(&["freezer"], "freezer")? };
        let io = place(&["blkio"], "io").ok();
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let mut folders = Vec::new();
        for (tree, parent) in parents.iter().enumerate() {
            sweep(parent);
            let folder = parent.join(&name);
            std::fs::create_dir_all(&folder).map_err(SandboxError::host("create", &folder))?;
            if tree == 0 && unified.is_some() {
                v2::delegate(parent, &folder, pure)?;
            }
            folders.push(folder);
        }
        let devices = if io.is_some() { block_devices(Path::new("/sys/block")) } else { Vec::new() };
        Ok(Trees { folders, cpu, memory, pids, freezer, io, devices, unified: unified.map(|_| 0) })
    }

    /// Makes the group `name` in every tree, and sets its limits. Nothing is in it yet.
    ///
    /// # Errors
    /// When a folder cannot be made or a limit not be set; nothing is left behind then.
    pub(crate) fn make(&self, name: &str, limits: &Limits) -> Result<Group, SandboxError> {
        let mut group = Group { folders: Vec::with_capacity(self.folders.len()), places: self.places() };
        for parent in &self.folders {
            let folder = parent.join(name);
            std::fs::create_dir(&folder).map_err(SandboxError::host("create", &folder))?;
            group.folders.push(folder);
        }
        let set = |place: Place, v1: SetLimit, v2: SetLimit| {
            let set = if place.version == Version::V1 { v1 } else { v2 };
            set(&group.folders[place.tree], limits)
        };
        set(self.cpu, v1::set_cpu, v2::set_cpu)?;
        set(self.memory, v1::set_memory, v2::set_memory)?;
        // The file has the same name in both.
        set(self.pids, v2::set_pids, v2::set_pids)?;
        if let Some(place) = self.io {
            let set = if place.version == Version::V1 { v1::set_io } else { v2::set_io };
            set(&group.folders[place.tree], limits, &self.devices)?;
        }
        Ok(group)
    }

    /// Whether block I/O can be limited.
    pub(crate) fn limits_io(&self) -> bool {
        self.io.is_some()
    }

    /// Whether there is a v2 tree.
    pub(crate) fn has_unified(&self) -> bool {
        self.unified.is_some()
    }

    fn places(&self) -> Places {
        Places { memory: self.memory, freezer: self.freezer, unified: self.unified }
    }
}

impl Drop for Trees {
    fn drop(&mut self) {
        for folder in &self.folders {
            remove_folder(folder, Duration::from_secs(1));
        }
    }
}

type SetLimit = fn(&Path, &Limits) -> Result<(), SandboxError>;

#[derive(Clone, Copy, Debug)]
struct Places {
    memory: Place,
    freezer: Place,
    unified: Option<usize>,
}

/// Removes what a killed daemon left in a tree: its processes died with it, its folders did not.
fn sweep(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let Some(owner) = owner else { continue };
        if owner.parse::<u32>().is_ok() && !Path::new("/proc").join(owner).exists() {
            for inner in std::fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                // Files of a control group go with it; only folders can be removed.
                let _ = std::fs::remove_dir(inner.path());
            }
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

/// Removes a group's folder; a process that is just ending may keep it for a moment.
fn remove_folder(folder: &Path, patience: Duration) -> bool {
    let began = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        match std::fs::remove_dir(folder) {
            Ok(()) => return true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
            Err(_) if began.elapsed() < patience => std::thread::sleep(pause),
            Err(_) => return false,
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// The group of one instance or template. Removed when dropped, by which time its processes must have been killed.
#[derive(Debug)]
pub(crate) struct Group {
    folders: Vec<PathBuf>,
    places: Places,
}

impl Group {
    /// Moves a process into it. Costs up to some 10 ms after a quiet spell: not for the way of a claim.
    pub(crate) fn attach(&self, pid: u32) -> Result<(), SandboxError> {
        for folder in &self.folders {
            write(folder, "cgroup.procs", &pid.to_string())?;
        }
        Ok(())
    }

    fn folder(&self, place: Place) -> &Path {
        &self.folders[place.tree]
    }

    /// Stops all that runs in it, and waits until it stands still.
    pub(crate) fn freeze(&self) -> Result<(), SandboxError> {
        let folder = self.folder(self.places.freezer);
        match self.places.freezer.version {
            Version::V1 => v1::freeze(folder),
            Version::V2 => v2::freeze(folder),
        }
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) -> Result<(), SandboxError> {
        let folder = self.folder(self.places.freezer);
        match self.places.freezer.version {
            Version::V1 => write(folder, "freezer.state", "THAWED"),
            Version::V2 => write(folder, "cgroup.freeze", "0"),
        }
    }

    /// Kills all that runs in it, where the kernel can do that at once.
    pub(crate) fn kill(&self) {
        if let Some(unified) = self.places.unified {
            // Absent before Linux 5.14; the first process's death ends the namespace in any case.
            let _ = std::fs::write(self.folders[unified].join("cgroup.kill"), "1");
        }
        if self.places.freezer.version == Version::V1 {
            // What is frozen there cannot die.
            let _ = self.thaw();
        }
    }

    /// Bytes in memory now.
    pub(crate) fn memory(&self) -> Option<u64> {
        let names = ["memory.usage_in_bytes", "memory.current"];
        figure(self.folder(self.places.memory), names[self.places.memory.version as usize])
    }

    /// The most bytes that were in memory; `None` where the kernel does not keep it.
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        let names = ["memory.max_usage_in_bytes", "memory.peak"];
        figure(self.folder(self.places.memory), names[self.places.memory.version as usize])
    }

    /// How many of its processes were killed for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let names = ["memory.oom_control", "memory.events"];
        keyed(self.folder(self.places.memory), names[self.places.memory.version as usize], "oom_kill").unwrap_or(0)
    }

    /// CPU time used; `None` on a host without a v2 tree.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        let unified = self.places.unified?;
        keyed(&self.folders[unified], "cpu.stat", "usage_usec").map(Duration::from_micros)
    }

    /// Gives memory back to the host, up to `bytes`; returns how much less it holds afterwards.
    ///
    /// # Errors
    /// When the kernel cannot do that for one group.
    pub(crate) fn page_out(&self, bytes: u64) -> Result<u64, SandboxError> {
        let folder = self.folder(self.places.memory);
        let before = self.memory().unwrap_or(0);
        match self.places.memory.version {
            Version::V1 => v1::page_out(folder)?,
            Version::V2 => v2::page_out(folder, bytes)?,
        }
        Ok(before.saturating_sub(self.memory().unwrap_or(before)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            remove_folder(folder, Duration::from_secs(2));
        }
    }
}

/// The whole disks of the host as major and minor number; those in memory are limited as memory.
fn block_devices(sys: &Path) -> Vec<String> {
    let in_memory = |name: &str| ["ram", "zram"].iter().any(|kind| name.starts_with(kind));
    let devices = std::fs::read_dir(sys).into_iter().flatten().flatten();
    let devices = devices.filter(|device| !in_memory(&device.file_name().to_string_lossy()));
    // One without size, such as an idle loop device, has nothing to read.
    let used = devices.filter(|device| figure(&device.path(), "size").is_some_and(|sectors| sectors > 0));
    let mut numbers: Vec<String> =
        used.filter_map(|device| Some(std::fs::read_to_string(device.path().join("dev")).ok()?.trim().to_owned())).collect();
    numbers.sort();
    numbers
}

/// Sets a limit of one device; a device that has gone since needs none.
fn write_for_device(folder: &Path, file: &str, text: &str) -> Result<(), SandboxError> {
    match write(folder, file, text) {
        Err(SandboxError::Host { source, .. }) if source.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        done => done,
    }
}

fn write(folder: &Path, file: &str, text: &str) -> Result<(), SandboxError> {
    let path = folder.join(file);
    // `fs::write` would create a missing file, which control groups answer with EPERM or EACCES.
    let opened = std::fs::OpenOptions::new().write(true).open(&path);
    opened
        .and_then(|mut opened| io::Write::write_all(&mut opened, text.as_bytes()))
        .map_err(SandboxError::host("write", path))
}

fn figure(folder: &Path, file: &str) -> Option<u64> {
    std::fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
}

fn keyed(folder: &Path, file: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(folder.join(file)).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A folder with empty files.
    pub(crate) fn made_up(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|file| std::fs::write(folder.path().join(file), "").unwrap());
        folder
    }

    pub(crate) fn text(folder: &tempfile::TempDir, file: &str) -> String {
        std::fs::read_to_string(folder.path().join(file)).unwrap()
    }

    #[test]
    fn a_host_without_a_controller_is_told_which() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cpu")).unwrap();
        std::fs::write(folder.path().join("cpu/cgroup.procs"), "").unwrap();
        let error = Trees::prepare(folder.path()).unwrap_err();
        assert!(matches!(&error, SandboxError::Unsupported { what } if what.contains("memory")), "{error}");
    }

    #[test]
    fn disks_are_found_by_their_numbers() {
        let sys = tempfile::tempdir().unwrap();
        for (name, size, number) in [("vda", "100", "254:0\n"), ("loop0", "0", "7:0\n"), ("zram0", "9", "253:0\n")] {
            std::fs::create_dir(sys.path().join(name)).unwrap();
            std::fs::write(sys.path().join(name).join("size"), size).unwrap();
            std::fs::write(sys.path().join(name).join("dev"), number).unwrap();
        }
        assert_eq!(block_devices(sys.path()), ["254:0"]);
    }

    #[test]
    fn a_group_on_this_host_has_its_limit_of_block_io() {
        if !rustix::process::geteuid().is_root() {
            return eprintln!("skipped: needs root to make control groups");
        }
        let trees = Trees::prepare(Path::new("/sys/fs/cgroup")).unwrap();
        let (Some(place), Some(device)) = (trees.io, trees.devices.first()) else {
            return eprintln!("skipped: this host limits no block I/O, or has no disk");
        };
        let limits = Limits { io: model::BytesPerSecond(12 << 20), ..Limits::default() };
        let group = trees.make("io", &limits).unwrap();
        let file = if place.version == Version::V1 { "blkio.throttle.read_bps_device" } else { "io.max" };
        let held = std::fs::read_to_string(group.folder(place).join(file)).unwrap();
        assert!(held.contains(device) && held.contains("12582912"), "{held}");
    }

    #[test]
    fn figures_are_found_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 9\n").unwrap();
        assert_eq!(keyed(folder.path(), "memory.events", "oom_kill"), Some(2));
        assert_eq!(keyed(folder.path(), "memory.events", "max"), None);
        assert_eq!(figure(folder.path(), "memory.current"), None);
    }
}
