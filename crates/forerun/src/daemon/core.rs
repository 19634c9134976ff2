//! The core's thread: takes a round of samples at every tick, journals it, steps the engine, and carries out what follows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use act::Actuator;
use collect::Sampler;
use decide::Engine;
use model::{
    AnnouncementId, Capacity, Decision, METRICS, Metric, Mode, Moment, Observation, Ordinal, Outcome, Resource, Scope,
    Setting, Span, TargetId, TargetSample, TargetSpec, Ticket, WallTime,
};
use serve::view::{AnnouncementView, DegradedView, Event, SampledEvent, Timestamp};
use store::{AppliedKnob, Journal, Sample, SeriesId, StoreHandle};
use tokio::sync::broadcast;

use super::ask::Job;
use super::training::Training;
use super::warm::Warm;
use crate::config::Settings;

/// How often groups that came or went are looked for.
const REFRESH_EVERY: Span = Span::from_secs(2);
/// How often the store is asked to seal, coarsen and drop.
const MAINTAIN_EVERY: Span = Span::from_secs(5);
/// How often knobs are read, to see what somebody else set.
const READ_KNOBS_EVERY: Span = Span::from_secs(30);

/// A target as the daemon knows it.
pub(super) struct Known {
    pub spec: TargetSpec,
    pub series: [Option<SeriesId>; METRICS.len()],
    pub side: BTreeMap<&'static str, SeriesId>,
    pub sample: Option<TargetSample>,
    /// What each knob held before forerun first turned it.
    pub original: BTreeMap<Resource, Setting>,
    /// Whether the sampler measures it; others are pushed to.
    pub sampled: bool,
}

/// Everything that the daemon's one deciding thread owns.
pub struct Core {
    pub(super) settings: Settings,
    pub(super) engine: Engine,
    pub(super) sampler: Sampler,
    pub(super) actuator: Actuator,
    pub(super) store: StoreHandle,
    pub(super) journal: Journal,
    pub(super) known: BTreeMap<Ordinal, Known>,
    pub(super) ordinals: BTreeMap<TargetId, Ordinal>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) announcements: BTreeMap<AnnouncementId, AnnouncementView>,
    pub(super) announcement_next: u64,
    pub(super) pushed: BTreeMap<Ordinal, f32>,
    pub(super) counters: super::remote::Counters,
    pub(super) applied: BTreeMap<(TargetId, Resource), AppliedKnob>,
    pub(super) undone: BTreeMap<Ticket, Ticket>,
    pub(super) degraded: BTreeMap<String, DegradedView>,
    pub(super) training: Training,
    pub(super) started: WallTime,
    pub(super) origin: Instant,
    pub(super) capacity: Option<Capacity>,
    pub(super) samples_total: u64,
    pub(super) decisions_total: u64,
    pub(super) decisions_today: (i64, u64),
    pub(super) last_sample: Option<Moment>,
    pub(super) step_time: Option<Duration>,
    pub(super) saved: (i64, f64, f64),
    /// The window whose forecasts were saved last.
    pub(super) window: u64,
    /// Whether only forerun's own programs are acted on, whatever the mode of everything (`up --examples`).
    pub(super) act_on_own: bool,
    pub(super) scratch: Vec<TargetSample>,
    pub(super) refreshed_at: Option<Moment>,
    pub(super) maintained_at: Option<Moment>,
    pub(super) knobs_read_at: Option<Moment>,
    pub(super) stopping: Option<SyncSender<()>>,
    /// The pool of warm instances, where this host can make them.
    pub(super) warm: Option<Arc<Warm>>,
    /// The pools' targets.
    pub(super) pools: BTreeMap<Arc<sandbox::Key>, Ordinal>,
}

impl Core {
    /// The engine's clock.
    pub(super) fn now(&self) -> Moment {
        Moment::after_start(self.origin.elapsed().into())
    }

    /// The wall clock.
    pub(super) fn wall(&self) -> WallTime {
        wall_now()
    }

    /// Ends after the present job.
    pub(super) fn stop(&mut self, done: SyncSender<()>) {
        self.stopping = Some(done);
    }

    /// Runs until told to stop.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let interval: Duration = self.settings.daemon.sample_interval.into();
        let mut next = Instant::now();
        while self.stopping.is_none() {
            let wait = next.saturating_duration_since(Instant::now());
            match jobs.recv_timeout(wait) {
                Ok(job) => job(&mut self),
                Err(RecvTimeoutError::Timeout) => {
                    self.tick();
                    next += interval;
                    // A host that slept, or a step that took too long, skips rounds rather than catching up in a burst.
                    if next < Instant::now() {
                        next = Instant::now() + interval;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let Core { store, stopping, mut journal, .. } = self;
        if let Err(error) = journal.sync() {
            tracing::error!(%error, "failed to write out the journal");
        }
        drop(journal);
        if let Err(error) = store.stop() {
            tracing::error!(%error, "failed to close the store");
        }
        drop(stopping);
    }

    fn tick(&mut self) {
        let now = self.now();
        if due(&mut self.refreshed_at, now, REFRESH_EVERY) {
            self.refresh();
        }
        self.turn_warm();
        self.sample(now);
        if due(&mut self.knobs_read_at, now, READ_KNOBS_EVERY) {
            self.read_knobs();
        }
        if due(&mut self.maintained_at, now, MAINTAIN_EVERY) {
            self.maintain();
        }
        self.train();
    }

    fn sample(&mut self, now: Moment) {
        let mut samples = std::mem::take(&mut self.scratch);
        self.sampler.sample(now, &mut samples);
        self.merge_pushed(&mut samples);
        let wall = self.wall();
        self.samples_total += samples.len() as u64;
        self.last_sample = Some(now);
        self.save(wall, &samples);
        for sample in &samples {
            if let Some(known) = self.known.get_mut(&sample.target) {
                known.sample = Some(*sample);
            }
        }
        let targets = samples.len() as u64;
        let observation = Observation::Samples { wall, samples };
        let began = Instant::now();
        self.observe(&observation);
        self.step_time = Some(began.elapsed());
        if let Observation::Samples { samples, .. } = observation {
            self.scratch = samples;
        }
        let window = now.since_start().as_nanos() / self.settings.load.window.as_nanos().max(1);
        if window != self.window {
            self.window = window;
            self.save_forecasts(wall);
        }
        self.count_saved();
        self.tell(Event::Sampled(SampledEvent { at: Timestamp(wall), targets }));
    }

    /// Values that applications pushed since the last round join the samples of their targets.
    fn merge_pushed(&mut self, samples: &mut Vec<TargetSample>) {
        for (target, value) in std::mem::take(&mut self.pushed) {
            match samples.binary_search_by_key(&target, |sample| sample.target) {
                Ok(place) => samples[place].usage.set(Metric::Application, value),
                Err(place) => {
                    let mut sample = TargetSample::new(target);
                    sample.usage.set(Metric::Application, value);
                    samples.insert(place, sample);
                }
            }
        }
    }

    /// Journals an observation, steps the engine, and carries out what it decided.
    pub(super) fn observe(&mut self, observation: &Observation) {
        let decisions = self.step(observation);
        self.carry_out(decisions);
    }

    /// Journals and steps. What cannot be journaled is not acted on: a replay would not know why.
    pub(super) fn step(&mut self, observation: &Observation) -> Vec<Decision> {
        let now = self.now();
        if let Err(error) = self.journal.append(now, observation) {
            self.degrade("journal", error.to_string(), "free disk space, or point daemon.state_dir elsewhere");
            return Vec::new();
        }
        self.mend("journal");
        self.engine.step(now, observation).to_vec()
    }

    /// Sends an event to whoever listens.
    pub(super) fn tell(&self, event: Event) {
        // Without subscribers there is nobody to tell.
        let _ = self.events.send(event);
    }

    fn save(&mut self, wall: WallTime, samples: &[TargetSample]) {
        let mut batch = Vec::with_capacity(samples.len() * 4);
        for sample in samples {
            let Some(known) = self.known.get(&sample.target) else { continue };
            for metric in METRICS {
                if let (Some(series), Some(value)) = (known.series[metric.index()], sample.usage.get(metric)) {
                    batch.push(Sample { series, at: wall, value: f64::from(value) });
                }
            }
            if let (Some(&series), Some(value)) = (known.side.get("throttled"), sample.throttled) {
                batch.push(Sample { series, at: wall, value: f64::from(value) });
            }
        }
        self.append(batch);
    }

    /// Queues samples for the store; what it says is looked at with the next upkeep.
    pub(super) fn append(&mut self, batch: Vec<Sample>) {
        if batch.is_empty() {
            return;
        }
        let queued = self.store.append(batch, |result| {
            if let Err(error) = result {
                tracing::error!(%error, "failed to store samples");
            }
        });
        match queued {
            Ok(()) => self.mend("store"),
            Err(error) => self.degrade("store", error.to_string(), "the disk is slow or full: see the log"),
        }
    }

    fn maintain(&mut self) {
        let wall = self.wall();
        match self.store.call(move |store| store.maintain(wall)) {
            Ok(Ok(_)) => self.mend("upkeep"),
            Ok(Err(error)) | Err(error) => self.degrade("upkeep", error.to_string(), "see the log of the daemon"),
        }
    }

    /// Notes that something does not work; said once in the log and in `status` until it is mended.
    pub(super) fn degrade(&mut self, what: &str, why: String, remedy: &str) {
        let view = DegradedView { what: what.to_owned(), why, remedy: remedy.to_owned() };
        if self.degraded.get(what) != Some(&view) {
            tracing::warn!(what, why = view.why, "degraded");
            self.degraded.insert(what.to_owned(), view);
        }
    }

    /// Notes that it works again.
    pub(super) fn mend(&mut self, what: &str) {
        if self.degraded.remove(what).is_some() {
            tracing::info!(what, "works again");
        }
    }

    /// Core-seconds and byte-seconds that limits lie below what they were before forerun.
    fn count_saved(&mut self) {
        let day = self.wall().unix_secs().div_euclid(86_400);
        if self.saved.0 != day {
            self.saved = (day, 0.0, 0.0);
        }
        let secs = self.settings.daemon.sample_interval.as_secs_f64();
        for (ordinal, known) in &self.known {
            for (resource, original) in &known.original {
                let Some(held) = self.engine.target(*ordinal).and_then(|target| {
                    let place = self.engine.settings().load.manage.iter().position(|managed| managed == resource)?;
                    target.knobs[place].holds?.amount()
                }) else {
                    continue;
                };
                let Some(original) = original.amount() else { continue };
                let spared = original as f64 - held as f64;
                match resource {
                    Resource::CpuQuota => self.saved.1 += spared / 1_000.0 * secs / 3_600.0,
                    Resource::MemoryLimit => self.saved.2 += spared / f64::from(1u32 << 30) * secs / 3_600.0,
                    _ => {}
                }
            }
        }
    }

    /// The mode that a target starts with: that of its rule, and beside the examples only recommendations.
    pub(super) fn first_mode(&self, spec: &TargetSpec, rule: Option<Mode>) -> Option<Mode> {
        let own = spec.kind == model::TargetKind::Own;
        rule.or((self.act_on_own && !own).then_some(Mode::Recommend))
    }

    /// Sets the mode of a scope.
    pub(super) fn set_mode(&mut self, scope: Scope, mode: Mode) {
        self.observe(&Observation::ModeSet { scope, mode });
    }

    /// Takes an outcome in.
    pub(super) fn done(&mut self, ticket: Ticket, outcome: Outcome) -> Vec<Decision> {
        self.step(&Observation::Done { ticket, outcome })
    }
}

fn due(last: &mut Option<Moment>, now: Moment, every: Span) -> bool {
    let due = last.is_none_or(|last| now.since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

/// The wall clock now.
pub(super) fn wall_now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
