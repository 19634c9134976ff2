//! The situations in which need is counted: per slot (its own past) and shared by all (what others did in the same).

use super::super::counter::{coarse, fine, join, rate_bin};
use super::super::rhythm::Beat;
use super::KINDS;
use super::past::{Days, LEVELS, Past};

const AGES: usize = 56;
const RATES: usize = 20;
const RUNS: usize = 12;

/// Tables of a slot's own: how many contexts each has.
pub(super) const OWN_SIZES: [usize; OWN] =
    [64 * RUNS, 256, 2 * 60, 2 * 48, 2 * 168, 16 * AGES, 2 * LEVELS * 3, 2 * 256, 2 * 27];
/// How many tables a slot has of its own.
pub(super) const OWN: usize = 9;
/// The shared table that each own table is drawn to.
pub(super) const PARENTS: [usize; OWN] = [0, 1, 0, 0, 9, 2, 3, 5, 8];
/// How many tables all slots share.
pub(super) const SHARED: usize = 18;
/// Contexts per shared table; what lies above is folded in.
pub(super) const SHARED_SIZE: usize = 1 << 16;

/// What is known of the coming step beside the slot's own past.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    pub kind: usize,
    /// Minute of the hour, tenth of an hour of the day, hour of the week.
    pub minute: usize,
    pub ten_minutes: usize,
    pub hour_of_week: usize,
    /// Beginnings of need in this kind now against the long run: 0 to 7, 3 = as always.
    pub tide: usize,
    /// The same time on earlier days.
    pub days: Days,
    /// Other profiles of the instance: needed, begun in the latest step (a bit per kind), and their highest level.
    pub others: usize,
    pub begun: usize,
    pub other_level: usize,
}

/// The contexts in the tables of the slot's own.
pub(super) fn own(past: &Past, around: &Around, beat: &Beat) -> [u32; OWN] {
    let track = &past.track;
    let on = (usize::from(past.needed()), 2);
    let [_, same, _] = around.days.yesterday;
    let contexts = [
        join(&[(fine(track.age, 64), 64), (run(past), RUNS)]),
        (track.bits & 0xff) as usize,
        join(&[on, (around.minute, 60)]),
        join(&[on, (around.ten_minutes / 3, 48)]),
        join(&[on, (around.hour_of_week, 168)]),
        join(&[(coarse(track.gaps[0], 16), 16), (fine(track.age, AGES), AGES)]),
        join(&[on, (past.level_bin(), LEVELS), (past.trend(), 3)]),
        join(&[on, ((around.others | around.begun << 4) & 0xff, 256)]),
        join(&[on, (usize::from(same), 3), (coarse(around.days.near as u32, 3), 3), (beat.hits, 3)]),
    ];
    contexts.map(|context| context as u32)
}

/// The contexts in the tables that all slots share. `aged` and `timed` are the slot's own chances by age and by hour of the week, each
/// with how many outcomes it rests on.
pub(super) fn shared(past: &Past, around: &Around, beat: &Beat, aged: (f32, f32), timed: (f32, f32)) -> [u32; SHARED] {
    let track = &past.track;
    let kind = (around.kind, KINDS);
    let rate = |place: usize| (rate_bin(track.rates[place], RATES), RATES);
    let age = (fine(track.age, AGES), AGES);
    let rough_age = (coarse(track.age, 16), 16);
    let level = (past.level_bin(), LEVELS);
    let days = around.days;
    let contexts = [
        join(&[age, (run(past), RUNS), rate(4)]),
        join(&[kind, ((track.bits & 0xfff) as usize, 1 << 12)]),
        join(&[age, (coarse(track.gaps[0], 12), 12), (coarse(track.gaps[1], 12), 12)]),
        join(&[kind, level, (past.trend(), 3), (past.mean_bin(false), LEVELS), (rough_age.0.min(3), 4)]),
        join(&[level, (past.mean_bin(true), LEVELS), (past.surge(), 7), (track.age.min(5) as usize, 6)]),
        join(&[kind, (around.others, 64), (around.begun, 64), (usize::from(past.needed()), 2)]),
        join(&[kind, (around.tide, 8), rough_age, rate(3)]),
        join(&[(around.other_level, LEVELS), level, rough_age, (usize::from(around.begun > 0), 2), kind]),
        join(&[(yesterday(&days), 27), (days.near, 14), (usize::from(past.needed()), 2), (coarse(track.age, 8), 8)]),
        join(&[
            (days.known as usize, 8),
            (days.needed as usize, 8),
            (usize::from(days.week), 3),
            rough_age,
            (past.trend(), 3),
        ]),
        join(&[(rate_bin(aged.0, 24), 24), (coarse(aged.1 as u32, 12), 12), rate(2)]),
        join(&[(rate_bin(timed.0, 24), 24), (coarse(timed.1 as u32, 10), 10), rough_age]),
        join(&[(beat.sure, 6), (beat.hits, 4), (usize::from(beat.beside), 2), rough_age, rate(3)]),
        join(&[rate(0), rate(1), rate(3)]),
        join(&[kind, (around.hour_of_week, 168), (coarse(track.age, 6), 6), (coarse(track.uses, 6), 6)]),
        join(&[kind, (around.minute, 60), (usize::from(past.needed()), 2), rate(3)]),
        join(&[against(track.since_start + 1, track.starts[0]), against(track.starts[0], track.starts[1]), rough_age]),
        join(&[(track.unevenness(), 6), age, (coarse(track.middle_gap(), 14), 14)]),
    ];
    contexts.map(|context| (context % SHARED_SIZE) as u32)
}

/// The contexts that choose the mixer's weight vectors, and the radix of each.
pub(super) const CHOICES: [usize; 4] = [RATES * 2, KINDS * 8, LEVELS * 12, 27 * 12];

/// Which weight vectors speak.
pub(super) fn choices(past: &Past, around: &Around, beat: &Beat) -> [usize; 4] {
    let track = &past.track;
    [
        join(&[(rate_bin(track.rates[3], RATES), RATES), (usize::from(past.needed()), 2)]),
        join(&[(around.kind, KINDS), (coarse(track.age, 8), 8)]),
        join(&[(past.level_bin(), LEVELS), (coarse(track.uses, 12), 12)]),
        join(&[(yesterday(&around.days), 27), (beat.sure, 6), (usize::from(around.begun > 0), 2)]),
    ]
}

fn yesterday(days: &Days) -> usize {
    days.yesterday.iter().fold(0, |index, &state| index * 3 + usize::from(state.min(2)))
}

/// How long need has lasted; 0 when it is over.
fn run(past: &Past) -> usize {
    if past.needed() { 1 + coarse(past.track.since_start, RUNS - 1) } else { 0 }
}

/// Where `value` lies beside `reference`, within 5 on both sides.
fn against(value: u32, reference: u32) -> (usize, usize) {
    (((i64::from(value) - i64::from(reference)).clamp(-5, 5) + 5) as usize, 11)
}
