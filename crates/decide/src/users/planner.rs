//! Observations in, sessions to hold or resume out, with what is reserved for them and the reasons.

use std::collections::BTreeSet;

use model::{Bytes, Span, WallTime};
use predict::hazard::returns::Outlook;

use super::foreseer::Foreseer;
use super::hold::{HoldPlan, HoldRule, Standing};
use super::reservation::{Demand, Reservation};

/// How the planner works and what things cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserSettings {
    /// What a second of waiting is worth: 1 = as many GB seconds as `gb_seconds_per_second` says; the operator's knob.
    pub lambda: f64,
    /// GB seconds of idle memory that cost as much as a second of waiting.
    pub gb_seconds_per_second: f64,
    /// The share of proactive resumes that shall be used.
    pub used_share: f32,
    /// What is reserved beyond the peak of recent sittings: 0.15 = 15 %.
    pub margin: f64,
    /// Acts less than this apart belong to one sitting.
    pub sitting_gap: Span,
}

impl Default for UserSettings {
    fn default() -> Self {
        UserSettings {
            lambda: 1.0,
            gb_seconds_per_second: 99.69,
            used_share: 0.85,
            margin: 0.15,
            sitting_gap: Span::from_secs(300),
        }
    }
}

impl UserSettings {
    /// What holding `spec`'s session for an hour costs, in ready returns: the price of its memory over what a return that need
    /// not wait is worth.
    pub fn price_per_hour(&self, spec: &UserSpec) -> f32 {
        let idle_s = spec.memory.0 as f64 / 1e9 * 3_600.0 / self.gb_seconds_per_second;
        let saved_s = spec.wait.as_secs_f64() * self.lambda * spec.price;
        if saved_s > 0.0 { (idle_s / saved_s) as f32 } else { f32::MAX }
    }
}

/// One user's session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserSpec {
    /// What it keeps in memory while it is held.
    pub memory: Bytes,
    /// How long the user waits where it is not there.
    pub wait: Span,
    /// The tier's factor on lambda; 1 = standard.
    pub price: f64,
    /// What the user has in common with others: new users start from what those do.
    pub role: usize,
}

/// Why a session stands as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserBecause {
    /// When the user is expected.
    pub outlook: Outlook,
    /// What an hour of holding costs, in ready returns: above this rate a hold pays for itself within the hour.
    pub price_per_hour: f32,
    /// What a resume in vain costs beside its hours, in ready returns.
    pub stake: f32,
}

/// A session that is held while its user is away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserPlan {
    /// The user, as [`UserPlanner::add`] numbered it.
    pub user: usize,
    /// Held since the user left, or resumed.
    pub standing: Standing,
    /// When it is decided upon again.
    pub until: WallTime,
    /// What is reserved for it.
    pub reserve: Demand,
    /// Why.
    pub because: UserBecause,
}

/// Holds and resumes sessions; learns online.
#[derive(Clone, Debug)]
pub struct UserPlanner {
    settings: UserSettings,
    foreseer: Foreseer,
    rule: HoldRule,
    users: Vec<User>,
    /// (when, who) is to be looked at.
    due: BTreeSet<(WallTime, usize)>,
}

#[derive(Clone, Debug)]
struct User {
    spec: UserSpec,
    /// `None` while the user sits, and before the first act.
    standing: Option<Standing>,
    plan: HoldPlan,
    outlook: Option<Outlook>,
    due: Option<WallTime>,
    reservation: Reservation,
}

impl UserPlanner {
    /// A planner that knows nobody.
    pub fn new(settings: UserSettings) -> UserPlanner {
        let rule = HoldRule::new(0.0, settings.used_share);
        UserPlanner { settings, foreseer: Foreseer::new(), rule, users: Vec::new(), due: BTreeSet::new() }
    }

    /// Adds a user and returns the number, counted from 0.
    pub fn add(&mut self, spec: UserSpec) -> usize {
        let reservation = Reservation::default();
        self.users.push(User { spec, standing: None, plan: HoldPlan::default(), outlook: None, due: None, reservation });
        self.foreseer.add(spec.role)
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Changes what a second of waiting is worth; what is not above zero is passed over.
    pub fn set_lambda(&mut self, lambda: f64) {
        if lambda.is_finite() && lambda > 0.0 {
            self.settings.lambda = lambda;
        }
    }

    /// `user` acted at `at`; acts come in the order of time. Unknown users are passed over.
    pub fn observe(&mut self, user: usize, at: WallTime) {
        if user >= self.users.len() {
            return;
        }
        self.catch_up(at);
        let away = self.users[user].standing.take();
        if away == Some(Standing::Resumed) {
            self.rule.settle(true);
        }
        if away.is_some() || self.foreseer.last_act(user).is_none() {
            self.users[user].reservation.sit_down();
        }
        self.users[user].outlook = None;
        self.foreseer.act(user, at);
        self.ask(user, Some(at.plus(self.settings.sitting_gap)));
    }

    /// The session of `user` was seen to take `demand`.
    pub fn consumed(&mut self, user: usize, demand: Demand) {
        if let Some(user) = self.users.get_mut(user) {
            user.reservation.seen(demand);
        }
    }

    /// What is reserved for `user`, present or away: the peak of recent sittings and the margin, or the memory of the
    /// specification where nothing was seen. `None` for unknown users.
    pub fn reserve(&self, user: usize) -> Option<Demand> {
        let user = self.users.get(user)?;
        let fallback = Demand { cores: 0.0, memory: user.spec.memory };
        Some(user.reservation.needed(self.settings.margin, fallback))
    }

    /// Forgets everything about `user`, whose number stays taken.
    pub fn forget(&mut self, user: usize) {
        if user < self.users.len() {
            self.ask(user, None);
            self.foreseer.forget(user);
            let one = &mut self.users[user];
            (one.standing, one.outlook, one.plan) = (None, None, HoldPlan::default());
            one.reservation = Reservation::default();
        }
    }

    /// The sessions that are held at `now` for users who are away, by user.
    pub fn plan(&mut self, now: WallTime) -> Vec<UserPlan> {
        self.catch_up(now);
        (0..self.users.len()).filter_map(|user| self.held(user)).collect()
    }

    fn held(&self, user: usize) -> Option<UserPlan> {
        let one = &self.users[user];
        let standing = one.standing.filter(|standing| standing.held())?;
        let because = UserBecause {
            outlook: one.outlook?,
            price_per_hour: self.settings.price_per_hour(&one.spec),
            stake: self.rule.stake(),
        };
        Some(UserPlan { user, standing, until: one.due?, reserve: self.reserve(user)?, because })
    }

    /// Looks at everybody who was due by `now`.
    fn catch_up(&mut self, now: WallTime) {
        while let Some(&(at, user)) = self.due.first()
            && at <= now
        {
            self.look(user, at);
        }
    }

    fn look(&mut self, user: usize, at: WallTime) {
        let Some(look) = self.foreseer.look(user, at) else { return self.ask(user, None) };
        self.rule.set_price(self.settings.price_per_hour(&self.users[user].spec));
        let one = &mut self.users[user];
        if look.fresh {
            one.plan = self.rule.plan(self.foreseer.cells());
        }
        let standing = one.standing.unwrap_or(Standing::Kept);
        let next = one.plan.next(look.place, standing);
        if standing == Standing::Resumed && next == Standing::Released {
            self.rule.settle(false);
        }
        (one.standing, one.outlook) = (Some(next), Some(look.outlook));
        self.ask(user, Some(look.next));
    }

    fn ask(&mut self, user: usize, due: Option<WallTime>) {
        if let Some(before) = self.users[user].due {
            self.due.remove(&(before, user));
        }
        self.users[user].due = due;
        self.due.extend(due.map(|due| (due, user)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: UserSpec = UserSpec { memory: Bytes(170_000_000), wait: Span::from_secs(60), price: 1.0, role: 0 };

    fn hour(hour: f64) -> WallTime {
        WallTime::from_unix_millis((hour * 3_600_000.0) as i64)
    }

    /// Twelve users who work from nine to five, an act each half hour, on every day.
    fn office(days: i32) -> UserPlanner {
        let mut planner = UserPlanner::new(UserSettings::default());
        (0..12).for_each(|_| {
            planner.add(SPEC);
        });
        for day in 0..days {
            for half in 0..16 {
                for user in 0..12 {
                    let late = f64::from((day * 7 + user as i32 * 5) % 12) / 60.0;
                    planner.observe(user, hour(f64::from(day) * 24.0 + 9.0 + f64::from(half) / 2.0 + late));
                }
            }
        }
        planner
    }

    fn held(planner: &mut UserPlanner, at: f64) -> usize {
        planner.plan(hour(at)).len()
    }

    #[test]
    fn sessions_rest_at_night_and_are_there_in_the_morning() {
        let mut planner = office(40);
        let evening = 39.0 * 24.0;
        assert_eq!(held(&mut planner, evening + 27.0), 0, "at three in the morning");
        assert!(held(&mut planner, evening + 33.01) >= 10, "at nine");
        let plans = planner.plan(hour(evening + 33.02));
        assert!(plans.iter().all(|plan| plan.standing == Standing::Resumed && plan.until > hour(evening + 33.02)));
        let because = plans[0].because;
        assert!(because.outlook.per_hour > because.price_per_hour / 10.0 && because.stake > 0.0, "{because:?}");
    }

    #[test]
    fn a_user_who_sits_is_not_planned_for_and_one_who_is_forgotten_is_new() {
        let mut planner = office(30);
        let now = hour(29.0 * 24.0 + 17.5);
        planner.observe(3, now);
        assert!(planner.plan(now.plus(Span::from_secs(60))).iter().all(|plan| plan.user != 3));
        planner.forget(4);
        assert!(planner.plan(now.plus(Span::from_secs(14 * 3_600))).iter().all(|plan| plan.user != 4));
        planner.forget(99);
        planner.observe(99, now);
    }

    #[test]
    fn memory_that_was_seen_is_reserved_with_the_margin() {
        let mut planner = UserPlanner::new(UserSettings { margin: 0.5, ..UserSettings::default() });
        let user = planner.add(SPEC);
        assert_eq!(planner.reserve(user).map(|demand| demand.memory), Some(SPEC.memory));
        planner.observe(user, hour(1.0));
        planner.consumed(user, Demand { cores: 2.0, memory: Bytes(1_000) });
        assert_eq!(planner.reserve(user), Some(Demand { cores: 3.0, memory: Bytes(1_500) }));
    }

    #[test]
    fn a_dearer_wait_lowers_the_price_of_holding() {
        let settings = UserSettings::default();
        let plain = settings.price_per_hour(&SPEC);
        assert!((plain - 0.17 * 3_600.0 / 99.69 / 60.0).abs() < 1e-6);
        assert!(settings.price_per_hour(&UserSpec { price: 4.0, ..SPEC }) < plain / 3.9);
        assert_eq!(settings.price_per_hour(&UserSpec { wait: Span::ZERO, ..SPEC }), f32::MAX);
    }

    #[test]
    fn the_same_acts_give_the_same_plans() {
        let plans = |mut planner: UserPlanner| planner.plan(hour(20.0 * 24.0 + 8.9));
        assert_eq!(plans(office(20)), plans(office(20)));
    }
}
