//! A trace as the pool scorer sees it: which instance was needed in which step.
//!
//! Time is cut into steps. A unit that needs up to `n` instances at once in a step needs its slots 1 to `n`: slot `k` of a
//! unit is the instance that is claimed when `k - 1` others are busy. So a pool of several instances is several slots, and
//! every policy, also one that knows only "loaded or not", can size pools.

use std::collections::BTreeMap;

use model::{Span, WallTime};

use super::PoolOptions;
use crate::trace::{Arrival, CountSeries};

/// One instance that a unit may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The unit's place in [`Workload::units`].
    pub unit: usize,
    /// 0 for the first instance, 1 for the one that is claimed while the first is busy, and so on.
    pub level: usize,
}

/// One unit.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolUnit {
    /// Its name.
    pub name: String,
    /// How much it counts in the score; with 0 it is seen, but not scored.
    pub weight: f64,
    /// What a waiting instance of it holds, in GB.
    pub memory_gb: f64,
    /// The place of its first slot in [`Workload::slots`]; the others follow.
    pub first_slot: usize,
    /// How many slots it has.
    pub slots: usize,
}

/// Demand on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The units, by name for arrivals, in the trace's order for counts.
    pub units: Vec<PoolUnit>,
    /// The slots, unit by unit, level by level.
    pub slots: Vec<Slot>,
    /// When step 0 begins.
    pub start: WallTime,
    /// The grid.
    pub step: Span,
    /// How many steps.
    pub steps: usize,
    /// Whether a slot was in use at any time of a step: step by step, slot by slot.
    active: Vec<bool>,
    /// Whether a slot was busy on what it had begun before, when a step began; same order.
    busy: Vec<bool>,
    /// Arrivals per step and unit: step by step, unit by unit.
    arrivals: Vec<u32>,
    /// Who asked for what: (step, unit, user), by step. Empty where users are unknown.
    visits: Vec<(u32, u32, u32)>,
}

/// What became known with the end of a step.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The step that ended.
    pub step: usize,
    /// Per slot: in use at any time of it.
    pub active: &'a [bool],
    /// Per slot: still busy at its end.
    pub busy: &'a [bool],
    /// Per unit: requests that arrived in it.
    pub arrivals: &'a [u32],
    /// (step, unit, user) of the requests whose user is known.
    pub visits: &'a [(u32, u32, u32)],
}

impl Workload {
    /// From counts per step. How long an invocation runs is unknown: a step with any needs one instance.
    pub fn from_counts(series: &[CountSeries], options: &PoolOptions) -> Workload {
        let steps = series.iter().map(|one| one.counts.len()).max().unwrap_or(0);
        let mut made = Workload {
            units: Vec::new(),
            slots: Vec::new(),
            start: series.first().map(|one| one.start).unwrap_or_default(),
            step: series.first().map_or(options.step, |one| one.step),
            steps,
            active: vec![false; steps * series.len()],
            busy: vec![false; (steps + 1) * series.len()],
            arrivals: vec![0; steps * series.len()],
            visits: Vec::new(),
        };
        for (place, one) in series.iter().enumerate() {
            made.add_unit(one.unit.clone(), if options.equal_weights { 1.0 } else { one.weight }, options.memory_gb, 1);
            for (step, &count) in one.counts.iter().enumerate() {
                made.active[step * series.len() + place] = count > 0;
                made.arrivals[step * series.len() + place] = count;
            }
        }
        made
    }

    /// From single requests. A request occupies an instance for its duration (no time where that is unknown), the lowest that
    /// is free; requests without a unit are left out.
    pub fn from_arrivals(arrivals: &[Arrival], options: &PoolOptions) -> Workload {
        let known = arrivals.iter().filter_map(|one| Some((one, one.unit.as_deref()?)));
        let mut by_unit: BTreeMap<&str, Vec<&Arrival>> = BTreeMap::new();
        known.clone().for_each(|(one, unit)| by_unit.entry(unit).or_default().push(one));
        let first = known.clone().map(|(one, _)| one.at_s).fold(f64::INFINITY, f64::min);
        let last = known.clone().map(|(one, _)| one.at_s).fold(f64::NEG_INFINITY, f64::max);
        let step = step_for(last - first, options);
        let step_s = step.as_secs_f64();
        // Steps begin on the clock's full minutes, where there is a clock.
        let start_s = if first.is_finite() { (first / step_s).floor() * step_s } else { 0.0 };
        let steps = if first.is_finite() { ((last - start_s) / step_s) as usize + 1 } else { 0 };
        let uses: Vec<Uses> =
            by_unit.values().map(|events| Uses::of(events, start_s, step_s, steps, options.levels_max)).collect();
        let slots: usize = uses.iter().map(|one| one.levels).sum();
        let mut made = Workload {
            units: Vec::new(),
            slots: Vec::new(),
            start: WallTime::from_unix_millis((start_s * 1_000.0) as i64),
            step,
            steps,
            active: vec![false; steps * slots],
            busy: vec![false; (steps + 1) * slots],
            arrivals: vec![0; steps * uses.len()],
            visits: Vec::new(),
        };
        for ((name, events), uses) in by_unit.iter().zip(&uses) {
            let place = made.units.len();
            let bytes: Vec<f64> = events.iter().filter_map(|one| Some(one.memory?.0 as f64)).collect();
            let memory_gb =
                if bytes.is_empty() { options.memory_gb } else { bytes.iter().sum::<f64>() / bytes.len() as f64 / 1e9 };
            made.add_unit((*name).to_owned(), 1.0, memory_gb, uses.levels);
            let first_slot = made.units[place].first_slot;
            for &(step, level) in &uses.active {
                made.active[step * slots + first_slot + level] = true;
            }
            for &(step, level) in &uses.busy {
                made.busy[step * slots + first_slot + level] = true;
            }
            for one in events {
                made.arrivals[step_of(one.at_s, start_s, step_s) * by_unit.len() + place] += 1;
            }
        }
        made.visits = visits(&by_unit, start_s, step_s);
        made
    }

    fn add_unit(&mut self, name: String, weight: f64, memory_gb: f64, slots: usize) {
        let (unit, first_slot) = (self.units.len(), self.slots.len());
        self.slots.extend((0..slots).map(|level| Slot { unit, level }));
        self.units.push(PoolUnit { name, weight, memory_gb, first_slot, slots });
    }

    /// What is known at the end of `step`.
    pub fn seen(&self, step: usize) -> Seen<'_> {
        let slots = self.slots.len();
        let place = |at: usize| self.visits.partition_point(|visit| (visit.0 as usize) < at);
        Seen {
            step,
            active: self.active(step),
            busy: &self.busy[(step + 1) * slots..(step + 2) * slots],
            arrivals: &self.arrivals[step * self.units.len()..(step + 1) * self.units.len()],
            visits: &self.visits[place(step)..place(step + 1)],
        }
    }

    /// Per slot, whether it was in use at any time of `step`.
    pub fn active(&self, step: usize) -> &[bool] {
        &self.active[step * self.slots.len()..(step + 1) * self.slots.len()]
    }

    /// Per slot, whether it was busy when `step` began.
    pub fn busy_at_start(&self, step: usize) -> &[bool] {
        &self.busy[step * self.slots.len()..(step + 1) * self.slots.len()]
    }

    /// The first step that is scored: those before are to learn from.
    pub fn first_scored(&self) -> usize {
        self.steps / 2
    }
}

fn step_for(span_s: f64, options: &PoolOptions) -> Span {
    let least = options.step.as_secs_f64();
    let factor = (span_s / least / options.steps_max as f64).ceil().max(1.0);
    if factor.is_finite() { options.step.times(factor as u64) } else { options.step }
}

fn step_of(at_s: f64, start_s: f64, step_s: f64) -> usize {
    ((at_s - start_s) / step_s) as usize
}

/// The slots that one unit used.
struct Uses {
    levels: usize,
    /// (step, level) in use.
    active: Vec<(usize, usize)>,
    /// (step, level) busy since before the step.
    busy: Vec<(usize, usize)>,
}

impl Uses {
    fn of(events: &[&Arrival], start_s: f64, step_s: f64, steps: usize, levels_max: usize) -> Uses {
        let mut uses = Uses { levels: 1, active: Vec::new(), busy: Vec::new() };
        // When each level is free again.
        let mut free_at: Vec<f64> = Vec::new();
        for event in events {
            let level = free_at.iter().position(|&at| at <= event.at_s).unwrap_or(free_at.len());
            if level >= levels_max {
                continue;
            }
            let end = event.at_s + event.duration.map_or(0.0, Span::as_secs_f64);
            if level == free_at.len() {
                free_at.push(end);
            }
            free_at[level] = end;
            let first = step_of(event.at_s, start_s, step_s);
            // A step that begins just when the work ends is not in use.
            let last = (((end - start_s) / step_s).ceil() as usize).saturating_sub(1).clamp(first, steps.max(1) - 1);
            uses.active.extend((first..=last).map(|step| (step, level)));
            uses.busy.extend((first + 1..=last).map(|step| (step, level)));
        }
        uses.levels = free_at.len().max(1);
        uses
    }
}

fn visits(by_unit: &BTreeMap<&str, Vec<&Arrival>>, start_s: f64, step_s: f64) -> Vec<(u32, u32, u32)> {
    let names = by_unit.values().flatten().filter_map(|one| one.user.as_deref());
    let mut users: BTreeMap<&str, u32> = names.map(|name| (name, 0)).collect();
    users.values_mut().zip(0..).for_each(|(user, ordinal)| *user = ordinal);
    let mut visits: Vec<(u32, u32, u32)> = Vec::new();
    for (unit, events) in by_unit.values().enumerate() {
        for one in events {
            if let Some(&user) = one.user.as_deref().and_then(|name| users.get(name)) {
                visits.push((step_of(one.at_s, start_s, step_s) as u32, unit as u32, user));
            }
        }
    }
    visits.sort_unstable();
    visits
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Bytes;

    fn arrival(at_s: f64, unit: &str, duration_s: f64) -> Arrival {
        let duration = Some(Span::from_secs_f64(duration_s));
        Arrival {
            at_s,
            unit: Some(unit.to_owned()),
            user: Some("u".to_owned()),
            duration,
            memory: Some(Bytes(2_000_000_000)),
        }
    }

    fn bits(values: &[bool]) -> String {
        values.iter().map(|&value| if value { '1' } else { '0' }).collect()
    }

    #[test]
    fn requests_take_the_lowest_free_instance_for_as_long_as_they_run() {
        // a: one from 90 s to 200 s, a second meanwhile at 100 s for 20 s, one at 215 s that reuses the first instance.
        let events =
            [arrival(90.0, "a", 110.0), arrival(100.0, "a", 20.0), arrival(130.0, "b", 1.0), arrival(215.0, "a", 1.0)];
        let workload = Workload::from_arrivals(&events, &PoolOptions::default());
        assert_eq!((workload.steps, workload.start), (3, WallTime::from_unix_secs(60)));
        assert_eq!(workload.slots.len(), 3);
        assert!((workload.units[0].memory_gb - 2.0).abs() < 1e-9);
        let active: Vec<String> = (0..3).map(|step| bits(workload.active(step))).collect();
        let busy: Vec<String> = (0..3).map(|step| bits(workload.busy_at_start(step))).collect();
        assert_eq!(active, ["110", "101", "100"]);
        assert_eq!(busy, ["000", "100", "100"]);
        assert_eq!(workload.seen(0).arrivals, [2, 0]);
        assert_eq!(workload.seen(1).visits, [(1, 1, 0)]);
    }

    #[test]
    fn counts_of_different_lengths_and_a_trace_without_rows() {
        let row = |unit: &str, counts: &[u32]| CountSeries {
            unit: unit.to_owned(),
            weight: 2.0,
            start: WallTime::default(),
            step: Span::from_secs(60),
            counts: counts.to_vec(),
        };
        let options = PoolOptions::default();
        let workload = Workload::from_counts(&[row("a", &[0, 3]), row("b", &[1])], &options);
        assert_eq!([0, 1].map(|step| bits(workload.active(step))), ["01", "10"]);
        assert_eq!((workload.seen(1).arrivals, workload.units[0].weight), ([3, 0].as_slice(), 2.0));
        assert_eq!(Workload::from_counts(&[], &options).steps, 0);
        assert_eq!(Workload::from_arrivals(&[], &options).steps, 0);
    }

    #[test]
    fn a_long_trace_gets_longer_steps() {
        let events = [arrival(0.0, "a", 1.0), arrival(60.0 * 250.0, "a", 1.0)];
        let workload = Workload::from_arrivals(&events, &PoolOptions { steps_max: 100, ..PoolOptions::default() });
        assert_eq!((workload.step, workload.steps), (Span::from_secs(180), 84));
    }
}
