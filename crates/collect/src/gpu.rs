//! GPU use per process through NVIDIA's NVML, which is opened at run time: a host without it only lacks these metrics.

use std::fmt;
use std::fs;

use nvml_wrapper::Nvml;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;

use crate::Roots;

/// Whether this host's GPUs can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuState {
    /// They can.
    Present {
        /// How many there are.
        devices: u32,
        /// Their names, in order.
        names: Vec<String>,
    },
    /// There are none, or they cannot be read.
    Absent {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for GpuState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GpuState::Present { devices, names } => write!(f, "{devices} ({})", names.join(", ")),
            GpuState::Absent { reason } => f.write_str(reason),
        }
    }
}

/// Use of the GPUs by one process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ProcessUse {
    pub(crate) pid: u32,
    /// In whole GPUs.
    pub(crate) gpus: f32,
    pub(crate) memory: u64,
}

/// Reads every GPU of the host.
pub(crate) struct Gpus {
    nvml: Nvml,
    /// Per device, the time stamp of the newest utilisation that was read.
    read_until: Vec<Option<u64>>,
    used: Vec<ProcessUse>,
}

impl fmt::Debug for Gpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpus").field("used", &self.used).finish_non_exhaustive()
    }
}

impl Gpus {
    /// Opens NVML, and says what it found.
    pub(crate) fn open() -> (Option<Gpus>, GpuState) {
        // Distributions without development packages have only the versioned name.
        let opened = Nvml::init()
            .or_else(|_| Nvml::builder().lib_path("libnvidia-ml.so.1".as_ref()).init())
            .and_then(|nvml| nvml.device_count().map(|count| (nvml, count)));
        match opened {
            Ok((_, 0)) => (None, GpuState::Absent { reason: "NVML finds no GPU".to_owned() }),
            Ok((nvml, devices)) => {
                let name = |index| nvml.device_by_index(index).and_then(|device| device.name());
                let names = (0..devices).map(|index| name(index).unwrap_or_else(|error| error.to_string())).collect();
                let mut gpus = Gpus { nvml, read_until: vec![None; devices as usize], used: Vec::new() };
                // The driver keeps samples from before our time: they are read and forgotten.
                gpus.read();
                (Some(gpus), GpuState::Present { devices, names })
            }
            Err(error) => (None, GpuState::Absent { reason: format!("NVML cannot be opened: {error}") }),
        }
    }

    /// Use per process since the last call, by pid. What a device does not tell counts as none.
    pub(crate) fn read(&mut self) -> &[ProcessUse] {
        self.used.clear();
        for index in 0..self.read_until.len() {
            if let Err(error) = self.read_device(index) {
                tracing::debug!(device = index, %error, "a GPU could not be read");
            }
        }
        merge(&mut self.used);
        &self.used
    }

    fn read_device(&mut self, index: usize) -> Result<(), NvmlError> {
        let device = self.nvml.device_by_index(index as u32)?;
        let mut held = device.running_compute_processes()?;
        held.extend(device.running_graphics_processes().unwrap_or_default());
        // A process that computes and draws is in both lists, with the same figure.
        held.sort_by_key(|process| process.pid);
        held.dedup_by_key(|process| process.pid);
        self.used.extend(held.iter().map(|process| ProcessUse {
            pid: process.pid,
            gpus: 0.0,
            memory: match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => bytes,
                UsedGpuMemory::Unavailable => 0,
            },
        }));
        let samples = match device.process_utilization_stats(self.read_until[index]) {
            Ok(samples) => samples,
            // Nothing ran since.
            Err(NvmlError::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        // Now and then drivers hand out samples that were never written.
        let samples: Vec<_> = samples.into_iter().filter(|sample| sample.pid != 0 && sample.sm_util <= 100).collect();
        self.read_until[index] = samples.iter().map(|sample| sample.timestamp).max().or(self.read_until[index]);
        let shares = samples.iter().map(|sample| (sample.pid, sample.sm_util)).collect();
        self.used.extend(means(shares));
        Ok(())
    }
}

/// The mean utilisation per process of one device, from samples in percent.
fn means(mut shares: Vec<(u32, u32)>) -> Vec<ProcessUse> {
    shares.sort_unstable();
    let of_one = |samples: &[(u32, u32)]| {
        let sum: u32 = samples.iter().map(|(_, percent)| percent).sum();
        ProcessUse { pid: samples[0].0, gpus: sum as f32 / samples.len() as f32 / 100.0, memory: 0 }
    };
    shares.chunk_by(|a, b| a.0 == b.0).map(of_one).collect()
}

/// Adds up what one process uses on several devices.
fn merge(used: &mut Vec<ProcessUse>) {
    used.sort_by_key(|process| process.pid);
    used.dedup_by(|next, sum| {
        let same = next.pid == sum.pid;
        if same {
            sum.gpus += next.gpus;
            sum.memory += next.memory;
        }
        same
    });
}

/// The paths of the groups that a process is in, one per hierarchy.
pub(crate) fn groups_of(roots: &Roots, pid: u32) -> Vec<String> {
    let text = fs::read_to_string(roots.proc.join(pid.to_string()).join("cgroup")).unwrap_or_default();
    let mut paths: Vec<String> = text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_averaged_and_devices_added() {
        let mut used = means(vec![(7, 50), (3, 10), (7, 100)]);
        used.extend(means(vec![(7, 25)]));
        used.push(ProcessUse { pid: 3, gpus: 0.0, memory: 512 });
        merge(&mut used);
        let expected = [ProcessUse { pid: 3, gpus: 0.1, memory: 512 }, ProcessUse { pid: 7, gpus: 1.0, memory: 0 }];
        assert_eq!(used, expected);
        assert_eq!(means(Vec::new()), []);
    }

    #[test]
    fn opening_says_what_it_found() {
        match Gpus::open() {
            (Some(mut gpus), GpuState::Present { devices, names }) => {
                assert_eq!(names.len(), devices as usize);
                assert!(gpus.read().iter().all(|process| process.gpus <= devices as f32));
            }
            (None, GpuState::Absent { reason }) => assert!(reason.starts_with("NVML"), "{reason}"),
            (_, state) => panic!("{state:?}"),
        }
    }
}
