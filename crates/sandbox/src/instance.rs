//! One instance: what the daemon holds of it, from the readiness check to its destruction.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Bytes;

use crate::cgroup::Group;
use crate::error::SandboxError;
use crate::key::{Key, Runtime};
use crate::line::Template;
use crate::run::{Program, Run, Sealed, seal};
use crate::stem::{USUAL, given};
use crate::sys;
use crate::wire::{Writer, tag};

/// A finished sandbox in which something waits for its one job. It is destroyed when dropped, which takes some milliseconds.
#[derive(Debug)]
pub struct Instance {
    pub(crate) id: u64,
    pub(crate) key: Arc<Key>,
    pub(crate) line: OwnedFd,
    /// The second line of a runtime that cannot speak on the first.
    pub(crate) channel: Option<OwnedFd>,
    pub(crate) pidfd: OwnedFd,
    pub(crate) out: OwnedFd,
    pub(crate) err: OwnedFd,
    pub(crate) group: Arc<Group>,
    pub(crate) template: Arc<Template>,
    pub(crate) slot: u16,
    /// Its first process as the host and as the template number it.
    pub(crate) pid: u32,
    pub(crate) pid_inside: u32,
    /// How long it took to make.
    pub(crate) took: Duration,
    /// Since when it waits.
    pub(crate) since: Instant,
    /// What it holds while it waits.
    pub(crate) bytes: u64,
    pub(crate) frozen: bool,
}

impl Instance {
    /// What it may stand in for.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its first process, as the host numbers it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it held in memory when it was measured last: when it became ready, or was paged out.
    pub fn memory(&self) -> Bytes {
        Bytes(self.bytes)
    }

    /// How long it took to make.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Whether its first process still lives.
    pub fn is_alive(&self) -> bool {
        !sys::has_ended(self.pidfd.as_fd())
    }

    /// Stops it where it stands. It keeps its memory and uses no CPU.
    ///
    /// # Errors
    /// When the kernel does not freeze it within a second.
    pub fn freeze(&mut self) -> Result<(), SandboxError> {
        self.group.freeze()?;
        self.frozen = true;
        Ok(())
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When its control group is gone.
    pub fn thaw(&mut self) -> Result<(), SandboxError> {
        self.group.thaw()?;
        self.frozen = false;
        Ok(())
    }

    /// Gives its memory back to the host as far as the kernel can, which needs swap for all but files; returns how much.
    ///
    /// # Errors
    /// When the kernel cannot do that for one group.
    pub fn page_out(&mut self) -> Result<Bytes, SandboxError> {
        let freed = self.group.page_out(self.bytes)?;
        self.bytes = self.group.memory().unwrap_or(self.bytes);
        Ok(Bytes(freed))
    }

    /// Asks whatever waits in it whether it is there, and waits for the answer.
    ///
    /// # Errors
    /// [`SandboxError::NotReady`] when it does not answer in time, [`SandboxError::Instance`] when it said why it never will.
    pub fn ping(&self, within: Duration) -> Result<(), SandboxError> {
        let key = || self.key.to_string();
        let nonce = self.id ^ 0x5bd1_e995;
        let gone = |error: io::Error| SandboxError::Instance { key: key(), why: error.to_string() };
        if let Some(channel) = &self.channel {
            return crate::line::ping_channel(channel, nonce, within, &self.key);
        }
        Writer::new(tag::PING).u64(nonce).send(&self.line, &[]).map_err(gone)?;
        let mut answer = crate::line::receive_within(&self.line, within)
            .map_err(gone)?
            .ok_or_else(|| SandboxError::NotReady { key: key(), waited: within })?;
        match answer.tag() {
            tag::PONG if answer.u64().is_ok_and(|answered| answered == nonce) => Ok(()),
            tag::FAILED => Err(SandboxError::Instance { key: key(), why: answer.text().unwrap_or_default() }),
            other => {
                Err(SandboxError::Instance { key: key(), why: format!("it answered {other} instead of its readiness") })
            }
        }
    }

    /// Sends it its job.
    pub(crate) fn deliver(&self, run: &Run) -> Result<(), SandboxError> {
        let gone = |error: io::Error| SandboxError::Instance { key: self.key.to_string(), why: error.to_string() };
        if let Some(channel) = &self.channel {
            return crate::line::send_to_channel(channel, run).map_err(gone);
        }
        let start = Start::of(self.key.runtime, run)?;
        let files = if run.files.is_empty() { None } else { Some(bundle(run)?) };
        let mut message = Writer::new(tag::START).u8(start.given).bytes(start.program.as_bytes());
        let first = if start.keeps_name { &[][..] } else { &start.arguments[..] };
        let arguments = first.iter().copied().chain(run.arguments.iter().map(String::as_str)).collect::<Vec<_>>();
        message = message.list(arguments.iter()).list(environment(run).iter()).u32(run.files.len() as u32);
        for file in &run.files {
            let mode = if file.executable { 0o755 } else { 0o644 };
            message = message.bytes(file.path.as_os_str().as_encoded_bytes()).u64(file.content.len() as u64).u32(mode);
        }
        let descriptors = start.code.map(|code| code.descriptor.as_fd()).into_iter();
        let descriptors = descriptors.chain(files.as_ref().map(|files| files.as_fd())).collect::<Vec<_>>();
        message.send(&self.line, &descriptors).map_err(gone)
    }
}

/// How a program is started in a runtime.
struct Start<'a> {
    given: u8,
    program: String,
    /// What goes before the job's arguments.
    arguments: Vec<&'a str>,
    /// The driver names the program by itself.
    keeps_name: bool,
    code: Option<&'a Sealed>,
}

impl<'a> Start<'a> {
    fn of(runtime: Runtime, run: &'a Run) -> Result<Start<'a>, SandboxError> {
        let text = |path: &'a std::path::Path| {
            path.to_str().ok_or_else(|| SandboxError::BadRun { why: format!("{} is not UTF-8", path.display()) })
        };
        Ok(match (runtime, &run.program) {
            (Runtime::Exec, Program::InImage(path)) => {
                let path = text(path)?;
                Start { given: given::PATH, program: path.into(), arguments: vec![path], keeps_name: false, code: None }
            }
            (Runtime::Exec, Program::Sealed(code)) => {
                let (program, arguments) = (code.name.to_string(), vec![&*code.name]);
                Start { given: given::SEALED, program, arguments, keeps_name: false, code: Some(code) }
            }
            (Runtime::Shell, Program::InImage(path)) => {
                let arguments = vec!["sh", text(path)?];
                Start { given: given::PATH, program: "/bin/sh".into(), arguments, keeps_name: false, code: None }
            }
            (Runtime::Shell, Program::Sealed(code)) => {
                let (program, arguments) = ("/bin/sh".into(), vec!["sh", "/dev/fd/4"]);
                Start { given: given::PATH_WITH_EXTRA, program, arguments, keeps_name: false, code: Some(code) }
            }
            (Runtime::Python | Runtime::Node, Program::Sealed(code)) => {
                let program = code.name.to_string();
                Start { given: given::SEALED, program, arguments: Vec::new(), keeps_name: true, code: Some(code) }
            }
            (Runtime::Python | Runtime::Node, Program::InImage(path)) => {
                let why = format!("{runtime} takes its code sealed, not as {}", path.display());
                return Err(SandboxError::BadRun { why });
            }
        })
    }
}

/// `NAME=VALUE` of all that a job has in its environment.
pub(crate) fn environment(run: &Run) -> Vec<String> {
    let given = |name: &str| run.environment.iter().any(|(other, _)| other == name);
    let usual = USUAL.into_iter().filter(|(name, _)| !given(name)).map(|(name, value)| format!("{name}={value}"));
    usual.chain(run.environment.iter().map(|(name, value)| format!("{name}={value}"))).collect()
}

/// The job's files, one behind the other.
fn bundle(run: &Run) -> Result<OwnedFd, SandboxError> {
    let content = run.files.iter().flat_map(|file| &file.content).copied().collect::<Vec<_>>();
    seal(&content).map_err(SandboxError::host("seal", "the files of a job"))
}

impl Drop for Instance {
    fn drop(&mut self) {
        // ESRCH when it has ended.
        let _ = sys::signal(self.pidfd.as_fd(), libc::SIGKILL);
        self.group.kill();
        let mut watched =
            libc::pollfd { fd: std::os::fd::AsRawFd::as_raw_fd(&self.pidfd), events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure that outlives the call.
        unsafe { libc::poll(&raw mut watched, 1, 2_000) };
        self.template.give_back(self.slot);
    }
}
