//! Is being ahead worth it? The examples run twice at the same time, with the same seed, in control groups of their own: one
//! lane's CPU quotas are set by forerun's engine, the other's by a reactive controller, which gives each program what it used
//! at most in the last window, times a margin. Both have the same samples, window, bounds and actuator.
//!
//! The margin decides what the reactive lane costs, so it is chosen to cost as much: after every day it becomes the one that
//! would have allocated as many core-seconds as forerun did on that day, and a little more. Compared is what the kernel counts:
//! time in which tasks were held back by their quota, over the days after the warm-up. The reactive lane begins half a day
//! later, so that the peaks of the two do not fall together, and both have a hundred times the weight of whatever else runs.
//!
//! forerun's settings are those of `up --examples`. Others, as NAME=VALUE: `day` (length of the service's day in seconds), `warm` and `days` (days before and while it is
//! measured), `window` and `sample` (seconds), `tail`, `head_room`, `burst` (share of a quota that both lanes may save up, in
//! thousandths), `overcommit` (thousandths), `seed`.
#![forbid(unsafe_code)]

mod controller;
mod lane;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use benches::{Arguments, Asked, Group, Report, as_forerun};
use collect::Roots;
use collect::layout::Layout;
use forerun::config::{Surroundings, Written};
use model::{Span, Tier, WallTime};

use controller::{Forerun, Reactive};
use lane::{Counted, Lane};

/// What the reactive lane may cost more than forerun's, so that its margin never errs to its disadvantage.
const IN_ITS_FAVOUR: f64 = 1.10;

/// What both lanes share.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Length of the service's day.
    pub day: Duration,
    /// Days before it counts.
    pub warm: u32,
    /// Days that count.
    pub days: u32,
    /// How long an allocation holds.
    pub window: Span,
    /// How often use is measured.
    pub sample: Span,
    /// Share of time in which a program may need more than it is given.
    pub tail: f32,
    /// Head room on top of the forecast.
    pub head_room: f32,
    /// Share of a quota that may be saved up, in thousandths; 0: the kernel's default.
    pub burst: u32,
    /// How much CPU forerun may promise in all, in thousandths of what the host has: a quota is a cap, not a reservation. The
    /// reactive controller has no such bound.
    pub overcommit: u32,
    /// Of the programs' randomness.
    pub seed: u64,
    /// Cores of this host: no quota is above it, and no quota counts as this much.
    pub cores: f64,
    /// What `up --examples` would start with.
    pub user: forerun::config::Settings,
}

fn main() -> ExitCode {
    if let Some(status) = as_forerun() {
        return status;
    }
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut report = Report::new("ahead");
    let (throttled, cost) = (Asked::AtLeast(80.0), Asked::AtMost(1.0));
    if !rustix::process::geteuid().is_root() {
        report.not_measured("ahead-throttled", throttled, "%", "needs root to make control groups");
        report.not_measured("ahead-cost", cost, "times", "needs root to make control groups");
        return report.finish(&arguments);
    }
    match conditions(&arguments).and_then(|conditions| measure(&conditions)) {
        Ok((ahead, behind)) => {
            let saved = 100.0 * (1.0 - ahead.throttled_secs() / behind.throttled_secs());
            report.promise("ahead-throttled", throttled, saved, "%");
            report.promise("ahead-cost", cost, ahead.core_secs() / behind.core_secs(), "times");
            report.finish(&arguments)
        }
        Err(error) => {
            report.not_measured("ahead-throttled", throttled, "%", &format!("{error:#}"));
            report.not_measured("ahead-cost", cost, "times", &format!("{error:#}"));
            report.finish(&arguments)
        }
    }
}

fn conditions(arguments: &Arguments) -> Result<Conditions> {
    let quick = arguments.quick;
    let seconds = |name: &str, otherwise: f64| arguments.setting(name, otherwise).map(Duration::from_secs_f64);
    let loaded = forerun::config::read("the defaults", "", &Written::default(), &Surroundings::of_process())?;
    let mut user = loaded.settings;
    forerun::daemon::quicken(&mut user);
    Ok(Conditions {
        day: seconds("day", if quick { 30.0 } else { 60.0 })?,
        warm: arguments.setting("warm", if quick { 1 } else { 3 })?,
        days: arguments.setting("days", if quick { 1 } else { 5 })?,
        window: seconds("window", user.load.window.as_secs_f64())?.into(),
        sample: seconds("sample", user.daemon.sample_interval.as_secs_f64())?.into(),
        tail: arguments.setting("tail", user.load.tier(Tier::Standard).target_violation as f32)?,
        head_room: arguments.setting("head_room", user.load.tier(Tier::Standard).head_room as f32)?,
        burst: arguments.setting("burst", 1_000)?,
        overcommit: arguments.setting("overcommit", (user.rails.cpu_overcommit * 1_000.0) as u32)?,
        seed: arguments.setting("seed", 1)?,
        cores: std::thread::available_parallelism().context("how many cores are there?")?.get() as f64,
        user,
    })
}

/// Runs both lanes; what each counted over the days that count.
fn measure(conditions: &Conditions) -> Result<(Counted, Counted)> {
    let layout = Layout::detect(&Roots::host());
    let base = format!("forerun-bench-{}", std::process::id());
    let first = Group::make(&layout, &base).context("cannot make a group")?;
    first.put_first();
    let mut ahead = Lane::start(&layout, &format!("{base}/ahead"), conditions, Forerun::new(conditions))?;
    let mut behind: Option<Lane<Reactive>> = None;
    let mut days: (Vec<Counted>, Vec<Counted>) = Default::default();
    let all = conditions.warm + conditions.days;
    let start = Instant::now();
    for tick in 1.. {
        let next = start + Duration::from(conditions.sample) * tick;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        ahead.step(wall_now())?;
        if ahead.days(conditions.day) as usize > days.0.len() {
            days.0.push(ahead.count());
        }
        let Some(behind) = &mut behind else {
            if start.elapsed() >= conditions.day / 2 {
                behind = Some(Lane::start(&layout, &format!("{base}/behind"), conditions, Reactive::new(conditions))?);
            }
            continue;
        };
        behind.step(wall_now())?;
        if behind.days(conditions.day) as usize > days.1.len() {
            let (day, counted) = (days.1.len(), behind.count());
            eprintln!("day {}: reactive margin {:.0} %", day + 1, 100.0 * behind.controller.margin());
            eprintln!("  forerun   {}\n  reactive  {counted}", days.0[day]);
            days.1.push(counted);
            behind.controller.spend(IN_ITS_FAVOUR * days.0[day].core_secs() + owed(conditions, &days));
        }
        if days.1.len() == all as usize {
            break;
        }
    }
    let sum = |days: &[Counted]| {
        let mut total = Counted::default();
        days.iter().skip(conditions.warm as usize).take(conditions.days as usize).for_each(|day| total.add(day));
        total
    };
    let (ahead_total, behind_total) = (sum(&days.0), sum(&days.1));
    eprintln!("the last {} days\n  forerun   {ahead_total}\n  reactive  {behind_total}", conditions.days);
    eprintln!("  forerun's decisions: {}", ahead.controller.summary());
    Ok((ahead_total, behind_total))
}

/// Core-seconds that the reactive lane is behind, over the days that count.
fn owed(conditions: &Conditions, (ahead, behind): &(Vec<Counted>, Vec<Counted>)) -> f64 {
    let pairs = ahead.iter().zip(behind).skip(conditions.warm as usize);
    pairs.map(|(ahead, behind)| ahead.core_secs() - behind.core_secs()).sum::<f64>().max(0.0)
}

fn wall_now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
