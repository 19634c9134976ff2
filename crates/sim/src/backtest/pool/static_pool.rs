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
        arrivals +=
            workload.units.iter().zip(seen.arrivals).map(|(unit, &count)| unit.weight * f64::from(count)).sum::<f64>();
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

#[cfg(test)]
mod tests {
    use super::super::PoolOptions;
    use super::*;
    use crate::trace::CountSeries;
    use model::{Span, WallTime};

    #[test]
    fn holds_the_units_that_are_worth_it() {
        let row = |unit: &str, counts: [u32; 8]| CountSeries {
            unit: unit.to_owned(),
            weight: 1.0,
            start: WallTime::default(),
            step: Span::from_secs(3_600),
            counts: counts.to_vec(),
        };
        let rows = [row("often", [0, 0, 0, 0, 1, 1, 1, 0]), row("rare", [0, 0, 0, 0, 0, 0, 0, 1])];
        let options = PoolOptions { memory_gb: 1.0, ..PoolOptions::default() };
        let workload = Workload::from_counts(&rows, &options);
        // Three of four requests: the one that is used in three of four hours, idle for one.
        assert!((least_idle_gb_hours(&workload, 0.75) - 1.0).abs() < 1e-9);
        // All of them: the rare one idles for three more.
        assert!((least_idle_gb_hours(&workload, 1.0) - 4.0).abs() < 1e-9);
        assert!(least_idle_gb_hours(&workload, 0.0).abs() < 1e-9);
    }

    #[test]
    fn between_two_points_the_line_counts() {
        let point = |cold_percent: f64, idle_gb_hours: f64| PoolPoint {
            cold_percent,
            cold_percent_unit_p75: 0.0,
            idle_gb_hours,
            rum: 0.0,
            label: String::new(),
            cold_percent_unit_p50: 0.0,
            cold_percent_unit_p90: 0.0,
            prewarms: 0.0,
        };
        let points = [point(2.0, 10.0), point(0.5, 40.0), point(5.0, 1.0)];
        assert_eq!(idle_at(&points, 1.0), Some(30.0));
        assert_eq!(idle_at(&points[..1], 1.0), None);
        assert_eq!(idle_at(&points[1..2], 1.0), Some(40.0));
    }
}
