//! Warm instances in the daemon: the pool, the runs that it serves, and what the core is to learn of them.
//!
//! Claims and runs never wait for the core: they go to the pool at once. What happened is noted, and the core fetches the notes with
//! its next tick.

pub mod metrics;
mod records;
mod request;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{Bytes, WallTime};
use sandbox::{Claimed, ColdReason, Counts, Finished, Host, Key, Pool, PoolEvent, Run, Stage, StartPath};
use serve::view::{ClaimRequest, ClaimView, PoolRequest, RunEvent, RunRequest, RunView, StartView, Timestamp};
use serve::{ApiError, ErrorKind};

use self::records::Records;
use super::core::wall_now;
use crate::config::PoolsSettings;

pub use request::refused;

/// Threads that make instances.
const MAKERS: usize = 2;
/// A claim that is not used is given up after this long, unless it says otherwise.
const HOLD: Duration = Duration::from_secs(60);
/// How often templates without an instance are ended.
const RETIRE_EVERY: Duration = Duration::from_secs(1_800);
/// How often frozen instances are paged out.
const PAGE_OUT_EVERY: Duration = Duration::from_secs(10);
/// The longest that a claim can be held.
const HOLD_MAX: Duration = Duration::from_secs(3_600);
/// Claims at the same time.
const CLAIMS_MAX: usize = 256;
/// Pools that may exist; requests beyond run cold.
const POOLS_MAX: usize = 1_024;
/// The most instances that a pool keeps unless it says otherwise.
pub const AT_MOST: u32 = 16;

/// A run began or ended.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Of which pool.
    pub key: Arc<Key>,
    /// Its number.
    pub run: u64,
    /// When.
    pub at: WallTime,
    /// Whether it ended.
    pub ended: bool,
}

/// What is known of a pool beside what the pool itself counts.
#[derive(Clone, Debug)]
pub struct Known {
    /// Instances that are kept whatever is predicted.
    pub at_least: u32,
    /// Never more than this.
    pub at_most: u32,
    /// How long making an instance takes, averaged.
    pub cold: Option<Duration>,
    /// Whether something changed since the core last looked.
    pub changed: bool,
    /// Runs under way.
    pub running: u32,
    /// Runs that found an instance waiting, a frozen one, and none.
    pub starts: [u64; 3],
    /// Seconds that cold starts made people wait.
    pub waited: f64,
    /// Seconds that claimed instances had been ready, and how many there were.
    pub lead: (f64, u64),
}

impl Default for Known {
    fn default() -> Self {
        Known {
            at_least: 0,
            at_most: AT_MOST,
            cold: None,
            changed: true,
            running: 0,
            starts: [0; 3],
            waited: 0.0,
            lead: (0.0, 0),
        }
    }
}

struct Held {
    key: Arc<Key>,
    claimed: Option<Claimed>,
    until: Instant,
}

#[derive(Default)]
struct Notes {
    pools: BTreeMap<Arc<Key>, Known>,
    marks: Vec<Mark>,
    claims: BTreeMap<u64, Held>,
    claim_next: u64,
    run_next: u64,
    retired_at: Option<Instant>,
    paged_at: Option<Instant>,
}

/// The pool and its bookkeeping. Shared by the API and the core.
pub struct Warm {
    pool: Pool,
    host: Arc<Host>,
    settings: PoolsSettings,
    notes: Arc<Mutex<Notes>>,
    records: Arc<Records>,
}

impl Warm {
    /// Starts the sandbox host and an empty pool.
    ///
    /// # Errors
    /// When this host cannot make sandboxes.
    pub fn start(settings: &PoolsSettings) -> Result<Arc<Warm>, sandbox::SandboxError> {
        let host = Host::start(sandbox::Settings::default())?;
        let notes: Arc<Mutex<Notes>> = Arc::default();
        let heard = notes.clone();
        let pool = Pool::new(host.clone(), MAKERS, move |event| hear(&heard, event))?;
        let records = Arc::new(Records::new(settings.keep_results.into()));
        Ok(Arc::new(Warm { pool, host, settings: settings.clone(), notes, records }))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }

    /// Starts a run. Blocks as long as a cold start takes.
    ///
    /// # Errors
    /// What is wrong with the request, or why it cannot be run now.
    pub fn run(&self, request: &RunRequest) -> Result<RunView, ApiError> {
        let key = Arc::new(request::key(&request.runtime, request.tenant.as_deref(), &request.imports, &request.limits)?);
        let run = request::run(request, key.runtime, &self.settings)?;
        self.host.check_run(&key, &run).map_err(|error| refused(&error))?;
        let number = self.admit(&key)?;
        let name = request.name.clone().unwrap_or_default();
        let started = match request.claim {
            None => self.pool.run(&key, &run).map_err(|error| refused(&error)),
            Some(claim) => self.run_claimed(claim, &key, &run),
        };
        match started {
            Ok(running) => {
                let notes = self.notes.clone();
                let ended = move |key: &Arc<Key>, finished: Option<&Finished>| note_end(&notes, key, number, finished);
                Ok(self.records.follow(number, &key, name, running, self.settings.output_max, ended))
            }
            Err(error) => {
                note_end(&self.notes, &key, number, None);
                Err(error)
            }
        }
    }

    fn run_claimed(&self, claim: u64, key: &Key, run: &Run) -> Result<sandbox::Running, ApiError> {
        let mut held = self.notes().claims.remove(&claim).ok_or_else(|| ApiError::not_found("claim", claim))?;
        if *held.key != *key {
            let pool = pool_id(&held.key);
            self.notes().claims.insert(claim, held);
            return Err(ApiError::invalid(
                format!("claim {claim} is of {pool}"),
                "send the runtime, imports and limits that were claimed",
            ));
        }
        let Some(Claimed { instance, start }) = held.claimed.take() else {
            return self.host.run_cold(key, run, ColdReason::Drained).map_err(|error| refused(&error));
        };
        self.host.start_in(instance, run, start, Vec::new()).map_err(|error| refused(&error))
    }

    /// Counts a run in, and gives it its number.
    fn admit(&self, key: &Arc<Key>) -> Result<u64, ApiError> {
        let mut notes = self.notes();
        let running: u32 = notes.pools.values().map(|known| known.running).sum();
        if running >= self.settings.runs_max {
            return Err(ApiError::new(
                ErrorKind::Busy,
                format!("{running} runs are under way, which is the most"),
                "try again when one has ended, or raise pools.runs_max in the configuration",
            ));
        }
        notes.run_next += 1;
        let number = notes.run_next;
        if notes.pools.len() < POOLS_MAX || notes.pools.contains_key(key) {
            notes.pools.entry(key.clone()).or_default().running += 1;
            notes.marks.push(Mark { key: key.clone(), run: number, at: wall_now(), ended: false });
        }
        Ok(number)
    }

    /// Takes an instance for later.
    ///
    /// # Errors
    /// What is wrong with the request; too many claims.
    pub fn claim(&self, request: &ClaimRequest) -> Result<ClaimView, ApiError> {
        let key = Arc::new(request::key(&request.runtime, request.tenant.as_deref(), &request.imports, &request.limits)?);
        self.host.check(&key).map_err(|error| refused(&error))?;
        let hold = request.hold_seconds.map_or(Ok(HOLD), Duration::try_from_secs_f64);
        let hold =
            hold.map_err(|error| ApiError::invalid(format!("hold_seconds: {error}"), "name seconds above 0"))?.min(HOLD_MAX);
        if self.notes().claims.len() >= CLAIMS_MAX {
            return Err(ApiError::new(
                ErrorKind::Busy,
                format!("{CLAIMS_MAX} instances are claimed, which is the most"),
                "release one",
            ));
        }
        let (claimed, start) = match self.pool.claim(&key) {
            Ok(claimed) => {
                let start = claimed.start;
                (claimed, start)
            }
            Err(why) => {
                let instance = self.host.make(&key).map_err(|error| refused(&error))?;
                let start = StartPath::Cold { why };
                (Claimed { instance, start }, start)
            }
        };
        let expires_at = Timestamp(wall_now().plus(hold.into()));
        let mut notes = self.notes();
        notes.pools.entry(key.clone()).or_default();
        notes.claim_next += 1;
        let id = notes.claim_next;
        notes.claims.insert(id, Held { key: key.clone(), claimed: Some(claimed), until: Instant::now() + hold });
        Ok(ClaimView { id, pool: pool_id(&key), start: start_view(start), expires_at })
    }

    /// Gives a claimed instance up.
    ///
    /// # Errors
    /// When there is no such claim.
    pub fn release(&self, id: u64) -> Result<(), ApiError> {
        let held = self.notes().claims.remove(&id).ok_or_else(|| ApiError::not_found("claim", id))?;
        if let Some(claimed) = held.claimed {
            self.host.discard(claimed.instance);
        }
        Ok(())
    }

    /// Gives up claims that were held too long, and forgets old results.
    pub fn tidy(&self) {
        let now = Instant::now();
        let expired: Vec<u64> =
            self.notes().claims.iter().filter(|(_, held)| held.until <= now).map(|(id, _)| *id).collect();
        for id in expired {
            // Somebody may have released it meanwhile.
            let _ = self.release(id);
        }
        self.records.forget_old();
        let mut notes = self.notes();
        let (retire, page_out) =
            (due(&mut notes.retired_at, now, RETIRE_EVERY), due(&mut notes.paged_at, now, PAGE_OUT_EVERY));
        drop(notes);
        if retire {
            self.host.retire_unused();
        }
        if page_out && let Err(error) = self.pool.page_out_frozen() {
            tracing::debug!(%error, "frozen instances keep their memory");
        }
    }

    /// Sets the bounds of a pool, and makes it known.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn set_pool(&self, request: &PoolRequest) -> Result<Arc<Key>, ApiError> {
        let key = Arc::new(request::key(&request.runtime, request.tenant.as_deref(), &request.imports, &request.limits)?);
        self.host.check(&key).map_err(|error| refused(&error))?;
        let mut notes = self.notes();
        if notes.pools.len() >= POOLS_MAX && !notes.pools.contains_key(&key) {
            return Err(ApiError::conflict(
                format!("there are {POOLS_MAX} pools, which is the most"),
                "use fewer sets of imports and limits",
            ));
        }
        let known = notes.pools.entry(key.clone()).or_default();
        let at_least = request.at_least.unwrap_or(known.at_least);
        let at_most = request.at_most.unwrap_or(known.at_most.max(at_least));
        if at_least > at_most {
            return Err(ApiError::invalid(
                format!("at_least {at_least} is above at_most {at_most}"),
                "lower the one or raise the other",
            ));
        }
        (known.at_least, known.at_most, known.changed) = (at_least, at_most, true);
        Ok(key)
    }

    /// Keeps no instance of a pool from now on, until its bounds are set again.
    ///
    /// # Errors
    /// When there is no such pool.
    pub fn drain(&self, id: &str) -> Result<(), ApiError> {
        let key = self.key_of(id).ok_or_else(|| ApiError::not_found("pool", id))?;
        if let Some(known) = self.notes().pools.get_mut(&key) {
            (known.at_least, known.at_most, known.changed) = (0, 0, true);
        }
        self.pool.set_target(&key, sandbox::Target::default()).map_err(|error| refused(&error))
    }

    /// Sets how many instances of a pool are kept.
    pub fn keep(&self, key: &Key, target: sandbox::Target) -> Result<(), sandbox::SandboxError> {
        self.pool.set_target(key, target)
    }

    /// How many instances of a pool are to be kept at present.
    pub fn kept(&self, key: &Key) -> sandbox::Target {
        self.pool
            .counts()
            .into_iter()
            .find(|(held, ..)| **held == *key)
            .map_or_else(Default::default, |(_, target, _)| target)
    }

    /// Frees memory: frozen instances are paged out, then instances are given up.
    pub fn shed(&self, bytes: Bytes) -> Bytes {
        let paged = self.pool.page_out_frozen().unwrap_or_default();
        Bytes(paged.0 + self.pool.shed(Bytes(bytes.0.saturating_sub(paged.0))).0)
    }

    /// Says what an instance of each pool is worth while it waits: those worth the least per byte are given up first.
    pub fn value(&self, key: &Key, worth: f64) {
        self.pool.set_worth(key, worth);
    }

    /// The pool's own figures.
    pub fn counts(&self) -> Vec<(Arc<Key>, sandbox::Target, Counts)> {
        self.pool.counts()
    }

    /// The pools that there are.
    pub fn known(&self) -> BTreeMap<Arc<Key>, Known> {
        self.notes().pools.clone()
    }

    /// Pools that changed since this was last asked, and the runs that began and ended since.
    pub fn news(&self) -> (Vec<(Arc<Key>, Known)>, Vec<Mark>) {
        let mut notes = self.notes();
        let changed = notes.pools.iter_mut().filter(|(_, known)| known.changed);
        let changed = changed.map(|(key, known)| {
            known.changed = false;
            (key.clone(), known.clone())
        });
        let changed = changed.collect();
        (changed, std::mem::take(&mut notes.marks))
    }

    /// The key of a pool by its name.
    pub fn key_of(&self, id: &str) -> Option<Arc<Key>> {
        self.notes().pools.keys().find(|key| pool_id(key) == id).cloned()
    }

    /// The newest runs, newest first.
    pub fn runs(&self, limit: u32) -> Vec<RunView> {
        self.records.list(limit as usize)
    }

    /// One run with what it wrote.
    ///
    /// # Errors
    /// When it is not known, or not any more.
    pub fn run_view(&self, id: u64) -> Result<RunView, ApiError> {
        self.records.view(id).ok_or_else(|| ApiError::not_found("run", id))
    }

    /// What a run tells, from its beginning.
    ///
    /// # Errors
    /// When it is not known, or not any more.
    pub fn feed(&self, id: u64) -> Result<tokio::sync::mpsc::Receiver<RunEvent>, ApiError> {
        self.records.feed(id).ok_or_else(|| ApiError::not_found("run", id))
    }

    /// Ends a run.
    ///
    /// # Errors
    /// When it is not known, or not any more.
    pub fn stop(&self, id: u64) -> Result<(), ApiError> {
        if self.records.stop(id) { Ok(()) } else { Err(ApiError::not_found("run", id)) }
    }
}

/// Whether it is time again; the first time only starts the clock.
fn due(last: &mut Option<Instant>, now: Instant, every: Duration) -> bool {
    let due = last.is_some_and(|at| now.duration_since(at) >= every);
    if due || last.is_none() {
        *last = Some(now);
    }
    due
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note_end(notes: &Mutex<Notes>, key: &Arc<Key>, run: u64, finished: Option<&Finished>) {
    let mut notes = lock(notes);
    if let Some(known) = notes.pools.get_mut(key) {
        known.running = known.running.saturating_sub(1);
        if let Some(finished) = finished {
            known.count(finished);
        }
        notes.marks.push(Mark { key: key.clone(), run, at: wall_now(), ended: true });
    }
}

impl Known {
    fn count(&mut self, finished: &Finished) {
        let place = match finished.start {
            StartPath::Warm => 0,
            StartPath::Thawed => 1,
            StartPath::Cold { .. } => 2,
        };
        self.starts[place] += 1;
        if let Some((_, took)) = finished.stages.iter().find(|(stage, _)| *stage == Stage::Make) {
            self.waited += took.as_secs_f64();
            self.learn_cold(*took);
        }
    }

    fn learn_cold(&mut self, took: Duration) {
        let cold = self.cold.map_or(took, |usual| usual.mul_f64(0.8) + took.mul_f64(0.2));
        self.changed |= self.cold.is_none_or(|usual| cold > usual.mul_f64(1.3) || cold < usual.mul_f64(0.7));
        self.cold = Some(cold);
    }
}

/// Learns from what the pool tells.
fn hear(notes: &Mutex<Notes>, event: PoolEvent) {
    match event {
        PoolEvent::Ready { key, took, .. } => {
            if let Some(known) = lock(notes).pools.get_mut(&key) {
                known.learn_cold(took);
            }
        }
        PoolEvent::Failed { key, error } => tracing::warn!(pool = pool_id(&key), %error, "failed to make an instance"),
        PoolEvent::Evicted { key, bytes } => {
            tracing::info!(pool = pool_id(&key), %bytes, "gave an instance up for want of memory")
        }
        PoolEvent::Claimed { key, ready_for, .. } => {
            if let (Some(ready_for), Some(known)) = (ready_for, lock(notes).pools.get_mut(&key)) {
                known.lead = (known.lead.0 + ready_for.as_secs_f64(), known.lead.1 + 1);
            }
        }
        PoolEvent::Finished { .. } => {}
    }
}

/// The name of a pool: its key, with the limits where they are not the usual ones.
pub fn pool_id(key: &Key) -> String {
    let usual = sandbox::Limits::default();
    let limits = key.limits;
    let mut name = key.to_string();
    if limits != usual {
        name += &format!("@{},{},{}p,{}", limits.cpu, limits.memory, limits.pids, limits.disk);
    }
    name.retain(|c| c != ' ');
    name
}

/// How a run came to its instance.
pub fn start_view(start: StartPath) -> StartView {
    let (path, why) = match start {
        StartPath::Warm => ("warm", None),
        StartPath::Thawed => ("thawed", None),
        StartPath::Cold { why } => ("cold", Some(why.to_string())),
    };
    StartView { path: path.into(), why }
}
