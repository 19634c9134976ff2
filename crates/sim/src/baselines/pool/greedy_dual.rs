//! Greedy-Dual keep-alive: a cache of instances without expiry (Fuerst and Sharma, FaasCache, ASPLOS 2021).
//!
//! Priority = clock + frequency * cold start / size, set at each use. When the cache is over its size the lowest goes, and the clock
//! becomes its priority. What counts as size is memory by the unit's weight, since a row may stand for many units.

use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Seen, Workload};

/// FaasCache; its knob is the size of the cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct GreedyDual;

/// The cache in percent of what holding everything would take.
const SIZES: [f64; 12] = [1.0, 2.0, 4.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 55.0, 70.0, 85.0];

impl PoolPolicy for GreedyDual {
    fn name(&self) -> &'static str {
        "greedy_dual"
    }
    fn points(&self) -> Vec<String> {
        SIZES.iter().map(|size| format!("{size} % of all")).collect()
    }
    fn begin<'w>(&self, workload: &'w Workload, options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        let unit = |slot: usize| &workload.units[workload.slots[slot].unit];
        let sizes: Vec<f64> = (0..workload.slots.len()).map(|slot| unit(slot).weight * unit(slot).memory_gb).collect();
        let all: f64 = sizes.iter().sum();
        let values: Vec<f64> = (0..workload.slots.len()).map(|slot| options.cold_s / unit(slot).memory_gb).collect();
        Box::new(Caches(SIZES.map(|size| Cache::new(all * size / 100.0, sizes.clone(), values.clone())).into()))
    }
}

struct Caches(Vec<Cache>);

impl Keeper for Caches {
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        for (cache, ready) in self.0.iter_mut().zip(ready) {
            cache.step(seen.active);
            ready.iter_mut().zip(&cache.held).for_each(|(ready, held)| *ready = held.is_some());
        }
    }
}

struct Cache {
    room: f64,
    /// Per slot.
    sizes: Vec<f64>,
    /// Cold start over memory, per slot.
    values: Vec<f64>,
    frequency: Vec<f64>,
    /// The priority of what is held.
    held: Vec<Option<f64>>,
    clock: f64,
}

impl Cache {
    fn new(room: f64, sizes: Vec<f64>, values: Vec<f64>) -> Cache {
        let slots = sizes.len();
        Cache { room, sizes, values, frequency: vec![0.0; slots], held: vec![None; slots], clock: 0.0 }
    }

    fn step(&mut self, active: &[bool]) {
        for slot in (0..active.len()).filter(|&slot| active[slot]) {
            // An evicted unit starts counting afresh.
            self.frequency[slot] = if self.held[slot].is_some() { self.frequency[slot] + 1.0 } else { 1.0 };
            self.held[slot] = Some(self.clock + self.frequency[slot] * self.values[slot]);
        }
        let held = self.held.iter().zip(&self.sizes).filter(|(held, _)| held.is_some());
        let mut size: f64 = held.map(|(_, size)| size).sum();
        while size > self.room + 1e-9 {
            let known = self.held.iter().enumerate().filter_map(|(slot, held)| Some((slot, (*held)?)));
            let lowest = known.filter(|&(slot, _)| self.sizes[slot] > 0.0).min_by(|a, b| a.1.total_cmp(&b.1));
            let Some((slot, priority)) = lowest else { break };
            self.clock = self.clock.max(priority);
            self.held[slot] = None;
            size -= self.sizes[slot];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_frequent_goes_and_the_clock_follows() {
        // Room for two of three; every value is 1.
        let mut cache = Cache::new(2.0, vec![1.0; 3], vec![1.0; 3]);
        cache.step(&[true, false, false]);
        cache.step(&[true, true, false]);
        assert_eq!(cache.held, [Some(2.0), Some(1.0), None]);
        // The third comes with clock 0 + 1 and ties with the second, which lies first.
        cache.step(&[false, false, true]);
        assert_eq!((cache.held.clone(), cache.clock), (vec![Some(2.0), None, Some(1.0)], 1.0));
        // The second comes back at clock 1 + 1 and outlives the third.
        cache.step(&[false, true, false]);
        assert_eq!(cache.held, [Some(2.0), Some(2.0), None]);
    }
}
