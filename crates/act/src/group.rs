//! One control group in one tree: its files are opened below the tree's root and never through a symbolic link, so that a name can
//! not lead elsewhere.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use model::TargetId;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::{ActError, Trouble};
use crate::hierarchy::Hierarchy;

/// The longest path of a group, in bytes: `PATH_MAX` less room for the longest file name.
const PATH_LENGTH_MAX: usize = 3_840;
const PATH_BUFFER: usize = 4_096;

/// A checked path: relative, without `.`, `..` or empty parts, and not the root group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupPath<'a>(&'a str);

impl<'a> GroupPath<'a> {
    /// The path in a target's name.
    ///
    /// # Errors
    /// [`ActError::BadTarget`] when the name is not `cgroup:/` and a path that stays below the root.
    pub(crate) fn of(target: &'a TargetId) -> Result<GroupPath<'a>, ActError> {
        let bad = |why| ActError::BadTarget { target: target.clone(), why };
        let path = target.as_str().strip_prefix("cgroup:/").ok_or(bad("it does not start with cgroup:/"))?;
        if path.is_empty() {
            return Err(bad("the root group is never changed"));
        }
        if path.len() > PATH_LENGTH_MAX {
            return Err(bad("it is longer than 3840 bytes"));
        }
        if path.contains('\0') {
            return Err(bad("it has a zero byte"));
        }
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(bad("a part of the path is empty, . or .."));
        }
        Ok(GroupPath(path))
    }

    fn parent(self) -> Option<GroupPath<'a>> {
        self.0.rsplit_once('/').map(|(parent, _)| GroupPath(parent))
    }
}

/// One group in one tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group<'a> {
    hierarchy: &'a Hierarchy,
    path: GroupPath<'a>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(hierarchy: &'a Hierarchy, path: GroupPath<'a>) -> Group<'a> {
        Group { hierarchy, path }
    }

    /// The group above, unless that is the root.
    pub(crate) fn parent(&self) -> Option<Group<'a>> {
        self.path.parent().map(|path| Group { path, ..*self })
    }

    /// The path as people know it, with a leading slash.
    pub(crate) fn shown(&self) -> String {
        format!("/{}", self.path.0)
    }

    /// Whether its folder is there.
    pub(crate) fn exists(&self) -> bool {
        self.open("", OFlags::PATH | OFlags::DIRECTORY).is_ok()
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> Result<OwnedFd, Trouble> {
        self.open("", OFlags::RDONLY | OFlags::DIRECTORY).map_err(|source| match source {
            Errno::NOENT | Errno::NOTDIR => Trouble::Gone,
            source => Trouble::Read { file: "the folder", source },
        })
    }

    /// The folder's inode: a group that is made anew under the same name has another.
    pub(crate) fn identity(&self) -> Result<u64, Trouble> {
        let folder = self.open("", OFlags::PATH | OFlags::DIRECTORY);
        let status = folder.and_then(rustix::fs::fstat);
        status.map(|status| status.st_ino).map_err(|source| match source {
            Errno::NOENT => Trouble::Gone,
            source => Trouble::Read { file: "the folder", source },
        })
    }

    /// Reads a file into `buffer` and returns its text without the final newline. What does not fit is cut off at a whole line.
    pub(crate) fn read<'b>(&self, file: &'static str, buffer: &'b mut [u8]) -> Result<&'b str, Trouble> {
        let mut length = 0;
        let result = self.open(file, OFlags::RDONLY).and_then(|opened| {
            while length < buffer.len() {
                match rustix::io::read(&opened, &mut buffer[length..]) {
                    Ok(0) => break,
                    Ok(read) => length += read,
                    Err(Errno::INTR) => {}
                    Err(source) => return Err(source),
                }
            }
            Ok(())
        });
        result.map_err(|source| self.explain(file, source, |source| Trouble::Read { file, source }))?;
        if length == buffer.len() {
            length = buffer.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
        }
        let text = std::str::from_utf8(&buffer[..length]).map_err(|_| Trouble::parse(file, "not UTF-8"))?;
        Ok(text.trim_end())
    }

    /// Reads a file that holds one whole number.
    pub(crate) fn figure(&self, file: &'static str) -> Result<u64, Trouble> {
        let mut buffer = [0; 64];
        let text = self.read(file, &mut buffer)?;
        text.parse().map_err(|_| Trouble::parse(file, text))
    }

    /// Writes `text` to a file in one call.
    pub(crate) fn write(&self, file: &'static str, text: &str) -> Result<(), Trouble> {
        let written = self.open(file, OFlags::WRONLY | OFlags::TRUNC).and_then(|opened| {
            loop {
                match rustix::io::write(&opened, text.as_bytes()) {
                    Err(Errno::INTR) => {}
                    Ok(count) if count < text.len() => return Err(Errno::IO),
                    result => return result,
                }
            }
        });
        written
            .map(drop)
            .map_err(|source| self.explain(file, source, |source| Trouble::Write { file, text: text.into(), source }))
    }

    /// A missing file means a missing knob or a missing group; `ENODEV` is a group removed while its file was open.
    fn explain(&self, file: &'static str, source: Errno, otherwise: impl Fn(Errno) -> Trouble) -> Trouble {
        match source {
            Errno::NODEV | Errno::NOENT if !self.exists() => Trouble::Gone,
            Errno::NOENT => Trouble::Absent(format!("this kernel has no {file} for it").into()),
            source => otherwise(source),
        }
    }

    /// Opens a file of the group, or its folder when `file` is empty.
    fn open(&self, file: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut buffer = [0_u8; PATH_BUFFER];
        let (path, file) = (self.path.0.as_bytes(), file.as_bytes());
        let mut length = path.len();
        buffer[..length].copy_from_slice(path);
        if !file.is_empty() {
            buffer[length] = b'/';
            buffer[length + 1..length + 1 + file.len()].copy_from_slice(file);
            length += 1 + file.len();
        }
        let path = CStr::from_bytes_with_nul(&buffer[..=length]).map_err(|_| Errno::INVAL)?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        rustix::fs::openat2(&self.hierarchy.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_stay_below_the_root_are_taken() {
        for good in ["cgroup:/a", "cgroup:/system.slice/nginx.service", "cgroup:/a/..b/c."] {
            assert!(GroupPath::of(&TargetId::new(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "cgroup:a",
            "cgroup:/",
            "cgroup://a",
            "cgroup:/a/",
            "cgroup:/..",
            "cgroup:/a/../b",
            "cgroup:/./a",
            "cgroup:/a\0b",
        ] {
            assert!(matches!(GroupPath::of(&TargetId::new(bad)), Err(ActError::BadTarget { .. })), "{bad:?}");
        }
        assert!(GroupPath::of(&TargetId::new(format!("cgroup:/{}", "a".repeat(4_000)))).is_err());
    }
}
