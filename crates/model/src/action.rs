//! What can be done to a target. An action states everything: the actuator chooses nothing.

use std::fmt;

use crate::{Bytes, BytesPerSecond, Limit, MilliCores, Ticket, Weight};

/// A knob of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// CPU quota (`cpu.max`, `cpu.cfs_quota_us`).
    CpuQuota,
    /// CPU weight (`cpu.weight`, `cpu.shares`).
    CpuWeight,
    /// Memory limit (`memory.max`, `memory.limit_in_bytes`).
    MemoryLimit,
    /// Read bandwidth of every block device (`io.max rbps`, `blkio.throttle.read_bps_device`).
    DiskReadBandwidth,
    /// Write bandwidth of every block device.
    DiskWriteBandwidth,
    /// Bytes per second that the target may receive.
    NetworkReceiveBandwidth,
    /// Bytes per second that the target may send.
    NetworkTransmitBandwidth,
    /// Instances of a pool that wait, ready to be claimed.
    WarmInstances,
    /// Instances of a pool that are ready but frozen: they hold memory that can be paged out, and must be thawed first.
    FrozenInstances,
}

/// Every resource.
impl Resource {
    /// All resources, in order.
    pub const ALL: [Resource; 9] = [
        Resource::CpuQuota,
        Resource::CpuWeight,
        Resource::MemoryLimit,
        Resource::DiskReadBandwidth,
        Resource::DiskWriteBandwidth,
        Resource::NetworkReceiveBandwidth,
        Resource::NetworkTransmitBandwidth,
        Resource::WarmInstances,
        Resource::FrozenInstances,
    ];
    /// The dense index, 0 to 8.
    pub const fn index(self) -> usize {
        self as usize
    }
    /// The name used in config, API and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Resource::CpuQuota => "cpu_quota",
            Resource::CpuWeight => "cpu_weight",
            Resource::MemoryLimit => "memory_limit",
            Resource::DiskReadBandwidth => "disk_read_bandwidth",
            Resource::DiskWriteBandwidth => "disk_write_bandwidth",
            Resource::NetworkReceiveBandwidth => "net_rx_bandwidth",
            Resource::NetworkTransmitBandwidth => "net_tx_bandwidth",
            Resource::WarmInstances => "warm_instances",
            Resource::FrozenInstances => "frozen_instances",
        }
    }
    /// The resource of that name.
    pub fn from_name(name: &str) -> Option<Resource> {
        Resource::ALL.into_iter().find(|resource| resource.name() == name)
    }
}

/// The value of a knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    /// Of [`Resource::CpuQuota`].
    Cpu(Limit<MilliCores>),
    /// Of [`Resource::CpuWeight`].
    Weight(Weight),
    /// Of [`Resource::MemoryLimit`].
    Memory(Limit<Bytes>),
    /// Of the four bandwidths.
    Bandwidth(Limit<BytesPerSecond>),
    /// Of [`Resource::WarmInstances`] and [`Resource::FrozenInstances`].
    Instances(u32),
}

impl Setting {
    /// The figure in the knob's own unit (millicores, weight, bytes, bytes per second); `None` when unlimited.
    pub fn amount(self) -> Option<u64> {
        match self {
            Setting::Cpu(limit) => limit.at().map(|cpu| cpu.0),
            Setting::Weight(weight) => Some(u64::from(weight.get())),
            Setting::Memory(limit) => limit.at().map(|bytes| bytes.0),
            Setting::Bandwidth(limit) => limit.at().map(|rate| rate.0),
            Setting::Instances(count) => Some(u64::from(count)),
        }
    }

    /// The setting of `resource` with that figure in the knob's own unit; `None` means unlimited (default for a
    /// weight, none for instances).
    pub fn of(resource: Resource, amount: Option<u64>) -> Setting {
        fn limit<T>(amount: Option<u64>, wrap: impl Fn(u64) -> T) -> Limit<T> {
            amount.map_or(Limit::Unlimited, |amount| Limit::At(wrap(amount)))
        }
        match resource {
            Resource::CpuQuota => Setting::Cpu(limit(amount, MilliCores)),
            Resource::CpuWeight => Setting::Weight(amount.map_or(Weight::DEFAULT, Weight::clamped)),
            Resource::MemoryLimit => Setting::Memory(limit(amount, Bytes)),
            Resource::WarmInstances | Resource::FrozenInstances => {
                Setting::Instances(amount.map_or(0, |amount| u32::try_from(amount).unwrap_or(u32::MAX)))
            }
            _ => Setting::Bandwidth(limit(amount, BytesPerSecond)),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Cpu(limit) => limit.fmt(f),
            Setting::Weight(weight) => write!(f, "weight {}", weight.get()),
            Setting::Memory(limit) => limit.fmt(f),
            Setting::Bandwidth(limit) => limit.fmt(f),
            Setting::Instances(1) => f.write_str("1 instance"),
            Setting::Instances(count) => write!(f, "{count} instances"),
        }
    }
}

/// One change of one knob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Set the knob, provided that it still holds `before`.
    Set {
        /// Which knob.
        resource: Resource,
        /// What the engine believes it holds now. Found otherwise, the knob is left alone.
        before: Setting,
        /// What it shall hold.
        after: Setting,
    },
    /// Put back what an earlier decision found, provided that the knob still holds what that decision set.
    Restore {
        /// The decision that is undone.
        undoes: Ticket,
        /// Which knob.
        resource: Resource,
        /// What the knob must still hold.
        before: Setting,
        /// What it held before the undone decision.
        after: Setting,
    },
}

impl Action {
    /// Which knob.
    pub const fn resource(&self) -> Resource {
        match self {
            Action::Set { resource, .. } | Action::Restore { resource, .. } => *resource,
        }
    }
    /// What the knob holds before.
    pub const fn before(&self) -> Setting {
        match self {
            Action::Set { before, .. } | Action::Restore { before, .. } => *before,
        }
    }
    /// What the knob shall hold.
    pub const fn after(&self) -> Setting {
        match self {
            Action::Set { after, .. } | Action::Restore { after, .. } => *after,
        }
    }
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The knob holds the new value (also when it held it already).
    Applied,
    /// Only recommended: nothing was touched.
    Recommended,
    /// Somebody else changed the knob since; it was left alone.
    ChangedElsewhere {
        /// What it holds.
        found: Setting,
    },
    /// The new value would lie below present use, or the kernel refused it for that reason.
    WouldHarm {
        /// Present use in the knob's own unit.
        in_use: u64,
    },
    /// The target is gone.
    TargetGone,
    /// This host has no such knob for this target.
    Unsupported {
        /// What is missing.
        reason: Box<str>,
    },
    /// The kernel refused, or the write failed.
    Failed {
        /// What was tried and what came back.
        reason: Box<str>,
    },
}
