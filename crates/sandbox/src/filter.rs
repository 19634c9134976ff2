//! The system calls that a job may make. Two filters lie on top of each other: the lower answers `ENOSYS` where programs then try
//! something older, the upper is an allow-list that answers `EPERM` to the rest. A foreign architecture is killed by both.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// A filter as the kernel takes it, and why it could not be made.
type Compiled = Result<BpfProgram, String>;

/// The families of sockets that anybody may open.
const FAMILIES: [libc::c_int; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

/// Flags of `clone(2)` that make namespaces.
const NAMESPACE_FLAGS: u64 = crate::sys::NAMESPACES | 0x80;

/// A list of calls by name.
macro_rules! calls {
    ($($name:ident)*) => { [$(libc::$name),*] };
}

/// The filters in the order in which they are installed.
pub(crate) fn programs() -> Result<[BpfProgram; 2], String> {
    Ok([absent()?, allowed()?])
}

/// The filter of a template that imports others' code: it has the power to make namespaces and mounts for its instances, and nothing
/// beyond. Instances inherit it.
pub(crate) fn of_zygote() -> Compiled {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = NOT_FOR_ZYGOTES.iter().map(|&call| (call, Vec::new())).collect();
    let mut others = Vec::new();
    for family in FAMILIES.into_iter().chain([libc::AF_NETLINK]) {
        others.push(condition(0, SeccompCmpOp::Ne, family as u64)?);
    }
    // Other netlink sockets lead to the firewall, among others.
    let not_route = [condition(0, SeccompCmpOp::Eq, libc::AF_NETLINK as u64)?, condition(2, SeccompCmpOp::Ne, 0)?];
    rules.insert(libc::SYS_socket, vec![rule(&others)?, rule(&not_route)?]);
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))
}

/// What making instances does not need, of that which is only refused to those without capabilities.
#[rustfmt::skip]
const NOT_FOR_ZYGOTES: &[i64] = &calls![
    SYS_bpf SYS_perf_event_open SYS_userfaultfd SYS_keyctl SYS_add_key SYS_request_key SYS_io_uring_setup SYS_io_uring_enter
    SYS_io_uring_register SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev SYS_kcmp SYS_init_module SYS_finit_module
    SYS_delete_module SYS_kexec_load SYS_kexec_file_load SYS_open_by_handle_at SYS_name_to_handle_at SYS_unshare SYS_setns
    SYS_quotactl SYS_swapon SYS_swapoff SYS_reboot SYS_acct SYS_syslog SYS_chroot SYS_pivot_root SYS_fsopen SYS_fsconfig
    SYS_fspick SYS_fanotify_init SYS_pidfd_getfd SYS_clock_settime SYS_settimeofday SYS_adjtimex SYS_clock_adjtime
];

/// Calls that programs expect to be absent on older kernels, and do without.
const ABSENT: &[i64] = &calls![SYS_clone3 SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register];

fn absent() -> Compiled {
    let rules = ABSENT.iter().copied().map(|call| (call, Vec::new())).collect();
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))
}

fn allowed() -> Compiled {
    // Of two refusals the kernel takes the upper filter's: what the lower one answers must pass here.
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(ALLOWED_OLD).chain(ABSENT).map(|&call| (call, Vec::new())).collect();
    let no_namespaces = [condition(0, SeccompCmpOp::MaskedEq(NAMESPACE_FLAGS), 0)?];
    rules.insert(libc::SYS_clone, vec![rule(&no_namespaces)?]);
    // A job that unset its death signal would outlive the daemon.
    let keeps_death_signal = [condition(0, SeccompCmpOp::Ne, libc::PR_SET_PDEATHSIG as u64)?];
    rules.insert(libc::SYS_prctl, vec![rule(&keeps_death_signal)?]);
    let mut sockets = Vec::new();
    for family in FAMILIES {
        sockets.push(rule(&[condition(0, SeccompCmpOp::Eq, family as u64)?])?);
    }
    // Route sockets tell the resolver that there is no network.
    let route = [condition(0, SeccompCmpOp::Eq, libc::AF_NETLINK as u64)?, condition(2, SeccompCmpOp::Eq, 0)?];
    sockets.push(rule(&route)?);
    rules.insert(libc::SYS_socket, sockets);
    let mut personalities = Vec::new();
    for personality in [0, 0xffff_ffff] {
        personalities.push(rule(&[condition(0, SeccompCmpOp::Eq, personality)?])?);
    }
    rules.insert(libc::SYS_personality, personalities);
    // Typing into a terminal from outside, and changing its keyboard.
    let mut harmless = Vec::new();
    for request in [libc::TIOCSTI, libc::TIOCLINUX] {
        harmless.push(condition(1, SeccompCmpOp::Ne, request)?);
    }
    rules.insert(libc::SYS_ioctl, vec![rule(&harmless)?]);
    compile(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, String> {
    // The kernel looks at the lower half of every argument compared here.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(|error| error.to_string())
}

fn rule(conditions: &[SeccompCondition]) -> Result<SeccompRule, String> {
    SeccompRule::new(conditions.to_vec()).map_err(|error| error.to_string())
}

fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>, otherwise: SeccompAction, matched: SeccompAction) -> Compiled {
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let filter = SeccompFilter::new(rules, otherwise, matched, architecture).map_err(|error| error.to_string())?;
    BpfProgram::try_from(filter).map_err(|error| error.to_string())
}

/// What ordinary programs, Python and Node need. Absent on purpose: namespaces, mounts, modules, tracing, keys, BPF, userfaultfd,
/// performance events, other processes' memory, file handles, clocks, quotas and everything about the whole machine.
#[rustfmt::skip]
const ALLOWED: &[i64] = &calls![
    SYS_read SYS_write SYS_close SYS_fstat SYS_lseek SYS_mmap SYS_mprotect SYS_munmap SYS_brk SYS_rt_sigaction
    SYS_rt_sigprocmask SYS_rt_sigreturn SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_preadv SYS_pwritev SYS_preadv2
    SYS_pwritev2 SYS_sched_yield SYS_mremap SYS_msync SYS_mincore SYS_madvise SYS_shmget SYS_shmat SYS_shmctl SYS_shmdt
    SYS_dup SYS_dup3 SYS_nanosleep SYS_getitimer SYS_setitimer SYS_getpid SYS_sendfile SYS_connect SYS_accept SYS_accept4
    SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg SYS_shutdown SYS_bind SYS_listen SYS_getsockname
    SYS_getpeername SYS_socketpair SYS_setsockopt SYS_getsockopt SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4
    SYS_waitid SYS_kill SYS_tkill SYS_tgkill SYS_uname SYS_semget SYS_semop SYS_semctl SYS_semtimedop SYS_msgget SYS_msgsnd
    SYS_msgrcv SYS_msgctl SYS_fcntl SYS_flock SYS_fsync SYS_fdatasync SYS_truncate SYS_ftruncate SYS_getcwd SYS_chdir
    SYS_fchdir SYS_fchmod SYS_fchown SYS_umask SYS_gettimeofday SYS_getrlimit SYS_getrusage SYS_sysinfo SYS_times SYS_getuid
    SYS_getgid SYS_setuid SYS_setgid SYS_geteuid SYS_getegid SYS_setpgid SYS_getppid SYS_setsid SYS_setreuid SYS_setregid
    SYS_getgroups SYS_setgroups SYS_setresuid SYS_getresuid SYS_setresgid SYS_getresgid SYS_getpgid SYS_setfsuid SYS_setfsgid
    SYS_getsid SYS_capget SYS_capset SYS_rt_sigpending SYS_rt_sigtimedwait SYS_rt_sigqueueinfo SYS_rt_sigsuspend
    SYS_sigaltstack SYS_statfs SYS_fstatfs SYS_getpriority SYS_setpriority SYS_sched_setparam SYS_sched_getparam
    SYS_sched_setscheduler SYS_sched_getscheduler SYS_sched_get_priority_max SYS_sched_get_priority_min
    SYS_sched_rr_get_interval SYS_sched_setaffinity SYS_sched_getaffinity SYS_sched_setattr SYS_sched_getattr SYS_mlock
    SYS_munlock SYS_mlock2 SYS_mlockall SYS_munlockall SYS_setrlimit SYS_prlimit64 SYS_gettid SYS_readahead SYS_getxattr
    SYS_lgetxattr SYS_fgetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr SYS_setxattr SYS_lsetxattr SYS_fsetxattr
    SYS_removexattr SYS_lremovexattr SYS_fremovexattr SYS_futex SYS_futex_waitv SYS_get_robust_list SYS_set_robust_list
    SYS_set_tid_address SYS_restart_syscall SYS_fadvise64 SYS_timer_create SYS_timer_settime SYS_timer_gettime
    SYS_timer_getoverrun SYS_timer_delete SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_epoll_create1
    SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_openat SYS_openat2 SYS_mkdirat SYS_fchownat SYS_newfstatat SYS_unlinkat
    SYS_renameat SYS_renameat2 SYS_linkat SYS_symlinkat SYS_readlinkat SYS_fchmodat SYS_fchmodat2 SYS_faccessat SYS_faccessat2
    SYS_pselect6 SYS_ppoll SYS_splice SYS_tee SYS_sync_file_range SYS_utimensat SYS_signalfd4 SYS_timerfd_create
    SYS_timerfd_settime SYS_timerfd_gettime SYS_eventfd2 SYS_pipe2 SYS_inotify_init1 SYS_inotify_add_watch
    SYS_inotify_rm_watch SYS_getrandom SYS_memfd_create SYS_membarrier SYS_copy_file_range SYS_statx SYS_rseq SYS_getcpu
    SYS_pidfd_open SYS_pidfd_send_signal SYS_close_range SYS_mknodat SYS_getdents64 SYS_sync SYS_syncfs SYS_fallocate
    SYS_get_mempolicy SYS_set_mempolicy SYS_mbind SYS_ioprio_get SYS_ioprio_set SYS_pkey_alloc SYS_pkey_free SYS_pkey_mprotect
    SYS_seccomp SYS_landlock_create_ruleset SYS_landlock_add_rule SYS_landlock_restrict_self SYS_mq_open SYS_mq_unlink
    SYS_mq_timedsend SYS_mq_timedreceive SYS_mq_notify SYS_mq_getsetattr
];

/// Older names of the same calls, which only this architecture still has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_OLD: &[i64] = &calls![
    SYS_open SYS_stat SYS_lstat SYS_poll SYS_access SYS_pipe SYS_select SYS_dup2 SYS_pause SYS_alarm SYS_fork SYS_vfork
    SYS_getdents SYS_rename SYS_mkdir SYS_rmdir SYS_creat SYS_link SYS_unlink SYS_symlink SYS_readlink SYS_chmod SYS_chown
    SYS_lchown SYS_utime SYS_getpgrp SYS_mknod SYS_arch_prctl SYS_time SYS_epoll_create SYS_epoll_wait SYS_utimes
    SYS_inotify_init SYS_futimesat SYS_signalfd SYS_eventfd
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_OLD: &[i64] = &[];
