//! The situations in which rates of return are counted: per user, and shared by all users.

use model::WallTime;

use super::super::counter::{coarse, join};
use super::habit::Habit;

/// Classes of age: e-folds of the hours away, two each.
pub(super) const AGES: usize = 28;
/// Classes of frequency.
pub(super) const CLASSES: usize = 14;

/// Tables of a user's own and how many contexts each has: by age, by hour of the day, by hour of the week, overall, by age and
/// part of the day.
pub(super) const OWN_SIZES: [usize; OWN] = [AGES, 48, 168, 1, 14 * 6];
pub(super) const OWN: usize = 5;
/// Tables that all users share.
pub(super) const SHARED: usize = 15;
/// Contexts per shared table; what lies above is folded in.
pub(super) const SHARED_SIZE: usize = 1 << 15;
/// Weight vectors of the mixer.
pub(super) const CHOICES: usize = AGES + CLASSES + 24;

/// A cell of an absence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// Its middle.
    pub at: WallTime,
    /// Hours from the last act to there.
    pub age: f32,
    /// The user's role.
    pub role: usize,
    /// Returns of all users lately against the usual: 0 to 7, 3 = as always.
    pub tide: usize,
}

/// The contexts of a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contexts {
    pub own: [u32; OWN],
    /// All but the last, which depends on what the own tables say.
    pub shared: [u32; SHARED],
    pub choices: [usize; 3],
    /// Class by age and frequency: where the base rate is counted.
    pub base: usize,
}

/// The class of an age in hours, `per_fold` classes per e-fold from five minutes on.
pub(super) fn age_class(hours: f32, per_fold: f32, classes: usize) -> usize {
    let folds = (hours.max(1e-3) * 12.0).ln() * per_fold;
    (folds.max(0.0) as usize).min(classes - 1)
}

fn class(per_day: f32) -> usize {
    ((per_day.max(1e-4).log2() + 8.0).max(0.0) as usize).min(CLASSES - 1)
}

/// The class of a rate per hour against another.
pub(super) fn rate_class(per_hour: f32) -> usize {
    ((per_hour.max(1e-9).log2() * 1.5 + 16.0).max(0.0) as usize).min(23)
}

/// How often a user comes, in classes, at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace([usize; 3]);

/// The pace of a user with `habit` at `now`.
pub(super) fn pace(habit: &Habit, now: WallTime) -> Pace {
    Pace([0, 1, 2].map(|place| class(habit.per_day(place, now))))
}

/// All contexts of `cell` for a user with `habit`.
pub(super) fn of(habit: &Habit, pace: &Pace, cell: &Cell) -> Contexts {
    let hour_of_week = usize::from(cell.at.hour_of_week());
    let (hour, weekday) = (hour_of_week % 24, hour_of_week / 24);
    let age = (age_class(cell.age, 2.0, AGES), AGES);
    let fine_age = (age_class(cell.age, 4.0, 56), 56);
    let rough_age = (age_class(cell.age, 1.0, 14), 14);
    let away = (usize::from(cell.age > 1.0) + usize::from(cell.age > 5.0) + usize::from(cell.age > 30.0), 4);
    let [short, middle, long] = pace.0.map(|class| (class, CLASSES));
    let last = |place: usize| if habit.absences[place] > 0.0 { 1 + age_class(habit.absences[place], 1.0, 13) } else { 0 };
    let week = habit.same_hour(cell.at, 1, 7) as usize;
    let weeks = habit.same_hour(cell.at, 7, 4) as usize;
    let many_weeks = habit.same_hour(cell.at, 7, 9) as usize;
    let days = habit.active_days(cell.at, 7) as usize;
    let (own_hour, sure) = habit.own_hour(cell.at);
    let busy = habit.busy_hours(cell.at);
    let acts = (coarse(habit.sitting_acts, 9), 9);
    let sat = (age_class(super::habit::hours(habit.sat_down, habit.last), 1.0, 8), 8);
    let contexts = [
        join(&[fine_age, middle]),
        join(&[(hour_of_week, 168), middle, away]),
        join(&[age, (last(0), 14), (last(1), 14)]),
        join(&[(hour, 24), age, (middle.0 / 2, 7)]),
        join(&[(week, 8), (weeks, 5), rough_age, (usize::from(days > 1) + usize::from(days > 4), 3)]),
        join(&[(own_hour, 24), (weekday, 7), away, (sure, 3)]),
        join(&[(own_hour, 24), rough_age, (middle.0 / 2, 7), (sure, 3)]),
        join(&[acts, sat, age]),
        join(&[(cell.tide, 8), (hour, 24), away]),
        join(&[(busy as usize, 13), (hour, 24), rough_age]),
        join(&[short, long, rough_age]),
        join(&[(days, 8), (many_weeks, 10), (week, 8), away]),
        join(&[(cell.role, 8), (hour_of_week, 168), away]),
        join(&[(coarse(habit.returns, 14), 14), age, (cell.role, 8)]),
        0,
    ];
    Contexts {
        own: [
            age.0,
            join(&[(hour, 24), (usize::from(cell.age < 6.0), 2)]),
            hour_of_week,
            0,
            join(&[rough_age, (hour / 4, 6)]),
        ]
        .map(|context| context as u32),
        shared: contexts.map(|context| (context % SHARED_SIZE) as u32),
        choices: [age.0, AGES + middle.0, AGES + CLASSES + hour],
        base: join(&[age, middle]),
    }
}
