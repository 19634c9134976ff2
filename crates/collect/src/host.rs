//! The host as a whole: what it has to give, and how loaded it is.

use std::path::Path;

use model::{Bytes, Capacity, Limit, MilliCores, Moment, Pressure, Setting};

use crate::cgroup::layout::{Layout, Version};
use crate::cgroup::{v1, v2};
use crate::error::{CollectError, text_of};
use crate::kept::{Descriptors, KeptFile};
use crate::{Roots, fields, pressure};

/// What forerun itself may use, and is therefore not given to targets.
const OWN_MEMORY: Bytes = Bytes(80 << 20);

/// Kernel clock ticks per second in `/proc/stat`; fixed for programs on every architecture that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Load of the host over the interval that just ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostSample {
    /// Cores in use; `None` at the first sample.
    pub cpu: Option<f32>,
    /// Memory that could be given out without swapping.
    pub memory_available: Option<Bytes>,
    /// Stalls of the whole host.
    pub pressure: Option<Pressure>,
}

#[derive(Debug)]
pub(crate) struct Reader {
    stat: KeptFile,
    meminfo: KeptFile,
    pressure: pressure::Reader,
    previous: Option<(Moment, u64)>,
}

impl Reader {
    pub(crate) fn open(roots: &Roots, descriptors: &Descriptors) -> Reader {
        Reader {
            stat: KeptFile::open(&roots.proc.join("stat"), descriptors),
            meminfo: KeptFile::open(&roots.proc.join("meminfo"), descriptors),
            pressure: pressure::Reader::open(&roots.proc.join("pressure"), "", descriptors),
            previous: None,
        }
    }

    pub(crate) fn sample(&mut self, now: Moment, buffer: &mut [u8]) -> HostSample {
        // Only the first line is of interest, and it comes in the first bytes.
        let head = buffer.len().min(512);
        let ticks = self.stat.read(&mut buffer[..head]).and_then(busy_ticks);
        let available = self.meminfo.read(buffer).and_then(|text| kilobytes(text, [b"MemAvailable:"])[0]);
        let cpu = match (self.previous, ticks) {
            (Some((then, before)), Some(after)) if after >= before && now > then => {
                Some(((after - before) as f64 / TICKS_PER_SECOND / now.since(then).as_secs_f64()) as f32)
            }
            _ => None,
        };
        self.previous = ticks.map(|ticks| (now, ticks));
        HostSample { cpu, memory_available: available.map(Bytes), pressure: self.pressure.read(buffer) }
    }
}

/// All ticks of the line `cpu` but idle, iowait and the guest columns (which are in user and nice already).
fn busy_ticks(text: &[u8]) -> Option<u64> {
    let line = fields::lines(text).next()?.strip_prefix(b"cpu ")?;
    let mut columns = [0; 8];
    for (slot, word) in columns.iter_mut().zip(fields::words(line)) {
        *slot = fields::number(word)?;
    }
    let [user, nice, system, _idle, _iowait, irq, softirq, steal] = columns;
    Some(user + nice + system + irq + softirq + steal)
}

/// Figures of `/proc/meminfo`, in bytes.
fn kilobytes<const N: usize>(text: &[u8], keys: [&[u8]; N]) -> [Option<u64>; N] {
    let mut found = [None; N];
    for line in fields::lines(text) {
        let mut words = fields::words(line);
        let (Some(name), Some(figure)) = (words.next(), words.next()) else { continue };
        if let Some(index) = keys.iter().position(|key| *key == name) {
            found[index] = fields::number(figure).map(|kilobytes| kilobytes.saturating_mul(1_024));
        }
    }
    found
}

/// What the host has to give: its online CPUs; its memory less what the kernel holds and cannot give back, its reserve,
/// and forerun's own 80 MiB. Where the root group that we see is itself limited (a container), the limit holds.
///
/// # Errors
/// When `sys/devices/system/cpu/online` or `proc/meminfo` cannot be read or understood.
pub fn capacity(layout: &Layout, roots: &Roots) -> Result<Capacity, CollectError> {
    let online = roots.sys.join("devices/system/cpu/online");
    let cpus = count_of_list(text_of(&online)?.trim());
    let cpus = cpus.ok_or(CollectError::Malformed { path: online, wanted: "list of CPUs" })?;
    let meminfo = roots.proc.join("meminfo");
    let keys: [&[u8]; 4] = [b"MemTotal:", b"SUnreclaim:", b"KernelStack:", b"PageTables:"];
    let [total, kernel @ ..] = kilobytes(text_of(&meminfo)?.as_bytes(), keys);
    let total = total.ok_or(CollectError::Malformed { path: meminfo, wanted: "MemTotal" })?;
    let reserve = text_of(&roots.proc.join("sys/vm/min_free_kbytes")).ok();
    let reserve = reserve.and_then(|text| fields::number(text.as_bytes())).unwrap_or(0) * 1_024;
    let held = kernel.into_iter().flatten().sum::<u64>() + reserve + OWN_MEMORY.0;
    let (cpu_limit, memory_limit) = root_limits(layout);
    let cpu = MilliCores(cpus * 1_000);
    let memory = Bytes(total.saturating_sub(held));
    Ok(Capacity {
        cpu: cpu_limit.at().map_or(cpu, |limit| limit.min(cpu)),
        memory: memory_limit.at().map_or(memory, |limit| limit.min(memory)),
    })
}

/// The limits on the root group itself: there are none on a host's, but a container sees its own group as the root.
fn root_limits(layout: &Layout) -> (Limit<MilliCores>, Limit<Bytes>) {
    let mut held = Vec::new();
    for hierarchy in &layout.hierarchies {
        let root: &Path = &hierarchy.root;
        match hierarchy.version {
            Version::V1 if hierarchy.controllers.cpu => v1::cpu::settings(root, &mut held),
            Version::V1 if hierarchy.controllers.memory => v1::memory::settings(root, &mut held),
            Version::V1 => {}
            Version::V2 => {
                v2::cpu::settings(root, &mut held);
                v2::memory::settings(root, &mut held);
            }
        }
    }
    let mut limits = (Limit::Unlimited, Limit::Unlimited);
    for (_, setting) in held {
        match setting {
            Setting::Cpu(limit) => limits.0 = limit,
            Setting::Memory(limit) => limits.1 = limit,
            _ => {}
        }
    }
    limits
}

/// How many numbers a kernel list such as `0-3,8` holds.
fn count_of_list(list: &str) -> Option<u64> {
    list.split(',').try_fold(0, |sum, part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high): (u64, u64) = (low.parse().ok()?, high.parse().ok()?);
        Some(sum + high.checked_sub(low)? + 1)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use model::{Permille, Span};

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn tree() -> (tempfile::TempDir, Roots) {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::under(folder.path());
        write(&roots.sys.join("devices/system/cpu/online"), "0-3,8\n");
        write(
            &roots.proc.join("meminfo"),
            "MemTotal: 1048576 kB\nMemAvailable: 524288 kB\nKernelStack: 1024 kB\nPageTables: 1024 kB\nSUnreclaim: 2048 kB\n",
        );
        write(&roots.proc.join("sys/vm/min_free_kbytes"), "4096\n");
        (folder, roots)
    }

    #[test]
    fn capacity_is_what_can_be_given() {
        let (_keep, roots) = tree();
        let expected = Capacity { cpu: MilliCores(5_000), memory: Bytes((1_024 - 1 - 1 - 2 - 4 - 80) << 20) };
        assert_eq!(capacity(&Layout::detect(&roots), &roots).unwrap(), expected);
        // Inside a container the root group is limited.
        write(&roots.cgroup.join("cgroup.controllers"), "cpu memory\n");
        write(&roots.cgroup.join("cpu.max"), "150000 100000\n");
        write(&roots.cgroup.join("memory.max"), "268435456\n");
        let limited = Capacity { cpu: MilliCores(1_500), memory: Bytes(256 << 20) };
        assert_eq!(capacity(&Layout::detect(&roots), &roots).unwrap(), limited);
        fs::remove_file(roots.proc.join("meminfo")).unwrap();
        let error = capacity(&Layout::detect(&roots), &roots).unwrap_err().to_string();
        assert!(error.contains("proc/meminfo"), "{error}");
    }

    #[test]
    fn host_load_is_a_rate() {
        let (_keep, roots) = tree();
        let stat = roots.proc.join("stat");
        write(&stat, "cpu  100 10 50 9000 5 1 2 3 0 0\ncpu0 1 1 1 1\n");
        write(&roots.proc.join("pressure/cpu"), "some avg10=1.50 avg60=0.00 avg300=0.00 total=0\n");
        let mut reader = Reader::open(&roots, &Descriptors::at_most(16));
        let mut buffer = vec![0; 4_096];
        let first = reader.sample(Moment::START, &mut buffer);
        assert_eq!((first.cpu, first.memory_available), (None, Some(Bytes(512 << 20))));
        assert_eq!(first.pressure.unwrap().cpu_some, Permille(15));
        write(&stat, "cpu  250 10 50 9000 5 1 2 53 0 0\ncpu0 1 1 1 1\n");
        let second = reader.sample(Moment::START + Span::from_secs(2), &mut buffer);
        assert_eq!(second.cpu, Some(1.0));
    }

    #[test]
    fn lists_are_counted() {
        for (list, expected) in [("0", Some(1)), ("0-1", Some(2)), ("0-3,8,10-11", Some(7)), ("3-1", None), ("", None)] {
            assert_eq!(count_of_list(list), expected, "{list:?}");
        }
    }
}
