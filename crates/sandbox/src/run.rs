//! A job and what comes of it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use model::Bytes;
use rustix::fs::{MemfdFlags, SealFlags};

use crate::error::SandboxError;
use crate::supervisor::Stop;
use crate::wire::MESSAGE_LENGTH_MAX;

/// Code in memory that nobody can change any more. Cheap to clone: prepare once, run many times.
#[derive(Clone)]
pub struct Sealed {
    pub(crate) descriptor: Arc<OwnedFd>,
    /// What it is called in messages.
    pub(crate) name: Arc<str>,
    pub(crate) length: u64,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, {} bytes)", self.name, self.length)
    }
}

impl Sealed {
    /// Copies `content` into memory and seals it. `name` is what the code is called in messages.
    ///
    /// # Errors
    /// When memory or descriptors have run out.
    pub fn new(name: &str, content: &[u8]) -> Result<Sealed, SandboxError> {
        let descriptor = seal(content).map_err(SandboxError::host("seal", name))?;
        Ok(Sealed { descriptor: Arc::new(descriptor), name: name.into(), length: content.len() as u64 })
    }

    /// The memory that it lies in.
    pub fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Reads a file of the host and seals its content.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_file(path: &Path) -> Result<Sealed, SandboxError> {
        let content = std::fs::read(path).map_err(SandboxError::host("read", path))?;
        Sealed::new(&path.file_name().unwrap_or_default().to_string_lossy(), &content)
    }
}

/// Puts `content` into a sealed descriptor.
pub(crate) fn seal(content: &[u8]) -> io::Result<OwnedFd> {
    let descriptor = rustix::fs::memfd_create(c"code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut written = 0;
    while written < content.len() {
        // Written by position, so that its own stays at the beginning.
        written += rustix::io::retry_on_intr(|| rustix::io::pwrite(&descriptor, &content[written..], written as u64))?;
    }
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&descriptor, seals)?;
    Ok(descriptor)
}

/// What a job executes.
#[derive(Clone, Debug)]
pub enum Program {
    /// A program (or, for the shell, a script) that is in the image, by its absolute path, or one of the job's files, by its path
    /// below `/job`.
    InImage(PathBuf),
    /// A static or dynamic executable, or a script of the instance's runtime.
    Sealed(Sealed),
}

/// A file that is in `/job` when the job starts.
#[derive(Clone, Debug)]
pub struct File {
    /// Where, below `/job`.
    pub path: PathBuf,
    /// What it holds.
    pub content: Vec<u8>,
    /// Whether it can be executed.
    pub executable: bool,
}

/// What of the network a job sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// A network namespace in which every interface is down.
    #[default]
    None,
}

/// A job.
#[derive(Clone, Debug)]
pub struct Run {
    /// What is executed.
    pub program: Program,
    /// Its arguments, without its name.
    pub arguments: Vec<String>,
    /// Its environment, in addition to `PATH`, `HOME`, `LANG` and `TMPDIR`, which it may replace.
    pub environment: Vec<(String, String)>,
    /// Files in its folder.
    pub files: Vec<File>,
    /// How long it may take; it is killed then.
    pub timeout: Duration,
    /// How much it may write to both outputs together; it is killed beyond.
    pub output: Bytes,
    /// What of the network it sees.
    pub network: Network,
}

impl Run {
    /// Runs `program` for at most 60 seconds with at most 16 MiB of output.
    pub fn new(program: Program) -> Run {
        Run {
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            files: Vec::new(),
            timeout: Duration::from_secs(60),
            output: Bytes(16 << 20),
            network: Network::None,
        }
    }

    /// Refuses what could never run.
    ///
    /// # Errors
    /// [`SandboxError::BadRun`], [`SandboxError::LimitTooSmall`] or [`SandboxError::TooLong`].
    pub fn check(&self) -> Result<(), SandboxError> {
        let bad = |why: String| Err(SandboxError::BadRun { why });
        if self.timeout < Duration::from_millis(1) {
            let (asked, minimum) = (format!("{:?}", self.timeout), "1ms".into());
            return Err(SandboxError::LimitTooSmall { limit: "timeout", asked, minimum });
        }
        let texts = self.arguments.iter().chain(self.environment.iter().flat_map(|(name, value)| [name, value]));
        if let Some(text) = texts.clone().find(|text| text.contains('\0')) {
            return bad(format!("{text:?} has a zero byte"));
        }
        if let Some((name, _)) = self.environment.iter().find(|(name, _)| name.is_empty() || name.contains('=')) {
            return bad(format!("{name:?} is no name of an environment variable"));
        }
        for file in &self.files {
            let normal = file.path.components().all(|part| matches!(part, Component::Normal(_)));
            if !normal || file.path.as_os_str().is_empty() {
                return bad(format!(
                    "file {} does not lie below /job: give a relative path without ..",
                    file.path.display()
                ));
            }
        }
        let names = self.files.iter().map(|file| file.path.as_os_str().len() + 24).sum::<usize>();
        if texts.map(|text| text.len() + 8).sum::<usize>() + names + 1_024 > MESSAGE_LENGTH_MAX {
            return Err(SandboxError::TooLong { limit: Bytes(MESSAGE_LENGTH_MAX as u64) });
        }
        Ok(())
    }
}

/// Why an instance had to be made when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdReason {
    /// No pool was asked.
    NoPool,
    /// Nobody planned for this key.
    NoTarget,
    /// All that were ready have been claimed, and the next ones are being made.
    Drained,
    /// Making them fails: see the pool's events.
    Failing,
    /// Those that were kept had ended.
    Dead,
    /// They were given up for want of memory.
    Shed,
}

impl fmt::Display for ColdReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColdReason::NoPool => "no pool was asked",
            ColdReason::NoTarget => "nobody planned for this key",
            ColdReason::Drained => "all that were ready have been claimed",
            ColdReason::Failing => "instances of this key cannot be made at present",
            ColdReason::Dead => "the instances that were kept had ended",
            ColdReason::Shed => "the instances that were kept were given up for want of memory",
        })
    }
}

/// How a job came to its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPath {
    /// It was waiting.
    Warm,
    /// It was frozen.
    Thawed,
    /// It was made then.
    Cold {
        /// Why.
        why: ColdReason,
    },
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(u8),
    /// By a signal, of its own or ours.
    Signal(u8),
    /// Its time was over.
    Deadline,
    /// It wanted more memory than its limit.
    OutOfMemory,
    /// It wrote more than it may.
    OutputCap,
    /// [`Running::stop`] was called.
    Stopped,
}

/// A part of the way from a request to its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Taking an instance from the pool.
    Claim,
    /// Letting a frozen instance go on.
    Thaw,
    /// Making an instance, when none was there.
    Make,
    /// Sending the job to the instance.
    Deliver,
    /// From there to the end of its first process.
    Run,
    /// Reading the rest of its output and its figures.
    Collect,
}

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// Where the time went, in order.
    pub stages: Vec<(Stage, Duration)>,
    /// How it came to its instance.
    pub start: StartPath,
    /// The most memory that its group held; `None` where the kernel does not keep it.
    pub peak_memory: Option<Bytes>,
    /// CPU time of its group, making the instance included; `None` on a host without control groups version 2.
    pub cpu_time: Option<Duration>,
}

/// What a running job tells, in order. The last one is `Finished` or `Failed`.
#[derive(Debug)]
pub enum Event {
    /// It wrote this to its standard output.
    Stdout(Vec<u8>),
    /// It wrote this to its standard error.
    Stderr(Vec<u8>),
    /// It ended.
    Finished(Finished),
    /// It could not be started.
    Failed(SandboxError),
}

/// A job that was started. Dropping it does not stop the job; its time still runs out.
#[derive(Debug)]
pub struct Running {
    pub(crate) events: Receiver<Event>,
    pub(crate) stop: Stop,
}

/// Kills one job. Does nothing when that has ended.
#[derive(Clone, Debug)]
pub struct Stopper(Stop);

impl Stopper {
    /// Kills it. Its `Finished` follows.
    pub fn stop(&self) {
        self.0.stop();
    }
}

/// All that a job wrote, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub finished: Finished,
}

impl Running {
    /// What it tells, as it comes.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// Kills it. Its `Finished` follows.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// What kills it later, for whoever does not read its events.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Waits until it has ended, and gathers its output.
    ///
    /// # Errors
    /// [`SandboxError::NotStarted`] when the program could not be started; [`SandboxError::Closed`] when the host went away.
    pub fn wait(self) -> Result<Output, SandboxError> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        for event in &self.events {
            match event {
                Event::Stdout(chunk) => stdout.extend(chunk),
                Event::Stderr(chunk) => stderr.extend(chunk),
                Event::Finished(finished) => return Ok(Output { stdout, stderr, finished }),
                Event::Failed(error) => return Err(error),
            }
        }
        Err(SandboxError::Closed)
    }
}
