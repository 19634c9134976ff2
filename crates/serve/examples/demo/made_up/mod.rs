//! A made-up daemon: seven workloads with invented but steady patterns, so that the API and the dashboard can be tried
//! and tested without one. Given a fixed time, everything it says is the same each time.

mod backend;
mod decided;
mod instances;
mod warm;
mod workload;

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use model::{Ticket, WallTime};
use serve::view::{
    AnnouncementView, BoundsView, CapacityView, DecisionPage, DecisionQuery, DecisionView, DegradedView, DoneEvent, Event,
    MetricName, ModeName, OutcomeState, OutcomeView, PushedSample, SampledEvent, SavedView, StatusView, StoreView,
    TargetPage, TargetQuery, TargetView, TierName, Timestamp, TriggerName, TriggerView,
};
use serve::{ApiError, WrittenSeries};
use tokio::sync::broadcast;

use warm::Warm;
use workload::{WORKLOADS, Workload};

/// What may change.
pub struct State {
    mode: ModeName,
    /// Whether the kill switch is engaged.
    pub kill_switch: bool,
    own: BTreeMap<String, Own>,
    decisions: Vec<DecisionView>,
    announcements: Vec<AnnouncementView>,
    /// Readings that were pushed.
    pub pushed: Vec<PushedSample>,
    /// Series that were written.
    pub written: Vec<WrittenSeries>,
    /// Instances and what runs in them.
    pub warm: Warm,
}

impl State {
    /// The decision that took this one back.
    pub fn undone(&self, ticket: u64) -> Option<u64> {
        self.decisions.iter().find(|decision| decision.ticket == ticket)?.undone_by
    }
}

/// What was set of one target.
#[derive(Clone, Copy, Default)]
struct Own {
    mode: Option<ModeName>,
    tier: Option<TierName>,
    bounds: BoundsView,
}

/// The made-up daemon.
pub struct MadeUp {
    state: Mutex<State>,
    events: broadcast::Sender<Event>,
    started: Timestamp,
    fixed: Option<Timestamp>,
    workloads: &'static [Workload],
}

impl MadeUp {
    /// One that was started just now: it has seen and decided nothing.
    pub fn newborn() -> Self {
        let mut newborn = MadeUp::live();
        newborn.workloads = &[];
        newborn.started = newborn.now();
        newborn.state().decisions.clear();
        newborn.state().warm = Warm::nothing();
        newborn
    }

    /// One for which time stands still at `now`.
    pub fn fixed(now: Timestamp) -> Self {
        MadeUp::new(now, Some(now))
    }

    /// One that lives in the present.
    pub fn live() -> Self {
        MadeUp::new(wall_clock(), None)
    }

    fn new(now: Timestamp, fixed: Option<Timestamp>) -> Self {
        let seconds = now.0.unix_secs();
        let state = State {
            mode: ModeName::Act,
            kill_switch: false,
            own: BTreeMap::new(),
            decisions: decided::decisions(seconds),
            announcements: vec![AnnouncementView {
                id: 1,
                target: WORKLOADS[0].id.into(),
                metric: MetricName::Cpu,
                from: later(now, 1_800),
                until: later(now, 2_400),
                expected: Some(3.2),
                source: "cron:/etc/cron.d/report:3".into(),
            }],
            pushed: Vec::new(),
            written: Vec::new(),
            warm: Warm::at_work(now),
        };
        MadeUp {
            state: Mutex::new(state),
            events: broadcast::channel(256).0,
            started: later(now, -93_784),
            fixed,
            workloads: &WORKLOADS,
        }
    }

    /// What may change, for looking at.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all subscribers.
    pub fn send(&self, event: Event) {
        // Nobody may be listening, which is fine.
        let _ = self.events.send(event);
    }

    /// A round of samples: tells the new state.
    pub fn tick(&self) {
        let now = self.now();
        self.send(Event::Sampled(SampledEvent { at: now, targets: self.workloads.len() as u64 }));
        let status = self.status_now();
        self.send(Event::Status(status));
    }

    /// Decides something: tells it.
    pub fn decide(&self) {
        let now = self.now().0.unix_secs();
        let decision = {
            let mut state = self.state();
            let ticket = state.decisions.last().map_or(1, |last| last.ticket + 1);
            let workload = &WORKLOADS[ticket as usize % 5];
            let decision = workload.decision(ticket, now, state.mode);
            state.decisions.push(decision.clone());
            decision
        };
        self.send(Event::Decision(decision));
    }

    fn now(&self) -> Timestamp {
        self.fixed.unwrap_or_else(wall_clock)
    }

    fn view(&self, workload: &Workload, state: &State) -> TargetView {
        let own = state.own.get(workload.id).copied().unwrap_or_default();
        let mut view = workload.view(self.now().0.unix_secs());
        view.mode = own.mode.unwrap_or(state.mode).min(state.mode);
        view.tier = own.tier.unwrap_or(view.tier);
        view.bounds = own.bounds;
        view
    }

    fn set(&self, id: &str, change: impl FnOnce(&mut Own)) -> Result<(), ApiError> {
        let workload = find(id)?;
        let view = {
            let mut state = self.state();
            change(state.own.entry(id.to_owned()).or_default());
            self.view(workload, &state)
        };
        self.send(Event::Target(view));
        Ok(())
    }

    fn status_now(&self) -> StatusView {
        let now = self.now();
        let seconds = now.0.unix_secs();
        let state = self.state();
        let (mut in_use, mut allotted, mut memory_in_use, mut memory_allotted) = (0.0, 0.0, 0.0, 0.0);
        for workload in self.workloads {
            in_use += workload.in_use(MetricName::Cpu, seconds);
            allotted += workload.limit(MetricName::Cpu, seconds).unwrap_or(0.0);
            memory_in_use += workload.in_use(MetricName::Memory, seconds);
            memory_allotted += workload.limit(MetricName::Memory, seconds).unwrap_or(0.0);
        }
        StatusView {
            version: env!("CARGO_PKG_VERSION").into(),
            host: "build-07".into(),
            started_at: self.started,
            mode: state.mode,
            kill_switch: state.kill_switch,
            targets: self.workloads.len() as u64,
            samples_total: 1_312_976 + (seconds - self.started.0.unix_secs()).unsigned_abs() * 28,
            decisions_total: 1_204 + state.decisions.len() as u64,
            decisions_today: state.decisions.len() as u64,
            last_sample_age_seconds: Some(0.4),
            engine_step_ms: Some(1.8),
            capacity: CapacityView {
                cpu_cores: 16.0,
                cpu_cores_in_use: in_use,
                cpu_cores_allotted: allotted,
                memory_bytes: 64 << 30,
                memory_bytes_in_use: memory_in_use as u64,
                memory_bytes_allotted: memory_allotted as u64,
            },
            saved_today: SavedView { cpu_core_hours: 41.7, memory_gib_hours: 128.4 },
            store: StoreView { bytes: 48_311_296, samples: 20_190_332 },
            degraded: vec![DegradedView {
                what: "GPU metrics".into(),
                why: "libnvidia-ml.so.1 was not found".into(),
                remedy: "install the NVIDIA driver, or ignore this on a host without a GPU".into(),
            }],
        }
    }

    fn undo_now(&self, ticket: Ticket) -> Result<DecisionView, ApiError> {
        let now = self.now();
        let (done, undoing) = {
            let mut state = self.state();
            let next = state.decisions.last().map_or(1, |last| last.ticket + 1);
            let found = state.decisions.iter_mut().find(|decision| decision.ticket == ticket.0);
            let decision = found.ok_or_else(|| ApiError::not_found("decision", ticket))?;
            if !decision.undoable {
                return Err(ApiError::conflict(
                    format!("{ticket} cannot be taken back: it is {:?}", decision.outcome.state),
                    "only an applied decision whose knob still holds what it set can be taken back",
                ));
            }
            decision.undoable = false;
            decision.undone_by = Some(next);
            let mut undoing = decision.clone();
            undoing.ticket = next;
            undoing.at = now;
            (undoing.before, undoing.after) = (decision.after, decision.before);
            undoing.trigger = TriggerView { kind: TriggerName::Asked, announcement: None, after_ticket: None };
            undoing.because.text = format!("A person asked for it; {ticket} is taken back.");
            (undoing.undoes, undoing.undone_by) = (Some(ticket.0), None);
            let outcome = OutcomeView { state: OutcomeState::Applied, detail: None };
            undoing.outcome = outcome.clone();
            state.decisions.push(undoing.clone());
            (DoneEvent { ticket: ticket.0, outcome, undone_by: Some(next) }, undoing)
        };
        self.send(Event::Done(done));
        self.send(Event::Decision(undoing.clone()));
        Ok(undoing)
    }

    fn decisions_now(&self, query: &DecisionQuery) -> DecisionPage {
        let state = self.state();
        let limit = query.limit.unwrap_or(100) as usize;
        let mut matching = state.decisions.iter().rev().filter(|decision| {
            query.target.as_ref().is_none_or(|target| *target == decision.target)
                && query.since.is_none_or(|since| decision.at >= since)
                && query.before.is_none_or(|before| decision.ticket < before)
        });
        let decisions: Vec<_> = matching.by_ref().take(limit).cloned().collect();
        let next = matching.next().and(decisions.last()).map(|last| last.ticket);
        DecisionPage { decisions, next }
    }

    fn targets_now(&self, query: &TargetQuery) -> TargetPage {
        let state = self.state();
        let filter = query.filter.as_deref().unwrap_or("").to_lowercase();
        let mut targets: Vec<_> = self.workloads.iter().map(|workload| self.view(workload, &state)).collect();
        targets.sort_by(|one, other| one.id.cmp(&other.id));
        targets.retain(|target| {
            let named = target.id.to_lowercase().contains(&filter)
                || target.application.as_ref().is_some_and(|name| name.to_lowercase().contains(&filter));
            named && query.kind.is_none_or(|kind| kind == target.kind) && query.tier.is_none_or(|tier| tier == target.tier)
        });
        let total = targets.len() as u64;
        targets.retain(|target| query.after.as_ref().is_none_or(|after| target.id > *after));
        let limit = query.limit.unwrap_or(100) as usize;
        let more = targets.len() > limit;
        targets.truncate(limit);
        let next = targets.last().filter(|_| more).map(|last| last.id.clone());
        TargetPage { targets, total, next }
    }
}

fn find(id: &str) -> Result<&'static Workload, ApiError> {
    WORKLOADS.iter().find(|workload| workload.id == id).ok_or_else(|| ApiError::not_found("target", id))
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp(WallTime::from_unix_millis(time.0.unix_millis() + seconds * 1_000))
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(WallTime::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// A sine between 0 and 1 with that period in seconds.
pub fn wave(seconds: f64, period: f64, phase: f64) -> f64 {
    0.5 + 0.5 * (TAU * (seconds / period + phase)).sin()
}
