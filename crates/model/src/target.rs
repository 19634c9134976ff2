//! What is managed, and how much freedom forerun has with it.

use crate::{Bytes, MilliCores, Ordinal, TargetId};

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// A systemd service or scope.
    Service,
    /// A container (Docker, containerd, podman, crun).
    Container,
    /// Something forerun itself started: an example, a sandbox, a job.
    Own,
    /// Any other control group.
    Group,
    /// A series of a trace (backtests) or a series pushed from outside.
    Series,
    /// A pool of instances that are kept ready.
    Pool,
}

/// Priority class. A higher tier violates less often and is served first when capacity is short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// May be squeezed to its guarantee.
    BestEffort,
    /// The default.
    #[default]
    Standard,
    /// Gets more head room and is served first.
    Critical,
}

/// What forerun may do. Ordered: a stricter mode is smaller, and the strictest of all scopes holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Forecast only.
    Observe,
    /// Decide and explain, change nothing.
    #[default]
    Recommend,
    /// Decide and apply.
    Act,
}

/// The planners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Planner {
    /// CPU, memory, disk and network limits of running workloads.
    Load,
    /// Instances kept ready in pools.
    Warm,
}

/// What a mode applies to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything.
    All,
    /// One planner.
    Planner(Planner),
    /// One target.
    Target(Ordinal),
}

/// Hard bounds of a target; every decision stays within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Never less CPU than this.
    pub cpu_min: Option<MilliCores>,
    /// Never more CPU than this.
    pub cpu_max: Option<MilliCores>,
    /// Never less memory than this.
    pub memory_min: Option<Bytes>,
    /// Never more memory than this.
    pub memory_max: Option<Bytes>,
}

/// A target as the engine learns of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// The lasting name.
    pub id: TargetId,
    /// What it is.
    pub kind: TargetKind,
    /// Its priority class.
    pub tier: Tier,
    /// Its hard bounds.
    pub bounds: Bounds,
    /// The application it is an instance of: instances of one application start from one another's models.
    pub application: Option<Box<str>>,
}
