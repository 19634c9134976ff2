//! What a policy must be to take part, and the one scorer that all share.

use super::DriverOptions;
use super::workload::{Seen, State, Workload};

/// A way to decide which modules stand loaded.
pub trait DriverPolicy: Sync {
    /// The name in the scorecard.
    fn name(&self) -> &'static str;
    /// A loader for a workload that is about to begin. It may look at slots and grid, not at what will happen.
    fn begin<'w>(&self, workload: &'w Workload, options: &DriverOptions) -> Box<dyn Loader + 'w>;
}

/// A policy at work on one workload.
pub trait Loader {
    /// Told what happened in a step, says per slot whether its module stands loaded throughout the next. `loaded` holds what it
    /// said before.
    fn step(&mut self, seen: &Seen<'_>, loaded: &mut [bool]);
    /// What the steps from the next on need, before [`Loader::step`] is asked. For the oracle only.
    fn foresee(&mut self, _next: usize) {}
}

/// What a policy did to one slot in the scored steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotTally {
    /// Steps with a reading.
    pub known: u64,
    /// Of these, with need.
    pub needed: u64,
    /// Beginnings of need.
    pub episodes: u64,
    /// Of these, with the module loaded before.
    pub ready: u64,
    /// Steps with need whose module was not loaded.
    pub unserved: u64,
    /// Steps without need whose module was loaded.
    pub idle: u64,
    /// Loads that took effect in the scored steps, one for a module that was loaded when these began.
    pub loads: u64,
    /// Of these, never needed until unloaded.
    pub wasted: u64,
    /// Loads and unloads.
    pub switches: u64,
    /// Per ready episode: steps since the module was loaded or last needed.
    pub leads: Vec<u32>,
}

/// What is known of a slot while it is scored.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    loaded: bool,
    /// Needed in the latest known step.
    was_needed: bool,
    /// The module was needed since it was loaded.
    used: bool,
    /// Steps since the load or the last need while loaded.
    waited: u32,
}

/// Runs `policy` over `workload` and counts in its second half.
pub fn tally(policy: &dyn DriverPolicy, workload: &Workload, options: &DriverOptions) -> Vec<SlotTally> {
    let mut loader = policy.begin(workload, options);
    let mut tallies = vec![SlotTally::default(); workload.slots.len()];
    let mut running = vec![Running::default(); workload.slots.len()];
    let mut loaded = vec![false; workload.slots.len()];
    for step in 0..workload.steps {
        let seen = workload.seen(step);
        let first = workload.first_scored();
        for (slot, (tally, running)) in tallies.iter_mut().zip(&mut running).enumerate() {
            let mut unscored = SlotTally::default();
            let tally = if step >= first { tally } else { &mut unscored };
            if step == first && running.loaded {
                // What stands loaded when the scored steps begin counts as loaded now, but not as switched.
                tally.loads += u64::from(loaded[slot]);
                (running.loaded, running.used, running.waited) = (loaded[slot], false, 0);
            }
            count(tally, running, loaded[slot], seen.states[slot]);
        }
        loader.foresee(step + 1);
        loader.step(&seen, &mut loaded);
    }
    for (tally, running) in tallies.iter_mut().zip(&running) {
        tally.wasted += u64::from(running.loaded && !running.used);
    }
    tallies
}

fn count(tally: &mut SlotTally, running: &mut Running, loaded: bool, state: State) {
    if loaded != running.loaded {
        tally.switches += 1;
        if loaded {
            tally.loads += 1;
            (running.used, running.waited) = (false, 0);
        } else {
            tally.wasted += u64::from(!running.used);
        }
        running.loaded = loaded;
    }
    running.waited += 1;
    if state == State::Unknown {
        return;
    }
    let needed = state == State::Needed;
    tally.known += 1;
    tally.needed += u64::from(needed);
    tally.unserved += u64::from(needed && !loaded);
    tally.idle += u64::from(!needed && loaded);
    if needed && !running.was_needed {
        tally.episodes += 1;
        if loaded {
            tally.ready += 1;
            tally.leads.push(running.waited);
        }
    }
    if needed && loaded {
        (running.used, running.waited) = (true, 0);
    }
    running.was_needed = needed;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Unit, UsageSeries};
    use model::Span;

    /// Loaded where the script says, step by step.
    struct Scripted(&'static str);

    impl DriverPolicy for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }
        fn begin<'w>(&self, _workload: &'w Workload, _options: &DriverOptions) -> Box<dyn Loader + 'w> {
            Box::new(Scripted(self.0))
        }
    }

    impl Loader for Scripted {
        fn step(&mut self, seen: &Seen<'_>, loaded: &mut [bool]) {
            loaded[0] = self.0.as_bytes().get(seen.step + 1) == Some(&b'1');
        }
    }

    fn tallied(script: &'static str) -> SlotTally {
        let series = UsageSeries {
            series: "a".to_owned(),
            metric: "cpu".to_owned(),
            unit: Unit::Percent,
            capacity: Some(100.0),
            start: None,
            step: Span::from_secs(60),
            values: vec![0.0, 60.0, 0.0, 0.0, 0.0, 0.0, 60.0, 60.0, 0.0, 60.0],
        };
        tally(&Scripted(script), &Workload::all(&[series])[0], &DriverOptions::default()).remove(0)
    }

    #[test]
    fn the_second_half_is_counted() {
        let seen = SlotTally { known: 5, needed: 3, episodes: 2, ..SlotTally::default() };
        // Carried into the scored steps, idle in 5, used in 6, gone in 7, back in time for 9.
        let expected =
            SlotTally { ready: 2, unserved: 1, idle: 1, loads: 2, switches: 2, leads: vec![2, 1], ..seen.clone() };
        assert_eq!(tallied("0000111001"), expected);
        // Loaded for 5 alone: in vain.
        let expected = SlotTally { unserved: 3, idle: 1, loads: 1, wasted: 1, switches: 2, ..seen.clone() };
        assert_eq!(tallied("0000010000"), expected);
        // Loaded when need was seen: too late twice, and the last load is not counted, for it is never in effect.
        let expected = SlotTally { ready: 0, unserved: 2, idle: 1, loads: 1, switches: 2, ..seen };
        assert_eq!(tallied("0000000110"), expected);
    }
}
