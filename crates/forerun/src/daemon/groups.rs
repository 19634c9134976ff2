//! Control groups of forerun's own: made for the examples, removed when they end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use collect::layout::{Layout, Version};

/// A group in every hierarchy that measures or limits; removed on drop, where it is empty by then.
#[derive(Debug)]
pub struct Group {
    /// How many folders each leaf lies below the root of its hierarchy.
    depth: usize,
    leaves: Vec<PathBuf>,
}

impl Group {
    /// Makes the group `path` (such as `forerun/examples/service`), or takes it over if it is there.
    ///
    /// # Errors
    /// When a folder cannot be made, for instance without root.
    pub fn make(layout: &Layout, path: &str) -> io::Result<Group> {
        let mut group = Group { depth: path.split('/').count(), leaves: Vec::new() };
        for hierarchy in &layout.hierarchies {
            let mut folder = hierarchy.root.clone();
            for part in path.split('/') {
                if hierarchy.version == Version::V2 {
                    enable(&folder);
                }
                folder.push(part);
                match fs::create_dir(&folder) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(named(&folder, error)),
                }
            }
            group.leaves.push(folder);
        }
        Ok(group)
    }

    /// Puts a process into the group.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn join(&self, process: u32) -> io::Result<()> {
        for leaf in &self.leaves {
            let file = leaf.join("cgroup.procs");
            fs::write(&file, process.to_string()).map_err(|error| named(&file, error))?;
        }
        Ok(())
    }
}

/// Lets children have the controllers of their parent; refused where processes live in the parent, which is said later by
/// the missing knob.
fn enable(folder: &Path) {
    for controller in ["cpu", "memory", "io"] {
        let _ = fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Drop for Group {
    fn drop(&mut self) {
        // Leaf first, then the folders above it: all of them are forerun's own names. The kernel refuses to remove a group that
        // still has processes or groups in it; whoever ends last removes the rest.
        for leaf in &self.leaves {
            for folder in leaf.ancestors().take(self.depth) {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}
