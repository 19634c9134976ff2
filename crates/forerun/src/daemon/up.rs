//! `forerun up`: puts the daemon together, serves until a signal, and leaves the host as a restart expects it.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::time::{Duration, Instant};

use act::Actuator;
use collect::layout::Layout;
use collect::{Roots, Sampler};
use decide::Engine;
use model::{Bytes, Mode, Observation, Scope};
use serve::{Auth, Listeners, Role, Secret};
use store::{Journal, JournalLimits, Limits, Store, StoreHandle};
use tokio::sync::broadcast;

use super::ask::Asks;
use super::backend::Daemon;
use super::core::{Core, wall_now};
use super::groups::Group;
use super::{header, outside, reconcile, targets};
use crate::cli::arguments::{Common, UpArguments};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::config::Settings;
use crate::examples;

/// Batches of samples that may wait for the store.
const STORE_QUEUE: usize = 64;
/// Events that a slow subscriber may lag behind.
const EVENTS: usize = 1_024;
/// Journals of earlier runs that are kept.
const EPOCHS_KEPT: usize = 8;
/// The journal of one run may take this part of the store's size.
const JOURNAL_SHARE: u64 = 4;

/// Starts the daemon and serves until it is told to stop.
///
/// # Errors
/// When the configuration, the state folder, the database or a listener cannot be used.
pub fn up(common: &Common, arguments: &UpArguments) -> Outcome {
    crate::allocator::give_back_bursts();
    let mut loaded = crate::cli::configuration(common, &arguments.overrides())?;
    log();
    if arguments.examples {
        quicken(&mut loaded.settings);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| failed("start the server's thread", &error))?;
    runtime.block_on(serve_until_stopped(loaded.settings, arguments))
}

fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("FORERUN_LOG").unwrap_or_else(|_| "info".into());
    // A second subscriber, in tests that call `up` twice, is refused: the first goes on.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}

/// Short windows, so that the examples' day of a minute and a half shows within two minutes.
pub fn quicken(settings: &mut Settings) {
    settings.load.window = model::Span::from_secs(2);
    settings.daemon.sample_interval = model::Span::from_millis(400);
    // The day lasts a minute and a half here: what is twelve changes a day elsewhere is so many.
    settings.load.changes_per_day = 20_000.0;
    settings.rails.rest_after_rollback = model::Span::from_secs(10);
    settings.rails.probation = model::Span::from_secs(5);
}

fn failed(what: &str, error: &dyn std::error::Error) -> Failure {
    let mut failure = Failure::of(Status::Failed, error, "`forerun doctor` says what works here");
    failure.what = format!("failed to {what}: {}", failure.what);
    failure
}

async fn serve_until_stopped(settings: Settings, arguments: &UpArguments) -> Outcome {
    let stopped = stopped()?;
    let listeners = listen(&settings).await?;
    let (auth, link) = authority(&settings)?;
    let (jobs, receiver) = channel();
    let asks = Asks::new(jobs);
    let (events, _) = broadcast::channel(EVENTS);
    let layout = Layout::detect(&Roots::host());
    let (core, running) = {
        let act_on_own = arguments.examples && arguments.mode.is_none();
        let core = assemble(settings.clone(), &layout, events.clone(), act_on_own)?;
        (core, if arguments.examples { start_examples(&layout)? } else { Vec::new() })
    };
    let warm = core.warm.clone();
    let thread = std::thread::Builder::new().name("core".into()).spawn(move || core.run(&receiver));
    let thread = thread.map_err(|error| failed("start the deciding thread", &error))?;
    outside::start(&settings, &asks);
    greet(&settings, &link, arguments.examples);
    let backend = Arc::new(Daemon::new(asks.clone(), events, warm));
    let served = serve::run(listeners, backend, auth, serve_settings(&settings), stopped).await;
    let (done, ended) = sync_channel(1);
    asks.stop(done);
    // The sender is dropped when the core has closed everything.
    let _ = ended.recv_timeout(Duration::from_secs(30));
    let _ = thread.join();
    drop(running);
    let _ = std::fs::remove_file(&settings.daemon.socket);
    served.map_err(|error| failed("serve", &error))
}

/// Waits for SIGINT or SIGTERM. From the call on, not from the first wait, neither ends the process by itself.
fn stopped() -> Outcome<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| failed("listen for signals", &error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    })
}

async fn listen(settings: &Settings) -> Outcome<Listeners> {
    let address = settings.daemon.listen;
    let tcp = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        let mut failure = failed(&format!("listen on {address}"), &error);
        failure.remedy = "is another forerun running? choose another with --listen 127.0.0.1:PORT".into();
        failure
    })?;
    let socket = &settings.daemon.socket;
    let unix = || -> std::io::Result<tokio::net::UnixListener> {
        if let Some(folder) = socket.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // A socket that nobody answers is left from a daemon that was killed; one that answers is a running daemon's.
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            return Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, "another forerun answers there"));
        }
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = tokio::net::UnixListener::bind(socket)?;
        // Everybody may connect; the peer's credentials say who may do what.
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666))?;
        Ok(listener)
    };
    let unix = unix().map_err(|error| failed(&format!("listen on {}", socket.display()), &error))?;
    Ok(Listeners { tcp: Some(tcp), unix: Some(unix) })
}

/// Who may do what, and the login link of this run.
fn authority(settings: &Settings) -> Outcome<(Auth, Secret)> {
    let secret = Secret::generate().map_err(|error| failed("make a login token", &error))?;
    let mut tokens = vec![secret.record("login link of this run", Role::Operator)];
    if let Some(path) = &settings.serve.tokens_file {
        tokens.extend(
            crate::config::tokens::read(path)
                .map_err(|error| Failure::of(Status::Usage, &error, "see `forerun config token`"))?,
        );
    }
    let mut operator_uids = settings.serve.operator_uids.clone();
    operator_uids.insert(rustix::process::geteuid().as_raw());
    Ok((Auth { tokens, operator_uids, unix_others: settings.serve.local_users }, secret))
}

fn serve_settings(settings: &Settings) -> serve::Settings {
    let mut limits = serve::Limits { body_bytes: settings.serve.body_max.0 as usize, ..serve::Limits::default() };
    limits.event_subscribers = settings.serve.event_subscribers_max as usize;
    limits.metrics_targets = settings.serve.metrics_targets_max;
    serve::Settings { hosts: settings.serve.hosts.clone(), limits }
}

fn greet(settings: &Settings, link: &Secret, examples: bool) {
    println!("forerun {} is up. Press Ctrl-C to end.", env!("CARGO_PKG_VERSION"));
    println!("  dashboard  http://{}/#token={}", settings.daemon.listen, link.reveal());
    println!("  terminal   forerun top   (status, plan, history, explain, undo: see forerun --help)");
    println!("  state      {}", settings.daemon.state_dir.display());
    if examples {
        println!(
            "  examples   three programs under /forerun/examples are resized; everything else only gets recommendations"
        );
    } else {
        println!("  mode       {:?} (forerun mode act lets it change limits)", settings.mode);
    }
}

/// Opens everything and brings the engine to where the last run ended.
fn assemble(
    mut settings: Settings,
    layout: &Layout,
    events: broadcast::Sender<serve::view::Event>,
    act_on_own: bool,
) -> Outcome<Core> {
    let dir = settings.daemon.state_dir.clone();
    std::fs::create_dir_all(&dir).map_err(|error| failed(&format!("make the state folder {}", dir.display()), &error))?;
    let (mut store, recovery) =
        Store::open_or_recover(&dir, store_limits(&settings)).map_err(|error| failed("open the store", &error))?;
    if let Some(recovery) = &recovery {
        tracing::warn!(set_aside = %recovery.set_aside.display(), what = recovery.what, "the database was damaged: a new one was begun");
    }
    let actuator = Actuator::new(act_config(&settings)).map_err(|error| failed("prepare the actuators", &error))?;
    let settled = reconcile::settle(&mut store, &actuator).map_err(|error| failed("reconcile the last run", &error))?;
    if settled > 0 {
        tracing::info!(settled, "decisions of the last run were under way: their outcomes were found out");
    }
    if act_on_own {
        settings.mode = Mode::Act;
    }
    let first = store.next_ticket().map_err(|error| failed("read the ledger", &error))?;
    let mut engine_settings = settings.engine(first.0);
    engine_settings.warm.planner.ladder = super::pools::ladder(super::pools::has_swap());
    let applied = store.applied_knobs().map_err(|error| failed("read the ledger", &error))?;
    let journal_limits = JournalLimits {
        total_max: Bytes((settings.store.size_max.0 / JOURNAL_SHARE).max(64 << 20)),
        ..JournalLimits::default()
    };
    let mut journal = Journal::begin_epoch(&dir.join("journal"), journal_limits, &header::encode(&engine_settings))
        .map_err(|error| failed("begin the journal", &error))?;
    if let Err(error) = journal.prune_epochs(EPOCHS_KEPT) {
        tracing::warn!(%error, "failed to remove old journals");
    }
    let mut sampler = Sampler::new(layout.clone(), Roots::host());
    sampler.select(targets::selectors(&settings));
    let gpus = sampler.watch_gpus();
    tracing::debug!(?gpus, "GPUs");
    if let Err(error) = sampler.count_network() {
        tracing::info!(%error, "network use of workloads in the host's namespace is not measured");
    }
    let store = StoreHandle::spawn(store, STORE_QUEUE).map_err(|error| failed("start the store's thread", &error))?;
    let mut core = Core {
        engine: Engine::new(engine_settings),
        sampler,
        actuator,
        store,
        journal,
        known: BTreeMap::new(),
        ordinals: BTreeMap::new(),
        events,
        announcements: BTreeMap::new(),
        announcement_next: 1,
        pushed: BTreeMap::new(),
        counters: BTreeMap::new(),
        applied: applied.into_iter().map(|knob| ((knob.target.clone(), knob.resource), knob)).collect(),
        undone: BTreeMap::new(),
        degraded: BTreeMap::new(),
        training: Default::default(),
        started: wall_now(),
        origin: Instant::now(),
        capacity: None,
        samples_total: 0,
        decisions_total: 0,
        decisions_today: (0, 0),
        last_sample: None,
        step_time: None,
        saved: (0, 0.0, 0.0),
        window: 0,
        act_on_own,
        scratch: Vec::new(),
        refreshed_at: None,
        maintained_at: None,
        knobs_read_at: None,
        stopping: None,
        warm: None,
        pools: BTreeMap::new(),
        settings,
    };
    core.start_pools();
    core.restore_pools();
    core.say_what_cannot_act();
    core.restore_modes();
    core.load_weights();
    Ok(core)
}

/// The actuator's margin is the rails' own, and a group may save up one period of unused quota: use is measured over many
/// periods of 100 ms, and what it averages out must not be throttled.
fn act_config(settings: &Settings) -> act::Config {
    act::Config {
        memory_margin: settings.rails.memory_margin_min,
        cpu_burst: Some(model::Permille(1_000)),
        ..act::Config::default()
    }
}

fn store_limits(settings: &Settings) -> Limits {
    let store = &settings.store;
    Limits {
        raw_keep: store.keep_samples,
        minute_keep: store.keep_minutes,
        ten_minute_keep: store.keep_hours,
        decision_keep: store.keep_journal,
        bytes_max: store.size_max,
        ..Limits::default()
    }
}

fn start_examples(layout: &Layout) -> Outcome<Vec<(examples::Running, Group)>> {
    let start = |kind: examples::Kind| -> std::io::Result<(examples::Running, Group)> {
        let group = Group::make(layout, &format!("forerun/examples/{}", kind.name()))?;
        let running = examples::spawn(kind, &examples::Options::default(), |process| group.join(process))?;
        Ok((running, group))
    };
    let started: std::io::Result<Vec<_>> = examples::Kind::ALL.into_iter().map(start).collect();
    started.map_err(|error| {
        let mut failure = failed("start the examples in control groups of their own", &error);
        failure.remedy = "run as root, or without --examples".into();
        failure
    })
}

impl Core {
    /// Starts the pool of warm instances; where that cannot be, says why.
    fn start_pools(&mut self) {
        if !self.settings.pools.enabled {
            return;
        }
        match super::warm::Warm::start(&self.settings.pools) {
            Ok(warm) => self.warm = Some(warm),
            Err(error) => self.degrade(
                "runs",
                error.to_string(),
                "`forerun doctor` says what sandboxes need; pools.enabled = false silences this",
            ),
        }
    }

    /// In mode `act`, says at once which knobs cannot be turned here, rather than letting every decision fail.
    fn say_what_cannot_act(&mut self) {
        if self.settings.mode != Mode::Act {
            return;
        }
        for missing in self.actuator.probe().into_iter().filter(|capability| !capability.available) {
            let remedy = missing.remedy.unwrap_or_default();
            self.degrade(&format!("acting: {}", missing.name), missing.detail, &remedy);
        }
    }

    /// Modes that were set over the API in an earlier run hold again.
    fn restore_modes(&mut self) {
        let word =
            |word: &str| serve::view::ModeName::ALL.iter().find(|mode| mode.word() == word).map(|mode| Mode::from(*mode));
        if !self.act_on_own
            && let Some(mode) = self.kept_value("mode").and_then(|kept| word(&kept))
        {
            // The configuration may have become stricter meanwhile: the stricter holds.
            let mode = mode.min(self.settings.mode.max(mode));
            self.set_mode(Scope::All, mode);
        }
        for (name, planner) in [("load", model::Planner::Load), ("warm", model::Planner::Warm)] {
            if let Some(mode) = self.kept_value(&format!("mode:planner:{name}")).and_then(|kept| word(&kept)) {
                self.set_mode(Scope::Planner(planner), mode);
            }
        }
        if self.kept_value("kill_switch").as_deref() == Some("engaged") {
            self.observe(&Observation::KillSwitch(true));
        }
    }
}
