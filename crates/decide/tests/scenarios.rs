//! Golden transcripts: every `scenarios/*.txt` is prose, commands (`> ...`) and below each what the engine decided (indented).
//! `UPDATE=1 cargo test -p forerun-decide --test scenarios` writes the answers anew; the difference is what to review.
//! Commands: see [`Stage::obey`]. Time passes only in `run` and `quiet`, a minute per sample, from Monday 00:00 UTC.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "the scripts are files, and whether to rewrite them is said by the environment"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use decide::{Engine, Settings};
use model::{
    Action, Announcement, AnnouncementId, Bounds, Bytes, Cap, Capacity, Decision, Metric, MilliCores, Mode, Observation,
    Ordinal, Outcome, Resource, Scope, Setting, Span, TargetSample, Ticket, Tier, Trigger, Wait,
};
use support::{Chance, MIB, at, spec, wall};

struct Stage {
    engine: Engine,
    names: BTreeMap<String, Ordinal>,
    second: u64,
    announcements: u64,
    /// How actions end from now on.
    outcome: String,
    answer: String,
}

/// The words of a command: plain ones and `name=value`.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn plain(&self, place: usize) -> &'a str {
        self.0
            .iter()
            .filter(|word| !word.contains('='))
            .nth(place)
            .unwrap_or_else(|| panic!("word {place} is missing: {:?}", self.0))
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
    }

    fn seconds(&self, name: &str) -> Option<u64> {
        self.get(name).map(seconds)
    }
}

/// `90s`, `10m`, `2h`, `3d`.
fn seconds(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => panic!("no length of time: {text}"),
    };
    number.trim_start_matches('+').parse::<u64>().unwrap_or_else(|_| panic!("no length of time: {text}")) * unit
}

/// `09:00` as seconds of the day.
fn clock(text: &str) -> u64 {
    let (hours, minutes) = text.split_once(':').unwrap_or_else(|| panic!("no time of day: {text}"));
    hours.parse::<u64>().unwrap() * 3_600 + minutes.parse::<u64>().unwrap() * 60
}

/// `0.5`, or with a part of the day that differs `0.5,2@09:00-10:00`; five percent of noise on it.
fn value(text: &str, second: u64, seed: u64) -> f32 {
    let mut parts = text.split(',');
    let mut value: f32 = parts.next().unwrap().parse().unwrap_or_else(|_| panic!("no value: {text}"));
    for part in parts {
        let (other, (from, until)) =
            part.split_once('@').and_then(|(other, span)| Some((other, span.split_once('-')?))).unwrap();
        if (clock(from)..clock(until)).contains(&(second % 86_400)) {
            value = other.parse().unwrap();
        }
    }
    value * (1.0 + 0.05 * Chance(second ^ seed << 32).below(1_000) as f32 / 1_000.0)
}

impl Stage {
    fn new() -> Stage {
        Stage {
            engine: Engine::new(Settings::default()),
            names: BTreeMap::new(),
            second: 0,
            announcements: 0,
            outcome: "applied".into(),
            answer: String::new(),
        }
    }

    /// Obeys one command.
    fn obey(&mut self, line: &str) {
        let words = Words(line.split_whitespace().collect());
        match words.plain(0) {
            "engine" => self.begin(&words),
            "capacity" => {
                let capacity =
                    Capacity { cpu: cores(words.number("cpu").unwrap()), memory: mebibytes(words.number("mem").unwrap()) };
                self.tell(&Observation::Capacity(capacity));
            }
            "target" => self.appear(&words),
            "gone" => {
                let target = self.names.remove(words.plain(1)).unwrap();
                self.tell(&Observation::TargetGone { target });
            }
            "run" => self.run(line.strip_prefix("run ").unwrap()),
            "later" => {
                // Long stretches are told as a count.
                let told = std::mem::take(&mut self.answer);
                self.run(line.strip_prefix("later ").unwrap());
                let decisions = std::mem::replace(&mut self.answer, told).lines().count();
                self.say(&format!("({decisions} decisions)"));
            }
            "quiet" => {
                for _ in 0..seconds(words.plain(1)) / 60 {
                    self.minute(Vec::new());
                }
            }
            "announce" => self.announce(&words),
            "mode" => {
                let scope = match words.plain(1) {
                    "all" => Scope::All,
                    name => Scope::Target(self.names[name]),
                };
                self.tell(&Observation::ModeSet { scope, mode: mode(words.plain(2)) });
            }
            "kill-switch" => self.tell(&Observation::KillSwitch(words.plain(1) == "on")),
            "by-hand" => {
                let (target, settings) = (self.names[words.plain(1)], knobs(&words));
                self.tell(&Observation::Settings { target, settings });
            }
            "undo" => {
                let length = self.answer.len();
                self.tell(&Observation::UndoAsked(ticket(words.plain(1))));
                if self.answer.len() == length {
                    self.say("refused");
                }
            }
            "actions-end" => self.outcome = words.plain(1).into(),
            "show" => self.show(words.plain(1)),
            "explain" => self.explain(ticket(words.plain(1))),
            other => panic!("no such command: {other}"),
        }
    }

    fn begin(&mut self, words: &Words<'_>) {
        let mut settings = Settings { mode: mode(words.get("mode").unwrap_or("act")), ..Settings::default() };
        settings.load.sample_interval = Span::from_secs(60);
        settings.rails.stale_after = Span::from_secs(150);
        if let Some(changes) = words.number("changes_per_day") {
            settings.load.changes_per_day = changes as f32;
        }
        if let Some(probation) = words.seconds("probation") {
            settings.rails.probation = Span::from_secs(probation);
        }
        if let Some(hysteresis) = words.number("hysteresis") {
            settings.load.hysteresis = hysteresis as f32;
        }
        if let Some(times) = words.number("overcommit") {
            settings.arbiter.cpu_overcommit = model::Permille((times * 1_000.0) as u32);
        }
        self.engine = Engine::new(settings);
    }

    fn appear(&mut self, words: &Words<'_>) {
        let name = words.plain(1);
        let target = Ordinal((0..).find(|free| self.names.values().all(|used| used.0 != *free)).unwrap());
        self.names.insert(name.into(), target);
        let tier = match words.get("tier").unwrap_or("standard") {
            "best_effort" => Tier::BestEffort,
            "standard" => Tier::Standard,
            "critical" => Tier::Critical,
            other => panic!("no such tier: {other}"),
        };
        let bounds = Bounds {
            cpu_min: words.number("cpu_min").map(cores),
            cpu_max: words.number("cpu_max").map(cores),
            memory_min: words.number("mem_min").map(mebibytes),
            memory_max: words.number("mem_max").map(mebibytes),
        };
        self.tell(&Observation::TargetAppeared { target, spec: spec(name, tier, bounds) });
        self.tell(&Observation::Settings { target, settings: knobs(words) });
    }

    /// `2h web cpu=0.5 mem=100 ; batch cpu=1 mem=64 throttled=0.3 killed=1`
    fn run(&mut self, line: &str) {
        let (length, rest) = line.split_once(' ').unwrap();
        for _ in 0..seconds(length) / 60 {
            let mut samples: Vec<TargetSample> =
                rest.split(';').map(|part| self.sample(&Words(part.split_whitespace().collect()))).collect();
            samples.sort_by_key(|sample| sample.target);
            self.minute(samples);
        }
    }

    fn sample(&self, words: &Words<'_>) -> TargetSample {
        let target = self.names[words.plain(0)];
        let mut sample = TargetSample::new(target);
        for (name, metric, scale) in [("cpu", Metric::Cpu, 1.0), ("mem", Metric::Memory, MIB as f32)] {
            // `every10=1.3`: cores in one minute of ten.
            let often = words.get("every10").filter(|_| name == "cpu" && self.second / 60 % 10 == 3);
            if let Some(text) = often.or(words.get(name)) {
                sample.usage.set(metric, scale * value(text, self.second + 60, u64::from(target.0)));
            }
        }
        sample.throttled = words.number("throttled").map(|share| share as f32);
        sample.out_of_memory_kills = words.number("killed").map_or(0, |count| count as u32);
        sample
    }

    fn minute(&mut self, samples: Vec<TargetSample>) {
        self.second += 60;
        let wall = wall(self.second);
        self.tell(&Observation::Samples { wall, samples });
    }

    fn announce(&mut self, words: &Words<'_>) {
        self.announcements += 1;
        let from = wall(self.second + words.seconds("from").unwrap());
        let announcement = Announcement {
            id: AnnouncementId(self.announcements),
            target: self.names[words.plain(1)],
            metric: Metric::Cpu,
            from,
            until: from.plus(Span::from_secs(words.seconds("for").unwrap())),
            expected: words.number("cpu").map(|cores| cores as f32),
            source: words.get("source").unwrap_or("api").into(),
        };
        self.tell(&Observation::Announced(announcement));
    }

    /// Tells the engine, writes down what it decides, and carries it out as actions end at present.
    fn tell(&mut self, observation: &Observation) {
        let now = at(self.second);
        for decision in self.engine.step(now, observation).to_vec() {
            let line = self.line(&decision);
            self.say(&line);
            if decision.mode == Mode::Act {
                let outcome = match self.outcome.as_str() {
                    "applied" => Outcome::Applied,
                    "failed" => Outcome::Failed { reason: "write: EIO".into() },
                    other => panic!("no such end of an action: {other}"),
                };
                self.engine.step(now, &Observation::Done { ticket: decision.ticket, outcome });
            }
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.answer, "  {line}").unwrap();
    }

    fn name(&self, target: Ordinal) -> &str {
        self.names.iter().find(|(_, ordinal)| **ordinal == target).map_or("?", |(name, _)| name)
    }

    fn line(&self, decision: &Decision) -> String {
        let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][(self.second / 86_400 % 7) as usize];
        let verb = match (decision.action, decision.mode) {
            (Action::Restore { undoes, .. }, _) => format!("undoes {undoes}: "),
            (_, Mode::Act) => String::new(),
            _ => "advises: ".into(),
        };
        let caps: String = decision.because.caps.iter().map(|cap| format!(", {}", cap_text(*cap))).collect();
        format!(
            "{day} {} {} {} {verb}{} {} -> {} ({}{caps})",
            time(self.second),
            decision.ticket,
            self.name(decision.target),
            decision.action.resource().name(),
            decision.action.before(),
            decision.action.after(),
            trigger_text(decision.because.trigger),
        )
    }

    fn show(&mut self, name: &str) {
        let view = self.engine.target_view(self.names[name]).unwrap();
        for knob in view.knobs {
            let holds = knob.holds.map_or("not there".into(), |setting| setting.to_string());
            let wait = knob.wait.map_or("nothing".into(), |wait| self.wait_text(wait));
            self.say(&format!("{name} {} holds {holds}; waits for: {wait}", knob.resource.name()));
        }
    }

    fn wait_text(&self, wait: Wait) -> String {
        match wait {
            Wait::Learning { have, need } => format!("learning, {have} of {need} windows"),
            Wait::Cooldown { until } | Wait::Probation { until } => {
                format!("{} until {}", wait.name(), time(until.since_start().as_millis() / 1_000))
            }
            Wait::Stale { age } => format!("stale, newest sample {age} ago"),
            _ => wait.name().into(),
        }
    }

    fn explain(&mut self, ticket: Ticket) {
        let because = self.engine.ledger().get(ticket).unwrap().decision.because.clone();
        let unit = |amount: f32| match because.metric {
            Metric::Memory => format!("{:.0} MiB", amount / MIB as f32),
            _ => format!("{amount:.2} cores"),
        };
        if let Some(forecast) = because.forecast {
            let [median, far] = [0.5, 0.99].map(|level| unit(forecast.quantile(level)));
            let line = format!("forecast by {}: median {median}, 99 of 100 below {far}", forecast.member.name());
            self.say(&line);
        }
        self.say(&format!("wanted {}, in use {}", unit(because.wanted), unit(because.in_use)));
    }
}

fn cores(cores: f64) -> MilliCores {
    MilliCores((cores * 1_000.0).round() as u64)
}

fn mebibytes(mebibytes: f64) -> Bytes {
    Bytes((mebibytes * MIB as f64).round() as u64)
}

fn knobs(words: &Words<'_>) -> Vec<(Resource, Setting)> {
    let cpu = words.number("cpu").map(|amount| cores(amount).0);
    let memory = words.number("mem").map(|amount| mebibytes(amount).0);
    vec![
        (Resource::CpuQuota, Setting::of(Resource::CpuQuota, cpu)),
        (Resource::MemoryLimit, Setting::of(Resource::MemoryLimit, memory)),
    ]
}

fn mode(text: &str) -> Mode {
    match text {
        "observe" => Mode::Observe,
        "recommend" => Mode::Recommend,
        "act" => Mode::Act,
        other => panic!("no such mode: {other}"),
    }
}

fn ticket(text: &str) -> Ticket {
    Ticket(text.strip_prefix('T').and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no ticket: {text}")))
}

fn time(second: u64) -> String {
    format!("{:02}:{:02}", second / 3_600 % 24, second / 60 % 60)
}

fn trigger_text(trigger: Trigger) -> String {
    match trigger {
        Trigger::Predicted => "predicted".into(),
        Trigger::Released => "released".into(),
        Trigger::Pressure => "held back".into(),
        Trigger::OutOfMemory => "killed for lack of memory".into(),
        Trigger::Announced(id) => format!("announced, number {}", id.0),
        Trigger::Asked => "asked for".into(),
        Trigger::HurtAfter(ticket) => format!("{ticket} hurt"),
    }
}

const fn cap_text(cap: Cap) -> &'static str {
    match cap {
        Cap::BoundMax => "upper bound",
        Cap::BoundMin => "lower bound",
        Cap::Capacity => "short of capacity",
        Cap::InUse => "above use",
    }
}

/// The script with the answers that it gets now.
fn played(script: &str) -> String {
    let mut stage = Stage::new();
    let mut text = String::new();
    for line in script.lines().filter(|line| !line.starts_with("  ")) {
        writeln!(text, "{line}").unwrap();
        if let Some(command) = line.strip_prefix("> ") {
            stage.obey(command);
            text += &std::mem::take(&mut stage.answer);
        }
    }
    text
}

#[test]
fn every_scenario_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut scripts: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    scripts.sort();
    assert!(scripts.len() >= 4, "{scripts:?}");
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    let mut wrong = Vec::new();
    for path in scripts {
        let script = std::fs::read_to_string(&path).unwrap();
        let now = played(&script);
        if update {
            std::fs::write(&path, &now).unwrap();
        } else if now != script {
            let differs = now.lines().zip(script.lines()).find(|(now, then)| now != then);
            wrong.push(format!("{}: first difference (now, written): {differs:?}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\nif that is as it should be: UPDATE=1", wrong.join("\n"));
}
