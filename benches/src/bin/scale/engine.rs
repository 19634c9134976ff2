//! The engine's half: 100,000 targets of four metrics on two cores.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use benches::{Arguments, Asked, Report};
use decide::{Engine, Settings};
use model::{
    Bounds, Bytes, Capacity, Digest, Limit, Metric, MilliCores, Moment, Observation, Ordinal, Outcome, Resource, Setting,
    Span, TargetId, TargetKind, TargetSample, TargetSpec, Ticket, Tier, WallTime,
};
use predict::recurrent::{FEATURES, Weights};

use super::noise::Noise;

const METRICS: [Metric; 4] = [Metric::Cpu, Metric::Memory, Metric::DiskRead, Metric::NetworkReceive];
/// Seconds between samples, and samples per window.
const INTERVAL: u64 = 60;
const PER_WINDOW: u64 = 10;
/// Windows after which the daily pattern comes round: short, so that every series visits its whole range.
const PERIOD: f32 = 12.0;
/// Hidden units of the recurrent model.
const HIDDEN: usize = 16;

/// One target's way of using things.
struct Habit {
    level: [f32; METRICS.len()],
    swing: f32,
    phase: f32,
}

struct Fleet {
    engine: Engine,
    habits: Vec<Habit>,
    noise: Noise,
    samples: Vec<TargetSample>,
    step: u64,
}

/// How long the steps of one phase took.
#[derive(Default)]
struct Times {
    turns: Vec<Duration>,
    plain: Vec<Duration>,
    /// Of all threads, in the turns: on a busy machine the wall clock says more of the others.
    turns_cpu: Vec<Duration>,
}

impl Times {
    fn worst_turn(&self) -> f64 {
        self.turns.iter().max().map_or(f64::NAN, Duration::as_secs_f64)
    }

    fn worst_plain(&self) -> f64 {
        self.plain.iter().max().map_or(f64::NAN, Duration::as_secs_f64)
    }
}

impl Fleet {
    fn new(targets: u32) -> Fleet {
        let mut settings = Settings::default();
        settings.load.sample_interval = Span::from_secs(INTERVAL);
        settings.rails.stale_after = Span::from_secs(3 * INTERVAL);
        let mut noise = Noise(7);
        let habits: Vec<Habit> = (0..targets)
            .map(|_| Habit {
                level: [
                    0.02 * noise.log_uniform(500.0),
                    3e7 * noise.log_uniform(300.0),
                    1e4 * noise.log_uniform(1e4),
                    1e4 * noise.log_uniform(1e4),
                ],
                swing: noise.uniform(),
                phase: noise.uniform(),
            })
            .collect();
        Fleet { engine: Engine::new(settings), habits, noise, samples: Vec::with_capacity(targets as usize), step: 0 }
    }

    fn tell(&mut self, observation: &Observation) {
        self.engine.step(now(self.step), observation);
    }

    fn appear(&mut self) {
        let cores = MilliCores(20_000 * self.habits.len() as u64);
        self.tell(&Observation::Capacity(Capacity { cpu: cores, memory: Bytes(1 << 55) }));
        for place in 0..self.habits.len() as u32 {
            let tier = [Tier::BestEffort, Tier::Standard, Tier::Standard, Tier::Critical][place as usize % 4];
            let spec = TargetSpec {
                id: TargetId::new(format!("cgroup:/system.slice/worker-{place}.service")),
                kind: TargetKind::Service,
                tier,
                bounds: Bounds::default(),
                application: None,
            };
            let target = Ordinal(place);
            self.tell(&Observation::TargetAppeared { target, spec });
            let settings = vec![
                (Resource::CpuQuota, Setting::Cpu(Limit::Unlimited)),
                (Resource::MemoryLimit, Setting::Memory(Limit::Unlimited)),
            ];
            self.tell(&Observation::Settings { target, settings });
        }
    }

    /// One round of samples.
    fn sample(&mut self, times: &mut Times) {
        self.step += 1;
        let windows = self.step as f32 / PER_WINDOW as f32;
        let mut samples = std::mem::take(&mut self.samples);
        samples.clear();
        for (place, habit) in self.habits.iter().enumerate() {
            let wave = 1.0 + habit.swing * (std::f32::consts::TAU * (windows / PERIOD + habit.phase)).sin();
            let mut sample = TargetSample::new(Ordinal(place as u32));
            for (metric, level) in METRICS.into_iter().zip(habit.level) {
                let spread = if metric == Metric::Memory { 0.1 } else { 0.8 };
                sample.usage.set(metric, level * wave * (1.0 + spread * self.noise.uniform()));
            }
            sample.throttled = Some(0.0);
            samples.push(sample);
        }
        let wall = WallTime::from_unix_secs(1_704_067_200 + (self.step * INTERVAL) as i64);
        let observation = Observation::Samples { wall, samples };
        let (began, cpu_began) = (Instant::now(), cpu_time());
        let tickets: Vec<Ticket> =
            self.engine.step(now(self.step), &observation).iter().map(|decision| decision.ticket).collect();
        let (took, cpu_took) = (began.elapsed(), cpu_time().saturating_sub(cpu_began));
        if let Observation::Samples { samples, .. } = observation {
            self.samples = samples;
        }
        // As the daemon does in mode recommend: every decision comes back.
        for ticket in tickets {
            self.tell(&Observation::Done { ticket, outcome: Outcome::Recommended });
        }
        if self.step.is_multiple_of(PER_WINDOW) {
            times.turns.push(took);
            times.turns_cpu.push(cpu_took);
        } else {
            times.plain.push(took);
        }
    }

    fn windows(&mut self, count: u64) -> Times {
        let mut times = Times::default();
        for _ in 0..count * PER_WINDOW {
            self.sample(&mut times);
        }
        times
    }
}

fn tell(what: &str, times: &Times) {
    eprintln!("{what}: {:.2?}\n  CPU time: {:.2?}", times.turns, times.turns_cpu);
}

/// CPU time of this process so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn now(step: u64) -> Moment {
    Moment::after_start(Span::from_secs(step * INTERVAL))
}

/// Measures steps and memory.
///
/// # Errors
/// When this process's own memory cannot be read.
pub fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let targets: u32 = arguments.setting("targets", if arguments.quick { 5_000 } else { 100_000 })?;
    let warm: u64 = arguments.setting("windows", if arguments.quick { 5 } else { 30 })?;
    let mut fleet = Fleet::new(targets);
    fleet.samples.resize(targets as usize, TargetSample::new(Ordinal(0)));
    let before = resident_bytes()?;
    fleet.appear();
    let first = fleet.windows(warm);
    let plain = fleet.windows(4);
    tell("first turns", &first);
    tell("turns without a model", &plain);
    let weights = random_weights(&mut fleet.noise)?;
    fleet.tell(&Observation::ModelReady { digest: Digest([1; 32]), weights: weights.to_bytes().into() });
    let recurrent = fleet.windows(4);
    tell("turns with a model", &recurrent);
    let series = f64::from(targets) * METRICS.len() as f64;
    let resident = (resident_bytes()? - before) as f64 / series;
    report.promise("step-window", Asked::AtMost(1.0), plain.worst_turn(), "s");
    // The first turn gives every series its row and state.
    report.promise("step-window-model", Asked::AtMost(1.0), recurrent.worst_turn(), "s");
    report.promise("step-sample", Asked::AtMost(1.0), plain.worst_plain(), "s");
    report.promise("bytes-series", Asked::AtMost(4_096.0), resident, "bytes");
    report.promise("bytes-series-counted", Asked::AtMost(4_096.0), fleet.engine.bytes() as f64 / series, "bytes");
    Ok(())
}

fn random_weights(noise: &mut Noise) -> Result<Weights> {
    let count = Weights::count(FEATURES, HIDDEN).context("cannot size the model")?;
    let parameters = (0..count).map(|_| noise.uniform() - 0.5).collect();
    Weights::new(FEATURES, HIDDEN, parameters).context("cannot make a model")
}

/// Memory of this process that is in RAM.
fn resident_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("/proc/self/status has no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS is not a number of kB")?;
    Ok(kib * 1_024)
}
