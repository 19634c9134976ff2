//! What a trace asks of modules: per step and slot whether it is needed, and how strongly.

use std::collections::BTreeMap;

use decide::drivers::{Gauge, Profile};
use model::{Moment, Span, WallTime};

use crate::trace::{Unit, UsageSeries};

/// A slot in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No reading: the instance is not there, or nobody looked.
    Unknown,
    /// Read, and below the threshold.
    Idle,
    /// Read, and needed.
    Needed,
}

/// One profile of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which instance, counted from 0 within the workload.
    pub instance: usize,
    /// Which profile.
    pub profile: Profile,
}

/// All slots of one grid, step by step.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The grid.
    pub step: Span,
    /// When step 0 begins; the epoch where the trace does not say.
    pub start: WallTime,
    /// How many steps there are.
    pub steps: usize,
    /// Names of the instances.
    pub instances: Vec<String>,
    /// The slots, those of an instance beside each other.
    pub slots: Vec<Slot>,
    /// Per step and slot, the steps one after the other.
    states: Vec<State>,
    /// As `states`: the highest of the profile's readings over their thresholds; 0 where unknown.
    levels: Vec<f32>,
}

/// What a step was like, once it is over. Slices are per slot.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Which step.
    pub step: usize,
    /// Needed or not.
    pub states: &'a [State],
    /// The reading over the threshold.
    pub levels: &'a [f32],
}

impl Workload {
    /// One workload per grid width in `series`, the finest first. Series whose metric speaks for no profile are left out.
    pub fn all(series: &[UsageSeries]) -> Vec<Workload> {
        let mut grids: BTreeMap<u64, BTreeMap<(&str, Profile), Vec<&UsageSeries>>> = BTreeMap::new();
        for one in series {
            if let Some(profile) = Profile::of_metric(&one.metric) {
                let slots = grids.entry(one.step.as_nanos()).or_default();
                slots.entry((one.series.as_str(), profile)).or_default().push(one);
            }
        }
        grids.into_iter().map(|(step, slots)| Workload::of_grid(Span::from_nanos(step), slots)).collect()
    }

    fn of_grid(step: Span, rows: BTreeMap<(&str, Profile), Vec<&UsageSeries>>) -> Workload {
        let start = rows.values().flatten().filter_map(|row| row.start).min().unwrap_or_default();
        let offset = |row: &UsageSeries| {
            let late_ms = row.start.map_or(0, |begins| begins.unix_millis() - start.unix_millis());
            (late_ms as f64 / 1e3 / step.as_secs_f64()).round() as usize
        };
        let steps = rows.values().flatten().map(|row| offset(row) + row.values.len()).max().unwrap_or(0);
        let (mut instances, mut slots): (Vec<String>, Vec<Slot>) = Default::default();
        for &(name, profile) in rows.keys() {
            if instances.last().is_none_or(|last| last != name) {
                instances.push(name.to_owned());
            }
            slots.push(Slot { instance: instances.len() - 1, profile });
        }
        let width = slots.len();
        let mut states = vec![State::Unknown; steps * width];
        let mut levels = vec![0.0_f32; steps * width];
        for (slot, row) in rows.values().enumerate().flat_map(|(slot, rows)| rows.iter().map(move |row| (slot, row))) {
            let mut gauge = Gauge::new(row.capacity, row.unit == Unit::BytesPerSecond);
            let first = offset(row);
            for (place, &value) in row.values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                let at = Moment::after_start(step.times((first + place) as u64));
                let reading = gauge.push(f64::from(value), at);
                let cell = (first + place) * width + slot;
                levels[cell] = levels[cell].max(reading.level);
                states[cell] = if levels[cell] >= 1.0 { State::Needed } else { State::Idle };
            }
        }
        Workload { step, start, steps, instances, slots, states, levels }
    }

    /// The first step that is scored.
    pub fn first_scored(&self) -> usize {
        self.steps / 2
    }

    /// What was seen of `step`.
    pub fn seen(&self, step: usize) -> Seen<'_> {
        let range = step * self.slots.len()..(step + 1) * self.slots.len();
        Seen { step, states: &self.states[range.clone()], levels: &self.levels[range] }
    }

    /// When the step after `step` begins.
    pub fn coming(&self, step: usize) -> WallTime {
        self.start.plus(self.step.times(step as u64 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, metric: &str, start: i64, values: &[f32]) -> UsageSeries {
        UsageSeries {
            series: name.to_owned(),
            metric: metric.to_owned(),
            unit: Unit::Percent,
            capacity: Some(100.0),
            start: Some(WallTime::from_unix_secs(start)),
            step: Span::from_secs(60),
            values: values.to_vec(),
        }
    }

    #[test]
    fn metrics_of_a_profile_share_a_slot_and_rows_are_aligned() {
        let rows = [
            series("a", "net_rx", 600, &[0.0, 60.0, f32::NAN, 0.0]),
            series("a", "net_tx", 660, &[0.0, f32::NAN, 70.0]),
            series("b", "cpu", 720, &[80.0]),
            series("b", "queue_time", 0, &[80.0]),
        ];
        let all = Workload::all(&rows);
        assert_eq!(all.len(), 1);
        let one = &all[0];
        assert_eq!((one.steps, one.start, one.instances.len()), (4, WallTime::from_unix_secs(600), 2));
        assert_eq!(one.slots[1], Slot { instance: 1, profile: Profile::CpuIntensive });
        let states: Vec<[State; 2]> = (0..4).map(|step| [one.seen(step).states[0], one.seen(step).states[1]]).collect();
        use State::{Idle, Needed, Unknown};
        assert_eq!(states, [[Idle, Unknown], [Needed, Unknown], [Unknown, Needed], [Needed, Unknown]]);
        assert_eq!(one.coming(0), WallTime::from_unix_secs(660));
    }
}
