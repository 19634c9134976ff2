//! The root that a template shows to its instances, built once by real root in a mount namespace of its own: read-only folders of the
//! host, a generated `/etc`, the harmless devices. What is copied from it into an instance's namespace is locked there by the kernel.

use std::io;
use std::path::{Path, PathBuf};

use crate::confine::JOB_ID;
use crate::image::Image;
use crate::sys;

/// Folders that instances mount their own things on.
const EMPTY: [&str; 6] = ["dev", "etc", "proc", "tmp", "job", "deps"];
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    // Named semaphores and shared memory are files of the instance's own /tmp.
    ("shm", "/tmp"),
];

fn named<T>(action: &str, path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("failed to {action} {}: {error}", path.display())))
}

/// Builds the root of `image` and makes it the calling process's; the host's own is let go of.
/// `folders` are shown as `/deps/0`, `/deps/1`, ...
pub(crate) fn enter(image: &Image, folders: &[PathBuf]) -> io::Result<()> {
    // SAFETY: takes an integer.
    let own = sys::check(unsafe { libc::unshare(libc::CLONE_NEWNS) }.into());
    named("make a mount namespace for", Path::new("/"), own)?;
    let private = sys::mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c"");
    named("make private", Path::new("/"), private)?;
    // The trees are taken before the new root is mounted over a folder of the old one.
    let binds = image.binds.iter().cloned();
    let numbered = folders.iter().enumerate().map(|(number, folder)| (folder.clone(), format!("/deps/{number}").into()));
    let mut trees = Vec::new();
    for (from, to) in binds.chain(numbered) {
        let read_only = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
        let is_folder = from.is_dir();
        trees.push((take(&from, read_only)?, to, is_folder));
    }
    for device in DEVICES {
        let path = Path::new("/dev").join(device);
        let attributes = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
        trees.push((take(&path, attributes)?, path, false));
    }
    let new = Path::new("/tmp");
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    named("mount the new root on", new, sys::mount(c"tmpfs", c"/tmp", c"tmpfs", flags, c"size=1m,nr_inodes=1k,mode=755"))?;
    fill(new, image)?;
    for (tree, to, is_folder) in trees {
        let target = below(new, &to);
        let made = if is_folder { std::fs::create_dir_all(&target) } else { touch(&target) };
        named("create", &target, made)?;
        named("mount", &to, sys::move_mount(&tree, &target))?;
    }
    named("enter", new, std::env::set_current_dir(new))?;
    named("make the root of", new, sys::pivot_here())?;
    let read_only = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY | flags;
    named("make read-only", Path::new("/"), sys::mount(c"none", c"/", c"", read_only, c""))
}

fn take(path: &Path, attributes: u64) -> io::Result<std::os::fd::OwnedFd> {
    let tree = named("take", path, sys::open_tree(path))?;
    named("protect", path, sys::set_attributes(&tree, attributes))?;
    Ok(tree)
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn touch(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::File::create(path).map(drop)
}

fn fill(root: &Path, image: &Image) -> io::Result<()> {
    for folder in EMPTY {
        let path = root.join(folder);
        named("create", &path, std::fs::create_dir(&path))?;
    }
    for (at, to) in &image.links {
        let at = below(root, at);
        if let Some(parent) = at.parent() {
            named("create", parent, std::fs::create_dir_all(parent))?;
        }
        named("link", &at, std::os::unix::fs::symlink(to, &at))?;
    }
    for (at, to) in DEVICE_LINKS {
        let at = root.join("dev").join(at);
        named("link", &at, std::os::unix::fs::symlink(to, &at))?;
    }
    let files = [
        ("passwd", format!("root:x:0:0::/:/usr/sbin/nologin\njob:x:{JOB_ID}:{JOB_ID}::/job:/bin/sh\n")),
        ("group", format!("root:x:0:\njob:x:{JOB_ID}:\n")),
        ("hosts", "127.0.0.1 localhost sandbox\n".into()),
        ("hostname", "sandbox\n".into()),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".into()),
        ("resolv.conf", String::new()),
    ];
    for (name, text) in files {
        let path = root.join("etc").join(name);
        named("write", &path, std::fs::write(&path, text))?;
    }
    Ok(())
}
