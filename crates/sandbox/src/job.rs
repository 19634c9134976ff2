//! A job that runs: what was heard of it so far, and what is still to come.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use model::Bytes;

use crate::error::SandboxError;
use crate::instance::Instance;
use crate::run::{Event, Exit, Finished, Program, Run, Stage, StartPath};
use crate::sys;
use crate::wire::{Message, tag};

/// How long a template may take to report how an instance ended that has ended.
const REPORT_WITHIN: Duration = Duration::from_millis(500);

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Line = 0,
    Out = 1,
    Err = 2,
    Process = 3,
    Exits = 4,
    Wake = 5,
}

impl Source {
    pub(crate) fn of(kind: u64) -> Option<Source> {
        [Source::Line, Source::Out, Source::Err, Source::Process, Source::Exits, Source::Wake].get(kind as usize).copied()
    }
}

/// Who else wants to know how a job ended. Called on the watching thread.
pub(crate) struct Notify(pub(crate) Box<dyn FnOnce(&Finished) + Send>);

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notify")
    }
}

#[derive(Debug)]
pub(crate) struct Job {
    instance: Instance,
    notify: Option<Notify>,
    events: Sender<Event>,
    start: StartPath,
    stages: Vec<(Stage, Duration)>,
    program: String,
    began: Instant,
    pub(crate) deadline: Instant,
    output_left: u64,
    /// Which of the two outputs are still open.
    open: [bool; 2],
    /// As `waitpid(2)` gives it.
    status: Option<u32>,
    /// Why it was killed, if it was.
    killed: Option<Exit>,
    not_started: Option<i32>,
    /// When its first process was seen to have ended.
    ended: Option<Instant>,
}

impl Job {
    pub(crate) fn new(
        instance: Instance,
        run: &Run,
        events: Sender<Event>,
        start: StartPath,
        stages: Vec<(Stage, Duration)>,
        notify: Option<Notify>,
    ) -> Job {
        let began = Instant::now();
        let program = match &run.program {
            Program::InImage(path) => path.display().to_string(),
            Program::Sealed(code) => code.name.to_string(),
        };
        Job {
            instance,
            notify,
            events,
            start,
            stages,
            program,
            began,
            // Beyond a year nobody waits.
            deadline: began + run.timeout.min(Duration::from_secs(366 * 86_400)),
            output_left: run.output.0,
            open: [true; 2],
            status: None,
            killed: None,
            not_started: None,
            ended: None,
        }
    }

    /// What is to be watched.
    pub(crate) fn sources(&self) -> [(BorrowedFd<'_>, Source); 4] {
        [Source::Line, Source::Out, Source::Err, Source::Process].map(|source| (self.descriptor(source), source))
    }

    pub(crate) fn descriptor(&self, source: Source) -> BorrowedFd<'_> {
        match source {
            Source::Out => self.instance.out.as_fd(),
            Source::Err => self.instance.err.as_fd(),
            Source::Process => self.instance.pidfd.as_fd(),
            _ => self.instance.line.as_fd(),
        }
    }

    /// Whether it is the job in the process `pid` of a template.
    pub(crate) fn is(&self, template: u64, pid: u32) -> bool {
        self.instance.template.id == template && self.instance.pid_inside == pid
    }

    /// Kills it; its result will say why.
    pub(crate) fn end_as(&mut self, exit: Exit) {
        if self.status.is_none() && self.ended.is_none() {
            self.killed.get_or_insert(exit);
        }
        self.kill();
    }

    fn kill(&self) {
        // ESRCH when it has ended.
        let _ = sys::signal(self.instance.pidfd.as_fd(), libc::SIGKILL);
        self.instance.group.kill();
    }

    pub(crate) fn ended_with(&mut self, status: u32) {
        self.status.get_or_insert(status);
    }

    /// Takes in what happened; `false` when nothing more can come from there.
    pub(crate) fn happened(&mut self, source: Source, buffer: &mut [u8]) -> bool {
        match source {
            Source::Line => self.read_line(buffer),
            Source::Out | Source::Err => self.read_output(source, buffer),
            Source::Process => {
                self.ended = Some(Instant::now());
                false
            }
            Source::Exits | Source::Wake => false,
        }
    }

    fn read_line(&mut self, buffer: &mut [u8]) -> bool {
        match Message::receive(&self.instance.line, buffer) {
            Ok(Some(mut message)) => {
                match message.tag() {
                    tag::DONE => self.status = message.u32().ok(),
                    tag::NOT_STARTED => self.not_started = message.u32().ok().map(|number| number as i32),
                    // A job cannot write here; a stem says nothing else once it has its job.
                    _ => {}
                }
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    fn read_output(&mut self, source: Source, buffer: &mut [u8]) -> bool {
        let read = rustix::io::retry_on_intr(|| rustix::io::read(self.descriptor(source), &mut *buffer));
        let Ok(count @ 1..) = read else {
            self.open[usize::from(source == Source::Err)] = false;
            return false;
        };
        let kept = (count as u64).min(self.output_left) as usize;
        self.output_left -= kept as u64;
        if kept > 0 {
            let chunk = buffer[..kept].to_vec();
            // Nobody may be listening any more.
            let _ = self.events.send(if source == Source::Out { Event::Stdout(chunk) } else { Event::Stderr(chunk) });
        }
        if kept < count {
            // What it wrote was too much even if it has ended since.
            self.killed.get_or_insert(Exit::OutputCap);
            self.kill();
        }
        true
    }

    /// Whether all is known that will ever be. Past its deadline the job is killed.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let Some(ended) = self.ended else {
            if now >= self.deadline {
                self.end_as(Exit::Deadline);
                // The end is seen soon; if not, the kill is repeated.
                self.deadline = now + Duration::from_secs(1);
            }
            return false;
        };
        let outputs = self.open == [false, false];
        let status = self.status.is_some() || self.killed.is_some() || !self.instance.template.reports_exits;
        self.deadline = ended + REPORT_WITHIN;
        (outputs && status) || now >= self.deadline
    }

    fn exit(&self) -> Exit {
        if let Some(killed) = self.killed {
            return killed;
        }
        // Without a word its first process was killed from outside: by the kernel, or with its template.
        let status = self.status.unwrap_or(libc::SIGKILL as u32);
        let signal = (status & 0x7f) as u8;
        let code = (status >> 8) as u8;
        let killed_inside = signal == libc::SIGKILL as u8 || code == 128 + libc::SIGKILL as u8;
        match signal {
            _ if killed_inside && self.instance.group.oom_kills() > 0 => Exit::OutOfMemory,
            0 => Exit::Code(code),
            signal => Exit::Signal(signal),
        }
    }

    /// Tells the result, and returns the instance to be destroyed.
    pub(crate) fn finish(mut self, buffer: &mut [u8]) -> Instance {
        if self.status.is_none() && self.ended.is_some() && !self.instance.template.reports_exits {
            // The last word may have come together with the end.
            while self.status.is_none() && self.read_line(buffer) {}
        }
        let ended = self.ended.unwrap_or_else(Instant::now);
        if let Some(number) = self.not_started {
            let source = std::io::Error::from_raw_os_error(number);
            let program = std::mem::take(&mut self.program);
            let _ = self.events.send(Event::Failed(SandboxError::NotStarted { program, source }));
            return self.instance;
        }
        let exit = self.exit();
        self.stages.push((Stage::Run, ended.saturating_duration_since(self.began)));
        let (peak, cpu_time) = (self.instance.group.memory_peak(), self.instance.group.cpu_time());
        self.stages.push((Stage::Collect, ended.elapsed()));
        let (stages, start) = (std::mem::take(&mut self.stages), self.start);
        let finished = Finished { exit, stages, start, peak_memory: peak.map(Bytes), cpu_time };
        if let Some(Notify(notify)) = self.notify.take() {
            notify(&finished);
        }
        let _ = self.events.send(Event::Finished(finished));
        self.instance
    }
}
