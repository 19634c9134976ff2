//! The warm planner as a contestant: the very planner that the daemon runs, at several prices of waiting at once.
//!
//! What it learns does not depend on the price, so one planner serves all points of the curve.

use decide::warm::{UnitSpec, WarmPlanner, WarmSettings};
use model::{Bytes, Span};
use predict::hazard::Happened;

use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, SUBJECT, Seen, Workload};

/// Prices below and above the default that are tried, each a sixth from the next: from where hardly anything is kept to where
/// nearly all is.
const BELOW: i32 = 40;
const ABOVE: i32 = 56;
/// The far end of the curve: at 0 nothing is ever kept.
const LEAST: [f64; 5] = [0.0, 1e-5, 1e-4, 3e-4, 1e-3];

/// The prices of waiting that are tried; the default first.
fn lambdas() -> Vec<f64> {
    let others = (-BELOW..=ABOVE).filter(|&step| step != 0).map(|step| (7.0_f64 / 6.0).powi(step));
    std::iter::once(1.0).chain(LEAST).chain(others).collect()
}

/// The warm planner; its knob is lambda.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForerunPool;

impl PoolPolicy for ForerunPool {
    fn name(&self) -> &'static str {
        SUBJECT
    }
    fn points(&self) -> Vec<String> {
        lambdas().iter().map(|lambda| format!("lambda {lambda:.5}")).collect()
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        let settings = WarmSettings {
            step: workload.step,
            gb_seconds_per_second: options.gb_s_per_s,
            instances_max: options.levels_max,
            ..WarmSettings::default()
        };
        let mut planner = WarmPlanner::new(settings);
        let cold = Span::from_secs_f64(options.cold_s);
        for unit in &workload.units {
            let ordinal = planner.add(UnitSpec { memory: Bytes((unit.memory_gb * 1e9) as u64), cold, price: 1.0 });
            (1..unit.slots).for_each(|_| {
                planner.add_instance(ordinal);
            });
        }
        Box::new(Planning { planner, lambdas: lambdas(), workload, counts: Vec::new(), visits: Vec::new() })
    }
}

struct Planning<'w> {
    planner: WarmPlanner,
    lambdas: Vec<f64>,
    workload: &'w Workload,
    /// Kept so that a step allocates nothing.
    counts: Vec<u32>,
    visits: Vec<(u32, u32)>,
}

impl Keeper for Planning<'_> {
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        let units = &self.workload.units;
        self.counts.clear();
        self.counts.extend(self.workload.slots.iter().map(|slot| seen.arrivals[slot.unit]));
        self.visits.clear();
        self.visits.extend(seen.visits.iter().map(|&(_, unit, user)| (units[unit as usize].first_slot as u32, user)));
        self.visits.dedup();
        let happened = Happened { active: seen.active, busy: seen.busy, counts: &self.counts, visits: &self.visits };
        let coming = self.workload.start.plus(self.workload.step.times(seen.step as u64 + 1));
        self.planner.step(&happened, coming);
        for (ready, lambda) in ready.iter_mut().zip(&self.lambdas) {
            for (slot, ready) in ready.iter_mut().enumerate() {
                *ready = self.planner.choose(slot, *lambda).rung > 0;
            }
        }
    }
}
