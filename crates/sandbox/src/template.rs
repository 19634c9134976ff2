//! A template: the process from which instances of one image, runtime and tenant are cloned.
//!
//! Why not clone from the daemon: it has many threads, so that between clone and exec a child of it may not even allocate; and each
//! child would carry a copy of the daemon's memory, secrets and page tables. A template is instead started by executing a program
//! anew (the daemon's own, or a small one), has one thread, builds the image's root once, and then clones finished surroundings
//! cheaply. It consists of two processes: the outer one has the host's root, builds the root folder and waits; the inner one is the
//! first process of namespaces of its own, has power over nothing but its own instances, and is where dependencies are imported.
//! When the daemon dies the outer one dies, then the inner one, then with its process namespace every instance.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};

use crate::image::Image;
use crate::stem::{self, Spawn};
use crate::sys::{self, Cloned};
use crate::wire::{self, Message, Writer, tag};
use crate::{confine, filter, root};

/// The argument that makes a program a template.
pub(crate) const ARGUMENT: &str = "forerun-sandbox-template-process";

/// User and group ids that a template has, from the one it is given on.
pub(crate) const IDS: u32 = 65_536;

/// What a template is to become.
pub(crate) struct Plan {
    pub(crate) id_first: u32,
    pub(crate) image: Image,
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) zygote: Option<Zygote>,
}

/// The language runtime that instances are forked from.
pub(crate) struct Zygote {
    pub(crate) program: PathBuf,
    pub(crate) driver: &'static str,
    pub(crate) imports: Vec<String>,
}

/// The two lines between a template and the daemon.
struct Lines {
    /// Requests and their answers.
    control: OwnedFd,
    /// How instances ended, for runtimes that are their namespace's first process.
    exits: OwnedFd,
}

impl Plan {
    pub(crate) fn written(&self) -> Writer {
        let pairs = |pairs: &[(PathBuf, PathBuf)]| {
            let flat = pairs.iter().flat_map(|(a, b)| [a, b]).map(|path| path.as_os_str().as_encoded_bytes().to_vec());
            flat.collect::<Vec<_>>().into_iter()
        };
        let folders = self.folders.iter().map(|path| path.as_os_str().as_encoded_bytes());
        let message = Writer::new(tag::TEMPLATE).u32(self.id_first).list(pairs(&self.image.binds));
        let message = message.list(pairs(&self.image.links)).list(folders).u8(self.zygote.is_some().into());
        match &self.zygote {
            None => message,
            Some(zygote) => message
                .bytes(zygote.program.as_os_str().as_encoded_bytes())
                .bytes(zygote.driver.as_bytes())
                .list(zygote.imports.iter()),
        }
    }
}

fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

/// A plan as it arrives in another process; the driver's text is no longer static there.
struct Received {
    id_first: u32,
    image: Image,
    folders: Vec<PathBuf>,
    zygote: Option<(PathBuf, Vec<u8>, Vec<Vec<u8>>)>,
}

impl Received {
    fn read(message: &mut Message) -> io::Result<Received> {
        let id_first = message.u32()?;
        let pairs = |list: Vec<Vec<u8>>| {
            let mut paths = list.into_iter().map(path);
            std::iter::from_fn(move || Some((paths.next()?, paths.next()?))).collect()
        };
        let image = Image { binds: pairs(message.list()?), links: pairs(message.list()?) };
        let folders = message.list()?.into_iter().map(path).collect();
        let zygote =
            if message.u8()? == 1 { Some((path(message.bytes()?), message.bytes()?, message.list()?)) } else { None };
        Ok(Received { id_first, image, folders, zygote })
    }
}

/// Turns the calling process into a template when it was started as one, and returns its status when it is done.
/// A program that makes sandboxes calls this first in `main`, before it starts threads.
pub fn as_template() -> Option<ExitCode> {
    if std::env::args_os().nth(1).is_none_or(|argument| argument != ARGUMENT) {
        return None;
    }
    Some(match outer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn outer() -> io::Result<()> {
    sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0)?;
    // SAFETY: the daemon started this process with its line as standard input; nothing else here uses it.
    let line = unsafe { OwnedFd::from_raw_fd(0) };
    let Some(mut message) = Message::receive(&line, &mut wire::buffer())? else {
        return Ok(());
    };
    let mut descriptors = std::mem::take(&mut message.descriptors).into_iter();
    let (Some(control), Some(exits)) = (descriptors.next(), descriptors.next()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let lines = Lines { control, exits };
    let done = Received::read(&mut message).and_then(|plan| become_template(&plan, &lines));
    if let Err(error) = &done {
        // If the daemon is gone as well there is nobody to tell.
        let _ = Writer::new(tag::FAILED).bytes(error.to_string().as_bytes()).send(&lines.control, &[]);
    }
    done
}

fn become_template(plan: &Received, lines: &Lines) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = rustix::fs::open("/proc", flags, Mode::empty())?;
    root::enter(&plan.image, &plan.folders)?;
    // The line of the outer process is descriptor 0; it becomes /dev/null for all that follow.
    let null = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty())?;
    for standard in 0..3 {
        // SAFETY: replaces descriptors that nothing here reads from or writes to any more.
        sys::check(unsafe { libc::dup2(null.as_raw_fd(), standard) }.into())?;
    }
    let (ours, theirs) = wire::pair()?;
    // SAFETY: this process has one thread.
    match unsafe { sys::clone_process(libc::CLONE_NEWPID as u64) }? {
        Cloned::Child => {
            drop((ours, proc, null));
            let failed = inner(plan, lines, &theirs).err();
            if let Some(error) = failed {
                let _ = Writer::new(tag::FAILED).bytes(error.to_string().as_bytes()).send(&lines.control, &[]);
            }
            std::process::exit(1)
        }
        Cloned::Parent { pid, .. } => {
            Message::receive(&ours, &mut wire::buffer())?;
            let map = format!("0 {} {IDS}\n", plan.id_first);
            for file in ["uid_map", "gid_map"] {
                let opened = rustix::fs::openat(&proc, format!("{pid}/{file}"), OFlags::WRONLY, Mode::empty())?;
                rustix::io::write(&opened, map.as_bytes())?;
            }
            Writer::new(tag::GO).send(&ours, &[])?;
            // Only the inner process may hold the lines, so that its end is seen.
            sys::close_from(0, &[])?;
            sys::wait_for(pid as libc::pid_t)?;
            // Not by returning, which would close what is closed already.
            std::process::exit(0)
        }
    }
}

fn inner(plan: &Received, lines: &Lines, outer: &OwnedFd) -> io::Result<()> {
    // The kernel lets a user namespace mount its own processes' /proc only where a whole one is in sight already, so this one is
    // mounted while this process is still real root. It shows this template's processes; instances cover it.
    confine::mount_proc(c"").map_err(|error| io::Error::other(format!("failed to mount /proc: {error}")))?;
    let namespaces = sys::NAMESPACES as libc::c_int & !libc::CLONE_NEWPID;
    // SAFETY: takes an integer.
    sys::check(unsafe { libc::unshare(namespaces) }.into())?;
    Writer::new(tag::GO).send(outer, &[])?;
    let mut buffer = wire::buffer();
    if Message::receive(outer, &mut buffer)?.is_none_or(|message| message.tag() != tag::GO) {
        return Err(io::Error::other("the outer process of the template is gone"));
    }
    sys::become_user(0, 0)?;
    // Becoming another user hid this process's and its clones' files in /proc, through which clones get their ids.
    sys::prctl(libc::PR_SET_DUMPABLE, 1, 0)?;
    sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0)?;
    let filters = filter::programs().map_err(io::Error::other)?;
    let mut keep = [lines.control.as_raw_fd(), lines.exits.as_raw_fd()];
    keep.sort_unstable();
    sys::close_from(3, &keep)?;
    if let Some((program, driver, imports)) = &plan.zygote {
        let hex = |filter: &seccompiler::BpfProgram| {
            let instruction = |i: &seccompiler::sock_filter| format!("{:04x}{:02x}{:02x}{:08x}", i.code, i.jt, i.jf, i.k);
            filter.iter().map(instruction).collect::<String>()
        };
        let own = filter::of_zygote().map_err(io::Error::other)?;
        seccompiler::apply_filter(&own).map_err(io::Error::other)?;
        let filters = filters.iter().map(hex).collect::<Vec<_>>().join(",");
        return Err(stem::become_zygote(program, driver, imports, plan.folders.len(), &filters, keep_lines(lines)?));
    }
    // Instances report for themselves how their job ended; nobody waits for their first processes.
    // SAFETY: sets a disposition, not a handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    sys::short_turns();
    Writer::new(tag::READY).send(&lines.control, &[])?;
    while let Some(mut message) = Message::receive(&lines.control, &mut buffer)? {
        let answer = Spawn::read(&mut message).and_then(|spawn| {
            // SAFETY: this process has one thread.
            match unsafe { sys::clone_process(sys::NAMESPACES) }? {
                Cloned::Child => stem::live(spawn, &filters, &mut buffer),
                Cloned::Parent { pid, pidfd } => stem::map_ids(pid, spawn.id_first).map(|()| (pid, pidfd)),
            }
        });
        match answer {
            Ok((pid, pidfd)) => {
                Writer::new(tag::SPAWNED).u32(pid).send(&lines.control, &[pidfd.as_fd()])?;
            }
            Err(error) => {
                let why = format!("failed to clone: {error}");
                Writer::new(tag::FAILED).bytes(why.as_bytes()).send(&lines.control, &[])?;
            }
        }
    }
    Ok(())
}

/// Lets the lines stay open across exec, and returns their numbers.
fn keep_lines(lines: &Lines) -> io::Result<[i32; 2]> {
    for line in [&lines.control, &lines.exits] {
        rustix::io::fcntl_setfd(line, rustix::io::FdFlags::empty())?;
    }
    Ok([lines.control.as_raw_fd(), lines.exits.as_raw_fd()])
}
