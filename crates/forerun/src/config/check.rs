//! From what is written to [`Settings`]: ranges, rules across keys, and the core's own types. All problems are collected, so
//! that a user mends a file once.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use model::{Bounds, Span, Tier};

use super::settings::{self, Settings, TargetRule, TierSettings};
use super::units::{Amount, Text};
use super::written::{self, TierWord, Written};

/// Something wrong with the value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key's path: `load.window`, `target.0.select`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Checks `written`, which holds a value for every key that has a default.
///
/// # Errors
/// Every fault that was found, in the order of the sections.
pub fn check(written: Written) -> Result<Settings, Vec<Fault>> {
    let mut check = Checker { faults: Vec::new() };
    let daemon = check.daemon(written.daemon.unwrap_or_default());
    let load = check.load(written.load.unwrap_or_default(), daemon.sample_interval);
    let settings = Settings {
        mode: written.mode.map(|word| word.value()).unwrap_or_default(),
        rails: check.rails(written.rails.unwrap_or_default(), daemon.sample_interval),
        store: check.store(written.store.unwrap_or_default()),
        serve: check.serve(written.serve.unwrap_or_default(), daemon.listen),
        pools: check.pools(written.pools.unwrap_or_default()),
        import: check.import(written.import.unwrap_or_default()),
        targets: check.targets(written.target.unwrap_or_default(), &load.bounds),
        load,
        daemon,
    };
    if check.faults.is_empty() { Ok(settings) } else { Err(check.faults) }
}

struct Checker {
    faults: Vec<Fault>,
}

const MILLIS: fn(u64) -> Span = Span::from_millis;
const SECS: fn(u64) -> Span = Span::from_secs;
const YEARS: u64 = 365 * 86_400;

impl Checker {
    fn fault(&mut self, path: &str, message: String) {
        self.faults.push(Fault { path: path.into(), message });
    }

    /// The value of a key; one without value is a fault, and the type's own default stands in for it.
    fn needed<T: Default>(&mut self, path: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.fault(path, "is needed here".into());
            T::default()
        })
    }

    fn number(&mut self, path: &str, value: Option<f64>, range: RangeInclusive<f64>) -> f64 {
        let value = self.needed(path, value);
        if !range.contains(&value) {
            self.fault(path, format!("is {value}, but must lie between {} and {}", range.start(), range.end()));
        }
        value
    }

    /// A percentage as a share.
    fn share(&mut self, path: &str, value: Option<f64>, percent: RangeInclusive<f64>) -> f64 {
        self.number(path, value, percent) / 100.0
    }

    fn count(&mut self, path: &str, value: Option<u32>, range: RangeInclusive<u32>) -> u32 {
        let value = self.needed(path, value);
        if !range.contains(&value) {
            self.fault(path, format!("is {value}, but must lie between {} and {}", range.start(), range.end()));
        }
        value
    }

    fn amount<T: Amount + Default + Ord>(&mut self, path: &str, value: Option<Text<T>>, range: RangeInclusive<T>) -> T {
        let value = self.needed(path, value.map(|text| text.0));
        if !range.contains(&value) {
            let (low, high) = (range.start().text(), range.end().text());
            self.fault(path, format!("is {}, but must lie between {low} and {high}", value.text()));
        }
        value
    }

    fn daemon(&mut self, daemon: written::Daemon) -> settings::Daemon {
        let listen = self.needed("daemon.listen", daemon.listen);
        let listen = listen.parse::<SocketAddr>().unwrap_or_else(|_| {
            let example = super::defaults::LISTEN;
            self.fault("daemon.listen", format!("is `{listen}`, but must be an address and a port such as \"{example}\""));
            SocketAddr::from(([127, 0, 0, 1], 0))
        });
        let mut discover: Vec<_> =
            self.needed("daemon.discover", daemon.discover).into_iter().map(|word| word.value()).collect();
        discover.dedup();
        settings::Daemon {
            state_dir: self.absolute("daemon.state_dir", daemon.state_dir),
            sample_interval: self.amount("daemon.sample_interval", daemon.sample_interval, MILLIS(200)..=SECS(300)),
            listen,
            socket: self.absolute("daemon.socket", daemon.socket),
            discover,
            ignore: self.patterns("daemon.ignore", daemon.ignore.unwrap_or_default()),
            targets_max: self.count("daemon.targets_max", daemon.targets_max, 1..=1_000_000),
            read_schedules: daemon.read_schedules.unwrap_or_default(),
        }
    }

    fn absolute(&mut self, path: &str, value: Option<std::path::PathBuf>) -> std::path::PathBuf {
        let value = self.needed(path, value);
        if value.is_relative() {
            self.fault(path, format!("is `{}`, but must begin with /", value.display()));
        }
        value
    }

    fn patterns(&mut self, path: &str, patterns: Vec<String>) -> Vec<Box<str>> {
        let numbered = patterns.into_iter().enumerate();
        numbered.map(|(index, pattern)| self.pattern(&format!("{path}.{index}"), &pattern)).collect()
    }

    /// A pattern of control group paths; the prefix of a target's name is taken off.
    fn pattern(&mut self, path: &str, pattern: &str) -> Box<str> {
        let bare = pattern.strip_prefix("cgroup:").unwrap_or(pattern);
        if !bare.starts_with(['/', '*']) {
            self.fault(
                path,
                format!("is `{pattern}`, but a pattern begins with / or *, such as \"/system.slice/nginx.service\""),
            );
        }
        bare.into()
    }

    fn load(&mut self, load: written::Load, sample_interval: Span) -> settings::Load {
        let window = self.amount("load.window", load.window, SECS(10)..=SECS(86_400));
        if window < sample_interval.times(5) {
            let (window, sampling) = (window.text(), sample_interval.text());
            self.fault("load.window", format!("is {window}, less than five times daemon.sample_interval ({sampling})"));
        }
        let violation = self.share("load.target_violation_percent", load.target_violation_percent, 0.01..=50.0);
        let mut tiers = load.tier.unwrap_or_default();
        let mut tier = |word: TierWord| self.tier(word, tiers.remove(&word).unwrap_or_default(), violation);
        // In the order of the core's discriminants, which `tier_index` counts by.
        let tiers = [tier(TierWord::BestEffort), tier(TierWord::Standard), tier(TierWord::Critical)];
        let mut manage: Vec<_> = self.needed("load.manage", load.manage).into_iter().map(|word| word.value()).collect();
        manage.sort_unstable();
        manage.dedup();
        settings::Load {
            window,
            lambda: self.number("load.lambda", load.lambda, 0.01..=100_000.0),
            manage,
            hysteresis: self.share("load.hysteresis_percent", load.hysteresis_percent, 0.0..=100.0),
            release_below: self.share("load.release_below_percent", load.release_below_percent, 1.0..=100.0),
            lower_step: self.share("load.lower_step_percent", load.lower_step_percent, 0.1..=100.0),
            changes_per_day: self.number("load.changes_per_day", load.changes_per_day, 0.1..=100_000.0),
            react: load.react.unwrap_or_default(),
            bounds: self.bounds("load.bounds", &load.bounds.unwrap_or_default(), &Bounds::default()),
            tiers,
        }
    }

    fn tier(&mut self, word: TierWord, tier: written::TierSection, violation: f64) -> TierSettings {
        let name = match word.value() {
            Tier::BestEffort => "best_effort",
            Tier::Standard => "standard",
            Tier::Critical => "critical",
        };
        let path = |key: &str| format!("load.tier.{name}.{key}");
        let own = tier.target_violation_percent;
        TierSettings {
            target_violation: own
                .map_or(violation, |own| self.share(&path("target_violation_percent"), Some(own), 0.01..=50.0)),
            lambda_factor: self.number(&path("lambda_factor"), tier.lambda_factor, 0.01..=1_000.0),
            head_room: self.share(&path("head_room_percent"), tier.head_room_percent, 0.0..=400.0),
        }
    }

    fn bounds(&mut self, path: &str, own: &written::Bounds, otherwise: &Bounds) -> Bounds {
        let bounds = Bounds {
            cpu_min: own.cpu_min.map(|text| text.0).or(otherwise.cpu_min),
            cpu_max: own.cpu_max.map(|text| text.0).or(otherwise.cpu_max),
            memory_min: own.memory_min.map(|text| text.0).or(otherwise.memory_min),
            memory_max: own.memory_max.map(|text| text.0).or(otherwise.memory_max),
        };
        self.ordered(path, "cpu", bounds.cpu_min, bounds.cpu_max);
        self.ordered(path, "memory", bounds.memory_min, bounds.memory_max);
        bounds
    }

    fn ordered<T: Amount + Ord>(&mut self, path: &str, what: &str, low: Option<T>, high: Option<T>) {
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            let message = format!("is {}, below {what}_min ({})", high.text(), low.text());
            self.fault(&format!("{path}.{what}_max"), message);
        }
    }

    fn targets(&mut self, targets: Vec<written::Target>, otherwise: &Bounds) -> Vec<TargetRule> {
        let numbered = targets.into_iter().enumerate();
        numbered.map(|(index, target)| self.target(&format!("target.{index}"), target, otherwise)).collect()
    }

    fn target(&mut self, path: &str, target: written::Target, otherwise: &Bounds) -> TargetRule {
        let key = |key: &str| format!("{path}.{key}");
        let select = match target.select {
            Some(pattern) => self.pattern(&key("select"), &pattern),
            None => {
                self.fault(path, "has no `select`: say which control groups the rule is for".into());
                Box::default()
            }
        };
        let own = written::Bounds {
            cpu_min: target.cpu_min,
            cpu_max: target.cpu_max,
            memory_min: target.memory_min,
            memory_max: target.memory_max,
        };
        TargetRule {
            select,
            ignore: target.ignore.unwrap_or_default(),
            tier: target.tier.map(|word| word.value()),
            mode: target.mode.map(|word| word.value()),
            application: target.application.map(String::into_boxed_str),
            bounds: self.bounds(path, &own, otherwise),
            bandwidth_min: target.bandwidth_min.map(|text| text.0),
            scrape: target.scrape.map(|scrape| self.scrape(&key("scrape"), scrape)),
        }
    }

    fn scrape(&mut self, path: &str, scrape: written::Scrape) -> settings::Scrape {
        let key = |key: &str| format!("{path}.{key}");
        let url = self.needed(&key("url"), scrape.url);
        self.url(&key("url"), &url);
        let interval = scrape.interval.or(Some(Text(SECS(15))));
        settings::Scrape {
            url: url.into(),
            metric: self.needed(&key("metric"), scrape.metric).into(),
            counter: scrape.counter.unwrap_or_default(),
            interval: self.amount(&key("interval"), interval, SECS(1)..=SECS(3_600)),
        }
    }

    fn url(&mut self, path: &str, url: &str) {
        if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
            self.fault(path, format!("is `{url}`, but must begin with http:// or https://"));
        }
    }

    fn rails(&mut self, rails: written::Rails, sample_interval: Span) -> settings::Rails {
        let stale_after = self.amount("rails.stale_after", rails.stale_after, MILLIS(400)..=SECS(3_600));
        if stale_after < sample_interval.times(2) {
            let (stale, sampling) = (stale_after.text(), sample_interval.text());
            let message = format!(
                "is {stale}, less than twice daemon.sample_interval ({sampling}): one late sample would stop action"
            );
            self.fault("rails.stale_after", message);
        }
        settings::Rails {
            change_budget_per_minute: self.count(
                "rails.change_budget_per_minute",
                rails.change_budget_per_minute,
                0..=100_000,
            ),
            stale_after,
            rest_after_raise: self.amount("rails.rest_after_raise", rails.rest_after_raise, SECS(0)..=SECS(86_400)),
            rest_after_lower: self.amount("rails.rest_after_lower", rails.rest_after_lower, SECS(0)..=SECS(86_400)),
            probation: self.amount("rails.probation", rails.probation, SECS(1)..=SECS(3_600)),
            rest_after_rollback: self.amount("rails.rest_after_rollback", rails.rest_after_rollback, SECS(0)..=SECS(86_400)),
            memory_margin: self.share("rails.memory_margin_percent", rails.memory_margin_percent, 0.0..=400.0),
            memory_margin_min: self.needed("rails.memory_margin_min", rails.memory_margin_min.map(|text| text.0)),
            harm: self.share("rails.harm_percent", rails.harm_percent, 0.1..=100.0),
            host_reserve: self.share("rails.host_reserve_percent", rails.host_reserve_percent, 0.0..=90.0),
            cpu_overcommit: self.share("rails.cpu_overcommit_percent", rails.cpu_overcommit_percent, 100.0..=10_000.0),
            decisions_max: self.count("rails.decisions_max", rails.decisions_max, 100..=1_000_000),
        }
    }

    fn store(&mut self, store: written::Store) -> settings::Store {
        let long = || SECS(60)..=SECS(100 * YEARS);
        let kept = settings::Store {
            keep_samples: self.amount("store.keep_samples", store.keep_samples, long()),
            keep_minutes: self.amount("store.keep_minutes", store.keep_minutes, long()),
            keep_hours: self.amount("store.keep_hours", store.keep_hours, long()),
            keep_journal: self.amount("store.keep_journal", store.keep_journal, long()),
            size_max: self.amount("store.size_max", store.size_max, model::Bytes(16 << 20)..=model::Bytes(1 << 50)),
        };
        if kept.keep_minutes < kept.keep_samples {
            let (minutes, samples) = (kept.keep_minutes.text(), kept.keep_samples.text());
            self.fault("store.keep_minutes", format!("is {minutes}, shorter than store.keep_samples ({samples})"));
        }
        if kept.keep_hours < kept.keep_minutes {
            let (hours, minutes) = (kept.keep_hours.text(), kept.keep_minutes.text());
            self.fault("store.keep_hours", format!("is {hours}, shorter than store.keep_minutes ({minutes})"));
        }
        kept
    }

    fn serve(&mut self, serve: written::Serve, listen: SocketAddr) -> settings::Serve {
        if !listen.ip().is_loopback() && serve.tokens_file.is_none() {
            let message =
                format!("is {listen}, which others can reach: set serve.tokens_file first, or listen on 127.0.0.1");
            self.fault("daemon.listen", message);
        }
        settings::Serve {
            tokens_file: serve.tokens_file.map(|path| self.absolute("serve.tokens_file", Some(path))),
            local_users: serve.local_users.map(|word| word.value()).unwrap_or_default(),
            operator_uids: serve.operator_uids.unwrap_or_default().into_iter().collect(),
            hosts: serve.hosts.unwrap_or_default(),
            body_max: self.amount("serve.body_max", serve.body_max, model::Bytes(1 << 10)..=model::Bytes(1 << 30)),
            event_subscribers_max: self.count("serve.event_subscribers_max", serve.event_subscribers_max, 1..=10_000),
            metrics_targets_max: self.count("serve.metrics_targets_max", serve.metrics_targets_max, 0..=100_000),
            remote_write: serve.remote_write.unwrap_or_default(),
        }
    }

    fn pools(&mut self, pools: written::Pools) -> settings::Pools {
        let mib = |count: u64| model::Bytes(count << 20);
        settings::Pools {
            enabled: pools.enabled.unwrap_or_default(),
            lambda: self.number("pools.lambda", pools.lambda, 0.001..=1e6),
            step: self.amount("pools.step", pools.step, SECS(1)..=SECS(3_600)),
            memory: self.share("pools.memory_percent", pools.memory_percent, 0.0..=90.0),
            runs_max: self.count("pools.runs_max", pools.runs_max, 1..=10_000),
            timeout_max: self.amount("pools.timeout_max", pools.timeout_max, MILLIS(1)..=SECS(7 * 86_400)),
            output_max: self.amount("pools.output_max", pools.output_max, model::Bytes(1 << 10)..=mib(1_024)),
            keep_results: self.amount("pools.keep_results", pools.keep_results, SECS(1)..=SECS(86_400)),
        }
    }

    fn import(&mut self, import: written::Import) -> settings::Import {
        if let Some(url) = &import.prometheus_url {
            self.url("import.prometheus_url", url);
        }
        settings::Import {
            prometheus_url: import.prometheus_url.map(String::into_boxed_str),
            prometheus_token_file: import.prometheus_token_file,
            step: self.amount("import.step", import.step, SECS(1)..=SECS(3_600)),
            range: self.amount("import.range", import.range, SECS(60)..=SECS(10 * YEARS)),
        }
    }
}
