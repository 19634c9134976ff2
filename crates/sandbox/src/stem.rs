//! The stem: what lives in an instance before its job. The first process of the instance's process namespace reaps and reports; the
//! second, confined already, waits on the line, and becomes the program that it is sent.

use std::convert::Infallible;
use std::ffi::CString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use seccompiler::BpfProgram;

use crate::confine::{self, Inside, JOB_ID};
use crate::sys;
use crate::wire::{self, Message, Writer, tag};

/// The descriptor of an instance's line.
const LINE: i32 = 3;
/// The descriptor of a script, or of a runtime's channel, in the program.
pub(crate) const EXTRA: i32 = 4;

/// How a program is given.
pub(crate) mod given {
    /// By its path in the image.
    pub(crate) const PATH: u8 = 0;
    /// As a sealed descriptor.
    pub(crate) const SEALED: u8 = 1;
    /// By its path, with a descriptor that it finds as number [`super::EXTRA`].
    pub(crate) const PATH_WITH_EXTRA: u8 = 2;
}

/// User and group ids of one instance, out of its template's.
pub(crate) const IDS_PER_INSTANCE: u32 = 16;

/// A request for an instance.
pub(crate) struct Spawn {
    inside: Inside,
    pub(crate) id_first: u32,
    line: OwnedFd,
    out: OwnedFd,
    err: OwnedFd,
}

impl Spawn {
    pub(crate) fn written(inside: Inside, id_first: u32) -> Writer {
        Writer::new(tag::SPAWN).u64(inside.disk).u32(inside.inodes).u32(id_first)
    }

    pub(crate) fn read(message: &mut Message) -> io::Result<Spawn> {
        let inside = Inside { disk: message.u64()?, inodes: message.u32()? };
        let id_first = message.u32()?;
        let mut descriptors = std::mem::take(&mut message.descriptors).into_iter();
        match (message.tag(), descriptors.next(), descriptors.next(), descriptors.next()) {
            (tag::SPAWN, Some(line), Some(out), Some(err)) => Ok(Spawn { inside, id_first, line, out, err }),
            _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }
}

/// Gives a clone its ids: root, who sets it up, and the job's. Only the parent namespace may do that.
pub(crate) fn map_ids(pid: u32, first: u32) -> io::Result<()> {
    let map = format!("0 {first} 1\n{JOB_ID} {} {}\n", first + 1, IDS_PER_INSTANCE - 1);
    for file in ["uid_map", "gid_map"] {
        std::fs::write(format!("/proc/{pid}/{file}"), &map)?;
    }
    Ok(())
}

/// The life of a freshly cloned instance. Never returns.
pub(crate) fn live(spawn: Spawn, filters: &[BpfProgram], buffer: &mut [u8]) -> ! {
    let inside = spawn.inside;
    let status = match take_descriptors(spawn) {
        Err(_) => 1,
        Ok(line) => match finish(&line, inside, filters, buffer) {
            Ok(()) => 0,
            Err(error) => {
                // If the daemon is gone there is nobody to tell.
                let _ = Writer::new(tag::FAILED).bytes(error.to_string().as_bytes()).send(&line, &[]);
                1
            }
        },
    };
    // SAFETY: ends this copy of the template without running what the template registered.
    unsafe { libc::_exit(status) }
}

/// Descriptors 0 to 3 become null, the job's outputs and the line; all others are closed.
fn take_descriptors(spawn: Spawn) -> io::Result<OwnedFd> {
    // The template holds its own lines at 3 and above, so the numbers given may lie anywhere: lift them out of the way first.
    let lifted = [&spawn.out, &spawn.err, &spawn.line].map(|descriptor| {
        // SAFETY: duplicates a descriptor that is open.
        sys::check(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 64) }.into())
    });
    let [out, err, line] = lifted;
    for (from, to, flags) in [(out?, 1, 0), (err?, 2, 0), (line?, LINE, libc::O_CLOEXEC)] {
        // SAFETY: takes integers; that what was there is no longer used follows from never returning to the template's loop.
        sys::check(unsafe { libc::dup3(from as i32, to, flags) }.into())?;
    }
    std::mem::forget(spawn);
    sys::close_from(LINE as u32 + 1, &[])?;
    // SAFETY: it was just put there, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(LINE) })
}

fn finish(line: &OwnedFd, inside: Inside, filters: &[BpfProgram], buffer: &mut [u8]) -> io::Result<()> {
    if Message::receive(line, buffer)?.is_none_or(|message| message.tag() != tag::GO) {
        return Ok(());
    }
    sys::become_user(0, 0)?;
    confine::mount_own(inside)?;
    // SAFETY: takes nothing, or an integer, or sets dispositions without handlers.
    unsafe {
        libc::setsid();
        libc::umask(0o022);
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
    confine::set_resource_limits(inside)?;
    confine::drop_privileges()?;
    confine::restrict_paths().map_err(|error| io::Error::other(format!("failed to restrict paths: {error}")))?;
    confine::restrict_calls(filters)?;
    let job = spawn_waiter(line, buffer)?;
    reap(line, job)
}

/// What the second process needs.
struct Waiter<'a> {
    line: &'a OwnedFd,
    buffer: &'a mut [u8],
}

/// Makes the second process, as `vfork(2)` does: it lives in the memory of the first, which stands still until the second has become
/// its program. A fork's copy of that memory would have to be torn down at the very moment when somebody waits for the program.
fn spawn_waiter(line: &OwnedFd, buffer: &mut [u8]) -> io::Result<libc::pid_t> {
    const STACK: usize = 256 << 10;
    extern "C" fn wait(waiter: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the first process stands still with its waiter in place.
        let waiter = unsafe { &mut *waiter.cast::<Waiter<'_>>() };
        let done = rehearse(waiter.buffer).and_then(|()| wait_for_a_job(waiter.line, waiter.buffer));
        if let Err(error) = &done {
            // If the daemon is gone there is nobody to tell.
            let _ = Writer::new(tag::FAILED).bytes(error.to_string().as_bytes()).send(waiter.line, &[]);
        }
        // SAFETY: ends this process alone, without running what the first one registered.
        unsafe { libc::_exit(i32::from(done.is_err())) }
    }
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let mut waiter = Waiter { line, buffer };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack is aligned and grows down from its end; it and the waiter outlive the second process's use of them, because
    // this process goes on only when that one has executed a program or ended. Neither has other threads.
    let job = unsafe { libc::clone(wait, stack.as_mut_ptr_range().end.cast(), flags, (&raw mut waiter).cast()) };
    sys::check(job.into()).map(|job| job as libc::pid_t)
}

/// The first process: waits for the job and whatever it left behind, and says how it ended.
fn reap(line: &OwnedFd, job: libc::pid_t) -> io::Result<()> {
    sys::prctl(libc::PR_SET_DUMPABLE, 0, 0)?;
    for output in [1, 2] {
        // The outputs are the job's alone, or their end would not be seen.
        // SAFETY: descriptor 0 is /dev/null.
        sys::check(unsafe { libc::dup2(0, output) }.into())?;
    }
    loop {
        let (ended, status) = sys::wait_for(-1)?;
        if ended == job {
            return Writer::new(tag::DONE).u32(status as u32).send(line, &[]);
        }
    }
}

fn wait_for_a_job(line: &OwnedFd, buffer: &mut [u8]) -> io::Result<()> {
    while let Some(mut message) = Message::receive(line, buffer)? {
        match message.tag() {
            tag::PING => Writer::new(tag::PONG).u64(message.u64()?).send(line, &[])?,
            tag::START => {
                let Err(error) = Ready::read(&mut message).and_then(Ready::execute);
                let number = error.raw_os_error().unwrap_or(libc::EINVAL) as u32;
                Writer::new(tag::NOT_STARTED).u32(number).send(line, &[])?;
                // SAFETY: as a shell says that a program could not be started.
                unsafe { libc::_exit(127) }
            }
            _ => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }
    Ok(())
}

/// A program, ready to be executed.
struct Ready {
    given: u8,
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    /// The program itself, or what it finds as [`EXTRA`].
    first: Option<OwnedFd>,
}

impl Ready {
    /// Reads what to execute, and writes the files that came along.
    fn read(message: &mut Message) -> io::Result<Ready> {
        let given = message.u8()?;
        let program = c_string(message.bytes()?)?;
        let arguments = message.list()?.into_iter().map(c_string).collect::<io::Result<Vec<_>>>()?;
        let environment = message.list()?.into_iter().map(c_string).collect::<io::Result<Vec<_>>>()?;
        let mut descriptors = std::mem::take(&mut message.descriptors).into_iter();
        let first = if given == given::PATH { None } else { descriptors.next() };
        write_files(message, descriptors.next())?;
        Ok(Ready { given, program, arguments, environment, first })
    }

    /// Returns only when it fails.
    fn execute(self) -> io::Result<Infallible> {
        let pointers = |texts: &[CString]| {
            let ends = [std::ptr::null()];
            texts.iter().map(|text| text.as_ptr()).chain(ends).collect::<Vec<_>>()
        };
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environment));
        let (arguments, environment) = (arguments.as_ptr(), environment.as_ptr());
        // SAFETY: program, arguments and environment are zero-terminated, the lists end with null, and all outlive the calls.
        unsafe {
            match &self.first {
                Some(code) if self.given == given::SEALED => {
                    let (code, flags) = (code.as_raw_fd(), libc::AT_EMPTY_PATH);
                    libc::syscall(libc::SYS_execveat, code, c"".as_ptr(), arguments, environment, flags);
                }
                first => {
                    match first.as_ref().map(AsRawFd::as_raw_fd) {
                        Some(EXTRA) => drop(libc::fcntl(EXTRA, libc::F_SETFD, 0)),
                        Some(extra) => drop(libc::dup3(extra, EXTRA, 0)),
                        None => {}
                    }
                    libc::execve(self.program.as_ptr(), arguments, environment);
                }
            }
        }
        Err(io::Error::last_os_error())
    }
}

/// Does once what every job's start does: the pages that a fork shares are then copied, and code found, while nobody waits.
fn rehearse(buffer: &mut [u8]) -> io::Result<()> {
    let (ours, theirs) = wire::pair()?;
    let environment = USUAL.map(|(name, value)| format!("{name}={value}"));
    let job = Writer::new(tag::START).u8(given::PATH_WITH_EXTRA).bytes(b"/no/such/program").list(environment.iter());
    for _ in 0..2 {
        let clone = ours.try_clone()?;
        job.clone().list(environment.iter()).u32(0).send(&ours, &[clone.as_fd()])?;
        if let Some(mut message) = Message::receive(&theirs, buffer)? {
            let mut ready = Ready::read(&mut message)?;
            ready.first = None;
            // Fails, having gone most of the way.
            let _ = ready.execute();
        }
    }
    Ok(())
}

fn c_string(bytes: Vec<u8>) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// Writes the files that were sent along, one behind the other in `content`, below `/job`.
fn write_files(message: &mut Message, content: Option<OwnedFd>) -> io::Result<()> {
    let count = message.u32()?;
    let mut content = content.map(std::fs::File::from);
    for _ in 0..count {
        let (name, length, mode) = (message.text()?, message.u64()?, message.u32()?);
        let path = Path::new("/job").join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
        if let Some(content) = &mut content {
            io::copy(&mut Read::take(content, length), &mut file)?;
        }
        file.flush()?;
    }
    Ok(())
}

/// What a job finds in its environment unless it says otherwise.
pub(crate) const USUAL: [(&str, &str); 4] =
    [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/job"), ("LANG", "C.UTF-8"), ("TMPDIR", "/tmp")];

/// Executes a language runtime with its driver in place of the template's inner process. Returns only when that fails.
pub(crate) fn become_zygote(
    program: &Path,
    driver: &[u8],
    imports: &[Vec<u8>],
    folders: usize,
    filters: &str,
    lines: [i32; 2],
) -> io::Error {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::process::CommandExt;
    let text = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let names = imports.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>().join(",");
    let mut command = std::process::Command::new(program);
    command.env_clear().envs(USUAL);
    command.args(["-I", "-B", "-c"]).arg(text(driver)).args(lines.map(|line| line.to_string()));
    let error = command.arg(filters).arg(folders.to_string()).arg(names).exec();
    io::Error::other(format!("failed to execute {}: {error}", program.display()))
}
