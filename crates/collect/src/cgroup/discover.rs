//! Finds the groups worth managing. In a hybrid layout the same path in several hierarchies is one group.
//!
//! A directory of cgroupfs says by its link count whether it holds others (2 means none), so that leaves, which are
//! nearly all, cost one `stat` and are never listed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use model::{TargetId, TargetKind};

use super::glob::Glob;
use super::kind::{classify, container_id, without_instance};
use super::layout::Layout;

/// Which groups become targets, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selectors {
    /// Take systemd services and scopes.
    pub services: bool,
    /// Take containers.
    pub containers: bool,
    /// Take every other group whose path matches one of these.
    pub include: Vec<Glob>,
    /// Never take a group whose path matches one of these; stronger than everything above.
    pub exclude: Vec<Glob>,
    /// At most this many targets; what is beyond is counted, not taken.
    pub targets_max: usize,
    /// How many components of a path are looked at.
    pub depth_max: usize,
}

impl Default for Selectors {
    fn default() -> Self {
        Selectors {
            services: true,
            containers: true,
            include: Vec::new(),
            exclude: Vec::new(),
            targets_max: 1_000,
            depth_max: 8,
        }
    }
}

/// Directories looked at in one hierarchy in one discovery, at most.
const DIRECTORIES_MAX: usize = 20_000;

/// A group worth managing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// `cgroup:` and the path.
    pub id: TargetId,
    /// What it is.
    pub kind: TargetKind,
    /// What it is an instance of, where the path tells.
    pub application: Option<String>,
    /// The path relative to the root of each hierarchy, with a leading `/`.
    pub path: String,
    /// The inode of its folder in each of the layout's hierarchies where it exists: another inode is another group.
    pub(crate) present: [Option<u64>; Layout::HIERARCHIES_MAX],
}

/// The groups that `selectors` choose, in order of path, at most `selectors.targets_max`. What cannot be read is left out.
pub fn discover(layout: &Layout, selectors: &Selectors) -> Vec<Found> {
    let mut found = all(layout, selectors);
    found.truncate(selectors.targets_max);
    found
}

/// As [`discover`], without the limit on targets.
pub(crate) fn all(layout: &Layout, selectors: &Selectors) -> Vec<Found> {
    let mut groups = BTreeMap::new();
    for (index, hierarchy) in layout.hierarchies.iter().enumerate().take(Layout::HIERARCHIES_MAX) {
        let mut walk = Walk { index, groups: &mut groups, left: DIRECTORIES_MAX, depth_max: selectors.depth_max };
        walk.list(&hierarchy.root, "", 0);
    }
    groups.into_iter().filter_map(|(path, group)| select(path, &group, selectors)).collect()
}

fn select(path: String, group: &Group, selectors: &Selectors) -> Option<Found> {
    let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(&path));
    if any(&selectors.exclude) {
        return None;
    }
    let told = classify(&path, group.has_children).filter(|told| match told.kind {
        TargetKind::Service => selectors.services,
        TargetKind::Container => selectors.containers,
        _ => true,
    });
    let (kind, application) = match told {
        Some(told) => (told.kind, told.application),
        None if any(&selectors.include) => {
            let name = path.rsplit('/').next().unwrap_or_default();
            (TargetKind::Group, Some(without_instance(name).to_owned()))
        }
        None => return None,
    };
    let id = TargetId::new(format!("cgroup:{path}"));
    Some(Found { id, kind, application, path, present: group.present })
}

#[derive(Debug, Default)]
struct Group {
    present: [Option<u64>; Layout::HIERARCHIES_MAX],
    has_children: bool,
}

struct Walk<'g> {
    index: usize,
    groups: &'g mut BTreeMap<String, Group>,
    left: usize,
    depth_max: usize,
}

impl Walk<'_> {
    /// Records the folders in `folder`, whose path in the hierarchy is `path`. What is inside a container is its own affair.
    fn list(&mut self, folder: &Path, path: &str, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name();
            let (Some(name), Ok(metadata)) = (name.to_str(), entry.metadata()) else { continue };
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            let child = format!("{path}/{name}");
            // Some file systems (of made-up trees) do not count links: 1 then says nothing.
            let may_hold_others = metadata.nlink() != 2;
            let is_container = container_id(name, path.rsplit('/').next()).is_some();
            if may_hold_others && depth + 1 < self.depth_max && !is_container {
                self.list(&entry.path(), &child, depth + 1);
            }
            if let Some((parent, _)) = child.rsplit_once('/')
                && let Some(parent) = self.groups.get_mut(parent)
            {
                parent.has_children = true;
            }
            let group = self.groups.entry(child).or_default();
            group.present[self.index] = Some(metadata.ino());
            group.has_children |= metadata.nlink() > 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Roots;

    fn hybrid() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::under(folder.path());
        let id = "a1".repeat(32);
        for made in [
            "cpu/system.slice/nginx.service",
            "memory/system.slice/nginx.service",
            "memory/system.slice/cron.service",
            &format!("cpu/docker/{id}/inner.service"),
            "unified/forerun/examples/web-1",
            "cpu/forerun/examples/web-1",
            "cpu/batch/job-7",
            "cpu/batch/job-8",
        ] {
            fs::create_dir_all(roots.cgroup.join(made)).unwrap();
        }
        for (file, text) in
            [("cpu/cpu.shares", "1024\n"), ("memory/memory.usage_in_bytes", "0\n"), ("unified/cgroup.controllers", "\n")]
        {
            fs::write(roots.cgroup.join(file), text).unwrap();
        }
        let layout = Layout::detect(&roots);
        (folder, layout)
    }

    fn text(found: &[Found]) -> Vec<String> {
        let line = |found: &Found| {
            let where_ = found.present.map(|inode| if inode.is_some() { 'x' } else { '-' });
            let where_: String = where_.iter().take(3).collect();
            let name = found.path.replace(&"a1".repeat(32), "ID");
            format!("{name} {:?} {} {where_}", found.kind, found.application.as_deref().unwrap_or("?"))
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn one_path_in_several_hierarchies_is_one_target() {
        let (_keep, layout) = hybrid();
        let found = discover(&layout, &Selectors::default());
        assert_eq!(
            text(&found),
            [
                "/docker/ID Container ? x--",
                "/forerun/examples/web-1 Own web x-x",
                "/system.slice/cron.service Service cron -x-",
                "/system.slice/nginx.service Service nginx xx-",
            ]
        );
        assert_eq!(found[3].id.as_str(), "cgroup:/system.slice/nginx.service");
    }

    #[test]
    fn selectors_add_leave_out_and_bound() {
        let (_keep, layout) = hybrid();
        let selectors = Selectors {
            services: false,
            include: vec![Glob::new("/batch/*")],
            exclude: vec![Glob::new("**/job-8"), Glob::new("/docker/**")],
            ..Selectors::default()
        };
        let found = discover(&layout, &selectors);
        assert_eq!(text(&found), ["/batch/job-7 Group job x--", "/forerun/examples/web-1 Own web x-x"]);
        assert_eq!(discover(&layout, &Selectors { targets_max: 1, ..selectors.clone() }).len(), 1);
        assert_eq!(discover(&layout, &Selectors { depth_max: 2, ..selectors }).len(), 1);
    }
}
