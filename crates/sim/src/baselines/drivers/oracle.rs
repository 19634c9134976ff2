//! The least combined cost that any policy can reach, by knowing the trace.

use crate::backtest::drivers::{DriverOptions, DriverPolicy, Loader, Seen, State, Workload};

/// Knows what every step needs, and takes the cheapest plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct DriverOracle;

impl DriverPolicy for DriverOracle {
    fn name(&self) -> &'static str {
        "oracle"
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &DriverOptions) -> Box<dyn Loader + 'w> {
        let switch = options.switch_s / workload.step.as_secs_f64();
        let plan = (0..workload.slots.len()).map(|slot| plan(workload, slot, options.idle_price, switch)).collect();
        Box::new(Knowing { plan, next: 0 })
    }
}

/// Per step: loaded. The cheapest path through the two states, found from the end; all costs in steps.
fn plan(workload: &Workload, slot: usize, idle: f64, switch: f64) -> Vec<bool> {
    // What the rest costs when the module is (not) loaded before it, and per step where the cheapest path goes on from each.
    let mut rest = [0.0_f64; 2];
    let mut goes = vec![[false; 2]; workload.steps];
    for step in (0..workload.steps).rev() {
        let [without, with] = match workload.seen(step).states[slot] {
            State::Unknown => [0.0, 0.0],
            State::Idle => [0.0, idle],
            State::Needed => [1.0, 0.0],
        };
        let (without, with) = (without + rest[0], with + rest[1]);
        goes[step] = [with + switch < without, with <= without + switch];
        rest = [without.min(with + switch), with.min(without + switch)];
    }
    let mut loaded = false;
    goes.iter()
        .map(|goes| {
            loaded = goes[usize::from(loaded)];
            loaded
        })
        .collect()
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
