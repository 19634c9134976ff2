//! SPES: a unit is put into a category by the lengths of its quiet times, and loaded around the predicted ends of those
//! (Lee et al., SPES: Towards Optimizing Performance-Resource Trade-Off for Serverless Functions, ICDE 2024).
//!
//! The categories are found on the first half, the less certain ones by simulation on its last third; every five new quiet times a unit
//! is looked at again. Units that fit no category are kept for a minute.

mod category;
mod history;

use category::{Category, Effort};
use history::History;

use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Seen, Workload};

/// SPES; its knob is how generously it loads around a predicted use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spes;

/// The paper's setting first.
const EFFORTS: [Effort; 3] =
    [Effort { around: 2, patience: 1 }, Effort { around: 1, patience: 1 }, Effort { around: 5, patience: 2 }];
/// New quiet times after which a unit is looked at again.
const ADAPT_AFTER: usize = 5;

impl PoolPolicy for Spes {
    fn name(&self) -> &'static str {
        "spes"
    }
    fn points(&self) -> Vec<String> {
        EFFORTS.iter().map(|effort| format!("within {} steps, patience {}", effort.around, effort.patience)).collect()
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        let day = (86_400.0 / workload.step.as_secs_f64()).max(1.0) as u32;
        let idle_s = |slot: usize| options.idle_s(workload.units[workload.slots[slot].unit].memory_gb, workload.step);
        Box::new(Sorting {
            train: workload.first_scored() as u32,
            day,
            cold_s: options.cold_s,
            slots: (0..workload.slots.len()).map(|slot| Sorted::new(idle_s(slot))).collect(),
        })
    }
}

struct Sorting {
    /// Steps to learn from.
    train: u32,
    /// Steps of a day.
    day: u32,
    cold_s: f64,
    slots: Vec<Sorted>,
}

struct Sorted {
    history: History,
    category: Category,
    /// Quiet times at the last look.
    looked_at: usize,
    idle_s: f64,
}

impl Sorted {
    fn new(idle_s: f64) -> Sorted {
        Sorted { history: History::default(), category: Category::Unknown, looked_at: 0, idle_s }
    }
}

impl Keeper for Sorting {
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        for (slot, &active) in self.slots.iter_mut().zip(seen.active) {
            slot.history.push(active);
        }
        if seen.step as u32 + 1 == self.train {
            self.sort();
        }
        let late = seen.step as u32 >= self.train;
        for slot in &mut self.slots {
            let waits = slot.history.waits.len();
            if (late || slot.category == Category::Unknown) && waits >= slot.looked_at + ADAPT_AFTER {
                slot.looked_at = waits;
                slot.category = category::again(&slot.history, &slot.category);
            }
        }
        for (ready, effort) in ready.iter_mut().zip(EFFORTS) {
            for (place, ready) in ready.iter_mut().enumerate() {
                let slot = &self.slots[place];
                let leader = match slot.category {
                    Category::Correlated { leader, .. } => self.slots[leader].history.since_use(),
                    _ => None,
                };
                *ready = slot.category.ready(slot.history.since_use(), leader, effort);
            }
        }
    }
}

impl Sorting {
    /// Puts every unit into its category at the end of the first half.
    fn sort(&mut self) {
        let sorted: Vec<Category> = (0..self.slots.len())
            .map(|place| {
                let slot = &self.slots[place];
                let certain = category::certain(&slot.history, self.day);
                certain.unwrap_or_else(|| self.simulated(place))
            })
            .collect();
        for (slot, category) in self.slots.iter_mut().zip(sorted) {
            slot.category = category;
            slot.looked_at = slot.history.waits.len();
        }
    }

    /// The uncertain category that costs least on the last third of the first half.
    fn simulated(&self, place: usize) -> Category {
        let own = &self.slots[place].history;
        let from = self.train * 2 / 3;
        let mut candidates = vec![Category::Unknown, Category::Pulsed];
        let modes = own.repeated_waits(5);
        if !modes.is_empty() {
            candidates.push(Category::Expected { waits: modes, give_up: 1 });
        }
        candidates.extend(self.leaders(place));
        let mut best = (f64::INFINITY, Category::Unknown);
        for candidate in candidates {
            let leader = match candidate {
                Category::Correlated { leader, .. } => Some(&self.slots[leader].history),
                _ => None,
            };
            let (cold, idle) = category::replay(&candidate, own, leader, from..self.train, EFFORTS[0]);
            let cost = self.cold_s * f64::from(cold) + self.slots[place].idle_s * f64::from(idle);
            if cost < best.0 {
                best = (cost, candidate);
            }
        }
        best.1
    }

    /// The unit whose uses precede those of `place` most reliably, with the lag.
    fn leaders(&self, place: usize) -> Option<Category> {
        let own = &self.slots[place].history;
        let mut best: Option<(f64, Category)> = None;
        for (leader, other) in self.slots.iter().enumerate().filter(|&(leader, _)| leader != place) {
            for lag in 1..=10 {
                let (together, false_share) = own.follows(&other.history, lag);
                if together >= 0.7 && false_share <= 0.3 && best.as_ref().is_none_or(|best| together > best.0) {
                    best = Some((together, Category::Correlated { leader, lag }));
                }
            }
        }
        best.map(|best| best.1)
    }
}
