//! What a policy must be to take part, and the one scorer that all share.

use super::PoolOptions;
use super::workload::{Seen, Workload};

/// A way to keep instances ready.
pub trait PoolPolicy: Sync {
    /// The name in the scorecard.
    fn name(&self) -> &'static str;
    /// The settings of its knob, at least one; the first is its default.
    fn points(&self) -> Vec<String>;
    /// A keeper for a workload that is about to begin. It may look at units, slots and grid, not at what will happen.
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w>;
}

/// A policy at work on one workload, with all settings of its knob at once.
pub trait Keeper {
    /// Told what happened in a step, says per setting and slot whether it shall be ready when the next step begins and stay
    /// so throughout it. `ready` holds what it said before.
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]);
    /// What the next step needs, before [`Keeper::step`] is asked. For the oracle only.
    fn foresee(&mut self, _next: &[bool]) {}
}

/// What one setting of a policy did to one unit in the scored steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UnitTally {
    /// Requests that arrived.
    pub arrivals: u64,
    /// Starts of instances that were not ready.
    pub cold: u64,
    /// Steps in which an instance was ready and nobody used it, summed over slots.
    pub idle_steps: u64,
    /// Times that an instance was made ready without a request.
    pub prewarms: u64,
}

/// What a policy did: per setting, per unit.
pub type Tallies = Vec<Vec<UnitTally>>;

/// Runs `policy` over `workload` and counts in its second half.
///
/// Rules, the same for all: a slot that is needed in a step and is neither ready nor still busy starts cold, once. A slot
/// that is ready for a step in which nobody needs it is idle for the whole step. A slot in use is not idle. Making an instance
/// ready ahead costs what it holds from then on, nothing else, for every policy.
pub fn tally(policy: &dyn PoolPolicy, workload: &Workload, options: &PoolOptions) -> Tallies {
    let points = policy.points().len();
    let mut keeper = policy.begin(workload, options);
    let mut tallies = vec![vec![UnitTally::default(); workload.units.len()]; points];
    let mut ready = vec![vec![false; workload.slots.len()]; points];
    let mut before = ready.clone();
    for step in 0..workload.steps {
        if step >= workload.first_scored() {
            for ((tallies, ready), before) in tallies.iter_mut().zip(&ready).zip(&before) {
                count(tallies, workload, step, ready, before);
            }
        }
        if step + 1 < workload.steps {
            keeper.foresee(workload.active(step + 1));
        }
        before.clone_from(&ready);
        keeper.step(&workload.seen(step), &mut ready);
    }
    tallies
}

fn count(tallies: &mut [UnitTally], workload: &Workload, step: usize, ready: &[bool], before: &[bool]) {
    let seen = workload.seen(step);
    let busy = workload.busy_at_start(step);
    let was_active = step.checked_sub(1).map(|earlier| workload.active(earlier));
    for (tally, &arrivals) in tallies.iter_mut().zip(seen.arrivals) {
        tally.arrivals += u64::from(arrivals);
    }
    for (place, slot) in workload.slots.iter().enumerate() {
        let tally = &mut tallies[slot.unit];
        let (active, ready) = (seen.active[place], ready[place]);
        tally.cold += u64::from(active && !ready && !busy[place]);
        tally.idle_steps += u64::from(ready && !active);
        let existed = before[place] || was_active.is_some_and(|was| was[place]);
        tally.prewarms += u64::from(ready && !existed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::CountSeries;
    use model::{Span, WallTime};

    /// Ready where the script says, step by step.
    struct Scripted(&'static str);

    impl PoolPolicy for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }
        fn points(&self) -> Vec<String> {
            vec!["script".to_owned()]
        }
        fn begin<'w>(&self, _workload: &'w Workload, _options: &PoolOptions) -> Box<dyn Keeper + 'w> {
            Box::new(Reading(self.0))
        }
    }

    struct Reading(&'static str);

    impl Keeper for Reading {
        fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
            ready[0][0] = self.0.as_bytes().get(seen.step + 1) == Some(&b'1');
        }
    }

    #[test]
    fn cold_starts_idle_steps_and_prewarms_of_the_second_half() {
        let counts = vec![1, 1, 0, 0, 5, 0, 0, 2, 1, 0];
        let series =
            CountSeries { unit: "f".to_owned(), weight: 1.0, start: WallTime::default(), step: Span::from_secs(60), counts };
        let options = PoolOptions::default();
        let workload = Workload::from_counts(&[series], &options);
        // Scored are steps 5 to 9: kept in 5, not in 6, 7 cold, 8 kept and used, 9 idle.
        let tallies = tally(&Scripted("0100010011"), &workload, &options);
        assert_eq!(tallies, [[UnitTally { arrivals: 3, cold: 1, idle_steps: 2, prewarms: 0 }]]);
        // Made ready ahead for step 7, and used.
        let tallies = tally(&Scripted("0000000100"), &workload, &options);
        assert_eq!(tallies, [[UnitTally { arrivals: 3, cold: 1, idle_steps: 0, prewarms: 1 }]]);
    }
}
