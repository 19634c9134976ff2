//! For peers whose knob has no default in their source: the setting that cost least in the half that is there to learn from.

use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Seen, Workload};

/// A policy whose default is chosen on the first half; its own settings follow as further points.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tuned<P>(pub P);

impl<P: PoolPolicy> PoolPolicy for Tuned<P> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn points(&self) -> Vec<String> {
        let mut points = vec!["best of the first half".to_owned()];
        points.extend(self.0.points());
        points
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        let points = self.0.points().len();
        Box::new(Choosing {
            inner: self.0.begin(workload, options),
            workload,
            options: *options,
            cost: vec![0.0; points],
            chosen: 0,
        })
    }
}

struct Choosing<'w> {
    inner: Box<dyn Keeper + 'w>,
    workload: &'w Workload,
    options: PoolOptions,
    /// What each setting has cost so far, in seconds of waiting.
    cost: Vec<f64>,
    chosen: usize,
}

impl Keeper for Choosing<'_> {
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        let Some((first, inner)) = ready.split_first_mut() else { return };
        if seen.step < self.workload.first_scored() {
            let busy = self.workload.busy_at_start(seen.step);
            for (cost, ready) in self.cost.iter_mut().zip(inner.iter()) {
                for (place, slot) in self.workload.slots.iter().enumerate() {
                    let unit = &self.workload.units[slot.unit];
                    let use_ = Use { ready: ready[place], active: seen.active[place], busy: busy[place] };
                    *cost += unit.weight * use_.cost(&self.options, self.options.idle_s(unit.memory_gb, self.workload.step));
                }
            }
            self.chosen = cheapest(&self.cost);
        }
        self.inner.step(seen, inner);
        first.clone_from(&inner[self.chosen]);
    }
}

/// One slot in one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub ready: bool,
    pub active: bool,
    pub busy: bool,
}

impl Use {
    /// What it costs by the scorer's rules, in seconds of waiting.
    pub fn cost(self, options: &PoolOptions, idle_s: f64) -> f64 {
        match (self.ready, self.active) {
            (true, false) => idle_s,
            (false, true) if !self.busy => options.cold_s,
            _ => 0.0,
        }
    }
}

/// The place of the least cost, the first on a tie.
pub(super) fn cheapest(costs: &[f64]) -> usize {
    let least = costs.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
    least.map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_the_scorers() {
        let options = PoolOptions::default();
        let cost = |ready, active, busy| Use { ready, active, busy }.cost(&options, 0.1);
        assert_eq!([cost(true, false, false), cost(true, true, false), cost(false, false, false)], [0.1, 0.0, 0.0]);
        assert_eq!([cost(false, true, false), cost(false, true, true)], [0.808, 0.0]);
        assert_eq!((cheapest(&[3.0, 1.0, 1.0]), cheapest(&[])), (1, 0));
    }
}
