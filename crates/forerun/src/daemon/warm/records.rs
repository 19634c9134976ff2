//! The runs that are under way or ended not long ago: what they wrote, how they ended, and who listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Bytes;
use sandbox::{Event, Exit, Finished, Key, Running, Stage, Stopper};
use serve::view::{ExitView, RunEvent, RunOutput, RunState, RunView, StageView, Timestamp};
use tokio::sync::{mpsc, watch};

use super::super::core::wall_now;
use super::{pool_id, start_view};

/// Results that are kept whatever their age allows.
const KEPT_MAX: usize = 10_000;
/// All outputs together that are kept.
const OUTPUT_MAX: usize = 256 << 20;
/// Events that a listener may lag behind before its feeder waits for it.
const FEED: usize = 64;
/// Stack of the thread that follows a run.
const STACK: usize = 256 << 10;

/// A piece of output, and whether it is of standard error.
type Chunk = (bool, Arc<[u8]>);

/// What one run wrote, in the order in which it came.
#[derive(Default)]
struct Log {
    chunks: Vec<Chunk>,
    bytes: usize,
    truncated: bool,
}

struct Record {
    view: RunView,
    log: Log,
    changed: watch::Sender<()>,
    stop: Option<Stopper>,
    ended: Option<Instant>,
}

/// All runs that are known.
pub struct Records {
    runs: Mutex<BTreeMap<u64, Record>>,
    keep: Duration,
}

impl Records {
    /// Keeps results for so long.
    pub fn new(keep: Duration) -> Records {
        Records { runs: Mutex::default(), keep }
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<u64, Record>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a run to its end on a thread of its own. `ended` is called when it has ended.
    pub fn follow(
        self: &Arc<Self>,
        id: u64,
        key: &Arc<Key>,
        name: String,
        running: Running,
        output_max: Bytes,
        ended: impl FnOnce(&Arc<Key>, Option<&Finished>) + Send + 'static,
    ) -> RunView {
        let view = RunView {
            id,
            pool: pool_id(key),
            runtime: key.runtime.to_string(),
            name,
            state: RunState::Running,
            start: None,
            stages: Vec::new(),
            exit: None,
            error: None,
            peak_memory_bytes: None,
            cpu_seconds: None,
            began_at: Timestamp(wall_now()),
            ended_at: None,
            output: None,
        };
        let (changed, _) = watch::channel(());
        let record = Record { view: view.clone(), log: Log::default(), changed, stop: Some(running.stopper()), ended: None };
        self.runs().insert(id, record);
        let (records, key) = (self.clone(), key.clone());
        let follow = move || {
            let mut last = None;
            for event in running.events() {
                match event {
                    Event::Finished(_) | Event::Failed(_) => last = Some(event),
                    event => records.take(id, event, output_max),
                }
            }
            let last = last.unwrap_or(Event::Failed(sandbox::SandboxError::Closed));
            // The engine hears of it before whoever waits for the run.
            ended(&key, if let Event::Finished(finished) = &last { Some(finished) } else { None });
            records.take(id, last, output_max);
        };
        let thread = std::thread::Builder::new().name(format!("run-{id}")).stack_size(STACK).spawn(follow);
        if let Err(error) = thread {
            tracing::error!(%error, run = id, "failed to start a thread: the run is not followed");
        }
        view
    }

    fn take(&self, id: u64, event: Event, output_max: Bytes) {
        let mut runs = self.runs();
        let Some(record) = runs.get_mut(&id) else { return };
        match event {
            Event::Stdout(chunk) => record.log.push(false, &chunk, output_max),
            Event::Stderr(chunk) => record.log.push(true, &chunk, output_max),
            Event::Finished(finished) => record.finish(&finished),
            Event::Failed(error) => {
                record.view.state = RunState::Failed;
                record.view.error = Some(super::refused(&error).problem().detail);
                record.close();
            }
        }
        record.changed.send_replace(());
    }

    /// The newest runs, newest first.
    pub fn list(&self, limit: usize) -> Vec<RunView> {
        self.runs().values().rev().take(limit).map(|record| record.view.clone()).collect()
    }

    /// One run with its output.
    pub fn view(&self, id: u64) -> Option<RunView> {
        self.runs().get(&id).map(Record::whole)
    }

    /// Kills a run; false when it is not known.
    pub fn stop(&self, id: u64) -> bool {
        let Some(stop) = self.runs().get(&id).map(|record| record.stop.clone()) else { return false };
        if let Some(stop) = stop {
            stop.stop();
        }
        true
    }

    /// What a run told so far and tells from now on.
    pub fn feed(self: &Arc<Self>, id: u64) -> Option<mpsc::Receiver<RunEvent>> {
        let mut changed = self.runs().get(&id)?.changed.subscribe();
        let (sender, receiver) = mpsc::channel(FEED);
        let records = self.clone();
        tokio::spawn(async move {
            let mut next = 0;
            loop {
                changed.mark_unchanged();
                let Some((chunks, whole)) = records.since(id, next) else { return };
                next += chunks.len();
                for (is_error, chunk) in chunks {
                    let event = if is_error { RunEvent::Stderr(chunk.to_vec()) } else { RunEvent::Stdout(chunk.to_vec()) };
                    if sender.send(event).await.is_err() {
                        return;
                    }
                }
                if let Some(whole) = whole {
                    // A listener that has gone needs no end.
                    let _ = sender.send(RunEvent::Finished(Box::new(whole))).await;
                    return;
                }
                if changed.changed().await.is_err() {
                    return;
                }
            }
        });
        Some(receiver)
    }

    /// Chunks from `next` on, and the run itself when it has ended.
    fn since(&self, id: u64, next: usize) -> Option<(Vec<Chunk>, Option<RunView>)> {
        let runs = self.runs();
        let record = runs.get(&id)?;
        let chunks = record.log.chunks.get(next..).unwrap_or_default().to_vec();
        Some((chunks, record.ended.map(|_| record.view.clone())))
    }

    /// Forgets results that are old, and the oldest when there are too many.
    pub fn forget_old(&self) {
        let mut runs = self.runs();
        let keep = self.keep;
        runs.retain(|_, record| record.ended.is_none_or(|ended| ended.elapsed() < keep));
        let mut bytes: usize = runs.values().map(|record| record.log.bytes).sum();
        while runs.len() > KEPT_MAX || bytes > OUTPUT_MAX {
            let Some(oldest) = runs.iter().find(|(_, record)| record.ended.is_some()).map(|(id, _)| *id) else { break };
            bytes -= runs.remove(&oldest).map_or(0, |record| record.log.bytes);
        }
    }
}

impl Log {
    fn push(&mut self, is_error: bool, chunk: &[u8], output_max: Bytes) {
        let room = (output_max.0 as usize).saturating_sub(self.bytes);
        let taken = &chunk[..chunk.len().min(room)];
        self.truncated |= taken.len() < chunk.len();
        if !taken.is_empty() {
            self.bytes += taken.len();
            self.chunks.push((is_error, taken.into()));
        }
    }

    fn joined(&self, wanted: bool) -> String {
        let mut all = Vec::new();
        self.chunks.iter().filter(|(is_error, _)| *is_error == wanted).for_each(|(_, chunk)| all.extend_from_slice(chunk));
        STANDARD.encode(all)
    }
}

impl Record {
    fn finish(&mut self, finished: &Finished) {
        let view = &mut self.view;
        view.state = RunState::Finished;
        view.start = Some(start_view(finished.start));
        view.stages = finished
            .stages
            .iter()
            .map(|(stage, took)| StageView { stage: stage_name(*stage).into(), ms: took.as_secs_f64() * 1e3 })
            .collect();
        view.exit = Some(exit_view(finished.exit));
        view.peak_memory_bytes = finished.peak_memory.map(|bytes| bytes.0);
        view.cpu_seconds = finished.cpu_time.map(|time| time.as_secs_f64());
        self.close();
    }

    fn close(&mut self) {
        self.view.ended_at = Some(Timestamp(wall_now()));
        self.ended = Some(Instant::now());
        self.stop = None;
    }

    fn whole(&self) -> RunView {
        let output = RunOutput {
            stdout_base64: self.log.joined(false),
            stderr_base64: self.log.joined(true),
            truncated: self.log.truncated,
        };
        RunView { output: Some(output), ..self.view.clone() }
    }
}

const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Claim => "claim",
        Stage::Thaw => "thaw",
        Stage::Make => "make",
        Stage::Deliver => "deliver",
        Stage::Run => "run",
        Stage::Collect => "collect",
    }
}

fn exit_view(exit: Exit) -> ExitView {
    let (kind, code) = match exit {
        Exit::Code(code) => ("code", Some(code)),
        Exit::Signal(signal) => ("signal", Some(signal)),
        Exit::Deadline => ("deadline", None),
        Exit::OutOfMemory => ("out_of_memory", None),
        Exit::OutputCap => ("output_cap", None),
        Exit::Stopped => ("stopped", None),
    };
    ExitView { kind: kind.into(), code }
}
