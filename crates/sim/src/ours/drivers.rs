//! The driver planner as a contestant: the very planner that the daemon runs.

use decide::drivers::{DriverPlanner, DriverSettings};
use model::Span;
use predict::hazard::Needed;

use crate::backtest::drivers::{DriverOptions, DriverPolicy, Loader, SUBJECT, Seen, State, Workload};

/// The driver planner.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForerunDrivers;

impl DriverPolicy for ForerunDrivers {
    fn name(&self) -> &'static str {
        SUBJECT
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &DriverOptions) -> Box<dyn Loader + 'w> {
        let settings = DriverSettings {
            step: workload.step,
            idle_price: options.idle_price,
            switch: Span::from_secs_f64(options.switch_s),
            ..DriverSettings::default()
        };
        let mut planner = DriverPlanner::new(settings);
        workload.slots.iter().for_each(|slot| {
            planner.add(slot.instance, slot.profile);
        });
        Box::new(Running { planner, workload, seen: Vec::new() })
    }
}

struct Running<'w> {
    planner: DriverPlanner,
    workload: &'w Workload,
    /// Kept so that a step allocates nothing.
    seen: Vec<Option<Needed>>,
}

impl Loader for Running<'_> {
    fn step(&mut self, seen: &Seen<'_>, loaded: &mut [bool]) {
        self.seen.clear();
        self.seen.extend(seen.states.iter().zip(seen.levels).map(|(&state, &level)| match state {
            State::Unknown => None,
            State::Idle | State::Needed => Some(Needed { needed: state == State::Needed, level }),
        }));
        self.planner.step(&self.seen, self.workload.coming(seen.step));
        loaded.copy_from_slice(self.planner.loaded());
    }
}
