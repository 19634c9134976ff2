//! What a policy must be to take part, and the one scorer that all share.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::WallTime;

use super::UserOptions;
use super::population::Population;

/// A way to keep sessions ready.
pub trait UserPolicy: Sync {
    /// The name in the scorecard.
    fn name(&self) -> &'static str;
    /// The settings of its knobs, at least one; the first is its default.
    fn points(&self, options: &UserOptions) -> Vec<String>;
    /// A watcher for a population that is about to act. It may look at how many users there are, not at what they will do.
    fn begin<'p>(&self, population: &'p Population, options: &UserOptions) -> Box<dyn Watcher + 'p>;
}

/// A policy at work on one population, with all settings of its knobs at once.
pub trait Watcher {
    /// Told that `user` acted, with or without having been away.
    fn acted(&mut self, user: usize, at: WallTime);
    /// Asked about a user who is away: says per setting whether the session is held from `now` on, and when to ask again; `None`
    /// for not before the next return. `held` has what it said before, and what all have when the absence begins: true.
    fn look(&mut self, user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime>;
}

/// What one setting of a policy did in the scored part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PointTally {
    /// Users who came back.
    pub returns: u64,
    /// Of those, how many found their session held.
    pub ready: u64,
    /// Times that a session was resumed without its user.
    pub resumes: u64,
    /// Of those, how many were held until the user came.
    pub used: u64,
    /// Time that sessions were held without their users, in milliseconds.
    pub idle_ms: u64,
}

struct Scorer<'p> {
    watcher: Box<dyn Watcher + 'p>,
    tallies: Vec<PointTally>,
    from: WallTime,
    users: Vec<UserState>,
    looks: BinaryHeap<Reverse<(WallTime, usize, u32)>>,
}

#[derive(Clone)]
struct UserState {
    /// Acts so far: looks that were asked for earlier are void.
    version: u32,
    /// When the policy was last asked; `None` within a sitting.
    away: Option<WallTime>,
    held: Vec<bool>,
    /// Whether what is held was resumed, in the scored part.
    resumed: Vec<bool>,
}

/// Runs `policy` over `population` and counts in its second half.
///
/// Rules, the same for all: a return finds the session ready if it is held at that moment. Whatever is held while the user is
/// away counts as idle. To hold a session again after it was given up is a proactive resume; it was used if it is held without
/// a break until the user returns.
pub fn tally(policy: &dyn UserPolicy, population: &Population, options: &UserOptions) -> Vec<PointTally> {
    let points = policy.points(options).len();
    let user = UserState { version: 0, away: None, held: vec![true; points], resumed: vec![false; points] };
    let mut scorer = Scorer {
        watcher: policy.begin(population, options),
        tallies: vec![PointTally::default(); points],
        from: population.scored_from(),
        users: vec![user; population.users.len()],
        looks: BinaryHeap::new(),
    };
    for &(at, user) in &population.acts {
        scorer.look_until(at);
        scorer.act(user, at, at.plus(options.sitting_gap));
    }
    if let Some((_, last)) = population.bounds() {
        scorer.look_until(last);
        (0..scorer.users.len()).for_each(|user| scorer.close(user, last));
    }
    scorer.tallies
}

impl Scorer<'_> {
    fn look_until(&mut self, end: WallTime) {
        while let Some(&Reverse((at, user, version))) = self.looks.peek() {
            if at > end {
                return;
            }
            self.looks.pop();
            if self.users[user].version == version {
                self.look(user, at);
            }
        }
    }

    fn look(&mut self, user: usize, now: WallTime) {
        self.close(user, now);
        let state = &mut self.users[user];
        let before = state.away.is_some().then(|| state.held.clone());
        let next = self.watcher.look(user, now, &mut state.held);
        state.away = Some(now);
        let Some(before) = before else { return self.ask_again(user, next) };
        for (place, tally) in self.tallies.iter_mut().enumerate() {
            if state.held[place] && !before[place] {
                state.resumed[place] = now >= self.from;
                tally.resumes += u64::from(now >= self.from);
            }
            state.resumed[place] &= state.held[place];
        }
        self.ask_again(user, next);
    }

    fn ask_again(&mut self, user: usize, next: Option<WallTime>) {
        if let Some(next) = next {
            self.looks.push(Reverse((next, user, self.users[user].version)));
        }
    }

    /// Counts what was held since the last look.
    fn close(&mut self, user: usize, now: WallTime) {
        let state = &self.users[user];
        let Some(since) = state.away else { return };
        let lasted = (now.unix_millis() - since.max(self.from).unix_millis()).max(0) as u64;
        for (tally, &held) in self.tallies.iter_mut().zip(&state.held) {
            tally.idle_ms += if held { lasted } else { 0 };
        }
    }

    fn act(&mut self, user: usize, at: WallTime, away_from: WallTime) {
        self.close(user, at);
        let state = &mut self.users[user];
        if state.away.is_some() && at >= self.from {
            for (place, tally) in self.tallies.iter_mut().enumerate() {
                tally.returns += 1;
                tally.ready += u64::from(state.held[place]);
                tally.used += u64::from(state.resumed[place]);
            }
        }
        state.version += 1;
        state.away = None;
        state.held.fill(true);
        state.resumed.fill(false);
        self.watcher.acted(user, at);
        self.ask_again(user, Some(away_from));
    }
}

#[cfg(test)]
mod tests {
    use model::Span;

    use super::*;
    use crate::trace::Arrival;

    /// Held for the first hour of an absence, and again from the fifth to the eighth.
    struct Scripted;

    impl UserPolicy for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }
        fn points(&self, _options: &UserOptions) -> Vec<String> {
            vec!["script".to_owned()]
        }
        fn begin<'p>(&self, _population: &'p Population, _options: &UserOptions) -> Box<dyn Watcher + 'p> {
            Box::new(Reading(WallTime::default()))
        }
    }

    struct Reading(WallTime);

    impl Watcher for Reading {
        fn acted(&mut self, _user: usize, at: WallTime) {
            self.0 = at;
        }
        fn look(&mut self, _user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime> {
            let hours = (now.unix_secs() - self.0.unix_secs()) / 3_600;
            held[0] = hours < 1 || (5..8).contains(&hours);
            Some(self.0.plus(Span::from_secs(3_600 * (hours as u64 + 1))))
        }
    }

    #[test]
    fn returns_resumes_and_idle_hours_of_the_second_half() {
        // Scored are hours 24 to 48. At 24:00 away since 12 h; returns at 25:00 (not ready), 25:30 (ready, after the hour's
        // half), 32:00 (6.5 h: resumed at 30:30 and used), 48:00 (16 h: resumed at 37:00 in vain).
        let arrivals = [0.0, 12.0, 25.0, 25.04, 25.5, 32.0, 48.0].map(|hour: f64| Arrival {
            at_s: hour * 3_600.0,
            unit: Some("u".to_owned()),
            user: None,
            duration: None,
            memory: None,
        });
        let population = Population::from_arrivals(&arrivals);
        let tally = tally(&Scripted, &population, &UserOptions::default());
        // Idle: 25.04+5 min to 25.5, 25.5+5 min to 26.5, 30.5 to 32, 32+5 min to 33, 37 to 40.
        let idle_ms = ((0.46 + 1.0 + 1.5 + 1.0 + 3.0) * 3_600_000.0) as u64 - 3 * 300_000;
        assert_eq!(tally, [PointTally { returns: 4, ready: 2, resumes: 2, used: 1, idle_ms }]);
    }
}
