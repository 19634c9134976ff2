//! The files of control groups version 2.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{write, write_for_device};
use crate::error::SandboxError;
use crate::key::Limits;

const PERIOD_MICROS: u64 = 100_000;

pub(crate) fn is_tree(path: &Path) -> bool {
    path.join("cgroup.controllers").exists()
}

pub(crate) fn has(tree: &Path, controller: &str) -> bool {
    let text = std::fs::read_to_string(tree.join("cgroup.controllers")).unwrap_or_default();
    text.split_whitespace().any(|name| name == controller)
}

/// Hands the controllers that this tree has down to the groups of instances.
pub(crate) fn delegate(parent: &Path, folder: &Path, needed: bool) -> Result<(), SandboxError> {
    for level in [parent, folder] {
        // Without it, block I/O has no limit, and `degraded` says so.
        let _ = write(level, "cgroup.subtree_control", "+io");
        for controller in ["cpu", "memory", "pids"] {
            match write(level, "cgroup.subtree_control", &format!("+{controller}")) {
                Err(error) if needed => return Err(error),
                // A hybrid host keeps them in v1 trees.
                _ => {}
            }
        }
    }
    Ok(())
}

pub(crate) fn set_cpu(folder: &Path, limits: &Limits) -> Result<(), SandboxError> {
    write(folder, "cpu.max", &format!("{} {PERIOD_MICROS}", limits.cpu.0 * PERIOD_MICROS / 1_000))
}

pub(crate) fn set_memory(folder: &Path, limits: &Limits) -> Result<(), SandboxError> {
    write(folder, "memory.max", &limits.memory.0.to_string())?;
    if folder.join("memory.swap.max").exists() {
        write(folder, "memory.swap.max", "0")?;
    }
    Ok(())
}

pub(crate) fn set_pids(folder: &Path, limits: &Limits) -> Result<(), SandboxError> {
    write(folder, "pids.max", &limits.pids.to_string())
}

pub(crate) fn freeze(folder: &Path) -> Result<(), SandboxError> {
    write(folder, "cgroup.freeze", "1")?;
    let (path, began) = (folder.join("cgroup.events"), Instant::now());
    loop {
        let events = std::fs::read_to_string(&path).map_err(SandboxError::host("read", &path))?;
        if events.lines().any(|line| line == "frozen 1") {
            return Ok(());
        }
        if began.elapsed() > Duration::from_secs(1) {
            let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
            return Err(SandboxError::host("freeze", path)(late));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

pub(crate) fn page_out(folder: &Path, bytes: u64) -> Result<(), SandboxError> {
    if folder.join("memory.swap.max").exists() {
        // A job gets no swap; what stands still may go there, and no more than that.
        write(folder, "memory.swap.max", &bytes.to_string())?;
    }
    match write(folder, "memory.reclaim", &bytes.to_string()) {
        // It gave less than was asked for.
        Err(SandboxError::Host { source, .. }) if source.raw_os_error() == Some(libc::EAGAIN) => Ok(()),
        done => done,
    }
}

/// Bytes read and written per second, of each device.
pub(crate) fn set_io(folder: &Path, limits: &Limits, devices: &[String]) -> Result<(), SandboxError> {
    let bytes = limits.io.0;
    devices.iter().try_for_each(|device| write_for_device(folder, "io.max", &format!("{device} rbps={bytes} wbps={bytes}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::tests::{made_up, text};

    #[test]
    fn limits_are_written_as_the_kernel_reads_them() {
        let folder = made_up(&["cpu.max", "memory.max", "memory.swap.max", "pids.max"]);
        let limits = Limits { cpu: model::MilliCores(2_500), memory: model::Bytes(1 << 20), pids: 7, ..Limits::default() };
        set_cpu(folder.path(), &limits).unwrap();
        set_memory(folder.path(), &limits).unwrap();
        set_pids(folder.path(), &limits).unwrap();
        let found = ["cpu.max", "memory.max", "memory.swap.max", "pids.max"].map(|file| text(&folder, file));
        assert_eq!(found, ["250000 100000", "1048576", "0", "7"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = made_up(&[]);
        let error = set_cpu(folder.path(), &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with("failed to write") && error.ends_with("cpu.max"), "{error}");
    }
}
