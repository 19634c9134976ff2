//! What is remembered of one user: sittings and absences, how often, on which days and hours.

use model::WallTime;

const HOUR_MS: f64 = 3_600_000.0;
const DAY_HOURS: i64 = 24;
/// Days whose active hours are remembered.
const DAYS: usize = 64;
/// Half-lives of the frequencies that are kept, in hours: two days, two weeks, a quarter.
const HALF_LIVES: [f64; 3] = [48.0, 336.0, 2_160.0];

/// Hours from one time to another.
pub(super) fn hours(from: WallTime, to: WallTime) -> f32 {
    ((to.unix_millis() - from.unix_millis()) as f64 / HOUR_MS) as f32
}

/// Hours since 1970.
fn hour_of(at: WallTime) -> i64 {
    at.unix_millis().div_euclid(HOUR_MS as i64)
}

/// One user's past, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Habit {
    /// The first and the last act.
    pub first: Option<WallTime>,
    pub last: WallTime,
    /// When the present or last sitting began, and its acts.
    pub sat_down: WallTime,
    pub sitting_acts: u32,
    /// Returns so far.
    pub returns: u32,
    /// The last absences in hours, latest first; 0 where there was none.
    pub absences: [f32; 3],
    /// Returns, faded by half-life.
    counts: [f64; 3],
    /// Active hours per day, a bit each; day `d` since 1970 lies at `d % DAYS`.
    days: [u32; DAYS],
    day: i64,
    /// Where in the day the acts lie: the sum of unit vectors, faded by returns.
    phase: (f32, f32),
    phase_mass: f32,
}

impl Habit {
    pub fn new() -> Habit {
        Habit {
            first: None,
            last: WallTime::default(),
            sat_down: WallTime::default(),
            sitting_acts: 0,
            returns: 0,
            absences: [0.0; 3],
            counts: [0.0; 3],
            days: [0; DAYS],
            day: 0,
            phase: (0.0, 0.0),
            phase_mass: 0.0,
        }
    }

    /// Takes in an act; `returned` says that it ended an absence.
    pub fn act(&mut self, at: WallTime, returned: bool) {
        if self.first.is_none() {
            self.first = Some(at);
            self.day = hour_of(at).div_euclid(DAY_HOURS);
        } else if returned {
            let away = hours(self.last, at);
            self.absences.rotate_right(1);
            self.absences[0] = away;
            self.returns += 1;
            for (count, half_life) in self.counts.iter_mut().zip(HALF_LIVES) {
                *count = *count * 0.5_f64.powf(f64::from(hours(self.sat_down, at)) / half_life) + 1.0;
            }
        }
        if returned || self.sitting_acts == 0 {
            self.sat_down = at;
            self.sitting_acts = 0;
            let angle = at.second_of_day() as f32 / 86_400.0 * std::f32::consts::TAU;
            self.phase = (self.phase.0 * 0.98 + angle.cos(), self.phase.1 * 0.98 + angle.sin());
            self.phase_mass = self.phase_mass * 0.98 + 1.0;
        }
        self.sitting_acts += 1;
        self.last = at;
        let hour = hour_of(at);
        let day = hour.div_euclid(DAY_HOURS);
        // Days without acts are blank; those older than the ring are blank as well.
        let blank = (day - self.day).clamp(0, DAYS as i64);
        (0..blank).for_each(|back| self.days[(day - back).rem_euclid(DAYS as i64) as usize] = 0);
        self.day = day;
        self.days[day.rem_euclid(DAYS as i64) as usize] |= 1 << hour.rem_euclid(DAY_HOURS);
    }

    /// Returns per day over the half-life of place `place`, in the time that is known.
    pub fn per_day(&self, place: usize, now: WallTime) -> f32 {
        let Some(first) = self.first else { return 0.0 };
        let half_life = HALF_LIVES[place];
        let faded = self.counts[place] * 0.5_f64.powf(f64::from(hours(self.sat_down, now)) / half_life);
        let known = f64::from(hours(first, now)).max(1.0);
        let window = half_life / std::f64::consts::LN_2 * (1.0 - 0.5_f64.powf(known / half_life));
        (24.0 * faded / window) as f32
    }

    fn active_hours(&self, day: i64) -> u32 {
        if day > self.day || day <= self.day - DAYS as i64 {
            return 0;
        }
        self.days[day.rem_euclid(DAYS as i64) as usize]
    }

    /// How many of the `count` days that lie `stride` days apart before the day of `at` had an act within an hour of its hour.
    pub fn same_hour(&self, at: WallTime, stride: i64, count: i64) -> u32 {
        let hour = hour_of(at);
        let (day, hour) = (hour.div_euclid(DAY_HOURS), hour.rem_euclid(DAY_HOURS));
        let around = (7_u32 << hour >> 1) & 0xff_ffff;
        (1..=count).filter(|back| self.active_hours(day - back * stride) & around != 0).count() as u32
    }

    /// How many of the last `count` days before that of `at` had any act.
    pub fn active_days(&self, at: WallTime, count: i64) -> u32 {
        let day = hour_of(at).div_euclid(DAY_HOURS);
        (1..=count).filter(|back| self.active_hours(day - back) != 0).count() as u32
    }

    /// Hours with acts among the last twelve.
    pub fn busy_hours(&self, at: WallTime) -> u32 {
        let hour = hour_of(at);
        let (day, hour) = (hour.div_euclid(DAY_HOURS), hour.rem_euclid(DAY_HOURS));
        let both = u64::from(self.active_hours(day)) << 24 | u64::from(self.active_hours(day - 1));
        (both << 40 >> 40 | both >> 24 << 24 & ((1 << 48) - 1))
            .checked_shr((hour + 13) as u32)
            .map_or(0, |late| (late & 0xfff).count_ones())
    }

    /// The hour of the day beside the user's own middle of activity, 0 to 23, and how sure that middle is, 0 to 2.
    pub fn own_hour(&self, at: WallTime) -> (usize, usize) {
        let hour = at.second_of_day() as f32 / 3_600.0;
        let (cosine, sine) = self.phase;
        if self.phase_mass < 3.0 {
            return (hour as usize % 24, 0);
        }
        let middle = sine.atan2(cosine) / std::f32::consts::TAU * 24.0;
        let sure = (cosine * cosine + sine * sine).sqrt() / self.phase_mass;
        (((hour - middle + 48.5) as usize) % 24, if sure > 0.5 { 2 } else { 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: f64) -> WallTime {
        WallTime::from_unix_millis((hour * HOUR_MS) as i64)
    }

    #[test]
    fn remembers_days_hours_and_absences() {
        let mut habit = Habit::new();
        // Nine to ten on days 0 to 6, and once more in the afternoon of day 6.
        for day in 0..7 {
            habit.act(at(f64::from(day) * 24.0 + 9.0), day > 0);
            habit.act(at(f64::from(day) * 24.0 + 9.05), false);
        }
        habit.act(at(6.0 * 24.0 + 15.0), true);
        assert_eq!((habit.returns, habit.sitting_acts), (7, 1));
        assert!((habit.absences[0] - 5.95).abs() < 1e-3 && (habit.absences[1] - 23.95).abs() < 1e-3);
        let now = at(7.0 * 24.0 + 10.0);
        assert_eq!([habit.same_hour(now, 1, 7), habit.same_hour(now, 7, 4), habit.active_days(now, 10)], [7, 1, 7]);
        assert_eq!(habit.same_hour(at(7.0 * 24.0 + 12.0), 1, 7), 0);
        assert!((0.8..1.4).contains(&habit.per_day(1, now)), "{}", habit.per_day(1, now));
        // Three hours after the middle of the day at a quarter to ten.
        assert_eq!(habit.own_hour(at(7.0 * 24.0 + 12.8)), (3, 2));
    }

    #[test]
    fn days_older_than_the_ring_are_forgotten() {
        let mut habit = Habit::new();
        habit.act(at(10.0), false);
        habit.act(at(100.0 * 24.0 + 10.0), true);
        assert_eq!(habit.active_days(at(101.0 * 24.0), 60), 1);
    }

    #[test]
    fn the_last_twelve_hours_cross_midnight() {
        let mut habit = Habit::new();
        [20.0, 22.0, 26.0, 27.0].into_iter().for_each(|hour| habit.act(at(hour), true));
        // At three, hours 16 to 27 count.
        assert_eq!(habit.busy_hours(at(27.5)), 4);
        assert_eq!(habit.busy_hours(at(33.5)), 3);
    }
}
