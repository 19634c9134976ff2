//! The actuator: finds the knob of an action and hands over to what knows its kind.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use model::{Action, Bytes, Outcome, Permille, Resource, Setting, TargetId};
use rustix::io::Errno;

use crate::cpu;
use crate::devices::{Device, devices};
use crate::disk::Disk;
use crate::error::{ActError, Trouble};
use crate::files::{Direction, Knob};
use crate::group::{Group, GroupPath};
use crate::hierarchy::{Controller, Hierarchies, Roots};
use crate::knob::lock;
use crate::memory;
use crate::network::{Network, Way};
use crate::originals::Originals;
use crate::probe::Capability;

/// How long the list of block devices is believed.
const DEVICES_FRESH: Duration = Duration::from_secs(10);

/// How an actuator works.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the host's trees are.
    pub roots: Roots,
    /// What stays free above the memory in use when a limit is lowered; 1/64 of the use stays free in any case.
    pub memory_margin: Bytes,
    /// The share of a CPU quota that a group may save up while it uses less (`cpu.cfs_burst_us`, `cpu.max.burst`; Linux 5.14): it
    /// is set with every quota and becomes 0 when the quota is lifted. `None` leaves the burst as it is.
    pub cpu_burst: Option<Permille>,
}

impl Default for Config {
    fn default() -> Self {
        Config { roots: Roots::default(), memory_margin: Bytes(16 << 20), cpu_burst: None }
    }
}

/// Applies actions to the control groups of one host. Dropping it lifts the network limits that it holds; all other limits stay.
#[derive(Debug)]
pub struct Actuator {
    config: Config,
    hierarchies: Hierarchies,
    devices: Mutex<Option<(Instant, Vec<Device>)>>,
    originals: Mutex<Originals>,
    network: Mutex<Network>,
}

impl Actuator {
    /// An actuator for the host behind `config.roots`.
    ///
    /// # Errors
    /// [`ActError::Open`] when the folder of the control groups, or a tree in it, cannot be opened.
    pub fn new(config: Config) -> Result<Actuator, ActError> {
        Ok(Actuator {
            hierarchies: Hierarchies::find(&config.roots.cgroup)?,
            config,
            devices: Mutex::default(),
            originals: Mutex::default(),
            network: Mutex::default(),
        })
    }

    /// Carries out `action` on `target`, if its knob still holds what the action expects. Applying it again changes nothing.
    pub fn apply(&self, target: &TargetId, action: &Action) -> Outcome {
        let outcome = match GroupPath::of(target) {
            Ok(path) => self.change(target, path, action).unwrap_or_else(|trouble| self.elsewhere(path, trouble).outcome()),
            Err(error) => Outcome::Failed { reason: error.to_string().into() },
        };
        if outcome == Outcome::TargetGone {
            self.forget(target);
        }
        outcome
    }

    /// What the knob holds; `None` when this host has no such knob for this target.
    ///
    /// # Errors
    /// When the name is not that of a group, the group is gone, or a file cannot be read or understood.
    pub fn read(&self, target: &TargetId, resource: Resource) -> Result<Option<Setting>, ActError> {
        let path = GroupPath::of(target)?;
        match self.held(target, path, resource) {
            Ok(setting) => Ok(Some(setting)),
            Err(trouble) => self.elsewhere(path, trouble).error(target).map_or(Ok(None), Err),
        }
    }

    /// Forgets a target that is gone, and lifts the network limits that it may still have. `apply` does it by itself when it finds
    /// the target gone.
    pub fn forget(&self, target: &TargetId) {
        lock(&self.network).forget(target);
        lock(&self.originals).forget(target);
    }

    /// What this host lets the actuator do, for a report.
    pub fn probe(&self) -> Vec<Capability> {
        crate::probe::probe(&self.config.roots, &self.hierarchies)
    }

    fn change(&self, target: &TargetId, path: GroupPath<'_>, action: &Action) -> Result<Outcome, Trouble> {
        let (resource, before, after) = (action.resource(), action.before(), action.after());
        let knob = self.knob(path, resource)?;
        match (kind(resource), before, after) {
            (Kind::Quota, Setting::Cpu(before), Setting::Cpu(after)) => {
                cpu::change_quota(target, &knob, &self.originals, [before, after], self.config.cpu_burst)
            }
            (Kind::Weight, Setting::Weight(before), Setting::Weight(after)) => {
                cpu::change_weight(target, &knob, &self.originals, [before, after])
            }
            (Kind::Memory, Setting::Memory(before), Setting::Memory(after)) => {
                memory::change(&knob, [before, after], self.config.memory_margin)
            }
            (Kind::Disk(direction), Setting::Bandwidth(before), Setting::Bandwidth(after)) => {
                Disk { knob: &knob, direction, devices: &self.devices()? }.change(before, after)
            }
            (Kind::Network(way), Setting::Bandwidth(before), Setting::Bandwidth(after)) => {
                lock(&self.network).change(target, &knob.group, way, [before, after])
            }
            _ => Err(Trouble::Refused(
                format!("{} cannot go from {before} to {after}: another knob's unit", resource.name()).into(),
            )),
        }
    }

    fn held(&self, target: &TargetId, path: GroupPath<'_>, resource: Resource) -> Result<Setting, Trouble> {
        let knob = self.knob(path, resource)?;
        match kind(resource) {
            Kind::Quota => cpu::quota(&knob),
            Kind::Weight => cpu::weight(&knob),
            Kind::Memory => memory::limit(&knob),
            Kind::Disk(direction) => Disk { knob: &knob, direction, devices: &self.devices()? }.read(),
            Kind::Network(way) => lock(&self.network).read(target, &knob.group, way),
            Kind::Pool => Err(Trouble::Absent("a control group has no instances: pools do".into())),
        }
    }

    /// The group of `path` in the tree that has `resource`.
    fn knob<'a>(&'a self, path: GroupPath<'a>, resource: Resource) -> Result<Knob<'a>, Trouble> {
        let controller = match kind(resource) {
            Kind::Quota | Kind::Weight => Controller::Cpu,
            Kind::Memory => Controller::Memory,
            Kind::Disk(_) => Controller::Disk,
            Kind::Network(_) => Controller::Unified,
            Kind::Pool => return Err(Trouble::Absent("a control group has no instances: pools do".into())),
        };
        match self.hierarchies.of(controller) {
            Some(tree) => Ok(Knob::new(tree.version, Group::new(tree, path))),
            None if self.exists(path) => {
                Err(Trouble::Absent(format!("this host has no {} hierarchy", controller.v2_name()).into()))
            }
            None => Err(Trouble::Gone),
        }
    }

    /// A group may be in other trees than the one that a knob needs: then the knob is missing and not the target.
    fn elsewhere(&self, path: GroupPath<'_>, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Gone if self.exists(path) => {
                Trouble::Absent("the group is not in the hierarchy that has this knob".into())
            }
            trouble => trouble,
        }
    }

    /// Whether any tree has the group.
    fn exists(&self, path: GroupPath<'_>) -> bool {
        self.hierarchies.trees().iter().any(|tree| Group::new(tree, path).exists())
    }

    /// The block devices to limit.
    fn devices(&self) -> Result<Vec<Device>, Trouble> {
        let mut known = lock(&self.devices);
        if let Some((read, list)) = &*known
            && read.elapsed() < DEVICES_FRESH
        {
            return Ok(list.clone());
        }
        let list = devices(&self.config.roots.sys).map_err(|error| Trouble::Read {
            file: "the list of block devices",
            source: Errno::from_io_error(&error).unwrap_or(Errno::IO),
        })?;
        *known = Some((Instant::now(), list.clone()));
        Ok(list)
    }
}

/// What a resource needs.
enum Kind {
    Quota,
    Weight,
    Memory,
    Disk(Direction),
    Network(Way),
    /// Not of control groups: whoever has the pools turns it.
    Pool,
}

const fn kind(resource: Resource) -> Kind {
    match resource {
        Resource::CpuQuota => Kind::Quota,
        Resource::CpuWeight => Kind::Weight,
        Resource::MemoryLimit => Kind::Memory,
        Resource::DiskReadBandwidth => Kind::Disk(Direction::Read),
        Resource::DiskWriteBandwidth => Kind::Disk(Direction::Write),
        Resource::NetworkReceiveBandwidth => Kind::Network(Way::Receive),
        Resource::NetworkTransmitBandwidth => Kind::Network(Way::Transmit),
        Resource::WarmInstances | Resource::FrozenInstances => Kind::Pool,
    }
}
