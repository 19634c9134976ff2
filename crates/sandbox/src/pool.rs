//! The pool: instances that were made ahead, by key. Handing one out is taking it from a list; making and destroying them happens on
//! other threads. How many there should be is decided elsewhere.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::Bytes;

use crate::error::SandboxError;
use crate::host::Host;
use crate::instance::Instance;
use crate::job::Notify;
use crate::key::Key;
use crate::refill;
use crate::run::{ColdReason, Finished, Run, Running, Stage, StartPath};
use crate::shelf::{Counts, Shelf, Shelves, Target, held};

/// What happened in a pool.
#[derive(Debug)]
pub enum PoolEvent {
    /// An instance is ready.
    Ready {
        /// Of which key.
        key: Arc<Key>,
        /// How long it took to make.
        took: Duration,
        /// Whether it was frozen then.
        frozen: bool,
    },
    /// A job got its instance.
    Claimed {
        /// Of which key.
        key: Arc<Key>,
        /// In which way.
        start: StartPath,
        /// How long the instance had been ready; `None` when none was.
        ready_for: Option<Duration>,
    },
    /// A job ended.
    Finished {
        /// Of which key.
        key: Arc<Key>,
        /// How.
        finished: Finished,
    },
    /// An instance was given up.
    Evicted {
        /// Of which key.
        key: Arc<Key>,
        /// What it held.
        bytes: Bytes,
    },
    /// Something failed; the pool goes on.
    Failed {
        /// Of which key.
        key: Arc<Key>,
        /// What.
        error: SandboxError,
    },
}

/// An instance, and how it was come by.
#[derive(Debug)]
pub struct Claimed {
    /// The instance; it still stands still when the path says that it is to be thawed.
    pub instance: Instance,
    /// How it was come by.
    pub start: StartPath,
}

type Listener = Arc<dyn Fn(PoolEvent) + Send + Sync>;

/// What the pool shares with its makers.
pub(crate) struct Inner {
    pub(crate) host: Arc<Host>,
    shelves: Mutex<Shelves>,
    pub(crate) changed: Condvar,
    listener: Listener,
}

impl Inner {
    pub(crate) fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, event: PoolEvent) {
        (self.listener)(event);
    }
}

/// Instances that were made ahead.
pub struct Pool {
    inner: Arc<Inner>,
    makers: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("makers", &self.makers.len()).finish_non_exhaustive()
    }
}

impl Pool {
    /// An empty pool, with `makers` threads that fill it. `listener` is told what happens, on whatever thread it happens, and must
    /// not call the pool.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn new(
        host: Arc<Host>,
        makers: usize,
        listener: impl Fn(PoolEvent) + Send + Sync + 'static,
    ) -> Result<Pool, SandboxError> {
        let listener = Arc::new(listener);
        let inner = Arc::new(Inner { host, shelves: Mutex::default(), changed: Condvar::new(), listener });
        let mut pool = Pool { inner, makers: Vec::new() };
        for number in 0..makers.max(1) {
            let inner = pool.inner.clone();
            let thread = std::thread::Builder::new().name(format!("sandbox-make-{number}"));
            let maker = thread.spawn(move || refill::make_forever(&inner));
            pool.makers.push(maker.map_err(SandboxError::host("start", "a thread that makes instances"))?);
        }
        Ok(pool)
    }

    /// Sets how many instances of a key are to be kept. Takes effect at once; may be called at any time.
    ///
    /// # Errors
    /// As [`Host::check`], and then nothing changes.
    pub fn set_target(&self, key: &Key, target: Target) -> Result<(), SandboxError> {
        self.inner.host.check(key)?;
        let mut shelves = self.inner.shelves();
        let shelf = shelves.by_key.entry(Arc::new(key.clone())).or_default();
        (shelf.target, shelf.was_shed, shelf.retry_at, shelf.failures) = (target, false, None, 0);
        drop(shelves);
        self.inner.changed.notify_all();
        Ok(())
    }

    /// Says what an instance of a key is worth while it waits: those worth the least per byte are given up first.
    pub fn set_worth(&self, key: &Key, worth: f64) {
        if let Some(shelf) = self.inner.shelves().by_key.get_mut(key) {
            shelf.worth = worth;
        }
    }

    /// Takes a ready instance, waiting or else frozen. Never waits for one to be made.
    ///
    /// # Errors
    /// Why there was none.
    pub fn claim(&self, key: &Key) -> Result<Claimed, ColdReason> {
        let mut shelves = self.inner.shelves();
        shelves.claimed_last = Some(Instant::now());
        let Some((owned, shelf)) = shelves.by_key.get_key_value(key).map(|(owned, _)| owned.clone()).and_then(|owned| {
            let shelf = shelves.by_key.get_mut(key)?;
            Some((owned, shelf))
        }) else {
            return Err(ColdReason::NoTarget);
        };
        let mut dead = Vec::new();
        let claimed = loop {
            // The one that became ready last has most of its memory in the caches.
            let waiting = shelf.waiting.pop_back();
            let start = if waiting.is_some() { StartPath::Warm } else { StartPath::Thawed };
            let Some(instance) = waiting.or_else(|| shelf.frozen.pop_back()) else {
                break Err(shelf.miss(!dead.is_empty()));
            };
            shelf.leave(&instance);
            if instance.is_alive() {
                break Ok(Claimed { instance, start });
            }
            dead.push(instance);
        };
        match &claimed {
            Ok(Claimed { start: StartPath::Thawed, .. }) => shelf.counts.hits_thawed += 1,
            Ok(_) => shelf.counts.hits_warm += 1,
            Err(_) => shelf.counts.misses += 1,
        }
        drop(shelves);
        self.inner.changed.notify_one();
        dead.into_iter().for_each(|instance| self.inner.host.discard(instance));
        if let Ok(claimed) = &claimed {
            let ready_for = Some(claimed.instance.since.elapsed());
            self.inner.tell(PoolEvent::Claimed { key: owned, start: claimed.start, ready_for });
        }
        claimed
    }

    /// Starts a job in an instance that is ready, or else in one that is made for it.
    ///
    /// # Errors
    /// As [`Host::check_run`], before an instance is spent; as [`Host::make`], when one has to be made.
    pub fn run(&self, key: &Key, run: &Run) -> Result<Running, SandboxError> {
        let began = Instant::now();
        self.inner.host.check_run(key, run)?;
        let notify = |key: Arc<Key>| {
            // Not the pool itself: a job that holds it could be the last to let go of the host that runs the job.
            let listener = self.inner.listener.clone();
            Some(Notify(Box::new(move |finished| listener(PoolEvent::Finished { key, finished: finished.clone() }))))
        };
        loop {
            match self.claim(key) {
                Ok(Claimed { instance, start }) => {
                    let owned = instance.key.clone();
                    let stages = vec![(Stage::Claim, began.elapsed())];
                    match self.inner.host.start_telling(instance, run, start, stages, notify(owned.clone())) {
                        // It ended between the claim and the delivery: the next one, until there is none.
                        Err(error @ SandboxError::Instance { .. }) => {
                            self.inner.tell(PoolEvent::Failed { key: owned, error })
                        }
                        done => return done,
                    }
                }
                Err(why) => {
                    let key = Arc::new(key.clone());
                    let start = StartPath::Cold { why };
                    self.inner.tell(PoolEvent::Claimed { key: key.clone(), start, ready_for: None });
                    return self.inner.host.run_cold_telling(&key, run, why, notify(key.clone()));
                }
            }
        }
    }

    /// Gives up idle instances, those worth the least per byte first, until `bytes` are free or none is left; returns what that
    /// frees. Targets go down by what was given up, until they are set again.
    pub fn shed(&self, bytes: Bytes) -> Bytes {
        let mut given_up = Vec::new();
        let mut freed = 0;
        let mut shelves = self.inner.shelves();
        while freed < bytes.0 {
            let price = |shelf: &Shelf| {
                let instance = shelf.frozen.front().or(shelf.waiting.front())?;
                Some(shelf.worth / instance.bytes.max(1) as f64)
            };
            let priced = shelves.by_key.iter_mut().filter_map(|(key, shelf)| Some((price(shelf)?, key, shelf)));
            let Some((_, key, shelf)) = priced.min_by(|(a, ..), (b, ..)| a.total_cmp(b)) else { break };
            let frozen = shelf.frozen.pop_front();
            let (part, instance) = match frozen {
                Some(instance) => (&mut shelf.target.frozen, Some(instance)),
                None => (&mut shelf.target.waiting, shelf.waiting.pop_front()),
            };
            *part = part.saturating_sub(1);
            let Some(instance) = instance else { break };
            shelf.was_shed = true;
            shelf.leave(&instance);
            shelf.counts.evicted += 1;
            freed += instance.bytes;
            given_up.push((key.clone(), instance));
        }
        drop(shelves);
        for (key, instance) in given_up {
            self.inner.tell(PoolEvent::Evicted { key, bytes: Bytes(instance.bytes) });
            self.inner.host.discard(instance);
        }
        Bytes(freed)
    }

    /// Has frozen instances give their memory back to the host, as far as the kernel can; returns how much that was.
    ///
    /// # Errors
    /// When the kernel cannot do that for one group.
    pub fn page_out_frozen(&self) -> Result<Bytes, SandboxError> {
        let mut freed = 0;
        let frozen = {
            let shelves = self.inner.shelves();
            let frozen = shelves.by_key.values().flat_map(|shelf| &shelf.frozen);
            frozen.map(|instance| (instance.id, instance.group.clone(), instance.bytes)).collect::<Vec<_>>()
        };
        // Paging out takes long: it is done on the groups, while the instances may be claimed.
        for (id, group, bytes) in frozen {
            freed += group.page_out(bytes)?;
            let left = group.memory().unwrap_or(bytes);
            for shelf in self.inner.shelves().by_key.values_mut() {
                if let Some(instance) = shelf.frozen.iter_mut().find(|instance| instance.id == id) {
                    shelf.counts.idle_byte_seconds += held(instance);
                    (instance.since, instance.bytes) = (Instant::now(), left);
                }
            }
        }
        Ok(Bytes(freed))
    }

    /// What was counted, by key.
    pub fn counts(&self) -> Vec<(Arc<Key>, Target, Counts)> {
        let shelves = self.inner.shelves();
        let counted = shelves.by_key.iter().map(|(key, shelf)| {
            let idle = || shelf.waiting.iter().chain(&shelf.frozen);
            let counts = Counts {
                waiting: shelf.waiting.len(),
                frozen: shelf.frozen.len(),
                idle_bytes: Bytes(idle().map(|instance| instance.bytes).sum()),
                idle_byte_seconds: shelf.counts.idle_byte_seconds + idle().map(held).sum::<f64>(),
                ..shelf.counts
            };
            (key.clone(), shelf.target, counts)
        });
        counted.collect()
    }

    /// The processes of idle instances, as the host numbers them: for who wants to measure them.
    pub fn idle_processes(&self, key: &Key) -> Vec<u32> {
        let shelves = self.inner.shelves();
        let shelf = shelves.by_key.get(key).into_iter();
        shelf.flat_map(|shelf| shelf.waiting.iter().chain(&shelf.frozen)).map(Instance::pid).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.inner.shelves().closed = true;
        self.inner.changed.notify_all();
        for maker in self.makers.drain(..) {
            // A maker that panicked has said so.
            let _ = maker.join();
        }
        let shelves = std::mem::take(&mut self.inner.shelves().by_key);
        for shelf in shelves.into_values() {
            shelf.waiting.into_iter().chain(shelf.frozen).for_each(|instance| self.inner.host.discard(instance));
        }
    }
}
