//! What can go wrong, named by what was tried on what.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use model::Bytes;

use crate::key::Runtime;

/// Why an instance could not be made, or a job not be run. The pool stays intact after any of them.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Namespaces with id ranges of their own need root.
    #[error("making sandboxes needs root, and this process runs as user {uid}: run the daemon as root")]
    NotRoot {
        /// The user that the process runs as.
        uid: u32,
    },
    /// The kernel lacks something without which nobody's code may be run.
    #[error("this host cannot make sandboxes: {what}")]
    Unsupported {
        /// What is missing, and what would mend it.
        what: String,
    },
    /// The name is not that of a runtime.
    #[error("there is no runtime {name:?}: exec, sh, python and node are known")]
    UnknownRuntime {
        /// The name.
        name: String,
    },
    /// The name is not that of an image.
    #[error("there is no image {name:?}; there are: {known}")]
    UnknownImage {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The runtime's program is not in the image.
    #[error("image {image:?} has no {runtime}: {path} is missing; install it or choose another image")]
    RuntimeAbsent {
        /// The runtime.
        runtime: Runtime,
        /// The image's name.
        image: String,
        /// The program that was looked for.
        path: PathBuf,
    },
    /// A limit below the least with which anything runs.
    #[error("{limit} of {asked} is below the minimum of {minimum}")]
    LimitTooSmall {
        /// Which limit.
        limit: &'static str,
        /// What was asked for.
        asked: String,
        /// The least.
        minimum: String,
    },
    /// A request that makes no sense.
    #[error("the request is refused: {why}")]
    BadRun {
        /// What is wrong with it.
        why: String,
    },
    /// Something of the host could not be done.
    #[error("failed to {action} {path}")]
    Host {
        /// What was tried, such as "create" or "mount".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The template, from which instances are made, did not come up or is gone.
    #[error("the template for {key} failed: {why}")]
    Template {
        /// Image, runtime and dependencies.
        key: String,
        /// What it said.
        why: String,
    },
    /// An instance could not be finished.
    #[error("failed to make an instance of {key}: {why}")]
    Instance {
        /// Image, runtime and dependencies.
        key: String,
        /// What it said.
        why: String,
    },
    /// An instance did not answer its readiness check.
    #[error("an instance of {key} did not answer within {waited:?}: raise its limits or look at its runtime")]
    NotReady {
        /// Image, runtime and dependencies.
        key: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The program could not be started inside the sandbox.
    #[error("failed to start {program:?} inside the sandbox")]
    NotStarted {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Arguments, environment and names of files together are too long.
    #[error("arguments, environment and file names take more than {limit}")]
    TooLong {
        /// The most that is taken.
        limit: Bytes,
    },
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
}

impl SandboxError {
    pub(crate) fn host(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> SandboxError {
        let path = path.into();
        move |source| SandboxError::Host { action, path, source }
    }
}
