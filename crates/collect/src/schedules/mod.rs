//! Changes that the host announces by itself: cron jobs and systemd timers, with the moments at which they will run.
//! Times are in the host's time zone (`/etc/localtime`), or in the one that an entry names; around a change to or from
//! daylight saving a time that does not exist moves forward, as cron does it.

mod cron;
mod oncalendar;
mod timers;
mod units;
mod zone;

use croner::{Cron, Direction};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::WallTime;

use crate::Roots;

/// Runs of one entry that are listed, at most, soonest first.
pub const RUNS_PER_ENTRY_MAX: usize = 1_000;

/// Runs that are listed in all, at most, soonest first.
pub const RUNS_MAX: usize = 20_000;

/// One run that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upcoming {
    /// Where it is written, such as `cron:/etc/cron.d/backup:3` or `timer:logrotate.timer`.
    pub source: String,
    /// When it begins. A timer may begin later by its random delay.
    pub at: WallTime,
    /// The group that it will run in, in the form of a target's id: `cgroup:/system.slice/logrotate.service`.
    pub unit: Option<String>,
    /// What will be run, where it is known.
    pub command: Option<String>,
}

/// An entry that is there but could not be understood; its runs are not announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnderstood {
    /// Where it is written.
    pub source: String,
    /// What is written there.
    pub text: String,
    /// Why it was not understood.
    pub reason: String,
}

/// What is going to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The runs, by time and then by source.
    pub upcoming: Vec<Upcoming>,
    /// Entries that are left out.
    pub not_understood: Vec<NotUnderstood>,
}

/// An entry of a crontab or a timer.
#[derive(Clone, Debug)]
struct Entry {
    source: String,
    times: Cron,
    zone: TimeZone,
    unit: Option<String>,
    command: Option<String>,
}

/// Every run from `from` (included) to `until` (not included) that cron and the enabled systemd timers will start.
/// Timers count only where systemd runs (`/run/systemd/system` exists). `@reboot` and timers without `OnCalendar=` are no announcements. Files that cannot be read are left out.
pub fn upcoming(roots: &Roots, from: WallTime, until: WallTime) -> Schedule {
    let zone = zone::of_host(roots);
    let mut schedule = Schedule::default();
    let mut entries = cron::entries(roots, &zone, &mut schedule.not_understood);
    entries.extend(timers::entries(roots, &zone, &mut schedule.not_understood));
    for entry in &entries {
        schedule.upcoming.extend(entry.runs(from, until).take(RUNS_PER_ENTRY_MAX));
    }
    schedule.upcoming.sort_by(|a, b| (a.at, &a.source).cmp(&(b.at, &b.source)));
    schedule.upcoming.truncate(RUNS_MAX);
    schedule
}

impl Entry {
    fn runs(&self, from: WallTime, until: WallTime) -> impl Iterator<Item = Upcoming> {
        let start = Timestamp::from_millisecond(from.unix_millis()).unwrap_or(Timestamp::MAX);
        let runs = self.times.iter_from(start.to_zoned(self.zone.clone()), Direction::Forward);
        let times = runs.map(|run| WallTime::from_unix_millis(run.timestamp().as_millisecond()));
        // croner counts in whole seconds, so its first may lie just before `from`.
        times.skip_while(move |at| *at < from).take_while(move |at| *at < until).map(|at| Upcoming {
            source: self.source.clone(),
            at,
            unit: self.unit.clone(),
            command: self.command.clone(),
        })
    }
}
