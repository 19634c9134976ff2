//! The least combined cost that any policy can reach, by knowing the trace.

use crate::backtest::drivers::{DriverOptions, DriverPolicy, Loader, Seen, State, Workload};

/// Knows what every step needs: loaded whenever needed, and through a gap when that is cheaper than to switch twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct DriverOracle;

impl DriverPolicy for DriverOracle {
    fn name(&self) -> &'static str {
        "oracle"
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &DriverOptions) -> Box<dyn Loader + 'w> {
        let step_s = workload.step.as_secs_f64();
        let gap = (2.0 * options.switch_s / (options.idle_price * step_s).max(1e-9)) as usize;
        // An episode shorter than what its two switches cost is left alone.
        let worth = (2.0 * options.switch_s / step_s) as usize;
        let plan = (0..workload.slots.len()).map(|slot| plan(workload, slot, gap, worth)).collect();
        Box::new(Knowing { plan, next: 0 })
    }
}

/// Per step: loaded.
fn plan(workload: &Workload, slot: usize, gap: usize, worth: usize) -> Vec<bool> {
    let states: Vec<State> = (0..workload.steps).map(|step| workload.seen(step).states[slot]).collect();
    let mut plan: Vec<bool> = states.iter().map(|&state| state == State::Needed).collect();
    // Only idle steps cost anything: a gap in the readings is bridged for nothing.
    let (mut last, mut idle) = (None, 0);
    for (step, &state) in states.iter().enumerate() {
        match state {
            State::Needed => {
                if let Some(last) = last.filter(|_| idle <= gap) {
                    plan[last..step].fill(true);
                }
                (last, idle) = (Some(step), 0);
            }
            State::Idle => idle += 1,
            State::Unknown => {}
        }
    }
    let mut begin = 0;
    while begin < plan.len() {
        let length = plan[begin..].iter().take_while(|&&loaded| loaded == plan[begin]).count();
        let served = states[begin..begin + length].iter().filter(|&&state| state == State::Needed).count();
        if plan[begin] && served < worth {
            plan[begin..begin + length].fill(false);
        }
        begin += length;
    }
    plan
}

struct Knowing {
    /// Per slot and step.
    plan: Vec<Vec<bool>>,
    next: usize,
}

impl Loader for Knowing {
    fn foresee(&mut self, next: usize) {
        self.next = next;
    }
    fn step(&mut self, _seen: &Seen<'_>, loaded: &mut [bool]) {
        for (loaded, plan) in loaded.iter_mut().zip(&self.plan) {
            *loaded = plan.get(self.next).copied().unwrap_or(*loaded);
        }
    }
}
