//! Taking away from the calling process everything that a job must not have, in the order in which it can be taken.
//! It runs in a freshly cloned process with one thread, before any code of others.

use std::ffi::CStr;
use std::io;

use landlock::{ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope};
use seccompiler::BpfProgram;

use crate::sys;

/// The user and group that a job runs as, seen from inside.
pub(crate) const JOB_ID: u32 = 1_000;

/// What of an instance's limits is set from inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside {
    /// Bytes in each of `/tmp` and `/job`, and the longest file.
    pub(crate) disk: u64,
    /// Files in each.
    pub(crate) inodes: u32,
}

/// Names what failed.
fn what<T>(name: &str, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("failed to {name}: {error}")))
}

/// Mounts what is the instance's own on the template's read-only root. Needs the capabilities of the instance's user namespace.
pub(crate) fn mount_own(inside: Inside) -> io::Result<()> {
    const FLAGS: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;
    let options = format!("size={},nr_inodes={},uid={JOB_ID},gid={JOB_ID},mode=", inside.disk, inside.inodes);
    let tmp = sys::c_path(format!("{options}1777"))?;
    let job = sys::c_path(format!("{options}0700"))?;
    what("mount /tmp", sys::mount(c"tmpfs", c"/tmp", c"tmpfs", FLAGS, &tmp))?;
    what("mount /job", sys::mount(c"tmpfs", c"/job", c"tmpfs", FLAGS, &job))?;
    // Of the own processes and nothing else: no /proc/sys, kcore, keys, sysrq-trigger, timer_list, ...
    what("mount /proc", mount_proc(c"subset=pid"))?;
    // SAFETY: seven bytes that outlive the call.
    what("set the host's name", sys::check(unsafe { libc::sethostname(c"sandbox".as_ptr(), 7) }.into()))?;
    what("enter /job", std::env::set_current_dir("/job"))
}

/// Mounts the `/proc` of the own process namespace.
pub(crate) fn mount_proc(options: &CStr) -> io::Result<()> {
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    sys::mount(c"proc", c"/proc", c"proc", flags, options)
}

/// Sets limits that control groups do not have.
pub(crate) fn set_resource_limits(inside: Inside) -> io::Result<()> {
    let limits = [
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_NOFILE, 1_024),
        (libc::RLIMIT_FSIZE, inside.disk),
        (libc::RLIMIT_MEMLOCK, 64 << 10),
        (libc::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_SIGPENDING, 1_024),
        (libc::RLIMIT_RTPRIO, 0),
        (libc::RLIMIT_NICE, 0),
    ];
    for (kind, value) in limits {
        let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: the structure outlives the call.
        what("set a resource limit", sys::check(unsafe { libc::setrlimit(kind, &raw const limit) }.into()))?;
    }
    Ok(())
}

/// Gives up every capability, in every set, for good, and becomes the job's user; then asks to die with the parent, which the
/// change of user would have undone.
pub(crate) fn drop_privileges() -> io::Result<()> {
    const NOROOT_AND_LOCKED: u64 = 0b11;
    what("lock the securebits", sys::prctl(libc::PR_SET_SECUREBITS, NOROOT_AND_LOCKED, 0))?;
    let ambient_clear = libc::PR_CAP_AMBIENT_CLEAR_ALL as u64;
    what("clear the ambient capabilities", sys::prctl(libc::PR_CAP_AMBIENT, ambient_clear, 0))?;
    for capability in 0..64 {
        match sys::prctl(libc::PR_CAPBSET_DROP, capability, 0) {
            Ok(()) => {}
            // Beyond the last one that the kernel knows.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && capability > 30 => break,
            Err(error) => return what("drop a capability from the bounding set", Err(error)),
        }
    }
    what("become the job's user", sys::become_user(JOB_ID, JOB_ID))?;
    what("drop the capabilities", clear_capabilities())?;
    what("ask for a death signal", sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0))?;
    what("set no_new_privs", sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0))
}

fn clear_capabilities() -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let none = [0_u32; 6];
    // SAFETY: header and data are laid out as capset(2) says for version 3 and outlive the call.
    sys::check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) }).map(drop)
}

/// The second layer below the mounts: reads and executes what the image shows, writes to `/tmp`, `/job` and the harmless devices,
/// and nothing else; no TCP, no signals or abstract sockets outwards. On a kernel without Landlock it does less, or nothing.
pub(crate) fn restrict_paths() -> Result<(), landlock::RulesetError> {
    let abi = ABI::V6;
    let everything = AccessFs::from_all(abi);
    let writable = everything & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let devices = AccessFs::ReadFile | AccessFs::WriteFile;
    let mut rules = Ruleset::default()
        .handle_access(everything)?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    let folders = [("/", AccessFs::from_read(abi)), ("/tmp", writable), ("/job", writable)];
    let files = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"].map(|path| (path, devices));
    for (path, access) in folders.into_iter().chain(files) {
        // A path that an image lacks needs no rule.
        if let Ok(path) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(path, access))?;
        }
    }
    rules.restrict_self().map(drop)
}

/// Installs the filters of system calls. Nothing that they refuse can be done from here on.
pub(crate) fn restrict_calls(filters: &[BpfProgram]) -> io::Result<()> {
    for filter in filters {
        what("install a filter of system calls", seccompiler::apply_filter(filter).map_err(io::Error::other))?;
    }
    Ok(())
}
