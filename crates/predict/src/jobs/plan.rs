//! Which memory to give a job whose peak is uncertain, attempt by attempt, at the least expected waste.
//!
//! Problem: too much is wasted for as long as the job runs; too little kills it, wastes the whole attempt, and another follows.
//! Idea: with the peak as a sorted cloud of n values, a plan is an ascending choice of those values. The least cost of a job known
//! to lie above value i-1 is `V(i) = min over j >= i of [sum of t(a_j - y) over i..=j, plus t a_j (1 + risk) + penalty over those
//! above j, plus V(j + 1)]`: each term weighted by chance, t the run time. Prefix sums make it n² in all; n is bounded.
//! Source: the cost is that of Witt et al., "Learning low-wastage memory allocations for scientific workflows at IceCube",
//! HPCS 2019 (relative time to failure 1); they search one line, this one solves for all attempts at once.

use super::cloud::Sample;

/// Values that a plan chooses among, at most.
const POINTS_MAX: usize = 96;

/// What a failed attempt costs on top of the memory that it held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailurePrice {
    /// As a share of what it held.
    pub share: f64,
    /// In byte seconds.
    pub byte_seconds: f64,
}

/// One value a plan may choose, and what lies at or below it since the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    value: f64,
    weight: f64,
    time: f64,
    used: f64,
}

/// Allocations in bytes for the first and the following attempts, ascending. Empty of no samples. The samples hold logarithms of
/// bytes and are sorted by value.
pub fn plan(samples: &[Sample], price: FailurePrice) -> Vec<f64> {
    let points = condensed(samples);
    let count = points.len();
    // Sums over the points before each place.
    let mut sums = vec![Point::default(); count + 1];
    for (place, point) in points.iter().enumerate() {
        let before = sums[place];
        sums[place + 1] = Point {
            value: 0.0,
            weight: before.weight + point.weight,
            time: before.time + point.time,
            used: before.used + point.used,
        };
    }
    let mut least = vec![0.0; count + 1];
    let mut choice = vec![0; count];
    for from in (0..count).rev() {
        least[from] = f64::INFINITY;
        for to in from..count {
            let value = points[to].value;
            let fits = value * (sums[to + 1].time - sums[from].time) - (sums[to + 1].used - sums[from].used);
            let fails = (1.0 + price.share) * value * (sums[count].time - sums[to + 1].time)
                + price.byte_seconds * (sums[count].weight - sums[to + 1].weight);
            let cost = fits + fails + least[to + 1];
            if cost < least[from] {
                (least[from], choice[from]) = (cost, to);
            }
        }
    }
    let (mut attempts, mut from) = (Vec::new(), 0);
    while from < count {
        attempts.push(points[choice[from]].value);
        from = choice[from] + 1;
    }
    attempts
}

/// At most [`POINTS_MAX`] points of about the same weight, each with the largest of its values.
fn condensed(samples: &[Sample]) -> Vec<Point> {
    let total: f64 = samples.iter().map(|sample| sample.weight).sum();
    let share = if samples.len() > POINTS_MAX { total / (POINTS_MAX - 1) as f64 } else { 0.0 };
    let mut points: Vec<Point> = Vec::with_capacity(POINTS_MAX);
    let mut open = Point::default();
    for (place, sample) in samples.iter().enumerate() {
        let value = sample.log.exp();
        let weight = sample.weight / total;
        open.value = value;
        open.weight += weight;
        open.time += weight * sample.seconds;
        open.used += weight * sample.seconds * value;
        if open.weight * total >= share || place + 1 == samples.len() {
            points.push(std::mem::take(&mut open));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: FailurePrice = FailurePrice { share: 0.0, byte_seconds: 0.0 };

    fn samples(values: &[(f64, f64)]) -> Vec<Sample> {
        values.iter().map(|&(value, weight)| Sample { log: f64::ln(value), weight, seconds: 1.0 }).collect()
    }

    fn rounded(attempts: &[f64]) -> Vec<i64> {
        attempts.iter().map(|bytes| bytes.round() as i64).collect()
    }

    #[test]
    fn pays_for_a_retry_only_where_the_large_peak_is_rare() {
        // 9 of 10 need 10, one needs 100. At once 100: 9 * 90 = 810 wasted. First 10: one failure wastes 10.
        assert_eq!(rounded(&plan(&samples(&[(10.0, 9.0), (100.0, 1.0)]), FREE)), [10, 100]);
        // 1 of 10 needs 90, nine need 100: at once 100 wastes 10, first 90 would waste 9 * 90.
        assert_eq!(rounded(&plan(&samples(&[(90.0, 1.0), (100.0, 9.0)]), FREE)), [100]);
    }

    #[test]
    fn a_dear_failure_is_avoided() {
        let dear = FailurePrice { share: 0.0, byte_seconds: 1_000.0 };
        assert_eq!(rounded(&plan(&samples(&[(10.0, 9.0), (100.0, 1.0)]), dear)), [100]);
    }

    #[test]
    fn no_other_plan_is_cheaper() {
        let values = [(3.0, 2.0), (5.0, 1.0), (8.0, 4.0), (9.0, 1.0), (20.0, 1.0), (21.0, 2.0), (60.0, 1.0)];
        let cost = |attempts: &[f64]| -> f64 {
            values
                .iter()
                .map(|&(peak, weight)| {
                    let mut wasted = 0.0;
                    for &given in attempts {
                        if given >= peak - 1e-9 {
                            return weight * (wasted + given - peak);
                        }
                        wasted += given;
                    }
                    f64::INFINITY
                })
                .sum()
        };
        let ours = cost(&plan(&samples(&values), FREE));
        for chosen in 0_u32..64 {
            let mut attempts: Vec<f64> =
                (0..6).filter(|bit| chosen >> bit & 1 == 1).map(|bit| values[bit as usize].0).collect();
            attempts.push(60.0);
            assert!(ours <= cost(&attempts) + 1e-6, "{attempts:?}");
        }
    }

    #[test]
    fn of_nothing_there_is_no_plan() {
        assert!(plan(&[], FREE).is_empty());
    }
}
