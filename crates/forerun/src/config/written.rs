//! What `forerun.toml` may say: every key with its documentation. Unknown keys are refused. The documentation is kept beside
//! the fields, so that `config show` prints the very same sentences.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::{Bytes, BytesPerSecond, MilliCores, Span};
use serde::{Deserialize, Serialize};

use super::units::Text;

/// The documentation of one section: its sentence, then its keys with theirs.
pub struct Documented {
    /// What the section is about.
    pub about: &'static str,
    /// Key and documentation, in the order of the file.
    pub keys: &'static [(&'static str, &'static str)],
}

macro_rules! section {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $key:ident: $type:ty,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])+ #[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<$type>,)+
        }

        impl $name {
            /// What the section and its keys mean.
            pub const DOCUMENTED: Documented = Documented {
                about: concat!($($about),+),
                keys: &[$((stringify!($key), concat!($($doc),+))),+],
            };
        }
    };
}

section! {
    /// Settings of forerun. Each has a default; a file needs to hold only what differs.
    Written {
        /// What forerun may do: "observe" forecasts, "recommend" also decides and explains, "act" also applies.
        mode: ModeWord,
        /// The daemon itself: where it keeps things, how often it measures, what it watches.
        daemon: Daemon,
        /// The load planner: CPU, memory, disk and network limits of running workloads.
        load: Load,
        /// Pools of warm instances, and the runs that they serve.
        pools: Pools,
        /// What holds every decision back that could hurt.
        rails: Rails,
        /// How long history is kept.
        store: Store,
        /// The REST API and who may use it.
        serve: Serve,
        /// Where earlier history comes from.
        import: Import,
        /// Rules for workloads; the first whose pattern matches a workload holds for it.
        target: Vec<Target>,
    }
}

section! {
    /// The daemon itself: where it keeps things, how often it measures, what it watches.
    Daemon {
        /// Folder of the database. Default: /var/lib/forerun for root, otherwise $XDG_STATE_HOME/forerun.
        state_dir: PathBuf,
        /// How often every workload is measured (200ms to 5m).
        sample_interval: Text<Span>,
        /// Address and port of the REST API and the dashboard. Not loopback: then [serve] tokens_file is needed.
        listen: String,
        /// The Unix socket of the API. Default: /run/forerun/forerun.sock for root, otherwise $XDG_RUNTIME_DIR/forerun.sock.
        socket: PathBuf,
        /// Kinds of workloads that are watched without a `[[target]]` rule: "service", "container", "own", "group".
        discover: Vec<KindWord>,
        /// Patterns of control group paths that are never watched; `*` stays within one component, `**` crosses them.
        ignore: Vec<String>,
        /// At most this many workloads are watched (1 to 1000000).
        targets_max: u32,
        /// Whether cron tables and systemd timers are read as announcements of load.
        read_schedules: bool,
    }
}

section! {
    /// The load planner: CPU, memory, disk and network limits of running workloads.
    Load {
        /// How far a forecast reaches and how long an allocation is meant to hold (10s to 1d).
        window: Text<Span>,
        /// Share of minutes in which a workload may need more than it was given, in percent (0.01 to 50). Tiers may differ.
        target_violation_percent: f64,
        /// The price of waiting, lambda: one second of waiting is worth this many core-seconds or GB-seconds (0.01 to 100000).
        lambda: f64,
        /// The knobs that forerun may turn: "cpu_quota", "cpu_weight", "memory_limit", "disk_read_bandwidth", "disk_write_bandwidth",
        /// "net_rx_bandwidth", "net_tx_bandwidth".
        manage: Vec<ResourceWord>,
        /// A change smaller than this share of what is set is not worth making, in percent (0 to 100).
        hysteresis_percent: f64,
        /// Released at once when the prediction is below this share of the allocation, in percent (1 to 100): the 80 % rule.
        release_below_percent: f64,
        /// Otherwise lowered by at most this share of the allocation per window, in percent (0.1 to 100).
        lower_step_percent: f64,
        /// After this many changes of more than 10 % per knob and day, releases wait and only small steps are taken (0.1 to 100000).
        changes_per_day: f64,
        /// Whether throttling, pressure and kills for lack of memory are answered at once, between windows.
        react: bool,
        /// Bounds that hold for every workload without bounds of its own.
        bounds: Bounds,
        /// What is different per tier: "best_effort", "standard", "critical".
        tier: BTreeMap<TierWord, TierSection>,
    }
}

section! {
    /// Pools of warm instances, and the runs that they serve.
    Pools {
        /// Whether code can be run in sandboxes at all. Needs root.
        enabled: bool,
        /// The price of a cold start, lambda: at 1 a second of waiting is worth 100 GB-seconds of idle memory (0.001 to 1000000).
        lambda: f64,
        /// How often pools are planned (1s to 1h).
        step: Text<Span>,
        /// Memory that all waiting instances together may hold, in percent of the host's (0 to 90).
        memory_percent: f64,
        /// Runs at the same time (1 to 10000); more are refused.
        runs_max: u32,
        /// The longest that a run may ask for.
        timeout_max: Text<Span>,
        /// The most output that a run may ask for; as much is kept of each.
        output_max: Text<Bytes>,
        /// How long results are kept.
        keep_results: Text<Span>,
    }
}

section! {
    /// Bounds that no decision passes.
    Bounds {
        /// Never less CPU than this.
        cpu_min: Text<MilliCores>,
        /// Never more CPU than this.
        cpu_max: Text<MilliCores>,
        /// Never less memory than this.
        memory_min: Text<Bytes>,
        /// Never more memory than this.
        memory_max: Text<Bytes>,
    }
}

section! {
    /// What is different for workloads of this tier.
    TierSection {
        /// Share of minutes in which a workload of this tier may need more than it was given, in percent (0.01 to 50).
        target_violation_percent: f64,
        /// lambda is multiplied by this for workloads of this tier (0.01 to 1000).
        lambda_factor: f64,
        /// Head room on top of the forecast, in percent (0 to 400).
        head_room_percent: f64,
    }
}

section! {
    /// A rule for the workloads whose control group matches a pattern.
    Target {
        /// Pattern of the control group path, such as "/system.slice/postgresql*.service"; `*` stays within one component, `**`
        /// crosses them. Needed.
        select: String,
        /// Not watched at all.
        ignore: bool,
        /// Its priority class: "best_effort", "standard" or "critical".
        tier: TierWord,
        /// What forerun may do with it; the stricter of this and the mode of everything holds.
        mode: ModeWord,
        /// The application it is an instance of: instances of one application start from one another's models.
        application: String,
        /// Never less CPU than this.
        cpu_min: Text<MilliCores>,
        /// Never more CPU than this.
        cpu_max: Text<MilliCores>,
        /// Never less memory than this.
        memory_min: Text<Bytes>,
        /// Never more memory than this.
        memory_max: Text<Bytes>,
        /// Never less bandwidth than this, for each of disk and network, where forerun manages it.
        bandwidth_min: Text<BytesPerSecond>,
        /// A metric of the application itself, forecast beside the others.
        scrape: Scrape,
    }
}

section! {
    /// A metric of the application itself, read from a Prometheus endpoint.
    Scrape {
        /// Its address, such as "http://127.0.0.1:9100/metrics". Needed.
        url: String,
        /// Name of the metric, with labels to select by: `http_requests_total{job="shop"}`; several series are added up. Needed.
        metric: String,
        /// Whether it counts up, so that its rate per second is what matters.
        counter: bool,
        /// How often it is read (1s to 1h).
        interval: Text<Span>,
    }
}

section! {
    /// What holds every decision back that could hurt.
    Rails {
        /// At most this many knobs are turned per minute, over all workloads (0 to 100000).
        change_budget_per_minute: u32,
        /// A workload whose newest sample is older than this is not acted on.
        stale_after: Text<Span>,
        /// Rest of a knob after it was raised; throttling, pressure and kills are answered all the same.
        rest_after_raise: Text<Span>,
        /// Rest of a knob after it was lowered.
        rest_after_lower: Text<Span>,
        /// How long a lowering is watched for harm, and rolled back if it hurt.
        probation: Text<Span>,
        /// Rest of a knob after a rollback or an undo.
        rest_after_rollback: Text<Span>,
        /// A memory limit stays above present use by at least this much, in percent of use (0 to 400).
        memory_margin_percent: f64,
        /// ... and by at least this much.
        memory_margin_min: Text<Bytes>,
        /// A share of time stalled or throttled above this counts as harm, in percent (0.1 to 100).
        harm_percent: f64,
        /// CPU and memory that are never given away, for the host itself, in percent of its capacity (0 to 90).
        host_reserve_percent: f64,
        /// How much CPU may be promised in all, in percent of what the host has (100 to 10000).
        cpu_overcommit_percent: f64,
        /// Decisions that can be explained and undone; the oldest go first (100 to 1000000).
        decisions_max: u32,
    }
}

section! {
    /// How long history is kept.
    Store {
        /// Samples as they were measured.
        keep_samples: Text<Span>,
        /// Peaks and means per minute.
        keep_minutes: Text<Span>,
        /// Peaks and means per hour.
        keep_hours: Text<Span>,
        /// Journal and decisions; undo and replay reach this far.
        keep_journal: Text<Span>,
        /// The oldest history goes when the database grows beyond this.
        size_max: Text<Bytes>,
    }
}

section! {
    /// The REST API and who may use it.
    Serve {
        /// File of tokens, one per line: role ("reader" or "operator"), SHA-256 of the token in hex, name. `forerun config token`
        /// makes a line.
        tokens_file: PathBuf,
        /// What local users may do through the Unix socket: "reader" lets them look, "refused" asks for a token. Root and the
        /// daemon's own user are operators.
        local_users: LocalUsersWord,
        /// Numbers of local users who are operators on the Unix socket as well.
        operator_uids: Vec<u32>,
        /// Names, besides those of loopback, under which the API may be asked.
        hosts: Vec<String>,
        /// Largest JSON body of a request.
        body_max: Text<Bytes>,
        /// Most connections that receive events at the same time (1 to 10000).
        event_subscribers_max: u32,
        /// Most workloads that get metrics of their own at /metrics; the others are counted (0 to 100000).
        metrics_targets_max: u32,
        /// Whether Prometheus remote write is taken at /api/v1/write.
        remote_write: bool,
    }
}

section! {
    /// Where earlier history comes from.
    Import {
        /// Prometheus server that `forerun import prometheus` reads from when no --url is given.
        prometheus_url: String,
        /// File with the bearer token for it.
        prometheus_token_file: PathBuf,
        /// The grid on which it is read (1s to 1h).
        step: Text<Span>,
        /// How far back it is read.
        range: Text<Span>,
    }
}

/// A word out of a few, converted to the core's own type.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident as $core:ty { $($word:literal = $variant:ident => $value:expr),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
        pub enum $name { $(#[doc = $word] #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// The core's value.
            pub fn value(self) -> $core {
                match self { $($name::$variant => $value),+ }
            }
            /// The word for the core's value.
            pub fn of(value: $core) -> Self {
                [$($name::$variant),+].into_iter().find(|word| word.value() == value).expect("there is a word for every value")
            }
        }
    };
}

words! {
    /// A mode.
    ModeWord as model::Mode {
        "observe" = Observe => model::Mode::Observe,
        "recommend" = Recommend => model::Mode::Recommend,
        "act" = Act => model::Mode::Act,
    }
}

words! {
    /// A tier.
    TierWord as model::Tier {
        "best_effort" = BestEffort => model::Tier::BestEffort,
        "standard" = Standard => model::Tier::Standard,
        "critical" = Critical => model::Tier::Critical,
    }
}

words! {
    /// A kind of workload.
    KindWord as model::TargetKind {
        "service" = Service => model::TargetKind::Service,
        "container" = Container => model::TargetKind::Container,
        "own" = Own => model::TargetKind::Own,
        "group" = Group => model::TargetKind::Group,
        "series" = Series => model::TargetKind::Series,
        "pool" = Pool => model::TargetKind::Pool,
    }
}

words! {
    /// A knob.
    ResourceWord as model::Resource {
        "cpu_quota" = CpuQuota => model::Resource::CpuQuota,
        "cpu_weight" = CpuWeight => model::Resource::CpuWeight,
        "memory_limit" = MemoryLimit => model::Resource::MemoryLimit,
        "disk_read_bandwidth" = DiskRead => model::Resource::DiskReadBandwidth,
        "disk_write_bandwidth" = DiskWrite => model::Resource::DiskWriteBandwidth,
        "net_rx_bandwidth" = NetworkReceive => model::Resource::NetworkReceiveBandwidth,
        "net_tx_bandwidth" = NetworkTransmit => model::Resource::NetworkTransmitBandwidth,
    }
}

words! {
    /// What other local users may do.
    LocalUsersWord as serve::UnixOthers {
        "reader" = Reader => serve::UnixOthers::Reader,
        "refused" = Refused => serve::UnixOthers::Refused,
    }
}
