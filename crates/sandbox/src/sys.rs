//! System calls that the libraries we use do not wrap, each with the least that is needed here.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// All the namespaces that an instance has of its own.
pub(crate) const NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

/// The result of a call that returns -1 and sets `errno`.
pub(crate) fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A path for the kernel.
pub(crate) fn c_path(path: impl AsRef<Path>) -> io::Result<CString> {
    CString::new(path.as_ref().as_os_str().as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// One side of a clone.
pub(crate) enum Cloned {
    /// In the new process.
    Child,
    /// In the process that called; what was made.
    Parent { pid: u32, pidfd: OwnedFd },
}

/// `clone3(2)` with the given namespaces, without sharing memory.
///
/// # Errors
/// As the kernel says; `EAGAIN` when processes, `ENOSPC` when namespaces have run out.
///
/// # Safety
/// The calling process must have one thread: the child sees a copy of memory in which other threads' locks would stay taken.
pub(crate) unsafe fn clone_process(namespaces: u64) -> io::Result<Cloned> {
    let mut pidfd: RawFd = -1;
    // SAFETY: all fields of clone_args are integers, for which zero is "not given".
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = namespaces | libc::CLONE_PIDFD as u64;
    arguments.pidfd = &raw mut pidfd as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: the arguments outlive the call, and no stack is given, so the child goes on with a copy of this one.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>()) })?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: the kernel has just stored a new descriptor there, which nobody else knows.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned::Parent { pid: pid as u32, pidfd })
}

/// Closes every descriptor from `first` on, except those in `keep`, which must be sorted.
pub(crate) fn close_from(first: u32, keep: &[RawFd]) -> io::Result<()> {
    let mut from = first;
    for &kept in keep {
        let kept = kept as u32;
        if kept > from {
            close_range(from, kept - 1)?;
        }
        from = from.max(kept + 1);
    }
    close_range(from, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: takes three integers. That no OwnedFd for a closed number is used again is up to the caller, who has just forked.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// `prctl(2)` with integers.
pub(crate) fn prctl(option: libc::c_int, a: u64, b: u64) -> io::Result<()> {
    // SAFETY: only options that take integers are passed here.
    check(unsafe { libc::prctl(option, a, b, 0, 0) }.into()).map(drop)
}

/// `mount(2)`.
pub(crate) fn mount(source: &CStr, target: &CStr, kind: &CStr, flags: libc::c_ulong, options: &CStr) -> io::Result<()> {
    // SAFETY: all are zero-terminated and outlive the call.
    let done = unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) };
    check(done.into()).map(drop)
}

/// A detached copy of the mount at `path` and, recursively, of what is mounted below.
pub(crate) fn open_tree(path: &Path) -> io::Result<OwnedFd> {
    const OPEN_TREE_CLONE: libc::c_uint = 1;
    let path = c_path(path)?;
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as u32 | libc::AT_RECURSIVE as u32;
    // SAFETY: the path is zero-terminated and outlives the call.
    let tree = check(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })?;
    // SAFETY: the kernel has just returned it.
    Ok(unsafe { OwnedFd::from_raw_fd(tree as RawFd) })
}

/// Sets attributes (`MOUNT_ATTR_*`) on a detached tree, recursively, and makes it private.
pub(crate) fn set_attributes(tree: &OwnedFd, attributes: u64) -> io::Result<()> {
    // SAFETY: all fields are integers, for which zero is "leave it".
    let mut wanted: libc::mount_attr = unsafe { std::mem::zeroed() };
    wanted.attr_set = attributes;
    wanted.propagation = libc::MS_PRIVATE;
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let size = size_of::<libc::mount_attr>();
    // SAFETY: path and structure outlive the call, and the size is the structure's.
    let done =
        unsafe { libc::syscall(libc::SYS_mount_setattr, tree.as_raw_fd(), c"".as_ptr(), flags, &raw const wanted, size) };
    check(done).map(drop)
}

/// Attaches a detached tree at `target`.
pub(crate) fn move_mount(tree: &OwnedFd, target: &Path) -> io::Result<()> {
    const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;
    let target = c_path(target)?;
    // SAFETY: both paths are zero-terminated and outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    check(done).map(drop)
}

/// Makes the current folder the root and lets go of the old one.
pub(crate) fn pivot_here() -> io::Result<()> {
    // SAFETY: the paths are zero-terminated literals.
    unsafe {
        check(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()))?;
        check(libc::umount2(c".".as_ptr(), libc::MNT_DETACH).into())?;
    }
    std::env::set_current_dir("/")
}

/// Becomes `uid` and `gid` altogether.
pub(crate) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: integers, and an empty list that is not read.
    unsafe {
        check(libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()))?;
        check(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        check(libc::syscall(libc::SYS_setresuid, uid, uid, uid)).map(drop)
    }
}

/// Sends `signal` to the process behind `pidfd`.
///
/// # Errors
/// `ESRCH` when it has ended.
pub(crate) fn signal(pidfd: BorrowedFd<'_>, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes integers, and no siginfo.
    let sent = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0)
    };
    check(sent).map(drop)
}

/// Whether the process behind `pidfd` has ended.
pub(crate) fn has_ended(pidfd: BorrowedFd<'_>) -> bool {
    let mut watched = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure that outlives the call; it does not wait.
    unsafe { libc::poll(&raw mut watched, 1, 0) != 0 }
}

/// Waits for a child, and returns its status as `waitpid(2)` gives it.
pub(crate) fn wait_for(pid: libc::pid_t) -> io::Result<(libc::pid_t, i32)> {
    let mut status = 0;
    loop {
        // SAFETY: the status outlives the call.
        match check(unsafe { libc::waitpid(pid, &raw mut status, 0) }.into()) {
            Ok(ended) => return Ok((ended as libc::pid_t, status)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The version of Landlock; nothing positive where the kernel has none or it is switched off.
pub(crate) fn landlock_version() -> i64 {
    const VERSION: libc::c_long = 1;
    // SAFETY: with this flag it takes no attributes, and returns its version.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, VERSION) }
}

/// Asks the scheduler for short turns, so that a waking instance need not wait for a long one to end. Best effort.
pub(crate) fn short_turns() {
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime_nanos: u64,
        deadline: u64,
        period: u64,
    }
    let wanted = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: 0,
        flags: 0,
        nice: 0,
        priority: 0,
        runtime_nanos: 200_000,
        deadline: 0,
        period: 0,
    };
    // SAFETY: the structure is laid out as sched_setattr(2) says and outlives the call. Kernels before 6.12 ignore the runtime.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) };
}
