//! The peers that need no model: load on demand, everything always, last state persists, same time yesterday.

use crate::backtest::drivers::{DriverOptions, DriverPolicy, Loader, Seen, State, Workload};

/// Everything stands loaded all the time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Always;

impl DriverPolicy for Always {
    fn name(&self) -> &'static str {
        "always"
    }
    fn begin<'w>(&self, _workload: &'w Workload, _options: &DriverOptions) -> Box<dyn Loader + 'w> {
        Box::new(Always)
    }
}

impl Loader for Always {
    fn step(&mut self, _seen: &Seen<'_>, loaded: &mut [bool]) {
        loaded.fill(true);
    }
}

/// The last state persists: loaded while needed in the latest known step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Persistence;

impl DriverPolicy for Persistence {
    fn name(&self) -> &'static str {
        "persistence"
    }
    fn begin<'w>(&self, _workload: &'w Workload, _options: &DriverOptions) -> Box<dyn Loader + 'w> {
        Box::new(Persistence)
    }
}

impl Loader for Persistence {
    fn step(&mut self, seen: &Seen<'_>, loaded: &mut [bool]) {
        for (loaded, &state) in loaded.iter_mut().zip(seen.states) {
            if state != State::Unknown {
                *loaded = state == State::Needed;
            }
        }
    }
}

/// Loads when need is seen; unloads when the module stood idle for as long as it costs to be without it for a step and to switch
/// twice (the rule of ski rental, which costs at most twice the least possible: Karlin et al., Competitive Snoopy Caching,
/// Algorithmica 1988).
#[derive(Clone, Copy, Debug, Default)]
pub struct OnDemand;

impl DriverPolicy for OnDemand {
    fn name(&self) -> &'static str {
        "on_demand"
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &DriverOptions) -> Box<dyn Loader + 'w> {
        let step_s = workload.step.as_secs_f64();
        let keep = (step_s + 2.0 * options.switch_s) / (options.idle_price * step_s).max(1e-9);
        Box::new(Renting { keep: keep as u32, idle: vec![0; workload.slots.len()] })
    }
}

struct Renting {
    /// Idle steps after which a module goes.
    keep: u32,
    /// Per slot.
    idle: Vec<u32>,
}

impl Loader for Renting {
    fn step(&mut self, seen: &Seen<'_>, loaded: &mut [bool]) {
        for ((loaded, idle), &state) in loaded.iter_mut().zip(&mut self.idle).zip(seen.states) {
            match state {
                State::Needed => (*loaded, *idle) = (true, 0),
                State::Idle | State::Unknown => *idle = idle.saturating_add(1),
            }
            *loaded &= *idle < self.keep.max(1);
        }
    }
}

/// Loaded when it was needed at the same time a day before; as [`Persistence`] while there is no yesterday.
#[derive(Clone, Copy, Debug, Default)]
pub struct SameTimeYesterday;

/// Seconds of a day.
const DAY_S: f64 = 86_400.0;

impl DriverPolicy for SameTimeYesterday {
    fn name(&self) -> &'static str {
        "same_time_yesterday"
    }
    fn begin<'w>(&self, workload: &'w Workload, _options: &DriverOptions) -> Box<dyn Loader + 'w> {
        let day = (DAY_S / workload.step.as_secs_f64()).round().max(1.0) as usize;
        Box::new(Yesterday { day, past: Vec::new(), width: workload.slots.len() })
    }
}

struct Yesterday {
    /// Steps of a day.
    day: usize,
    /// The last day, a ring of steps times slots.
    past: Vec<State>,
    width: usize,
}

impl Loader for Yesterday {
    fn step(&mut self, seen: &Seen<'_>, loaded: &mut [bool]) {
        let place = seen.step % self.day * self.width;
        if self.past.len() == place {
            self.past.extend_from_slice(seen.states);
        } else {
            self.past[place..place + self.width].copy_from_slice(seen.states);
        }
        let same = (seen.step + 1) % self.day * self.width;
        let known = (seen.step + 1 >= self.day).then(|| &self.past[same..same + self.width]);
        for (slot, loaded) in loaded.iter_mut().enumerate() {
            let latest = seen.states[slot];
            let state = known.map(|past| past[slot]).filter(|&state| state != State::Unknown).unwrap_or(latest);
            if state != State::Unknown {
                *loaded = state == State::Needed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Unit, UsageSeries};
    use model::Span;

    /// What `policy` says after each of `states` (N needed, I idle, U unknown), on one slot.
    fn says(policy: &dyn DriverPolicy, step: Span, options: &DriverOptions, states: &str) -> String {
        let series = UsageSeries {
            series: "a".to_owned(),
            metric: "cpu".to_owned(),
            unit: Unit::Percent,
            capacity: Some(100.0),
            start: None,
            step,
            values: states
                .chars()
                .map(|state| if state == 'U' { f32::NAN } else { f32::from(u8::from(state == 'N')) * 60.0 })
                .collect(),
        };
        let workload = &Workload::all(&[series])[0];
        let mut loader = policy.begin(workload, options);
        let mut loaded = [false];
        let said = (0..workload.steps).map(|step| {
            loader.foresee(step + 1);
            loader.step(&workload.seen(step), &mut loaded);
            if loaded[0] { '1' } else { '0' }
        });
        said.collect()
    }

    #[test]
    fn each_does_what_its_name_says() {
        let minute = Span::from_secs(60);
        let options = DriverOptions { idle_price: 0.25, switch_s: 15.0 };
        assert_eq!(says(&Always, minute, &options, "IUN"), "111");
        assert_eq!(says(&Persistence, minute, &options, "INNUIN"), "011101");
        // Idle steps cost 15 s, a step without the module and two switches 90: it goes after six.
        assert_eq!(says(&OnDemand, minute, &options, "INIIUIIIN"), "011111101");
        // Three steps to a day: the first day as persistence, then as the day before.
        assert_eq!(says(&SameTimeYesterday, Span::from_secs(28_800), &options, "NIIIIII"), "1010000");
    }

    #[test]
    fn the_oracle_bridges_gaps_that_cost_less_than_two_switches() {
        let minute = Span::from_secs(60);
        let says = |switch_s, states| {
            says(&crate::baselines::drivers::DriverOracle, minute, &DriverOptions { idle_price: 0.25, switch_s }, states)
        };
        // What stands behind each step is said of the next: a gap of one step costs 15 s, one of three 45, two switches 30.
        assert_eq!(says(15.0, "INININIIINII"), "111110001000");
        // Two switches cost more than a lone step without the module.
        assert_eq!(says(40.0, "IIIINIIIIIII"), "000000000000");
    }
}
