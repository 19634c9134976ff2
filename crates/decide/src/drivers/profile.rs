//! The resource profiles that driver modules serve.

/// What an instance leans on; the module catalogue maps each to the modules that serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Compute on the CPU.
    CpuIntensive,
    /// Much memory in use.
    MemoryIntensive,
    /// Bulk traffic with disks.
    StorageHighThroughput,
    /// Bulk traffic with the network.
    NetworkHighThroughput,
    /// Compute on a GPU.
    GpuComputeIntensive,
    /// Much GPU memory in use.
    GpuMemoryIntensive,
}

impl Profile {
    /// Every profile and its name in module manifests.
    pub const NAMES: [(Profile, &'static str); 6] = [
        (Profile::CpuIntensive, "cpu.compute_intensive"),
        (Profile::MemoryIntensive, "memory.intensive"),
        (Profile::StorageHighThroughput, "storage.high_throughput"),
        (Profile::NetworkHighThroughput, "network.high_throughput"),
        (Profile::GpuComputeIntensive, "gpu.compute_intensive"),
        (Profile::GpuMemoryIntensive, "gpu.memory_intensive"),
    ];

    /// Its name in module manifests, such as `network.high_throughput`.
    pub fn name(self) -> &'static str {
        Profile::NAMES[self as usize].1
    }

    /// The profile that a metric speaks for; `None` for metrics that speak for none. Names are those of traces and samplers.
    pub fn of_metric(metric: &str) -> Option<Profile> {
        Some(match metric {
            "cpu" => Profile::CpuIntensive,
            "mem" => Profile::MemoryIntensive,
            "disk_read" | "disk_write" | "disk_io" => Profile::StorageHighThroughput,
            "net_rx" | "net_tx" => Profile::NetworkHighThroughput,
            "gpu" => Profile::GpuComputeIntensive,
            "gpu_mem" => Profile::GpuMemoryIntensive,
            _ => return None,
        })
    }
}

/// How strongly a profile is leaned on, by the reading over the threshold of need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intensity {
    /// Below the threshold: no module is needed.
    Low,
    /// From the threshold to half as much again.
    Medium,
    /// Beyond.
    High,
}

impl Intensity {
    /// That of a level: the reading over the threshold.
    pub fn of_level(level: f32) -> Intensity {
        match level {
            level if level >= 1.5 => Intensity::High,
            level if level >= 1.0 => Intensity::Medium,
            _ => Intensity::Low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_the_variants() {
        for (place, (profile, name)) in Profile::NAMES.into_iter().enumerate() {
            assert_eq!((profile as usize, profile.name()), (place, name));
        }
        assert_eq!(Profile::of_metric("net_tx"), Some(Profile::NetworkHighThroughput));
        assert_eq!(Profile::of_metric("queue_time"), None);
    }

    #[test]
    fn intensity_grows_with_the_level() {
        let found = [0.99, 1.0, 1.49, 1.5].map(Intensity::of_level);
        assert_eq!(found, [Intensity::Low, Intensity::Medium, Intensity::Medium, Intensity::High]);
    }
}
