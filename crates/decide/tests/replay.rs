//! Random lives of an engine: what was recorded replays to the same decisions on any number of threads, and no decision breaks
//! a rule whatever the host, the people and the actuators do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use decide::{Engine, Settings, lint};
use model::{
    Action, Announcement, AnnouncementId, Bounds, Bytes, Capacity, Decision, Digest, History, Limit, Metric, MilliCores,
    Mode, Moment, Observation, Ordinal, Outcome, Permille, Planner, Pressure, Resource, Scope, Setting, Span, TargetSample,
    Ticket, Tier, Trigger,
};
use predict::recurrent::{FEATURES, Weights};
use support::{Chance, MIB, at, spec, wall};

const CORES: [f32; 6] = [0.0, 0.25, 0.5, 1.0, 1.0, 2.0];
const MEBIBYTES: [f32; 5] = [16.0, 64.0, 64.0, 128.0, 400.0];
const TIERS: [Tier; 3] = [Tier::BestEffort, Tier::Standard, Tier::Critical];
const MODES: [Mode; 3] = [Mode::Observe, Mode::Recommend, Mode::Act];

/// What a life is made of.
struct Life {
    chance: Chance,
    engine: Engine,
    record: Vec<(Moment, Observation)>,
    decisions: Vec<Decision>,
    /// Decisions that an actuator works at, and until when.
    working: Vec<(u64, Ticket)>,
    /// Memory of the newest sample, by ordinal.
    memory: BTreeMap<Ordinal, f32>,
    modes: (Mode, Mode, BTreeMap<Ordinal, Mode>, bool),
    capacity: Option<Capacity>,
    targets: u32,
    announcements: u64,
    second: u64,
}

fn random_settings(chance: &mut Chance) -> Settings {
    let mut settings = Settings { mode: chance.of(&[Mode::Recommend, Mode::Act, Mode::Act]), ..Settings::default() };
    settings.load.window = Span::from_secs(chance.of(&[5, 10]));
    settings.load.react = chance.percent(80);
    settings.load.changes_per_day = chance.of(&[2.0, 12.0, 1_000.0]);
    settings.load.hysteresis = chance.of(&[0.0, 0.02, 0.1]);
    if chance.percent(30) {
        settings.load.manage = Resource::ALL.to_vec();
    }
    settings.rails.changes_per_minute = chance.of(&[0, 3, 20, 600]);
    settings.rails.ledger_entries = chance.of(&[1, 8, 10_000]);
    settings.rails.stale_after = Span::from_secs(3);
    settings.rails.rest_after_raise = Span::from_secs(chance.of(&[0, 4]));
    settings.rails.rest_after_lower = Span::from_secs(chance.of(&[0, 15]));
    settings.rails.probation = Span::from_secs(8);
    settings.rails.rest_after_rollback = Span::from_secs(20);
    settings
}

impl Life {
    fn new(seed: u64, targets: u32) -> Life {
        let mut chance = Chance(seed);
        let settings = random_settings(&mut chance);
        Life {
            modes: (settings.mode, Mode::Act, BTreeMap::new(), false),
            engine: Engine::new(settings),
            chance,
            record: Vec::new(),
            decisions: Vec::new(),
            working: Vec::new(),
            memory: BTreeMap::new(),
            capacity: None,
            targets,
            announcements: 0,
            second: 0,
        }
    }

    fn any_target(&mut self) -> Ordinal {
        Ordinal(self.chance.below(u64::from(self.targets) + 1) as u32)
    }

    fn bounds(&mut self) -> Bounds {
        let cores = |chance: &mut Chance| chance.percent(25).then(|| MilliCores(chance.of(&[100, 500, 1_500])));
        let bytes = |chance: &mut Chance| chance.percent(25).then(|| Bytes(chance.of(&[32, 100, 300]) * MIB));
        let chance = &mut self.chance;
        Bounds { cpu_min: cores(chance), cpu_max: cores(chance), memory_min: bytes(chance), memory_max: bytes(chance) }
    }

    fn setting(&mut self, resource: Resource) -> Setting {
        let amount = match resource {
            Resource::CpuQuota => self.chance.of(&[None, Some(500), Some(2_000), Some(2_000)]),
            Resource::CpuWeight => Some(100),
            Resource::MemoryLimit => self.chance.of(&[None, Some(100 * MIB), Some(512 * MIB), Some(512 * MIB)]),
            _ => self.chance.of(&[None, Some(1 << 20)]),
        };
        Setting::of(resource, amount)
    }

    fn knobs(&mut self, target: Ordinal) -> Observation {
        let mut settings = Vec::new();
        for resource in Resource::ALL {
            if self.chance.percent(90) {
                // Now and then a reading makes no sense.
                let odd = self.chance.percent(1);
                let setting = if odd { Setting::Bandwidth(Limit::Unlimited) } else { self.setting(resource) };
                settings.push((resource, setting));
            }
        }
        Observation::Settings { target, settings }
    }

    fn appear(&mut self, target: Ordinal) {
        let tier = self.chance.of(&TIERS);
        let spec = spec(&format!("cgroup:/{}", target.0), tier, self.bounds());
        self.memory.remove(&target);
        self.modes.2.remove(&target);
        self.step(Observation::TargetAppeared { target, spec });
        let knobs = self.knobs(target);
        self.step(knobs);
        if self.chance.percent(60) {
            self.history(target);
        }
    }

    fn history(&mut self, target: Ordinal) {
        let metric = self.chance.of(&[Metric::Cpu, Metric::Memory, Metric::DiskRead]);
        let count = self.chance.below(120);
        let values = (0..count).map(|_| self.chance.percent(90).then(|| self.value(metric))).collect();
        let step = Span::from_secs(self.chance.of(&[0, 1, 5, 7, 20]));
        let start = wall(self.second).minus(step.times(count));
        self.step(Observation::History(History { target, metric, start, step, values }));
    }

    fn value(&mut self, metric: Metric) -> f32 {
        match metric {
            Metric::Cpu => self.chance.of(&CORES),
            Metric::Memory => self.chance.of(&MEBIBYTES) * MIB as f32,
            _ => self.chance.of(&[0.0, 1e5, 1e5, f32::NAN, 1e7]),
        }
    }

    fn sample(&mut self, target: Ordinal) -> TargetSample {
        let mut sample = TargetSample::new(target);
        for metric in [Metric::Cpu, Metric::Memory, Metric::DiskRead, Metric::Application] {
            if self.chance.percent(if metric == Metric::Application { 10 } else { 93 }) {
                let value = self.value(metric);
                sample.usage.set(metric, value);
            }
        }
        sample.throttled = self.chance.percent(50).then(|| self.chance.of(&[0.0, 0.0, 0.0, 0.05, 0.5]));
        sample.out_of_memory_kills = u32::from(self.chance.percent(2));
        sample.pressure = self.chance.percent(40).then(|| Pressure {
            memory_full: Permille(self.chance.of(&[0, 0, 0, 200])),
            io_some: Permille(self.chance.of(&[0, 0, 700])),
            ..Pressure::default()
        });
        sample
    }

    /// One second: people and the host do something, actuators come back, everything is sampled.
    fn live(&mut self) {
        for _ in 0..self.chance.below(3) {
            self.something();
        }
        let (back, working) = std::mem::take(&mut self.working).into_iter().partition(|(until, _)| *until <= self.second);
        self.working = working;
        for (_, ticket) in back as Vec<(u64, Ticket)> {
            self.come_back(ticket);
        }
        let mut samples = Vec::new();
        for target in 0..=self.targets {
            for _ in 0..self.chance.of(&[0, 1, 1, 1, 1, 1, 1, 1, 1, 2]) {
                samples.push(self.sample(Ordinal(target)));
            }
        }
        for (place, sample) in samples.iter().enumerate() {
            // Of two samples of one target in a round the later counts.
            if samples.get(place + 1).is_some_and(|next| next.target == sample.target) {
                continue;
            }
            if let (Some(bytes), true) = (sample.usage.get(Metric::Memory), self.engine.target(sample.target).is_some()) {
                self.memory.insert(sample.target, bytes);
            }
        }
        let wall = wall(self.second);
        let window = self.engine.settings().load.window.as_nanos();
        let opened = self.record.iter().rev().find(|(_, observation)| matches!(observation, Observation::Samples { .. }));
        let opened = opened.map_or(0, |(moment, _)| moment.since_start().as_nanos() / window);
        self.step(Observation::Samples { wall, samples });
        if at(self.second).since_start().as_nanos() / window > opened {
            self.check_waits();
        }
        self.second += self.chance.of(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 13]);
    }

    fn something(&mut self) {
        let target = self.any_target();
        match self.chance.below(28) {
            0 => {
                self.step(Observation::TargetGone { target });
                if self.chance.percent(70) {
                    self.appear(target);
                }
            }
            1 if target.0 < self.targets => self.appear(target),
            2 => {
                let (cpu, memory) = (self.chance.of(&[500, 3_000, 12_000]), self.chance.of(&[256, 1_024, 4_096]));
                self.capacity = Some(Capacity { cpu: MilliCores(cpu), memory: Bytes(memory * MIB) });
                self.step(Observation::Capacity(Capacity { cpu: MilliCores(cpu), memory: Bytes(memory * MIB) }));
            }
            3 => self.set_mode(target),
            4 => {
                self.modes.3 = self.chance.percent(30);
                self.step(Observation::KillSwitch(self.modes.3));
            }
            5 | 6 => {
                let bounds = self.bounds();
                self.step(Observation::BoundsSet { target, bounds });
            }
            7 => {
                let tier = self.chance.of(&TIERS);
                self.step(Observation::TierSet { target, tier });
            }
            8..=10 => {
                let newest = self.decisions.last().map_or(0, |decision| decision.ticket.0);
                let ticket = Ticket(newest.saturating_sub(self.chance.below(6)));
                self.step(Observation::UndoAsked(ticket));
            }
            11..=14 => self.announce(target),
            15 => {
                let id = AnnouncementId(self.chance.below(self.announcements + 1));
                self.step(Observation::AnnouncementWithdrawn(id));
            }
            16 => {
                let knobs = self.knobs(target);
                self.step(knobs);
            }
            17 => self.history(target),
            18 => self.model(),
            19 => {
                // An outcome that nobody waits for, or a second one.
                let ticket = Ticket(self.chance.below(40));
                self.come_back(ticket);
            }
            20 => self.adopt(target),
            _ => {}
        }
    }

    fn adopt(&mut self, target: Ordinal) {
        let Some(mut decision) = self.decisions.first().cloned() else { return };
        decision.target = target;
        decision.mode = Mode::Act;
        // Only what is unknown here can come from an earlier run; numbers of earlier runs are below the first of this one.
        decision.ticket = Ticket(0);
        self.step(Observation::Adopted(Box::new(decision)));
    }

    fn set_mode(&mut self, target: Ordinal) {
        let mode = self.chance.of(&MODES);
        let scope = match self.chance.below(6) {
            0 => Scope::All,
            1 => Scope::Planner(Planner::Load),
            _ => Scope::Target(target),
        };
        match &scope {
            Scope::All => self.modes.0 = mode,
            Scope::Planner(_) => self.modes.1 = mode,
            Scope::Target(target) if self.engine.target(*target).is_some() => {
                self.modes.2.insert(*target, mode);
            }
            Scope::Target(_) => {}
        }
        self.step(Observation::ModeSet { scope, mode });
    }

    fn announce(&mut self, target: Ordinal) {
        self.announcements += 1;
        let metric = self.chance.of(&[Metric::Cpu, Metric::Memory]);
        let from = wall(self.second + self.chance.below(30));
        let expected = self.chance.of(&[None, Some(1.5), Some(f32::NAN), Some(3e8), Some(-1.0), Some(f32::INFINITY)]);
        let until = from.plus(Span::from_secs(self.chance.below(20)));
        let source = self.chance.of(&["cron:/a", "cron:/b"]).into();
        self.step(Observation::Announced(Announcement {
            id: AnnouncementId(self.announcements),
            target,
            metric,
            from,
            until,
            expected,
            source,
        }));
    }

    fn model(&mut self) {
        let weights: Arc<[u8]> = if self.chance.percent(70) {
            let hidden = self.chance.of(&[8, 16]);
            let count = Weights::count(FEATURES, hidden).unwrap();
            let noise = (0..count).map(|_| self.chance.below(2_000) as f32 / 2_000.0 - 0.5).collect();
            Weights::new(FEATURES, hidden, noise).unwrap().to_bytes().into()
        } else {
            [1, 2, 3].into()
        };
        self.step(Observation::ModelReady { digest: Digest([self.second as u8; 32]), weights });
    }

    fn come_back(&mut self, ticket: Ticket) {
        let found = self.setting(Resource::CpuQuota);
        let outcome = match self.chance.below(20) {
            0 => Outcome::ChangedElsewhere { found },
            1 => Outcome::WouldHarm { in_use: 7 },
            2 => Outcome::TargetGone,
            3 => Outcome::Unsupported { reason: "no such file".into() },
            4 => Outcome::Failed { reason: "write: EIO".into() },
            5 => Outcome::Recommended,
            _ => Outcome::Applied,
        };
        let entry = self.engine.ledger().get(ticket).map(|entry| entry.decision.target);
        let before = entry.and_then(|ordinal| self.engine.target(ordinal)).map(|target| target.knobs.clone());
        let flew = before.iter().flatten().any(|knob| knob.in_flight == Some(ticket));
        self.step(Observation::Done { ticket, outcome });
        let after = entry.and_then(|ordinal| self.engine.target(ordinal)).map(|target| target.knobs.clone());
        assert!(flew || before == after, "the outcome of {ticket} touched knobs that did not wait for it");
    }

    fn mode_of(&self, target: Ordinal) -> Mode {
        let (all, planner, targets, killed) = &self.modes;
        let own = targets.get(&target).copied().unwrap_or(Mode::Act);
        if *killed { Mode::Observe } else { (*all).min(*planner).min(own) }
    }

    fn step(&mut self, observation: Observation) {
        let now = at(self.second);
        if let Observation::TargetGone { target } = &observation {
            self.memory.remove(target);
            self.modes.2.remove(target);
        }
        let before =
            matches!(observation, Observation::Samples { .. } | Observation::UndoAsked(_)).then(|| self.promised_all());
        self.record.push((now, observation));
        let observation = &self.record.last().unwrap().1;
        let decisions = self.engine.step(now, observation).to_vec();
        for decision in &decisions {
            self.check(decision);
            if decision.mode == Mode::Act && self.chance.percent(97) {
                self.working.push((self.second + self.chance.below(4), decision.ticket));
            }
        }
        if let Some(before) = before {
            self.check_capacity(&before, &decisions);
        }
        self.decisions.extend(decisions);
    }

    fn check(&self, decision: &Decision) {
        let target = self.engine.target(decision.target).expect("a decision is of a target that is there");
        assert_eq!(lint::broken(self.engine.settings(), target, decision), None, "{decision:?}");
        if let Some(last) = self.decisions.last() {
            assert!(decision.ticket > last.ticket, "{} after {}", decision.ticket, last.ticket);
        }
        let asked = decision.because.trigger == Trigger::Asked;
        assert!(asked || decision.mode == self.mode_of(decision.target), "{decision:?}");
        assert!(asked || decision.mode != Mode::Observe, "{decision:?}");
        if let (Setting::Memory(Limit::At(limit)), Some(&in_use)) =
            (decision.action.after(), self.memory.get(&decision.target))
        {
            let margin = (0.03 * f64::from(in_use)).max((4.0 * MIB as f64).min(0.25 * f64::from(in_use)));
            assert!(limit.0 as f64 >= f64::from(in_use) + margin, "{limit} for {in_use}: {decision:?}");
        }
    }

    /// Raises take no more than there is, or what others give in the same step; exempt are first limits of what was unlimited,
    /// answers to a kill, and what is put back.
    fn check_capacity(&self, promised: &[[u128; 2]; 2], decisions: &[Decision]) {
        let Some(capacity) = self.capacity else { return };
        let overcommit = self.engine.settings().arbiter.cpu_overcommit;
        for (kind, (resource, size)) in
            [(Resource::CpuQuota, capacity.cpu.scaled(overcommit).0), (Resource::MemoryLimit, capacity.memory.0)]
                .into_iter()
                .enumerate()
        {
            for (world, mode) in [Mode::Act, Mode::Recommend].into_iter().enumerate() {
                // What is really done heeds what is really held, whatever was advised.
                if mode == Mode::Recommend && decisions.iter().any(|decision| decision.mode == Mode::Act) {
                    continue;
                }
                let exempt = decisions
                    .iter()
                    .filter(|decision| decision.mode == mode)
                    .filter(|decision| decision.action.resource() == resource)
                    .map(|decision| {
                        let (before, after) =
                            (decision.action.before().amount(), decision.action.after().amount().unwrap_or(0));
                        let free = matches!(decision.action, Action::Restore { .. })
                            || before.is_none()
                            || decision.because.trigger == Trigger::OutOfMemory;
                        if free { u128::from(after.saturating_sub(before.unwrap_or(0))) } else { 0 }
                    });
                let allowed = (u128::from(size) * 95 / 100).max(promised[kind][world]) + exempt.sum::<u128>();
                let now = self.promised(resource, mode, decisions);
                assert!(now <= allowed, "{now} of {allowed} {} in {mode:?} at {}", resource.name(), self.second);
            }
        }
    }

    /// At a window's turn every knob is decided about, or says what it waits for.
    fn check_waits(&self) {
        for (ordinal, target) in self.engine.targets() {
            for (place, knob) in target.knobs.iter().enumerate() {
                let resource = self.engine.settings().load.manage[place];
                let decided = self
                    .decisions
                    .iter()
                    .rev()
                    .take_while(|decision| decision.at == at(self.second))
                    .any(|decision| decision.target == ordinal && decision.action.resource() == resource);
                assert!(decided || knob.wait.is_some(), "{ordinal:?} {} says nothing", resource.name());
            }
        }
    }

    fn promised_all(&self) -> [[u128; 2]; 2] {
        [Resource::CpuQuota, Resource::MemoryLimit]
            .map(|resource| [Mode::Act, Mode::Recommend].map(|mode| self.promised(resource, mode, &[])))
    }

    fn promised(&self, resource: Resource, mode: Mode, decisions: &[Decision]) -> u128 {
        let Some(place) = self.engine.settings().load.manage.iter().position(|managed| *managed == resource) else {
            return 0;
        };
        let amounts = self.engine.targets().map(|(_, target)| {
            let knob = &target.knobs[place];
            let now = decisions.iter().any(|decision| Some(decision.ticket) == knob.in_flight);
            match (now, knob.advised, mode) {
                (_, Some(advised), Mode::Recommend) => advised.amount(),
                (true, ..) => knob.sets.and_then(Setting::amount),
                _ => knob.holds.and_then(Setting::amount).max(knob.sets.and_then(Setting::amount)),
            }
        });
        amounts.map(|amount| u128::from(amount.unwrap_or(0))).sum()
    }
}

fn lived(seed: u64, targets: u32, seconds: u64) -> Life {
    let mut life = Life::new(seed, targets);
    for target in 0..targets {
        life.appear(Ordinal(target));
    }
    for _ in 0..seconds {
        life.live();
    }
    life
}

fn replayed(settings: &Settings, record: &[(Moment, Observation)], threads: usize) -> (Vec<Decision>, Engine) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut engine = Engine::new(settings.clone());
        let decisions = record.iter().flat_map(|(now, observation)| engine.step(*now, observation).to_vec()).collect();
        (decisions, engine)
    })
}

fn check_replay(life: &Life) {
    for threads in [1, 2] {
        let (decisions, engine) = replayed(life.engine.settings(), &life.record, threads);
        assert_eq!(decisions.len(), life.decisions.len());
        for (again, first) in decisions.iter().zip(&life.decisions) {
            // The text tells apart what compares equal, such as 0 and -0.
            assert_eq!(format!("{again:?}"), format!("{first:?}"));
        }
        for (ordinal, target) in life.engine.targets() {
            let again = engine.target_view(ordinal).map(|view| format!("{view:?}"));
            assert_eq!(again, life.engine.target_view(ordinal).map(|view| format!("{view:?}")));
            assert_eq!(Some(&target.knobs), engine.target(ordinal).map(|target| &target.knobs));
        }
    }
}

#[test]
fn random_lives_replay_and_break_no_rule() {
    let (mut decided, mut restored, mut recommended) = (0, 0, 0);
    for seed in 0..240 {
        let life = lived(seed, 2 + seed as u32 % 9, 220);
        check_replay(&life);
        decided += life.decisions.len();
        restored += life.decisions.iter().filter(|decision| matches!(decision.action, Action::Restore { .. })).count();
        recommended += life.decisions.iter().filter(|decision| decision.mode == Mode::Recommend).count();
    }
    // Otherwise the lives say nothing.
    assert!(decided > 10_000 && restored > 200 && recommended > 1_000, "{decided} {restored} {recommended}");
}

#[test]
fn lives_with_many_targets_replay_on_any_number_of_threads() {
    let mut decided = 0;
    for seed in 1_000..1_006 {
        let life = lived(seed, 700, 45);
        check_replay(&life);
        decided += life.decisions.len();
    }
    assert!(decided > 1_000, "{decided}");
}
