//! The daemon's hold on a template: asks it for processes, one at a time, and ends it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::cgroup::Group;
use crate::confine::Inside;
use crate::error::SandboxError;
use crate::line::receive_within;
use crate::stem::{IDS_PER_INSTANCE, Spawn};
use crate::template::IDS;
use crate::wire::tag;

/// A template that came up.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) control: Mutex<OwnedFd>,
    pub(crate) exits: OwnedFd,
    pub(crate) child: Mutex<Child>,
    /// Ranges of ids that no instance has.
    pub(crate) slots: Mutex<VecDeque<u16>>,
    /// Runtimes that are the first process of their namespace are reported by the template.
    pub(crate) reports_exits: bool,
    /// Removed after the processes are gone.
    pub(crate) group: Group,
}

impl Template {
    /// All ranges of ids but the template's own, the first.
    pub(crate) fn all_slots() -> VecDeque<u16> {
        (1..(IDS / IDS_PER_INSTANCE) as u16).collect()
    }

    /// A range of ids, the one that was given back longest ago.
    pub(crate) fn take_slot(&self) -> Result<u16, SandboxError> {
        let taken = self.slots.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        taken.ok_or_else(|| self.failed("4095 instances of it live already, which is the most"))
    }

    pub(crate) fn give_back(&self, slot: u16) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push_back(slot);
    }

    fn failed(&self, why: impl Into<String>) -> SandboxError {
        SandboxError::Template { key: self.name.clone(), why: why.into() }
    }

    /// Has a process cloned that holds these descriptors; returns its number inside and a descriptor of it.
    pub(crate) fn spawn(
        &self,
        inside: Inside,
        slot: u16,
        [line, out, err]: [&OwnedFd; 3],
        within: Duration,
    ) -> Result<(u32, OwnedFd), SandboxError> {
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = |error: std::io::Error| self.failed(format!("it does not take requests: {error}"));
        Spawn::written(inside, u32::from(slot) * IDS_PER_INSTANCE)
            .send(&*control, &[line.as_fd(), out.as_fd(), err.as_fd()])
            .map_err(gone)?;
        let answer = receive_within(&control, within).map_err(gone)?;
        let mut answer = answer.ok_or_else(|| self.failed(format!("it did not answer within {within:?}")))?;
        match (answer.tag(), answer.descriptors.pop()) {
            (tag::SPAWNED, Some(pidfd)) => Ok((answer.u32().map_err(gone)?, pidfd)),
            (tag::FAILED, _) => Err(self.failed(answer.text().unwrap_or_default())),
            (other, _) => Err(self.failed(format!("it answered {other} to a request"))),
        }
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(child.try_wait(), Ok(None))
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        self.group.kill();
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Both fail only when it has ended.
        let _ = child.kill();
        let _ = child.wait();
    }
}
