//! The exact factor for a level: the steps are ranked by use over allocation, and the factor is the ratio at the rank that
//! the level allows.

use super::score::{Scored, changes_per_day, figures, slack};
use super::{CURVE, Grid, Outcome, Point, Policy};
use crate::trace::UsageSeries;

/// Runs `policy` once and finds its figures at every level.
pub(super) fn outcome(policy: &dyn Policy, series: &UsageSeries, grid: &Grid, scored: &Scored) -> Outcome {
    let bases = bases(policy, series, grid);
    let mut at = [None; CURVE.len()];
    for (variant, base) in bases.iter().enumerate() {
        let Some(ranked) = Ranked::of(base, scored) else { continue };
        let changes = changes_per_day(base, grid.cold_windows..grid.windows, grid);
        for (best, level) in at.iter_mut().zip(CURVE) {
            if let Some((factor, slack)) = ranked.at(level, scored) {
                let point = Point { slack, changes_per_day: changes, knob: factor, variant };
                if best.is_none_or(|best: Point| slack < best.slack) {
                    *best = Some(point);
                }
            }
        }
    }
    Outcome {
        at,
        default: figures(series, grid, &bases[0], grid.cold_windows..grid.windows),
        cold: figures(series, grid, &bases[0], 0..grid.cold_windows),
    }
}

/// The allocation of the best variant with the whole factor: never more violations than `level` percent.
pub(super) fn allocations_at(
    policy: &dyn Policy,
    series: &UsageSeries,
    grid: &Grid,
    scored: &Scored,
    level: f64,
) -> Option<Vec<f32>> {
    let mut best: Option<(f64, Vec<f32>)> = None;
    for base in bases(policy, series, grid) {
        let Some(ranked) = Ranked::of(&base, scored) else { continue };
        let (factor, slack) = ranked.at_count(scored.allowed(level).0, scored)?;
        if best.as_ref().is_none_or(|(least, _)| slack < *least) {
            best = Some((slack, base.iter().map(|&amount| (f64::from(amount) * factor) as f32).collect()));
        }
    }
    best.map(|(_, allocations)| allocations)
}

/// The allocation per window of every variant.
fn bases(policy: &dyn Policy, series: &UsageSeries, grid: &Grid) -> Vec<Vec<f32>> {
    let about = series.about(grid);
    let count = policy.variants(about.kind()).len();
    let mut recommender = policy.begin(&about);
    let mut bases = vec![Vec::with_capacity(grid.windows); count];
    let mut row = vec![f32::NAN; count];
    for window in 0..grid.windows {
        let steps = &series.values[grid.steps_of(window)];
        recommender.foresee(steps);
        row.fill(f32::NAN);
        recommender.allocate(&mut row);
        for (base, &amount) in bases.iter_mut().zip(&row) {
            base.push(amount);
        }
        for &value in steps {
            recommender.observe((!value.is_nan()).then_some(value));
        }
    }
    bases
}

/// The largest ratios of use over allocation, descending, and the sum of the allocation over the scored steps.
struct Ranked {
    ratios: Vec<f64>,
    sum_allocation: f64,
}

impl Ranked {
    /// `None` when some scored window has no allocation.
    fn of(base: &[f32], scored: &Scored) -> Option<Ranked> {
        let mut sum_allocation = 0.0;
        let mut ratios: Vec<f64> = Vec::with_capacity(scored.uses.len());
        for (&value, &window) in scored.uses.iter().zip(&scored.windows) {
            let allocation = f64::from(base[window as usize]);
            if allocation.is_nan() {
                return None;
            }
            sum_allocation += allocation;
            ratios.push(match value {
                value if value <= 0.0 => 0.0,
                value if allocation > 0.0 => f64::from(value) / allocation,
                _ => f64::INFINITY,
            });
        }
        let level_max = CURVE.into_iter().fold(0.0, f64::max);
        let keep = scored.allowed(level_max).0 + 2;
        if keep < ratios.len() {
            ratios.select_nth_unstable_by(keep, |a, b| b.total_cmp(a));
            ratios.truncate(keep);
        }
        ratios.sort_unstable_by(|a, b| b.total_cmp(a));
        Some(Ranked { ratios, sum_allocation })
    }

    /// Factor and slack with which `level` percent of the steps violate, interpolated between whole counts of steps.
    fn at(&self, level: f64, scored: &Scored) -> Option<(f64, f64)> {
        if scored.idle_at(level) {
            return None;
        }
        let (count, share) = scored.allowed(level);
        let (factor, slack) = self.at_count(count, scored)?;
        let Some((factor_next, slack_next)) = self.at_count(count + 1, scored) else {
            return Some((factor, slack));
        };
        Some((factor + share * (factor_next - factor), slack + share * (slack_next - slack)))
    }

    /// The least factor with which at most `count` steps violate, and its slack.
    fn at_count(&self, count: usize, scored: &Scored) -> Option<(f64, f64)> {
        let factor = *self.ratios.get(count)?;
        (factor.is_finite() && factor > 0.0).then(|| (factor, slack(scored.sum, factor * self.sum_allocation)))
    }
}

#[cfg(test)]
mod tests {
    use model::Span;

    use super::*;
    use crate::trace::Unit;

    #[test]
    fn the_factor_gives_exactly_the_level() {
        // 1,000 scored steps in windows of one; use 1..=1000, allocation 1000 everywhere.
        let values: Vec<f32> = (1..=1_000).map(|value| value as f32).collect();
        let series = UsageSeries {
            series: "s".to_owned(),
            metric: "cpu".to_owned(),
            unit: Unit::Cores,
            capacity: None,
            start: None,
            step: Span::from_secs(600),
            values,
        };
        let grid = Grid { window: 1, steps: 1_000, windows: 1_000, cold_windows: 0, step: series.step };
        let scored = Scored::of(&series, &grid).expect("enough windows");
        let base = vec![1_000.0; 1_000];
        let ranked = Ranked::of(&base, &scored).expect("allocated everywhere");
        for (level, factor) in [(1.0, 0.990), (0.3, 0.997), (0.1, 0.999), (0.05, 0.9995)] {
            let (found, found_slack) = ranked.at(level, &scored).expect("reached");
            assert!((found - factor).abs() < 1e-9, "{level}: {found}");
            assert!((found_slack - (1.0 - 0.5005 / factor)).abs() < 1e-6, "{level}: {found_slack}");
            let allocations: Vec<f32> = base.iter().map(|&amount: &f32| (f64::from(amount) * found) as f32).collect();
            let figures = figures(&series, &grid, &allocations, 0..1_000);
            assert_eq!(figures.violated_steps, (level * 10.0).ceil() as u64, "{level}");
        }
    }

    #[test]
    fn a_zero_allocation_under_use_is_not_reached() {
        let mut values = vec![1.0_f32; 1_000];
        values[0] = 0.0;
        let series = UsageSeries {
            series: "s".to_owned(),
            metric: "cpu".to_owned(),
            unit: Unit::Cores,
            capacity: None,
            start: None,
            step: Span::from_secs(600),
            values,
        };
        let grid = Grid { window: 1, steps: 1_000, windows: 1_000, cold_windows: 0, step: series.step };
        let scored = Scored::of(&series, &grid).expect("enough windows");
        let mut base = vec![2.0_f32; 1_000];
        base[5..10].fill(0.0); // five steps that no factor can cover
        let ranked = Ranked::of(&base, &scored).expect("allocated everywhere");
        assert!(ranked.at(1.0, &scored).is_some());
        assert_eq!(ranked.at(0.3, &scored), None);
    }
}
