//! The files of control groups version 1.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{write, write_for_device};
use crate::error::SandboxError;
use crate::key::Limits;

/// The period over which CPU time is counted, in microseconds.
const PERIOD_MICROS: u64 = 100_000;

pub(crate) fn set_cpu(folder: &Path, limits: &Limits) -> Result<(), SandboxError> {
    write(folder, "cpu.cfs_period_us", &PERIOD_MICROS.to_string())?;
    write(folder, "cpu.cfs_quota_us", &(limits.cpu.0 * PERIOD_MICROS / 1_000).to_string())
}

pub(crate) fn set_memory(folder: &Path, limits: &Limits) -> Result<(), SandboxError> {
    let bytes = limits.memory.0.to_string();
    write(folder, "memory.limit_in_bytes", &bytes)?;
    // Memory and swap together; absent where the kernel does not count swap, and then there is nothing to limit.
    if folder.join("memory.memsw.limit_in_bytes").exists() {
        write(folder, "memory.memsw.limit_in_bytes", &bytes)?;
    }
    Ok(())
}

pub(crate) fn freeze(folder: &Path) -> Result<(), SandboxError> {
    write(folder, "freezer.state", "FROZEN")?;
    let began = Instant::now();
    loop {
        let path = folder.join("freezer.state");
        let state = std::fs::read_to_string(&path).map_err(SandboxError::host("read", &path))?;
        if state.trim() == "FROZEN" {
            return Ok(());
        }
        if began.elapsed() > Duration::from_secs(1) {
            let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
            return Err(SandboxError::host("freeze", path)(late));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

pub(crate) fn page_out(folder: &Path) -> Result<(), SandboxError> {
    write(folder, "memory.force_empty", "0")
}

/// Bytes read and written per second, of each device.
pub(crate) fn set_io(folder: &Path, limits: &Limits, devices: &[String]) -> Result<(), SandboxError> {
    for device in devices {
        let text = format!("{device} {}", limits.io.0);
        write_for_device(folder, "blkio.throttle.read_bps_device", &text)?;
        write_for_device(folder, "blkio.throttle.write_bps_device", &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::tests::{made_up, text};

    #[test]
    fn limits_are_written_as_the_kernel_reads_them() {
        let folder =
            made_up(&["cpu.cfs_period_us", "cpu.cfs_quota_us", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]);
        let limits = Limits { cpu: model::MilliCores(250), memory: model::Bytes(1 << 20), ..Limits::default() };
        set_cpu(folder.path(), &limits).unwrap();
        set_memory(folder.path(), &limits).unwrap();
        assert_eq!(text(&folder, "cpu.cfs_quota_us"), "25000");
        assert_eq!(text(&folder, "memory.limit_in_bytes"), "1048576");
        assert_eq!(text(&folder, "memory.memsw.limit_in_bytes"), "1048576");
    }
}
