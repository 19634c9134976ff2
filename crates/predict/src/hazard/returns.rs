//! When a user who is away comes back: a rate per hour, learned online from all users.
//!
//! Problem: people come back within minutes or after weeks, at their own hours, and of most little is known.
//! Idea: the arrival model's way for a point process. An absence is cut into cells, short at first and longer later. In each the
//! rate of return is counted in many situations at once: some tables are the user's own (by hours away, hour of the day, hour
//! of the week), drawn towards what similar users do; others are shared (by frequency and age, by which of the last days and
//! weeks saw the user at this hour, by the hour beside the middle of the user's own day, by the last absences, by the last
//! sitting, by role, by how many others come now). A small mixer makes one rate of them.
//! Steps: [`ReturnModel::act`] tells of acts, [`ReturnModel::outlook`] asks about the coming cell of an absence, and learns that
//! the cell before it went by without a return.
//! Source: context mixing (Mahoney 2005) with the likelihood of a piecewise constant intensity.

mod contexts;
mod habit;
mod rate;

use model::WallTime;

pub use contexts::Pace;
use contexts::{AGES, CHOICES, CLASSES, Cell, Contexts, OWN, OWN_SIZES, SHARED, SHARED_SIZE};
use habit::{Habit, hours};
use rate::{Mixer, Rate};

/// Inputs of the mixer: all tables and a constant.
const INPUTS: usize = OWN + SHARED + 1;
/// Rates are drawn to their parent as if that had been seen for so many events.
const OWN_STRENGTH: f32 = 2.0;
const SHARED_STRENGTH: f32 = 2.0;
/// Events that a rate remembers.
const OWN_MEMORY: f32 = 200.0;
const SHARED_MEMORY: f32 = 20_000.0;
/// Before anything is known, a user comes back twice a day.
const FIRST_GUESS: f32 = 0.08;
/// No rate is taken to be above this, per hour.
const RATE_MAX: f32 = 60.0;
/// Hours whose returns make up the tide.
const TIDE_HOURS: usize = 3;

/// What is expected of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Returns per hour while the user stays away.
    pub per_hour: f32,
    /// The same from the user's own hours, without how long the absence has lasted; for people.
    pub per_hour_usual: f32,
    /// Hours since the last act, at the middle of the cell.
    pub away_hours: f32,
}

/// Learns and predicts the returns of many users.
#[derive(Clone, Debug)]
pub struct ReturnModel {
    users: Vec<UserState>,
    base: Vec<Rate>,
    shared: Vec<Rate>,
    mixer: Mixer,
    tide: Tide,
}

#[derive(Clone, Debug)]
struct UserState {
    role: usize,
    habit: Habit,
    own: Vec<Rate>,
    standing: Option<Box<Standing>>,
}

/// A prediction that has not met its outcome yet.
#[derive(Clone, Debug)]
struct Standing {
    from: WallTime,
    contexts: Contexts,
    inputs: [f32; INPUTS],
    per_hour: f32,
}

impl Default for ReturnModel {
    fn default() -> Self {
        ReturnModel::new()
    }
}

impl ReturnModel {
    /// A model that knows nobody.
    pub fn new() -> ReturnModel {
        ReturnModel {
            users: Vec::new(),
            base: vec![Rate::NEW; AGES * CLASSES],
            shared: vec![Rate::NEW; SHARED * SHARED_SIZE],
            mixer: Mixer::new(INPUTS, CHOICES, AGES, 1.6 / INPUTS as f32),
            tide: Tide::default(),
        }
    }

    /// Adds a user and returns the ordinal, counted from 0. `role` is what the user has in common with others; roles are told
    /// apart up to 8.
    pub fn add(&mut self, role: usize) -> usize {
        let own = vec![Rate::NEW; OWN_SIZES.iter().sum()];
        self.users.push(UserState { role, habit: Habit::new(), own, standing: None });
        self.users.len() - 1
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// When `user` last acted; `None` before the first act.
    pub fn last_act(&self, user: usize) -> Option<WallTime> {
        let habit = &self.users[user].habit;
        habit.first.map(|_| habit.last)
    }

    /// `user` acted. An act after an [`ReturnModel::outlook`] ends an absence, others belong to the sitting.
    pub fn act(&mut self, user: usize, at: WallTime) {
        self.tide.advance(at);
        let returned = self.settle(user, at, true);
        self.tide.came(returned);
        self.users[user].habit.act(at, returned);
    }

    /// What to expect from `from` to `until` of a `user` who is away; the cell that was asked about before ends with `from`.
    pub fn outlook(&mut self, user: usize, from: WallTime, until: WallTime) -> Outlook {
        self.tide.advance(from);
        self.settle(user, from, false);
        let standing = self.foresee(user, &self.pace(user, from), from, until);
        let habit = &self.users[user].habit;
        let usual = self.users[user].own[OWN_SIZES[0] + OWN_SIZES[1] + standing.contexts.own[2] as usize];
        let outlook = Outlook {
            per_hour: standing.per_hour,
            per_hour_usual: usual.per_hour(FIRST_GUESS, 1.0),
            away_hours: hours(habit.last, middle(from, until)),
        };
        self.users[user].standing = Some(Box::new(standing));
        outlook
    }

    /// How often `user` comes at `now`, for [`ReturnModel::rate`].
    pub fn pace(&self, user: usize, now: WallTime) -> Pace {
        contexts::pace(&self.users[user].habit, now)
    }

    /// Returns per hour of `user` between `from` and `until`, if nothing is heard before; learns nothing.
    pub fn rate(&self, user: usize, pace: &Pace, from: WallTime, until: WallTime) -> f32 {
        self.foresee(user, pace, from, until).per_hour
    }

    /// Forgets everything about `user`, who may stay as one who is new. What all users share keeps no trace of single acts.
    pub fn forget(&mut self, user: usize) {
        let state = &mut self.users[user];
        (state.habit, state.standing) = (Habit::new(), None);
        state.own.fill(Rate::NEW);
    }

    fn foresee(&self, user: usize, pace: &Pace, from: WallTime, until: WallTime) -> Standing {
        let state = &self.users[user];
        let at = middle(from, until);
        let age = hours(state.habit.last, at);
        let mut contexts = contexts::of(&state.habit, pace, &Cell { at, age, role: state.role, tide: self.tide.level(at) });
        let base = self.base[contexts.base].per_hour(FIRST_GUESS, 1.0);
        let shared =
            |table: usize, context: u32| self.shared[table * SHARED_SIZE + context as usize].per_hour(base, SHARED_STRENGTH);
        let mut own = [Rate::NEW; OWN];
        let mut offset = 0;
        for ((rate, &context), size) in own.iter_mut().zip(&contexts.own).zip(OWN_SIZES) {
            *rate = state.own[offset + context as usize];
            offset += size;
        }
        let by_age = own[0].per_hour(shared(0, contexts.shared[0]), OWN_STRENGTH);
        let by_hour = own[1].per_hour(shared(6, contexts.shared[6]), OWN_STRENGTH);
        let by_week = own[2].per_hour(by_hour, OWN_STRENGTH);
        let overall = own[3].per_hour(shared(10, contexts.shared[10]), OWN_STRENGTH);
        let by_part = own[4].per_hour(by_hour, OWN_STRENGTH);
        let crossed = contexts::rate_class(by_age) * 24 + contexts::rate_class(by_week);
        contexts.shared[SHARED - 1] = crossed as u32;
        let mut inputs = [1.0; INPUTS];
        let against = |rate: f32| (rate / base).ln().clamp(-5.0, 5.0);
        for (input, rate) in inputs.iter_mut().zip([by_age, by_hour, by_week, overall, by_part]) {
            *input = against(rate);
        }
        for (table, &context) in contexts.shared.iter().enumerate() {
            inputs[OWN + table] = against(shared(table, context));
        }
        let per_hour = (base * self.mixer.mix(&inputs, &contexts.choices).exp()).min(RATE_MAX);
        Standing { from, contexts, inputs, per_hour }
    }

    /// Learns how the standing prediction of `user` turned out at `at`; `false` where there is none.
    fn settle(&mut self, user: usize, at: WallTime, came: bool) -> bool {
        let state = &mut self.users[user];
        let Some(standing) = state.standing.take() else { return false };
        let lasted = hours(standing.from, at).max(0.0);
        let mut offset = 0;
        for (&context, size) in standing.contexts.own.iter().zip(OWN_SIZES) {
            state.own[offset + context as usize].learn(came, lasted, OWN_MEMORY);
            offset += size;
        }
        for (table, &context) in standing.contexts.shared.iter().enumerate() {
            self.shared[table * SHARED_SIZE + context as usize].learn(came, lasted, SHARED_MEMORY);
        }
        self.base[standing.contexts.base].learn(came, lasted, SHARED_MEMORY);
        let error = f32::from(u8::from(came)) - (standing.per_hour * lasted).min(4.0);
        self.mixer.learn(&standing.inputs, &standing.contexts.choices, error);
        true
    }
}

fn middle(from: WallTime, until: WallTime) -> WallTime {
    WallTime::from_unix_millis(from.unix_millis().midpoint(until.unix_millis()))
}

/// How many users come back, hour by hour, against the same hours of the week before.
#[derive(Clone, Debug)]
struct Tide {
    hour: i64,
    now: f32,
    last: [f32; TIDE_HOURS],
    usual: [f32; 168],
}

impl Default for Tide {
    fn default() -> Self {
        Tide { hour: i64::MIN, now: 0.0, last: [0.0; TIDE_HOURS], usual: [0.0; 168] }
    }
}

impl Tide {
    fn came(&mut self, returned: bool) {
        self.now += f32::from(u8::from(returned));
    }

    fn advance(&mut self, at: WallTime) {
        let hour = at.unix_millis().div_euclid(3_600_000);
        if self.hour == i64::MIN {
            self.hour = hour;
        }
        // Longer silence says no more than two weeks of it.
        self.hour = self.hour.max(hour - 336);
        while self.hour < hour {
            let usual = &mut self.usual[(self.hour + 72).rem_euclid(168) as usize];
            *usual += 0.2 * (self.now - *usual);
            self.last.rotate_right(1);
            self.last[0] = self.now;
            self.now = 0.0;
            self.hour += 1;
        }
    }

    /// 0 to 7 in doublings of the ratio, 3 = as usual.
    fn level(&self, at: WallTime) -> usize {
        let hour = at.unix_millis().div_euclid(3_600_000).max(self.hour);
        let usual: f32 = (1..=TIDE_HOURS as i64).map(|back| self.usual[(hour - back + 72).rem_euclid(168) as usize]).sum();
        let lately: f32 = self.last.iter().sum();
        let ratio = (lately + 1.0) / (usual + 1.0);
        (ratio.log2() * 1.5 + 3.5).clamp(0.0, 7.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: f64) -> WallTime {
        WallTime::from_unix_millis((hour * 3_600_000.0) as i64)
    }

    /// Lets `user` of `model` act at each of `acts` (hours), looked at every hour in between.
    fn live(model: &mut ReturnModel, user: usize, acts: impl Iterator<Item = f64>) {
        for at in acts {
            if let Some(last) = model.last_act(user) {
                let mut now = hours(hour(0.0), last) as f64 + 0.1;
                while now < at {
                    model.outlook(user, hour(now), hour(now.floor() + 1.0));
                    now = now.floor() + 1.0;
                }
            }
            model.act(user, hour(at));
        }
    }

    fn rate(model: &ReturnModel, user: usize, at: f64) -> f32 {
        model.rate(user, &model.pace(user, hour(at)), hour(at), hour(at + 1.0))
    }

    #[test]
    fn a_habit_of_the_hour_is_learned() {
        let mut model = ReturnModel::new();
        let user = model.add(0);
        live(&mut model, user, (0..60).map(|day| f64::from(day) * 24.0 + 9.5));
        let night = 59.0 * 24.0 + 27.0;
        assert!(rate(&model, user, night + 6.0) > 20.0 * rate(&model, user, night), "nine against three");
        assert!(rate(&model, user, night + 6.0) > 0.3);
    }

    #[test]
    fn a_new_user_starts_from_the_role_and_own_acts_then_count() {
        let mut model = ReturnModel::new();
        let (often, seldom) = (model.add(0), model.add(1));
        live(&mut model, often, (0..400).map(|act| f64::from(act) * 3.0));
        live(&mut model, seldom, (0..20).map(|act| f64::from(act) * 60.0));
        let new = [0, 1].map(|role| model.add(role));
        for &user in &new {
            model.act(user, hour(1_200.0));
        }
        let [like_often, like_seldom] = new.map(|user| rate(&model, user, 1_202.0));
        assert!(like_often > like_seldom, "{like_often} {like_seldom}");
        // Forgotten, the one with a rhythm is like any other of the role.
        model.forget(often);
        assert_eq!(model.last_act(often), None);
        model.act(often, hour(1_200.0));
        assert!((rate(&model, often, 1_202.0) / like_often - 1.0).abs() < 1e-5);
    }

    #[test]
    fn what_is_expected_is_what_happens() {
        let mut model = ReturnModel::new();
        let user = model.add(0);
        let mut gap = 1_u32;
        let mut at = 0.0;
        let (mut expected, mut came) = (0.0, 0.0);
        for act in 0..600 {
            model.act(user, hour(at));
            gap = gap.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let away = 0.5 + f64::from(gap >> 24) / 16.0;
            let mut now = 0.1;
            while now < away {
                let until = (now + 0.5).min(away);
                let outlook = model.outlook(user, hour(at + now), hour(at + now + 0.5));
                expected += if act > 200 { f64::from(outlook.per_hour) * (until - now) } else { 0.0 };
                now += 0.5;
            }
            came += if act > 200 { 1.0 } else { 0.0 };
            at += away;
        }
        let ratio: f64 = expected / came;
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
    }
}
