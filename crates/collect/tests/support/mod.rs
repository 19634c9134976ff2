//! A made-up host in a temporary folder.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its share, and a fault ends the test")]

use std::fs;
use std::path::{Path, PathBuf};

use collect::Roots;

/// A folder that stands for a host.
pub struct Tree {
    folder: tempfile::TempDir,
    /// Its roots.
    pub roots: Roots,
}

impl Tree {
    /// An empty host.
    pub fn new() -> Tree {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::under(folder.path());
        Tree { folder, roots }
    }

    /// The host's `/`.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the cgroup mounts, with its folders. Rewrites in place, as the kernel does.
    pub fn cgroup(&self, path: &str, text: &str) {
        write(&self.roots.cgroup.join(path), text);
    }

    /// Writes a file of the host, with its folders.
    pub fn file(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path().join(path);
        write(&path, text);
        path
    }

    /// Makes this a host with v1 controllers and an empty v2 mount.
    pub fn hybrid() -> Tree {
        let tree = Tree::new();
        tree.cgroup("cpu/cpu.shares", "1024\n");
        tree.cgroup("cpuacct/cpuacct.usage", "0\n");
        tree.cgroup("memory/memory.usage_in_bytes", "0\n");
        tree.cgroup("blkio/blkio.throttle.io_service_bytes", "Total 0\n");
        tree.cgroup("unified/cgroup.controllers", "hugetlb\n");
        tree
    }

    /// Makes this a host with all controllers in v2.
    pub fn unified() -> Tree {
        let tree = Tree::new();
        tree.cgroup("cgroup.controllers", "cpuset cpu io memory pids\n");
        tree
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
