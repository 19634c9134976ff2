//! What can go wrong: for callers ([`ActError`]), and inside, before the target's name is attached ([`Trouble`]).

use std::io;
use std::path::PathBuf;

use model::{Outcome, TargetId};
use rustix::io::Errno;

/// Why a knob could not be read, or an actuator not be made.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The name is not that of a control group below the root.
    #[error("{target:?} does not name a control group: {why}")]
    BadTarget {
        /// The name.
        target: TargetId,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No hierarchy has such a group (any more).
    #[error("{target} is gone")]
    Gone {
        /// The target.
        target: TargetId,
    },
    /// A folder that every action needs could not be opened.
    #[error("failed to open {path}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A knob's file, or a list of devices, could not be read.
    #[error("failed to read {file} of {target}")]
    Read {
        /// The file's name.
        file: &'static str,
        /// The target.
        target: TargetId,
        /// Why.
        source: io::Error,
    },
    /// A knob's file holds something unexpected.
    #[error("failed to understand {file} of {target}: {text:?}")]
    Parse {
        /// The file's name.
        file: &'static str,
        /// The target.
        target: TargetId,
        /// What it holds (its first 80 characters).
        text: Box<str>,
    },
    /// The kernel refused for a reason that is known.
    #[error("{target}: {reason}")]
    Refused {
        /// The target.
        target: TargetId,
        /// What was tried and why it was refused.
        reason: Box<str>,
    },
}

/// Trouble with a group that is known from the context.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The group's folder is not there.
    Gone,
    /// The group is there, but not this knob.
    Absent(Box<str>),
    /// Reading failed.
    Read { file: &'static str, source: Errno },
    /// Writing failed.
    Write { file: &'static str, text: Box<str>, source: Errno },
    /// The text is not what the kernel writes.
    Parse { file: &'static str, text: Box<str> },
    /// The new value would lie below present use.
    InUse(u64),
    /// Refused, with the reason.
    Refused(Box<str>),
}

impl Trouble {
    /// A parse failure that quotes the beginning of `text`.
    pub(crate) fn parse(file: &'static str, text: &str) -> Trouble {
        Trouble::Parse { file, text: text.chars().take(80).collect() }
    }

    /// The outcome of an action that ran into this.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Trouble::Gone => Outcome::TargetGone,
            Trouble::Absent(reason) => Outcome::Unsupported { reason },
            Trouble::InUse(in_use) => Outcome::WouldHarm { in_use },
            Trouble::Refused(reason) => Outcome::Failed { reason },
            Trouble::Read { file, source } => Outcome::Failed { reason: format!("failed to read {file}: {source}").into() },
            Trouble::Write { file, text, source } => {
                Outcome::Failed { reason: format!("failed to write {text:?} to {file}: {source}").into() }
            }
            Trouble::Parse { file, text } => {
                Outcome::Failed { reason: format!("failed to understand {file}: {text:?}").into() }
            }
        }
    }

    /// The error of a reading that ran into this; `None` when the knob is merely unsupported.
    pub(crate) fn error(self, target: &TargetId) -> Option<ActError> {
        let target = target.clone();
        match self {
            Trouble::Gone => Some(ActError::Gone { target }),
            Trouble::Absent(_) => None,
            Trouble::Read { file, source } => Some(ActError::Read { file, target, source: source.into() }),
            Trouble::Parse { file, text } => Some(ActError::Parse { file, target, text }),
            other => match other.outcome() {
                Outcome::Failed { reason } => Some(ActError::Refused { target, reason }),
                _ => None,
            },
        }
    }
}
