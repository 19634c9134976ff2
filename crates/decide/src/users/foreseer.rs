//! Cuts absences into cells, lets the model learn from each, and says the rates of those to come.

use model::{Span, WallTime};
use predict::hazard::returns::{Outlook, Pace, ReturnModel};

use super::hold::{Cell, LOOKS_MAX};

/// Looks are further apart the longer a user is away: a fifth of that time within these bounds.
const LOOK_LEAST: Span = Span::from_secs(60);
const LOOK_MOST: Span = Span::from_secs(1_800);
/// After two days, a month and half a year, looks are an hour, three and twelve apart.
const OLD_HOURS: [(f64, u64); 3] = [(4_380.0, 12), (720.0, 3), (48.0, 1)];
/// A plan is made for at least so long, or for as many looks as it can hold.
const PLANNED: Span = Span::from_secs(3 * 3_600);
/// The same for one who is away for more than two days.
const PLANNED_OLD: Span = Span::from_secs(8 * 3_600);
/// Beyond the looks of the plan, up to so many hours ahead: cells of so many hours.
const FORESEEN_HOURS: [(u64, u64); 3] = [(14, 1), (26, 2), (74, 4)];

/// What is known when a user who is away is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The cell that begins.
    pub outlook: Outlook,
    /// The cell's place in the plan.
    pub place: usize,
    /// Whether the plan begins here: [`Foreseer::cells`] are new.
    pub fresh: bool,
    /// When to look again.
    pub next: WallTime,
}

/// The model of returns with its grid.
#[derive(Clone, Debug, Default)]
pub struct Foreseer {
    model: ReturnModel,
    users: Vec<Progress>,
    cells: Vec<Cell>,
}

/// How far the plan of a user's absence has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    place: usize,
    planned: usize,
}

impl Foreseer {
    /// Knows nobody.
    pub fn new() -> Foreseer {
        Foreseer::default()
    }

    /// Adds a user with a role and returns the ordinal.
    pub fn add(&mut self, role: usize) -> usize {
        self.users.push(Progress::default());
        self.model.add(role)
    }

    /// `user` acted at `at`: an absence, if there was one, is over.
    pub fn act(&mut self, user: usize, at: WallTime) {
        self.users[user] = Progress::default();
        self.model.act(user, at);
    }

    /// Forgets `user`, who may stay as one who is new.
    pub fn forget(&mut self, user: usize) {
        self.users[user] = Progress::default();
        self.model.forget(user);
    }

    /// When `user` last acted; `None` before the first act.
    pub fn last_act(&self, user: usize) -> Option<WallTime> {
        self.model.last_act(user)
    }

    /// Looks at `user`, who is away at `now`; `None` for one who never acted. To be called at the end of the sitting, then
    /// whenever the look before said.
    pub fn look(&mut self, user: usize, now: WallTime) -> Option<Look> {
        let last = self.model.last_act(user)?;
        let next = next_look(last, now);
        let outlook = self.model.outlook(user, now, next);
        let progress = self.users[user];
        let fresh = progress.place >= progress.planned;
        let place = if fresh { 0 } else { progress.place };
        if fresh {
            self.users[user].planned = self.foresee(user, last, now);
        }
        self.users[user].place = place + 1;
        Some(Look { outlook, place, fresh, next })
    }

    /// The cells that were foreseen at the last fresh look.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The most returns per hour in any of them.
    pub fn highest(&self) -> f32 {
        self.cells.iter().map(|cell| cell.per_hour).fold(0.0, f32::max)
    }

    fn foresee(&mut self, user: usize, last: WallTime, now: WallTime) -> usize {
        self.cells.clear();
        let mut at = now;
        let mut looks = 0;
        let old = now.unix_millis() - last.unix_millis() > 48 * 3_600_000;
        let planned = now.plus(if old { PLANNED_OLD } else { PLANNED });
        let pace = self.model.pace(user, now);
        while looks < LOOKS_MAX && at < planned || looks == 0 {
            let next = next_look(last, at);
            self.cells.push(self.cell(user, &pace, at, next));
            (at, looks) = (next, looks + 1);
        }
        for (until, hours) in FORESEEN_HOURS {
            let end = now.plus(Span::from_secs(until * 3_600));
            while at < end {
                let next = on_the_hour(at, hours);
                self.cells.push(self.cell(user, &pace, at, next));
                at = next;
            }
        }
        looks
    }

    fn cell(&self, user: usize, pace: &Pace, from: WallTime, until: WallTime) -> Cell {
        let hours = ((until.unix_millis() - from.unix_millis()) as f64 / 3_600_000.0) as f32;
        Cell::new(hours, self.model.rate(user, pace, from, until))
    }
}

/// The next full multiple of `hours` after `at`.
fn on_the_hour(at: WallTime, hours: u64) -> WallTime {
    let grid = hours as i64 * 3_600_000;
    WallTime::from_unix_millis((at.unix_millis().div_euclid(grid) + 1) * grid)
}

fn next_look(last: WallTime, now: WallTime) -> WallTime {
    let away_ms = (now.unix_millis() - last.unix_millis()).max(0);
    let away_hours = away_ms as f64 / 3_600_000.0;
    if let Some(&(_, hours)) = OLD_HOURS.iter().find(|(least, _)| away_hours >= *least) {
        return on_the_hour(now, hours);
    }
    let step = Span::from_millis(away_ms as u64 / 4).clamp(LOOK_LEAST, LOOK_MOST);
    if step < LOOK_MOST {
        return now.plus(step);
    }
    let grid = LOOK_MOST.as_millis() as i64;
    WallTime::from_unix_millis((now.unix_millis().div_euclid(grid) + 1) * grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> WallTime {
        WallTime::from_unix_secs(minute * 60)
    }

    #[test]
    fn looks_grow_apart_and_keep_to_the_clock() {
        let last = minute(7);
        assert_eq!(next_look(last, minute(12)), WallTime::from_unix_secs(12 * 60 + 75));
        assert_eq!(next_look(last, minute(200)), minute(210));
        assert_eq!(next_look(last, minute(3 * 1_440 + 20)), minute(3 * 1_440 + 60));
        assert_eq!(next_look(last, minute(40 * 1_440 + 20)), minute(40 * 1_440 + 180));
    }

    #[test]
    fn plans_are_made_anew_when_they_run_out_and_after_acts() {
        let mut foreseer = Foreseer::new();
        let user = foreseer.add(0);
        assert_eq!(foreseer.look(user, minute(0)), None);
        foreseer.act(user, minute(0));
        let mut now = minute(5);
        let mut fresh = Vec::new();
        while now < minute(600) {
            let look = foreseer.look(user, now).unwrap();
            assert!(look.next > now && look.place < LOOKS_MAX);
            if look.fresh {
                fresh.push((now.unix_secs() / 60, look.place));
                let hours: f32 = foreseer.cells().iter().map(|cell| cell.hours).sum();
                assert!((73.0..79.0).contains(&hours), "{hours}");
            }
            now = look.next;
        }
        assert!(fresh.len() >= 3 && fresh.iter().all(|one| one.1 == 0), "{fresh:?}");
        foreseer.act(user, minute(700));
        assert!(foreseer.look(user, minute(705)).unwrap().fresh);
    }
}
