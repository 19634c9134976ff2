//! Where the host's file systems are: the real ones, a host's as seen from a container, or made-up ones in a test.

use std::path::{Path, PathBuf};

/// The folders that every reader starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// procfs, `/proc`.
    pub proc: PathBuf,
    /// sysfs, `/sys`.
    pub sys: PathBuf,
    /// The cgroup mounts, `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
    /// Configuration, `/etc`.
    pub etc: PathBuf,
    /// State, `/var` (user crontabs, Docker's container records).
    pub var: PathBuf,
    /// Run-time state, `/run` (units made at run time).
    pub run: PathBuf,
    /// Programs, `/usr` (units that packages bring).
    pub usr: PathBuf,
}

impl Roots {
    /// The folders of the running host.
    pub fn host() -> Self {
        Roots::under(Path::new("/"))
    }

    /// The usual folders below `root`, such as a host's root mounted into a container.
    pub fn under(root: &Path) -> Self {
        Roots {
            proc: root.join("proc"),
            sys: root.join("sys"),
            cgroup: root.join("sys/fs/cgroup"),
            etc: root.join("etc"),
            var: root.join("var"),
            run: root.join("run"),
            usr: root.join("usr"),
        }
    }
}
