//! Watches all running jobs on one thread: their outputs, deadlines and ends. A second thread destroys what has ended.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, epoll};

use crate::error::SandboxError;
use crate::handle::Template;
use crate::instance::Instance;
use crate::job::{Job, Notify, Source};
use crate::run::{Exit, Run, Running, Stage, StartPath};
use crate::wire::{self, Message, tag};

/// What of a job, or else, an event is about: the lowest bits of its token.
const KINDS: u64 = 8;

/// The longest that the watching thread sleeps: starting a job that may take longer need not wake it up.
const NAP: Duration = Duration::from_secs(5);

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    epoll: OwnedFd,
    wake: OwnedFd,
    jobs: Mutex<HashMap<u64, Job>>,
    templates: Mutex<HashMap<u64, Weak<Template>>>,
    /// Processes, by template and number inside, that get their job right now: one may have ended before its job is watched.
    starting: Mutex<HashMap<(u64, u32), Option<u32>>>,
    /// When the watching thread wakes up by itself, in microseconds since `began`.
    wakes_at: AtomicU64,
    began: Instant,
    stopping: AtomicBool,
}

/// The two threads.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    ended: Mutex<Option<Sender<Instance>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Stops one job.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    shared: Weak<Shared>,
    id: u64,
}

impl Stop {
    pub(crate) fn stop(&self) {
        if let Some(shared) = self.shared.upgrade()
            && let Some(job) = shared.jobs().get_mut(&self.id)
        {
            job.end_as(Exit::Stopped);
        }
    }
}

impl Shared {
    fn jobs(&self) -> MutexGuard<'_, HashMap<u64, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn starting(&self) -> MutexGuard<'_, HashMap<(u64, u32), Option<u32>>> {
        self.starting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, what: BorrowedFd<'_>, id: u64, source: Source) -> std::io::Result<()> {
        let data = epoll::EventData::new_u64(id * KINDS + source as u64);
        Ok(epoll::add(&self.epoll, what, data, epoll::EventFlags::IN)?)
    }

    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.began).as_micros() as u64
    }

    /// Makes sure that the watching thread is awake at `deadline`.
    fn be_awake_at(&self, deadline: Instant) {
        let at = self.micros(deadline);
        if self.wakes_at.fetch_min(at, Ordering::AcqRel) > at {
            // Full means that it is awake already.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }
}

impl Supervisor {
    pub(crate) fn start() -> Result<Supervisor, SandboxError> {
        let failed = |what: &'static str| move |error: rustix::io::Errno| SandboxError::host("make", what)(error.into());
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed("an epoll"))?;
        let wake =
            rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed("an eventfd"))?;
        let shared = Arc::new(Shared {
            epoll: poller,
            wake,
            jobs: Mutex::default(),
            templates: Mutex::default(),
            starting: Mutex::default(),
            wakes_at: AtomicU64::new(u64::MAX),
            began: Instant::now(),
            stopping: AtomicBool::new(false),
        });
        shared.watch(shared.wake.as_fd(), 0, Source::Wake).map_err(SandboxError::host("watch", "an eventfd"))?;
        let (ended, to_destroy) = mpsc::channel::<Instance>();
        let mut threads = Vec::new();
        let named = |name: &str| std::thread::Builder::new().name(name.into());
        let janitor = named("sandbox-janitor").spawn(move || to_destroy.into_iter().for_each(drop));
        threads.push(janitor.map_err(SandboxError::host("start", "the thread sandbox-janitor"))?);
        let (watching, ended_too) = (shared.clone(), ended.clone());
        let watch = named("sandbox-watch").spawn(move || watch(&watching, &ended_too));
        threads.push(watch.map_err(SandboxError::host("start", "the thread sandbox-watch"))?);
        Ok(Supervisor { shared, ended: Mutex::new(Some(ended)), threads: Mutex::new(threads) })
    }

    /// Listens to how a template's instances end.
    pub(crate) fn watch_template(&self, template: &Arc<Template>) -> Result<(), SandboxError> {
        let mut templates = self.shared.templates.lock().unwrap_or_else(PoisonError::into_inner);
        templates.retain(|_, known| known.strong_count() > 0);
        templates.insert(template.id, Arc::downgrade(template));
        let watched = self.shared.watch(template.exits.as_fd(), template.id, Source::Exits);
        watched.map_err(SandboxError::host("watch", "a template"))
    }

    pub(crate) fn start_in(
        &self,
        instance: Instance,
        run: &Run,
        start: StartPath,
        mut stages: Vec<(Stage, Duration)>,
        notify: Option<Notify>,
    ) -> Result<Running, SandboxError> {
        let (began, id) = (Instant::now(), instance.id);
        let (sender, events) = mpsc::channel();
        let process = (instance.template.id, instance.pid_inside);
        if instance.template.reports_exits {
            self.shared.starting().insert(process, None);
        }
        if let Err(error) = instance.deliver(run) {
            self.shared.starting().remove(&process);
            self.discard(instance);
            return Err(error);
        }
        stages.push((Stage::Deliver, began.elapsed()));
        let mut job = Job::new(instance, run, sender, start, stages, notify);
        let deadline = job.deadline;
        {
            let mut jobs = self.shared.jobs();
            if let Some(Some(status)) = self.shared.starting().remove(&process) {
                job.ended_with(status);
            }
            for (what, source) in job.sources() {
                // What has happened by now is reported as soon as it is watched.
                self.shared.watch(what, id, source).map_err(SandboxError::host("watch", "an instance"))?;
            }
            jobs.insert(id, job);
        }
        self.shared.be_awake_at(deadline);
        Ok(Running { events, stop: Stop { shared: Arc::downgrade(&self.shared), id } })
    }

    /// Destroys an instance on the other thread.
    pub(crate) fn discard(&self, instance: Instance) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match &*ended {
            // An instance that comes back is destroyed right here.
            Some(ended) => drop(ended.send(instance)),
            None => drop(instance),
        }
    }

    /// Kills all jobs and waits until everything that was made is gone.
    pub(crate) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        let _ = rustix::io::write(&self.shared.wake, &1_u64.to_ne_bytes());
        drop(self.ended.lock().unwrap_or_else(PoisonError::into_inner).take());
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..).rev() {
            // A listener may have held the host, and let go of it on one of these threads.
            if thread.thread().id() != std::thread::current().id() {
                // A thread that panicked has said so.
                let _ = thread.join();
            }
        }
    }
}

fn watch(shared: &Shared, ended: &Sender<Instance>) {
    let mut events = Vec::with_capacity(256);
    let mut buffer = wire::buffer();
    while !shared.stopping.load(Ordering::Acquire) {
        let now = Instant::now();
        let next = shared.jobs().values().map(|job| job.deadline).min().unwrap_or(now + NAP).min(now + NAP);
        shared.wakes_at.store(shared.micros(next), Ordering::Release);
        let within = next.saturating_duration_since(now) + Duration::from_micros(100);
        let within = rustix::time::Timespec { tv_sec: within.as_secs() as i64, tv_nsec: i64::from(within.subsec_nanos()) };
        events.clear();
        let waited = epoll::wait(&shared.epoll, rustix::buffer::spare_capacity(&mut events), Some(&within));
        if let Err(error) = waited
            && error != rustix::io::Errno::INTR
        {
            // Only a closed or foreign descriptor gives others, which would be a mistake of ours.
            assert!(error == rustix::io::Errno::NOMEM, "epoll_wait failed: {error}");
        }
        let mut jobs = shared.jobs();
        for event in &events {
            let (id, kind) = (event.data.u64() / KINDS, event.data.u64() % KINDS);
            match Source::of(kind) {
                Some(Source::Wake) => {
                    let _ = rustix::io::read(&shared.wake, &mut [0_u8; 8]);
                }
                Some(Source::Exits) => read_exits(shared, id, &mut jobs, &mut buffer),
                Some(source) => {
                    if let Some(job) = jobs.get_mut(&id)
                        && !job.happened(source, &mut buffer)
                    {
                        // Fails only for what is not watched.
                        let _ = epoll::delete(&shared.epoll, job.descriptor(source));
                    }
                }
                None => {}
            }
        }
        let now = Instant::now();
        let over = jobs.iter_mut().filter_map(|(&id, job)| job.is_over(now).then_some(id)).collect::<Vec<_>>();
        let over = over.into_iter().filter_map(|id| jobs.remove(&id)).collect::<Vec<_>>();
        drop(jobs);
        for job in over {
            // The other thread ends after this one.
            let _ = ended.send(job.finish(&mut buffer));
        }
    }
    for (_, mut job) in shared.jobs().drain() {
        job.end_as(Exit::Stopped);
        let _ = ended.send(job.finish(&mut buffer));
    }
}

/// How instances of a template ended: their number inside, and their status.
fn read_exits(shared: &Shared, id: u64, jobs: &mut HashMap<u64, Job>, buffer: &mut [u8]) {
    let template = shared.templates.lock().unwrap_or_else(PoisonError::into_inner).get(&id).and_then(Weak::upgrade);
    let Some(template) = template else { return };
    match Message::receive(&template.exits, buffer) {
        Ok(Some(mut message)) if message.tag() == tag::EXIT => {
            if let (Ok(pid), Ok(status)) = (message.u32(), message.u32()) {
                if let Some(job) = jobs.values_mut().find(|job| job.is(id, pid)) {
                    job.ended_with(status);
                } else if let Some(starting) = shared.starting().get_mut(&(id, pid)) {
                    *starting = Some(status);
                }
            }
        }
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => {
            let _ = epoll::delete(&shared.epoll, &template.exits);
        }
    }
}
