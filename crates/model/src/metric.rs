//! What is measured and forecast per target, each in one base unit.

/// A forecast series of a target. Values travel as `f32` in the metric's base unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Metric {
    /// CPU in use, in cores.
    Cpu = 0,
    /// Working set (resident memory less inactive file cache), in bytes.
    Memory = 1,
    /// Block device reads, in bytes per second.
    DiskRead = 2,
    /// Block device writes, in bytes per second.
    DiskWrite = 3,
    /// Network bytes received per second.
    NetworkReceive = 4,
    /// Network bytes sent per second.
    NetworkTransmit = 5,
    /// GPU in use, in whole GPUs (0.5 = half of one).
    Gpu = 6,
    /// GPU memory in use, in bytes.
    GpuMemory = 7,
    /// The application's own load metric, in its own unit.
    Application = 8,
}

/// Every metric, in the order of its discriminant.
pub const METRICS: [Metric; 9] = [
    Metric::Cpu,
    Metric::Memory,
    Metric::DiskRead,
    Metric::DiskWrite,
    Metric::NetworkReceive,
    Metric::NetworkTransmit,
    Metric::Gpu,
    Metric::GpuMemory,
    Metric::Application,
];

impl Metric {
    /// The dense index, 0 to 8.
    pub const fn index(self) -> usize {
        self as usize
    }
    /// The name used in config, API, traces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::Cpu => "cpu",
            Metric::Memory => "mem",
            Metric::DiskRead => "disk_read",
            Metric::DiskWrite => "disk_write",
            Metric::NetworkReceive => "net_rx",
            Metric::NetworkTransmit => "net_tx",
            Metric::Gpu => "gpu",
            Metric::GpuMemory => "gpu_mem",
            Metric::Application => "app",
        }
    }
    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Metric> {
        METRICS.into_iter().find(|metric| metric.name() == name)
    }
    /// The base unit's name: `cores`, `bytes`, `bytes_per_second`, `gpus` or empty.
    pub const fn unit(self) -> &'static str {
        match self {
            Metric::Cpu => "cores",
            Metric::Memory | Metric::GpuMemory => "bytes",
            Metric::DiskRead | Metric::DiskWrite | Metric::NetworkReceive | Metric::NetworkTransmit => "bytes_per_second",
            Metric::Gpu => "gpus",
            Metric::Application => "",
        }
    }
    /// The smallest amount that matters, in the base unit: below it a change is noise.
    pub const fn grain(self) -> f32 {
        match self {
            Metric::Cpu => 0.01,
            Metric::Memory | Metric::GpuMemory => 1_048_576.0,
            Metric::DiskRead | Metric::DiskWrite | Metric::NetworkReceive | Metric::NetworkTransmit => 4_096.0,
            Metric::Gpu => 0.01,
            Metric::Application => 1e-6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_and_names_round_trip() {
        for (index, metric) in METRICS.into_iter().enumerate() {
            assert_eq!(metric.index(), index);
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
        }
        assert_eq!(Metric::from_name("CPU"), None);
    }
}
