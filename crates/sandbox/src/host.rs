//! The host: makes templates once and instances from them, and starts jobs in instances.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::{Bytes, MilliCores};

use crate::cgroup::Trees;
use crate::confine::Inside;
use crate::error::SandboxError;
use crate::image::{HOST, Image};
use crate::instance::Instance;
use crate::job::Notify;
use crate::key::{Key, Limits, Runtime};
use crate::run::{ColdReason, Program, Run, Running, Stage, StartPath};
use crate::sources::{Place, Source};
use crate::stem::given;
use crate::supervisor::Supervisor;
use crate::sys;
use crate::wire::{self, Writer, tag};

/// The program that templates run as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TemplateProgram {
    /// The calling program itself, whose `main` calls [`crate::as_template`] first.
    #[default]
    Own,
    /// Another one that does so, such as `forerun-sandbox-template`.
    Path(PathBuf),
}

/// How a host is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program that templates run as.
    pub template: TemplateProgram,
    /// Where the control groups are.
    pub cgroup_root: PathBuf,
    /// The first of the user and group ids that are used; each template takes the next 65,536.
    pub id_first: u32,
    /// The images by name.
    pub images: BTreeMap<String, Image>,
    /// How long an instance may take until it is ready.
    pub ready_within: Duration,
    /// What a template itself may use: its imports live there.
    pub template_limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            template: TemplateProgram::Own,
            cgroup_root: "/sys/fs/cgroup".into(),
            // Above what distributions give to people and services, below what signed tools mistake for negative.
            id_first: 0x6000_0000,
            images: BTreeMap::from([(HOST.into(), Image::of_host())]),
            ready_within: Duration::from_secs(10),
            template_limits: Limits { memory: Bytes(2 << 30), cpu: MilliCores(2_000), pids: 4_096, ..Limits::default() },
        }
    }
}

/// A request to start a process on the thread that never ends before the host.
pub(crate) type Birth = (Command, mpsc::Sender<std::io::Result<std::process::Child>>);

/// Makes instances and starts jobs in them.
#[derive(Debug)]
pub struct Host {
    pub(crate) settings: Settings,
    pub(crate) sources: Mutex<HashMap<Source, Place>>,
    pub(crate) births: mpsc::Sender<Birth>,
    pub(crate) supervisor: Supervisor,
    pub(crate) next_id: AtomicU64,
    pub(crate) next_range: AtomicU32,
    /// Removed last, when all groups within are gone.
    pub(crate) trees: Trees,
}

impl Host {
    /// Finds out what this host can do, and makes the folders for control groups. Raises this process's limit of descriptors as far
    /// as it may: every instance takes four.
    ///
    /// # Errors
    /// [`SandboxError::NotRoot`] or [`SandboxError::Unsupported`].
    pub fn start(settings: Settings) -> Result<Arc<Host>, SandboxError> {
        let user = rustix::process::geteuid();
        if !user.is_root() {
            return Err(SandboxError::NotRoot { uid: user.as_raw() });
        }
        let most = std::fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
        if most.trim() == "0" {
            let what = "user namespaces are switched off: set user.max_user_namespaces";
            return Err(SandboxError::Unsupported { what: what.into() });
        }
        let trees = Trees::prepare(&settings.cgroup_root)?;
        raise_descriptor_limit();
        let (births, requests) = mpsc::channel::<Birth>();
        // Templates die with the thread that started them, so that thread must live as long as the host.
        let parent = move || {
            for (mut command, answer) in requests {
                // The one who asked may have given up.
                let _ = answer.send(command.spawn());
            }
        };
        let thread = std::thread::Builder::new().name("sandbox-parent".into()).spawn(parent);
        thread.map_err(SandboxError::host("start", "the thread sandbox-parent"))?;
        Ok(Arc::new(Host {
            settings,
            sources: Mutex::default(),
            births,
            supervisor: Supervisor::start()?,
            next_id: AtomicU64::new(1),
            next_range: AtomicU32::new(0),
            trees,
        }))
    }

    /// Refuses keys of which no instance could be made.
    ///
    /// # Errors
    /// [`SandboxError::UnknownImage`], [`SandboxError::RuntimeAbsent`], [`SandboxError::LimitTooSmall`].
    pub fn check(&self, key: &Key) -> Result<(), SandboxError> {
        key.limits.check(key.runtime)?;
        let image = self.image(&key.image)?;
        if let Some(program) = key.runtime.program().map(Path::new)
            && !image.has(program)
        {
            let (runtime, image) = (key.runtime, key.image.clone());
            return Err(SandboxError::RuntimeAbsent { runtime, image, path: program.into() });
        }
        Ok(())
    }

    pub(crate) fn image(&self, name: &str) -> Result<&Image, SandboxError> {
        self.settings.images.get(name).ok_or_else(|| SandboxError::UnknownImage {
            name: name.into(),
            known: self.settings.images.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Makes an instance and waits until it has answered its readiness check. The first of a source makes its template.
    ///
    /// # Errors
    /// As [`Host::check`], and when a step fails; nothing is left behind then.
    pub fn make(&self, key: &Arc<Key>) -> Result<Instance, SandboxError> {
        let began = Instant::now();
        self.check(key)?;
        let template = self.template_for(key)?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let group = Arc::new(self.trees.make(&id.to_string(), &key.limits)?);
        let shell = |what| SandboxError::host("make", what);
        let (line, theirs) = wire::pair().map_err(shell("a line to an instance"))?;
        let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(std::io::Error::from);
        let (out, out_theirs) = pipe().map_err(shell("a pipe"))?;
        let (err, err_theirs) = pipe().map_err(shell("a pipe"))?;
        let slot = template.take_slot()?;
        let inside = Inside { disk: key.limits.disk.0, inodes: key.limits.inodes };
        let spawned = template.spawn(inside, slot, [&theirs, &out_theirs, &err_theirs], self.settings.ready_within);
        let (pid_inside, pidfd) = spawned.inspect_err(|_| template.give_back(slot))?;
        drop((theirs, out_theirs, err_theirs));
        let pid = pid_of(&pidfd)?;
        // From here on dropping the instance undoes everything.
        let mut instance = Instance {
            id,
            key: key.clone(),
            line,
            channel: None,
            pidfd,
            out,
            err,
            group,
            template,
            slot,
            pid,
            pid_inside,
            took: Duration::ZERO,
            since: began,
            bytes: 0,
            frozen: false,
        };
        instance.group.attach(pid)?;
        let gone = |error: std::io::Error| SandboxError::Instance { key: key.to_string(), why: error.to_string() };
        Writer::new(tag::GO).send(&instance.line, &[]).map_err(gone)?;
        instance.ping(self.settings.ready_within)?;
        if key.runtime == Runtime::Node {
            self.become_node(&mut instance).map_err(gone)?;
            instance.ping(self.settings.ready_within)?;
        }
        (instance.took, instance.since) = (began.elapsed(), Instant::now());
        instance.bytes = instance.group.memory().unwrap_or(0);
        Ok(instance)
    }

    /// Has a stem become Node, which then waits on a channel of its own.
    fn become_node(&self, instance: &mut Instance) -> std::io::Result<()> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType};
        let kind = (AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC);
        let (ours, theirs) = rustix::net::socketpair(kind.0, kind.1, kind.2, None)?;
        let program = Runtime::Node.program().unwrap_or_default();
        let imports = instance.key.dependencies.imports.iter().map(String::as_str);
        let arguments = ["node", "-e", include_str!("drivers/node.js")].into_iter().chain(imports).collect::<Vec<_>>();
        let folders =
            (0..instance.key.dependencies.folders.len()).map(|number| format!("/deps/{number}")).collect::<Vec<_>>();
        let path = format!("NODE_PATH={}", folders.join(":"));
        let environment = ["PATH=/usr/bin:/bin", "HOME=/job", "LANG=C.UTF-8", path.as_str()];
        let message = Writer::new(tag::START).u8(given::PATH_WITH_EXTRA).bytes(program.as_bytes());
        let message = message.list(arguments.iter()).list(environment.iter()).u32(0);
        message.send(&instance.line, &[theirs.as_fd()])?;
        instance.channel = Some(ours);
        Ok(())
    }

    /// Starts a job in an instance, which is destroyed when the job has ended. `stages` are those that lie behind.
    ///
    /// # Errors
    /// As [`Run::check`]; [`SandboxError::Instance`] when the instance has ended meanwhile.
    pub fn start_in(
        &self,
        instance: Instance,
        run: &Run,
        start: StartPath,
        stages: Vec<(Stage, Duration)>,
    ) -> Result<Running, SandboxError> {
        self.start_telling(instance, run, start, stages, None)
    }

    pub(crate) fn start_telling(
        &self,
        mut instance: Instance,
        run: &Run,
        start: StartPath,
        mut stages: Vec<(Stage, Duration)>,
        notify: Option<Notify>,
    ) -> Result<Running, SandboxError> {
        run.check()?;
        if instance.frozen {
            let began = Instant::now();
            instance.thaw()?;
            stages.push((Stage::Thaw, began.elapsed()));
        }
        self.supervisor.start_in(instance, run, start, stages, notify)
    }

    /// Makes an instance for this one job, and starts it there.
    ///
    /// # Errors
    /// As [`Host::make`] and [`Host::start_in`].
    pub fn run_cold(&self, key: &Key, run: &Run, why: ColdReason) -> Result<Running, SandboxError> {
        self.run_cold_telling(&Arc::new(key.clone()), run, why, None)
    }

    pub(crate) fn run_cold_telling(
        &self,
        key: &Arc<Key>,
        run: &Run,
        why: ColdReason,
        notify: Option<Notify>,
    ) -> Result<Running, SandboxError> {
        self.check_run(key, run)?;
        let began = Instant::now();
        let instance = self.make(key)?;
        self.start_telling(instance, run, StartPath::Cold { why }, vec![(Stage::Make, began.elapsed())], notify)
    }

    /// What this host lacks that would make sandboxes better, though they work without it.
    pub fn degraded(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        match sys::landlock_version() {
            ..=0 => missing.push("no Landlock: paths are protected by mounts alone; add landlock to the kernel's lsm= list"),
            1..=3 => {
                missing.push("an old Landlock: it protects paths, not TCP, which the network namespace does; use Linux 6.7")
            }
            _ => {}
        }
        if !self.trees.has_unified() {
            missing.push("no control groups version 2: CPU time of jobs is not measured, and freezing uses version 1");
        }
        if !self.trees.limits_io() {
            missing.push("no control group for block I/O: what jobs read from disks is not limited; enable the io or blkio controller");
        }
        missing
    }

    /// Refuses a job that could never run under this key, before an instance is spent on it.
    ///
    /// # Errors
    /// As [`Host::check`] and [`Run::check`]; [`SandboxError::NotStarted`] for a program that the image lacks.
    pub fn check_run(&self, key: &Key, run: &Run) -> Result<(), SandboxError> {
        self.check(key)?;
        run.check()?;
        let Program::InImage(path) = &run.program else { return Ok(()) };
        if matches!(key.runtime, Runtime::Python | Runtime::Node) {
            let why = format!("{} takes its code sealed, not as {}", key.runtime, path.display());
            return Err(SandboxError::BadRun { why });
        }
        let own = path.strip_prefix("/job").unwrap_or(path);
        let is_there = run.files.iter().any(|file| file.path == own) || self.image(&key.image)?.has(path);
        if !is_there {
            let source = std::io::Error::from_raw_os_error(libc::ENOENT);
            return Err(SandboxError::NotStarted { program: path.display().to_string(), source });
        }
        Ok(())
    }

    /// Destroys an instance in the background.
    pub fn discard(&self, instance: Instance) {
        self.supervisor.discard(instance);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Jobs, instances and templates end first, in this order, then their groups' folder goes.
        self.supervisor.stop();
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Fails never, and if it did, making instances would say that descriptors have run out.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// The number of a process as this process's `/proc` shows it.
fn pid_of(pidfd: &OwnedFd) -> Result<u32, SandboxError> {
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let text = std::fs::read_to_string(&path).map_err(SandboxError::host("read", &path))?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    pid.ok_or_else(|| SandboxError::host("find a process in", path)(std::io::Error::from_raw_os_error(libc::ESRCH)))
}
