//! Settings as the program uses them: checked, typed, every default filled in.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use model::{Bounds, Bytes, BytesPerSecond, Mode, Resource, Span, TargetKind, Tier};

/// All settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What forerun may do.
    pub mode: Mode,
    /// The daemon itself.
    pub daemon: Daemon,
    /// The load planner.
    pub load: Load,
    /// What holds decisions back.
    pub rails: Rails,
    /// How long history is kept.
    pub store: Store,
    /// The API.
    pub serve: Serve,
    /// Pools of warm instances.
    pub pools: Pools,
    /// Where earlier history comes from.
    pub import: Import,
    /// Rules in the order of the file; the first whose pattern matches a workload holds for it.
    pub targets: Vec<TargetRule>,
}

/// The daemon itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Folder of the database.
    pub state_dir: PathBuf,
    /// How often every workload is measured.
    pub sample_interval: Span,
    /// Address of API and dashboard.
    pub listen: SocketAddr,
    /// The Unix socket of the API.
    pub socket: PathBuf,
    /// Kinds that are watched without a rule.
    pub discover: Vec<TargetKind>,
    /// Patterns of control group paths that are never watched.
    pub ignore: Vec<Box<str>>,
    /// At most this many workloads are watched.
    pub targets_max: u32,
    /// Whether cron tables and systemd timers are read.
    pub read_schedules: bool,
}

/// The load planner.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// How far a forecast reaches.
    pub window: Span,
    /// One second of waiting is worth this many core-seconds or GB-seconds.
    pub lambda: f64,
    /// The knobs that may be turned.
    pub manage: Vec<Resource>,
    /// Changes below this share of what is set are not made, 0 to 1.
    pub hysteresis: f64,
    /// Released at once when the prediction is below this share of the allocation, 0 to 1.
    pub release_below: f64,
    /// Otherwise lowered by at most this share per window, 0 to 1.
    pub lower_step: f64,
    /// Changes of more than 10 % per knob and day before only small steps are taken.
    pub changes_per_day: f64,
    /// Whether harm is answered between windows.
    pub react: bool,
    /// Bounds of workloads without bounds of their own.
    pub bounds: Bounds,
    /// Settings by tier, indexed by [`tier_index`].
    pub tiers: [TierSettings; 3],
}

/// What is asked for workloads of one tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TierSettings {
    /// Share of minutes in which a workload may need more than it was given, 0 to 1.
    pub target_violation: f64,
    /// Factor on lambda.
    pub lambda_factor: f64,
    /// Head room on top of the forecast, as a share of it.
    pub head_room: f64,
}

impl Load {
    /// The settings of `tier`.
    pub fn tier(&self, tier: Tier) -> &TierSettings {
        &self.tiers[tier_index(tier)]
    }
}

/// The place of a tier in [`Load::tiers`].
pub const fn tier_index(tier: Tier) -> usize {
    tier as usize
}

/// A rule for workloads.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetRule {
    /// Pattern of the control group path: `*` within one component, `**` across.
    pub select: Box<str>,
    /// Not watched.
    pub ignore: bool,
    /// Its tier, where the rule says one.
    pub tier: Option<Tier>,
    /// Its mode, where the rule says one.
    pub mode: Option<Mode>,
    /// The application it is an instance of.
    pub application: Option<Box<str>>,
    /// Its bounds; what the rule leaves open comes from [`Load::bounds`].
    pub bounds: Bounds,
    /// Never less bandwidth than this.
    pub bandwidth_min: Option<BytesPerSecond>,
    /// A metric of the application itself.
    pub scrape: Option<Scrape>,
}

/// A metric to read from a Prometheus endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// Its address.
    pub url: Box<str>,
    /// Name and labels.
    pub metric: Box<str>,
    /// Whether its rate is what matters.
    pub counter: bool,
    /// How often it is read.
    pub interval: Span,
}

/// What holds decisions back.
#[derive(Clone, Debug, PartialEq)]
pub struct Rails {
    /// Knobs turned per minute at most.
    pub change_budget_per_minute: u32,
    /// Older samples stop action.
    pub stale_after: Span,
    /// Rest of a knob after it was raised.
    pub rest_after_raise: Span,
    /// Rest of a knob after it was lowered.
    pub rest_after_lower: Span,
    /// How long a lowering is watched for harm.
    pub probation: Span,
    /// Rest of a knob after a rollback or an undo.
    pub rest_after_rollback: Span,
    /// A memory limit stays above use by this share of it.
    pub memory_margin: f64,
    /// ... and by at least this much.
    pub memory_margin_min: Bytes,
    /// A stalled or throttled share above this counts as harm, 0 to 1.
    pub harm: f64,
    /// Share of the host that is never given away, 0 to 1.
    pub host_reserve: f64,
    /// CPU may be promised this many times over.
    pub cpu_overcommit: f64,
    /// Decisions that can be explained and undone.
    pub decisions_max: u32,
}

/// How long history is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Samples as measured.
    pub keep_samples: Span,
    /// Per minute.
    pub keep_minutes: Span,
    /// Per hour.
    pub keep_hours: Span,
    /// Journal and decisions.
    pub keep_journal: Span,
    /// Of the whole database.
    pub size_max: Bytes,
}

/// The API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    /// File of token hashes.
    pub tokens_file: Option<PathBuf>,
    /// What other local users may do through the socket.
    pub local_users: serve::UnixOthers,
    /// Local users who are operators.
    pub operator_uids: BTreeSet<u32>,
    /// Names, besides loopback's, under which the API may be asked.
    pub hosts: Vec<String>,
    /// Largest JSON body of a request.
    pub body_max: Bytes,
    /// Most event streams at a time.
    pub event_subscribers_max: u32,
    /// Most workloads with metrics of their own at `/metrics`.
    pub metrics_targets_max: u32,
    /// Whether remote write is taken.
    pub remote_write: bool,
}

/// Pools of warm instances, and the runs that they serve.
#[derive(Clone, Debug, PartialEq)]
pub struct Pools {
    /// Whether there are any.
    pub enabled: bool,
    /// What a second of waiting is worth: 1 = 100 GB-seconds.
    pub lambda: f64,
    /// How often pools are planned.
    pub step: Span,
    /// Share of the host's memory that all waiting instances may hold, 0 to 1.
    pub memory: f64,
    /// Runs at the same time.
    pub runs_max: u32,
    /// Of a run.
    pub timeout_max: Span,
    /// Of a run.
    pub output_max: Bytes,
    /// How long results are kept.
    pub keep_results: Span,
}

/// Where earlier history comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Prometheus server.
    pub prometheus_url: Option<Box<str>>,
    /// File with its bearer token.
    pub prometheus_token_file: Option<PathBuf>,
    /// The grid.
    pub step: Span,
    /// How far back.
    pub range: Span,
}
