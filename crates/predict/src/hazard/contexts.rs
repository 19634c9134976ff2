//! The situations in which chances are counted: per unit (its own past) and shared by all units (what similar ones did).

use super::chain::REACH;
use super::counter::{coarse, fine, join, rate_bin};
use super::rhythm::Beat;
use super::track::Track;

const AGES: usize = 56;
const RATES: usize = 20;

/// Tables of a unit's own: how many contexts each has.
pub(super) const OWN_SIZES: [usize; OWN] = [64, 256, 60, 16 * AGES, 48, 144, 48, 168];
/// How many tables a unit has of its own.
pub(super) const OWN: usize = 8;
/// How many tables all units share.
pub(super) const SHARED: usize = 20;
/// Contexts per shared table; what lies above is folded in.
pub(super) const SHARED_SIZE: usize = 1 << 16;

/// What is known of the coming step beside the unit's own past.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around {
    /// Step of the hour (of 60), hour of the week, and tenth of an hour of the day (of 144).
    pub minute: usize,
    pub hour_of_week: usize,
    pub ten_minutes: usize,
    /// Steps from the predecessor's beginning to the coming step.
    pub lag: Option<u32>,
    /// The chance that a user comes back for it, and how many are around.
    pub visit_chance: f32,
    pub visitors: u32,
    /// The slot below: recent uses (of 4), age, and whether it is busy.
    pub below: Option<(u32, u32, bool)>,
    /// Uses of all units now against the long run: 0 to 7, 4 = as always.
    pub tide: usize,
}

/// The contexts in the tables of the unit's own.
pub(super) fn own(track: &Track, around: &Around, beat: &Beat) -> [u32; OWN] {
    let awake = usize::from(track.recent(8) > 0);
    let contexts = [
        fine(track.age, 64),
        (track.bits & 0xff) as usize,
        around.minute,
        join(&[(coarse(track.gaps[0], 16), 16), (fine(track.age, AGES), AGES)]),
        join(&[(around.hour_of_week % 24, 24), (awake, 2)]),
        around.ten_minutes,
        join(&[(beat.sure, 6), (beat.hits, 4), (usize::from(beat.beside), 2)]),
        around.hour_of_week,
    ];
    contexts.map(|context| context as u32)
}

/// The contexts in the tables that all units share. `aged` and `timed` are the unit's own chances by age and by minute of the
/// hour, each with how many outcomes it rests on.
pub(super) fn shared(track: &Track, around: &Around, beat: &Beat, aged: (f32, f32), timed: (f32, f32)) -> [u32; SHARED] {
    let rate = |place: usize| (rate_bin(track.rates[place], RATES), RATES);
    let long = rate(3);
    let age = (fine(track.age, AGES), AGES);
    let rough_age = (coarse(track.age, 16), 16);
    let uneven = (track.unevenness(), 6);
    let middle = track.middle_gap();
    let below = around
        .below
        .map_or(0, |(recent, age, busy)| 1 + join(&[(recent as usize, 5), (coarse(age, 8), 8), (usize::from(busy), 2)]));
    let contexts = [
        join(&[long, age]),
        join(&[rate(2), ((track.bits & 0xff) as usize, 256)]),
        join(&[uneven, against(track.age + 1, track.gaps[0]), (coarse(track.gaps[0], 14), 14)]),
        join(&[rate(0), rate(1), rate(3)]),
        (track.bits & 0x3fff) as usize,
        join(&[uneven, ratio(track.age + 1, middle), (coarse(middle, 14), 14)]),
        join(&[
            (track.recent(5) as usize, 6),
            (coarse(track.recent(16), 12), 12),
            (coarse(track.recent(64), 12), 12),
            rate(4),
        ]),
        join(&[(coarse(track.last_count, 9), 9), ((track.bits & 0xf) as usize, 16), long]),
        join(&[(beat.sure, 6), (beat.hits, 4), (usize::from(beat.beside), 2), rough_age, rate(3)]),
        join(&[(rate_bin(aged.0, 20), 20), (coarse(aged.1 as u32, 10), 10), rate(1)]),
        join(&[(rate_bin(timed.0, 20), 20), (coarse(timed.1 as u32, 8), 8), rough_age]),
        join(&[(around.lag.map_or(REACH + 1, |lag| lag.min(REACH)) as usize, REACH as usize + 2), long]),
        join(&[(rate_bin(around.visit_chance, 20), 20), (coarse(around.visitors, 8), 8), rough_age]),
        join(&[(below, 81), rough_age, rate(4)]),
        join(&[(around.tide, 8), long, (coarse(track.age, 6), 6)]),
        join(&[(around.hour_of_week % 24, 24), long, (coarse(track.age, 6), 6)]),
        join(&[against(track.since_start + 1, track.starts[0]), against(track.starts[0], track.starts[1]), rough_age]),
        join(&[age, (coarse(track.gaps[0], 12), 12), (coarse(track.gaps[1], 12), 12)]),
        join(&[(coarse(track.age, 20), 20), (coarse(track.uses, 12), 12), (coarse(track.steps, 20), 20)]),
        join(&[age, (rate_bin(track.life_rate(), RATES), RATES), (coarse(track.uses, 8), 8)]),
    ];
    contexts.map(|context| (context % SHARED_SIZE) as u32)
}

/// The contexts that choose the mixer's weight vectors, and the radix of each.
pub(super) const CHOICES: [usize; 4] = [RATES, 12, 12 * 6, 24];

/// Which weight vectors speak.
pub(super) fn choices(track: &Track, around: &Around, beat: &Beat) -> [usize; 4] {
    let below = around.below.map_or(0, |(recent, _, busy)| 1 + join(&[(recent as usize, 5), (usize::from(busy), 2)]));
    [
        rate_bin(track.rates[3], RATES),
        coarse(track.age, 12),
        join(&[(coarse(track.uses, 12), 12), (beat.sure, 6)]),
        if below > 0 { 12 + below } else { 2 * track.unevenness() + usize::from(around.visitors > 0) },
    ]
}

/// Where `value` lies beside `reference`, within 5 on both sides.
fn against(value: u32, reference: u32) -> (usize, usize) {
    (((i64::from(value) - i64::from(reference)).clamp(-5, 5) + 5) as usize, 11)
}

/// `value / reference` in quarters of a doubling; 0 without a reference.
fn ratio(value: u32, reference: u32) -> (usize, usize) {
    if reference == 0 {
        return (0, 20);
    }
    let log = (value as f32 / reference as f32).log2() * 4.0 + 10.0;
    (1 + log.clamp(0.0, 18.0) as usize, 20)
}
