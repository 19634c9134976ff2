//! The smallest pool of fixed size that reaches a hit rate, chosen with the scored part known: no peer that must choose its
//! sizes beforehand can need less.
//!
//! A fixed pool holds some slots ready all the time. Each slot brings hits (requests that would have started cold) and
//! idle steps; slots are taken in the order of hits per idle memory until the rate is reached.

use super::scorecard::PoolPoint;
use super::workload::Workload;

/// Idle GB hours, by weight, of the cheapest fixed pool with at least `hit_rate` of requests warm.
pub(super) fn least_idle_gb_hours(workload: &Workload, hit_rate: f64) -> f64 {
    let hours = workload.step.as_secs_f64() / 3_600.0;
    let mut starts = vec![0.0; workload.slots.len()];
    let mut idle = vec![0.0; workload.slots.len()];
    let mut arrivals = 0.0;
    for step in workload.first_scored()..workload.steps {
        let seen = workload.seen(step);
        let busy = workload.busy_at_start(step);
        for (place, slot) in workload.slots.iter().enumerate() {
            let unit = &workload.units[slot.unit];
            if !seen.active[place] {
                idle[place] += unit.weight * unit.memory_gb * hours;
            } else if !busy[place] {
                starts[place] += unit.weight;
            }
        }
        arrivals += workload.units.iter().zip(seen.arrivals).map(|(unit, &count)| unit.weight * f64::from(count)).sum::<f64>();
    }
    let mut order: Vec<usize> = (0..starts.len()).filter(|&place| starts[place] > 0.0).collect();
    order.sort_by(|&a, &b| (idle[a] * starts[b]).total_cmp(&(idle[b] * starts[a])).then(a.cmp(&b)));
    let mut cold: f64 = starts.iter().sum();
    let mut held = 0.0;
    for place in order {
        if cold <= (1.0 - hit_rate) * arrivals {
            break;
        }
        // The last slot counts in part: a finer trace would let one choose exactly.
        let share = ((cold - (1.0 - hit_rate) * arrivals) / starts[place]).min(1.0);
        cold -= starts[place] * share;
        held += idle[place] * share;
    }
    held
}

/// Idle GB hours of `points` at `cold_percent`, between the two points around it; `None` where all start cold more often.
pub(super) fn idle_at(points: &[PoolPoint], cold_percent: f64) -> Option<f64> {
    let by_cold = |a: &&PoolPoint, b: &&PoolPoint| a.cold_percent.total_cmp(&b.cold_percent);
    let below = points.iter().filter(|point| point.cold_percent <= cold_percent).max_by(by_cold)?;
    let Some(above) = points.iter().filter(|point| point.cold_percent > cold_percent).min_by(by_cold) else {
        return Some(below.idle_gb_hours);
    };
    let share = (cold_percent - below.cold_percent) / (above.cold_percent - below.cold_percent);
    Some(below.idle_gb_hours + share * (above.idle_gb_hours - below.idle_gb_hours))
}
