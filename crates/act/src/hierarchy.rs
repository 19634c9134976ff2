//! Where this host keeps its control groups: one v2 tree, v1 trees side by side, or both (hybrid).

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use crate::error::ActError;

/// Where the host's trees are. Made-up trees stand in for them in tests.
#[derive(Clone, Debug)]
pub struct Roots {
    /// The folder of the control groups, `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
    /// The folder that holds `block`, `/sys`.
    pub sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Roots { cgroup: "/sys/fs/cgroup".into(), sys: "/sys".into() }
    }
}

/// The two file layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// What a knob belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controller {
    Cpu,
    Memory,
    Disk,
    /// The v2 tree itself, which network programs are attached to.
    Unified,
}

impl Controller {
    /// The v1 folders that may hold it: its own name, then the usual co-mounts.
    const fn v1_folders(self) -> &'static [&'static str] {
        match self {
            Controller::Cpu => &["cpu", "cpu,cpuacct", "cpuacct,cpu"],
            Controller::Memory => &["memory"],
            Controller::Disk => &["blkio"],
            Controller::Unified => &[],
        }
    }

    /// Its name in `cgroup.controllers`.
    pub(crate) const fn v2_name(self) -> &'static str {
        match self {
            Controller::Cpu => "cpu",
            Controller::Memory => "memory",
            Controller::Disk => "io",
            Controller::Unified => "unified",
        }
    }
}

/// One tree of control groups.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    pub(crate) version: Version,
    pub(crate) root: OwnedFd,
    pub(crate) path: PathBuf,
}

/// The trees that this host has.
#[derive(Debug)]
pub(crate) struct Hierarchies {
    trees: Vec<Hierarchy>,
    /// Index into `trees` by controller.
    of: [Option<usize>; 4],
}

impl Hierarchies {
    /// Finds the trees below `root`.
    ///
    /// # Errors
    /// When a tree's folder exists and cannot be opened, or `root` itself cannot.
    pub(crate) fn find(root: &Path) -> Result<Hierarchies, ActError> {
        let mut found = Hierarchies { trees: Vec::new(), of: [None; 4] };
        open_folder(root)?;
        if root.join("cgroup.controllers").exists() {
            found.add(Version::V2, root)?;
            found.of = [Some(0); 4];
            return Ok(found);
        }
        for controller in [Controller::Cpu, Controller::Memory, Controller::Disk] {
            let folders = controller.v1_folders().iter().map(|folder| root.join(folder));
            if let Some(path) = folders.into_iter().find(|path| path.is_dir()) {
                found.of[controller as usize] = Some(found.add(Version::V1, &path)?);
            }
        }
        let unified = root.join("unified");
        if let Ok(controllers) = std::fs::read_to_string(unified.join("cgroup.controllers")) {
            let index = found.add(Version::V2, &unified)?;
            found.of[Controller::Unified as usize] = Some(index);
            for controller in [Controller::Cpu, Controller::Memory, Controller::Disk] {
                if controllers.split_whitespace().any(|name| name == controller.v2_name()) {
                    found.of[controller as usize].get_or_insert(index);
                }
            }
        }
        Ok(found)
    }

    fn add(&mut self, version: Version, path: &Path) -> Result<usize, ActError> {
        self.trees.push(Hierarchy { version, root: open_folder(path)?, path: path.to_owned() });
        Ok(self.trees.len() - 1)
    }

    /// The tree of `controller`.
    pub(crate) fn of(&self, controller: Controller) -> Option<&Hierarchy> {
        self.of[controller as usize].map(|index| &self.trees[index])
    }

    /// Every tree, each once.
    pub(crate) fn trees(&self) -> &[Hierarchy] {
        &self.trees
    }
}

fn open_folder(path: &Path) -> Result<OwnedFd, ActError> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|source| ActError::Open { path: path.to_owned(), source: source.into() })
}
