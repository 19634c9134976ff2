//! Groups that exist for one test: made in every tree that has the controller, their processes killed and they removed at the end.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use act::{Actuator, Config};
use model::{Action, Outcome, Resource, Setting, TargetId};

/// Which trees a test needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    Cpu,
    Memory,
    Disk,
    Unified,
}

/// A group in some trees, with the processes that were started in it.
pub struct TestGroup {
    pub target: TargetId,
    pub name: String,
    folders: Vec<(Tree, PathBuf)>,
    children: Vec<Child>,
}

/// The root of a tree on this host, v1 or v2.
pub fn root_of(tree: Tree) -> Option<PathBuf> {
    let base = Path::new("/sys/fs/cgroup");
    let v2 = base.join("cgroup.controllers").exists();
    let root = match tree {
        _ if v2 => base.to_owned(),
        Tree::Cpu => base.join("cpu"),
        Tree::Memory => base.join("memory"),
        Tree::Disk => base.join("blkio"),
        Tree::Unified => base.join("unified"),
    };
    root.join("cgroup.procs").exists().then_some(root)
}

/// Says why a test does nothing.
pub fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

impl TestGroup {
    /// A new group in `trees`; `None`, with the reason printed, where that cannot be.
    pub fn new(trees: &[Tree]) -> Option<TestGroup> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("forerun-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        TestGroup::named(name, trees)
    }

    /// A group of that name, which may lie in another test group.
    pub fn named(name: String, trees: &[Tree]) -> Option<TestGroup> {
        let mut group =
            TestGroup { target: TargetId::new(format!("cgroup:/{name}")), name, folders: Vec::new(), children: Vec::new() };
        for &tree in trees {
            let Some(root) = root_of(tree) else {
                skipped("this host lacks a control group tree that the test needs");
                return None;
            };
            if tree != Tree::Unified && root.join("cgroup.controllers").exists() {
                let all = "+cpu +memory +io";
                all.split(' ').for_each(|one| drop(std::fs::write(root.join("cgroup.subtree_control"), one)));
            }
            let folder = root.join(&group.name);
            if let Err(error) = std::fs::create_dir_all(&folder) {
                skipped(&format!("cannot make {}: {error} (needs root)", folder.display()));
                return None;
            }
            group.folders.push((tree, folder));
        }
        Some(group)
    }

    /// The group's folder in `tree`.
    pub fn folder(&self, tree: Tree) -> &Path {
        &self.folders.iter().find(|(known, _)| *known == tree).unwrap().1
    }

    /// Every `cgroup.procs` of the group.
    pub fn procs(&self) -> String {
        let files: Vec<String> =
            self.folders.iter().map(|(_, folder)| folder.join("cgroup.procs").display().to_string()).collect();
        files.join(":")
    }

    /// A figure or text in one of its files.
    pub fn text(&self, tree: Tree, file: &str) -> String {
        std::fs::read_to_string(self.folder(tree).join(file)).unwrap().trim().to_owned()
    }

    /// Keeps a process until the end of the test.
    pub fn keep(&mut self, child: Child) {
        self.children.push(child);
    }

    /// Ends its processes.
    pub fn end_children(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.children.clear();
    }
}

impl Drop for TestGroup {
    fn drop(&mut self) {
        self.end_children();
        for (_, folder) in &self.folders {
            let deadline = Instant::now() + Duration::from_secs(5);
            while std::fs::remove_dir(folder).is_err() && folder.exists() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// An actuator for this host.
pub fn actuator() -> Actuator {
    Actuator::new(Config::default()).unwrap()
}

/// Sets a knob and expects that to work; returns what it held.
pub fn set(actuator: &Actuator, target: &TargetId, resource: Resource, after: Setting) -> Setting {
    let before = actuator.read(target, resource).unwrap().unwrap();
    assert_eq!(
        actuator.apply(target, &Action::Set { resource, before, after }),
        Outcome::Applied,
        "{resource:?} to {after}"
    );
    assert_eq!(actuator.read(target, resource).unwrap(), Some(after));
    before
}
