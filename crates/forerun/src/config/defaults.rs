//! The defaults, written as a `forerun.toml` would write them, so that there is one place for each and `config show` can
//! print them. Only the two paths depend on who runs the program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::{Bytes, MilliCores, Span};

use super::units::Text;
use super::written::{
    Bounds, Daemon, Import, KindWord, Load, LocalUsersWord, ModeWord, Pools, Rails, ResourceWord, Serve, Store, TierSection,
    TierWord, Written,
};

/// The port of API and dashboard.
pub const LISTEN: &str = "127.0.0.1:7177";

/// Who runs the program and where they keep things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether the effective user is root.
    pub is_root: bool,
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// `$XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Surroundings {
            is_root: rustix::process::geteuid().is_root(),
            home: folder("HOME"),
            state_home: folder("XDG_STATE_HOME"),
            runtime_dir: folder("XDG_RUNTIME_DIR"),
        }
    }

    /// The default state folder.
    pub fn state_dir(&self) -> PathBuf {
        if self.is_root {
            return "/var/lib/forerun".into();
        }
        let home = || self.home.as_ref().map(|home| home.join(".local/state"));
        self.state_home.clone().or_else(home).unwrap_or_else(|| "/tmp".into()).join("forerun")
    }

    /// The default socket.
    pub fn socket(&self) -> PathBuf {
        if self.is_root {
            return "/run/forerun/forerun.sock".into();
        }
        self.runtime_dir.as_ref().map_or_else(|| self.state_dir().join("forerun.sock"), |folder| folder.join("forerun.sock"))
    }

    /// Files that are read when no `--config` is given; the first that exists counts.
    pub fn config_files(&self) -> Vec<PathBuf> {
        let own = self.home.as_ref().filter(|_| !self.is_root).map(|home| home.join(".config/forerun/forerun.toml"));
        own.into_iter().chain([PathBuf::from("/etc/forerun/forerun.toml")]).collect()
    }
}

/// Every default.
pub fn written(surroundings: &Surroundings) -> Written {
    Written {
        mode: Some(ModeWord::Recommend),
        daemon: Some(daemon(surroundings)),
        load: Some(load()),
        rails: Some(rails()),
        store: Some(store()),
        serve: Some(serve()),
        pools: Some(pools()),
        import: Some(import()),
        target: Some(Vec::new()),
    }
}

fn span(secs: u64) -> Option<Text<Span>> {
    Some(Text(Span::from_secs(secs)))
}

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

fn daemon(surroundings: &Surroundings) -> Daemon {
    Daemon {
        state_dir: Some(surroundings.state_dir()),
        sample_interval: span(1),
        listen: Some(LISTEN.into()),
        socket: Some(surroundings.socket()),
        discover: Some(vec![KindWord::Service, KindWord::Container, KindWord::Own]),
        ignore: Some(Vec::new()),
        targets_max: Some(10_000),
        read_schedules: Some(true),
    }
}

fn load() -> Load {
    let tier = |violation, factor, head_room| TierSection {
        target_violation_percent: violation,
        lambda_factor: Some(factor),
        head_room_percent: Some(head_room),
    };
    Load {
        window: span(10 * MINUTE),
        target_violation_percent: Some(1.0),
        lambda: Some(1.0),
        manage: Some(vec![ResourceWord::CpuQuota, ResourceWord::MemoryLimit]),
        hysteresis_percent: Some(2.0),
        release_below_percent: Some(80.0),
        lower_step_percent: Some(9.5),
        changes_per_day: Some(8.0),
        react: Some(true),
        bounds: Some(Bounds {
            cpu_min: Some(Text(MilliCores(25))),
            cpu_max: None,
            memory_min: Some(Text(Bytes(32 << 20))),
            memory_max: None,
        }),
        tier: Some(BTreeMap::from([
            (TierWord::BestEffort, tier(Some(3.0), 0.3, 0.0)),
            // Standard follows the section's own target.
            (TierWord::Standard, tier(None, 1.0, 0.0)),
            (TierWord::Critical, tier(Some(0.2), 5.0, 0.0)),
        ])),
    }
}

fn rails() -> Rails {
    Rails {
        change_budget_per_minute: Some(600),
        stale_after: span(30),
        rest_after_raise: span(0),
        rest_after_lower: span(0),
        probation: span(MINUTE),
        rest_after_rollback: span(15 * MINUTE),
        memory_margin_percent: Some(3.0),
        memory_margin_min: Some(Text(Bytes(4 << 20))),
        harm_percent: Some(10.0),
        host_reserve_percent: Some(5.0),
        cpu_overcommit_percent: Some(400.0),
        decisions_max: Some(10_000),
    }
}

fn store() -> Store {
    Store {
        keep_samples: span(7 * DAY),
        keep_minutes: span(60 * DAY),
        keep_hours: span(730 * DAY),
        keep_journal: span(30 * DAY),
        size_max: Some(Text(Bytes(8 << 30))),
    }
}

fn serve() -> Serve {
    Serve {
        tokens_file: None,
        local_users: Some(LocalUsersWord::Reader),
        operator_uids: Some(Vec::new()),
        hosts: Some(Vec::new()),
        body_max: Some(Text(Bytes(2 << 20))),
        event_subscribers_max: Some(64),
        metrics_targets_max: Some(1_000),
        remote_write: Some(true),
    }
}

fn pools() -> Pools {
    Pools {
        enabled: Some(true),
        lambda: Some(1.0),
        step: span(MINUTE),
        memory_percent: Some(20.0),
        runs_max: Some(256),
        timeout_max: span(60 * MINUTE),
        output_max: Some(Text(Bytes(16 << 20))),
        keep_results: span(10 * MINUTE),
    }
}

fn import() -> Import {
    Import { prometheus_url: None, prometheus_token_file: None, step: span(MINUTE), range: span(14 * DAY) }
}
