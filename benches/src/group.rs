//! Control groups of a bench: made in every hierarchy of this host, read, and removed at its end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use collect::layout::{Layout, Version};

/// How long the kernel may take to let go of a group whose processes have ended.
const REMOVAL: Duration = Duration::from_secs(5);

/// A group in every hierarchy. Removed on drop, with the folders above it that are empty by then.
#[derive(Debug)]
pub struct Group {
    path: String,
    leaves: Vec<PathBuf>,
}

impl Group {
    /// Makes the group `path`, relative to the root of each hierarchy and without a slash at its begin.
    ///
    /// # Errors
    /// When a folder cannot be made, for instance without root.
    pub fn make(layout: &Layout, path: &str) -> io::Result<Group> {
        let mut group = Group { path: path.to_owned(), leaves: Vec::new() };
        for hierarchy in &layout.hierarchies {
            let mut folder = hierarchy.root.clone();
            for part in path.split('/') {
                if hierarchy.version == Version::V2 {
                    for controller in ["cpu", "memory", "io"] {
                        // Refused where the hierarchy lacks it: then no knob is found there.
                        let _ = fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}"));
                    }
                }
                folder.push(part);
                match fs::create_dir(&folder) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(named(&folder, &error)),
                    _ => {}
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
        self.leaves
            .iter()
            .map(|leaf| leaf.join("cgroup.procs"))
            .try_for_each(|file| fs::write(&file, process.to_string()).map_err(|error| named(&file, &error)))
    }

    /// Gives the group, which lies directly below the root, a hundred times the usual weight: what else runs on this host then
    /// takes little from what is measured in it.
    pub fn put_first(&self) {
        // Only one of the two files is there.
        for leaf in &self.leaves {
            let _ = fs::write(leaf.join("cpu.shares"), "102400");
            let _ = fs::write(leaf.join("cpu.weight"), "10000");
        }
    }

    /// The group's name as a target.
    pub fn id(&self) -> String {
        format!("cgroup:/{}", self.path)
    }

    /// The text of a file of the group, from the hierarchy that has it.
    pub fn text(&self, file: &str) -> Option<String> {
        self.leaves.iter().find_map(|leaf| fs::read_to_string(leaf.join(file)).ok())
    }

    /// How long its tasks were held back by the quota so far, summed over CPUs, in seconds.
    pub fn throttled_secs(&self) -> f64 {
        let text = self.text("cpu.stat").unwrap_or_default();
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        let (v1, v2) = (field("throttled_time ").map(|ns| ns / 1e9), field("throttled_usec ").map(|us| us / 1e6));
        v1.or(v2).unwrap_or(0.0)
    }

    /// CPU time that its tasks had so far, in seconds.
    pub fn used_secs(&self) -> f64 {
        if let Some(nanos) = self.text("cpuacct.usage").and_then(|text| text.trim().parse::<f64>().ok()) {
            return nanos / 1e9;
        }
        let text = self.text("cpu.stat").unwrap_or_default();
        let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse::<f64>().ok());
        usage.unwrap_or(0.0) / 1e6
    }

    /// Memory limit in bytes; `None` = unlimited.
    pub fn memory_limit(&self) -> Option<u64> {
        let text = self.text("memory.limit_in_bytes").or_else(|| self.text("memory.max"))?;
        text.trim().parse().ok().filter(|limit| *limit < 1 << 62)
    }

    /// Memory in use in bytes, what can be dropped included.
    pub fn memory_in_use(&self) -> u64 {
        let text = self.text("memory.usage_in_bytes").or_else(|| self.text("memory.current"));
        text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    /// CPU quota in cores; `None` = unlimited.
    pub fn quota_cores(&self) -> Option<f64> {
        let (quota, period) = match self.text("cpu.max") {
            Some(text) => text.trim().split_once(' ').map(|(quota, period)| (quota.to_owned(), period.to_owned()))?,
            None => (self.text("cpu.cfs_quota_us")?, self.text("cpu.cfs_period_us")?),
        };
        let quota = quota.trim().parse::<f64>().ok().filter(|quota| *quota >= 0.0)?;
        Some(quota / period.trim().parse::<f64>().ok()?)
    }

    /// Kills for lack of memory so far.
    pub fn out_of_memory_kills(&self) -> u64 {
        let texts = ["memory.oom_control", "memory.events"].map(|file| self.text(file).unwrap_or_default());
        let count = |text: &String| text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok());
        texts.iter().find_map(count).unwrap_or(0)
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Drop for Group {
    fn drop(&mut self) {
        let depth = self.path.split('/').count();
        let end = Instant::now() + REMOVAL;
        for leaf in &self.leaves {
            while fs::remove_dir(leaf).is_err() && leaf.exists() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20));
            }
            // The folders above are of this path's own names; the kernel keeps those that others still use.
            for folder in leaf.ancestors().take(depth).skip(1) {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}
