//! Network bandwidth of a group: a token bucket in a small eBPF program on the group's sockets, one for each way.
//!
//! The program is attached by a link that nothing pins, so a limit ends with the actuator that holds it. Why eBPF and not a queueing
//! discipline: `docs/decisions/0003-network-bandwidth.md`.

mod assembler;
mod bucket;
mod kernel;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use model::{BytesPerSecond, Limit, Outcome, Setting, TargetId};
use rustix::io::Errno;

use crate::error::Trouble;
use crate::group::Group;
use crate::knob::{confirm, settled};
use bucket::RATE_MIN;

/// The most limits held at once; each takes two file descriptors.
const LIMITS_MAX: usize = 65_536;

/// Which packets are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Receive,
    Transmit,
}

/// A limit in force: the link keeps the program attached and the program keeps its map.
#[derive(Debug)]
struct Attached {
    rate: BytesPerSecond,
    /// The identity of the group's folder: a new group of the same name has another.
    group: u64,
    map: OwnedFd,
    #[expect(dead_code, reason = "closing it detaches the program")]
    link: OwnedFd,
}

/// The limits that this actuator holds.
#[derive(Debug, Default)]
pub(crate) struct Network {
    limits: BTreeMap<(TargetId, Way), Attached>,
}

type Rate = Limit<BytesPerSecond>;

impl Network {
    /// The limit that is in force.
    pub(crate) fn read(&mut self, target: &TargetId, group: &Group<'_>, way: Way) -> Result<Setting, Trouble> {
        let identity = group.identity()?;
        let key = (target.clone(), way);
        let held = match self.limits.get(&key) {
            Some(attached) if attached.group == identity => Limit::At(attached.rate),
            Some(_) => {
                self.limits.remove(&key);
                Limit::Unlimited
            }
            None => Limit::Unlimited,
        };
        Ok(Setting::Bandwidth(held))
    }

    /// Goes from one limit to another.
    pub(crate) fn change(
        &mut self,
        target: &TargetId,
        group: &Group<'_>,
        way: Way,
        [before, after]: [Rate; 2],
    ) -> Result<Outcome, Trouble> {
        let found = self.read(target, group, way)?;
        if let Some(outcome) = settled(found, Setting::Bandwidth(before), Setting::Bandwidth(after)) {
            return Ok(outcome);
        }
        match after {
            Limit::Unlimited => drop(self.limits.remove(&(target.clone(), way))),
            Limit::At(rate) if rate < RATE_MIN => {
                return Err(Trouble::Refused(
                    format!("{rate} is below {RATE_MIN}, the least that a target is left with").into(),
                ));
            }
            Limit::At(rate) => self.set(target, group, way, rate)?,
        }
        confirm(self.read(target, group, way)?, Setting::Bandwidth(after))
    }

    /// Lifts both limits of a target.
    pub(crate) fn forget(&mut self, target: &TargetId) {
        for way in [Way::Receive, Way::Transmit] {
            self.limits.remove(&(target.clone(), way));
        }
    }

    fn set(&mut self, target: &TargetId, group: &Group<'_>, way: Way, rate: BytesPerSecond) -> Result<(), Trouble> {
        let key = (target.clone(), way);
        if let Some(attached) = self.limits.get_mut(&key) {
            kernel::write_map(&attached.map, &bucket::full(rate)).map_err(|source| refused("changing its rate", source))?;
            attached.rate = rate;
            return Ok(());
        }
        if self.limits.len() >= LIMITS_MAX {
            return Err(Trouble::Refused(format!("{LIMITS_MAX} network limits are in force, no more are made").into()));
        }
        let folder = group.folder()?;
        let (map, link) = attach(&folder, way, rate)?;
        self.limits.insert(key, Attached { rate, group: group.identity()?, map, link });
        Ok(())
    }
}

/// Makes a bucket for `rate`, loads its program and attaches it to the group whose folder that is.
fn attach(folder: &OwnedFd, way: Way, rate: BytesPerSecond) -> Result<(OwnedFd, OwnedFd), Trouble> {
    let map = kernel::create_map().map_err(|source| refused("creating its map", source))?;
    kernel::write_map(&map, &bucket::full(rate)).map_err(|source| refused("filling its map", source))?;
    let program = kernel::load(&bucket::program(&map, way), way).map_err(|source| refused("loading it", source))?;
    let link = kernel::attach(&program, folder, way).map_err(|source| refused("attaching it", source))?;
    Ok((map, link))
}

/// What the kernel's answer means for a bandwidth program.
fn refused(what: &'static str, source: Errno) -> Trouble {
    match source {
        Errno::NOSYS | Errno::OPNOTSUPP => {
            Trouble::Absent(format!("this kernel has no eBPF for control groups ({what}: {source})").into())
        }
        Errno::PERM | Errno::ACCESS => Trouble::Refused(
            format!("bandwidth program, {what}: {source}: needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN").into(),
        ),
        source => Trouble::Refused(format!("bandwidth program, {what}: {source}").into()),
    }
}

/// Whether bandwidth programs load here.
///
/// # Errors
/// What was tried and what came back.
pub(crate) fn probe() -> Result<(), String> {
    let tried = kernel::create_map().and_then(|map| kernel::load(&bucket::program(&map, Way::Transmit), Way::Transmit));
    tried.map(drop).map_err(|source| format!("loading a cgroup_skb program: {source}"))
}
