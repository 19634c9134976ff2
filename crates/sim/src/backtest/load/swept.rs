//! A policy with a knob of its own: figures at a level lie between the two runs of its Pareto frontier around the level.

use super::score::{Scored, figures};
use super::{CURVE, Figures, Grid, Outcome, Point, SweptPolicy};
use crate::trace::UsageSeries;

/// One run.
#[derive(Clone, Copy)]
struct Run {
    violation_percent: f64,
    point: Point,
}

/// Runs `policy` with every knob and its default, and finds its figures at every level.
pub(super) fn outcome(policy: &dyn SweptPolicy, series: &UsageSeries, grid: &Grid, scored: &Scored) -> Outcome {
    let mut knobs = policy.knobs();
    knobs.push(policy.default_knob());
    let runs = policy.run_all(series, grid.window, &knobs);
    let warm: Vec<Figures> = runs.iter().map(|run| checked_figures(series, grid, run)).collect();
    let frontier = frontier(&knobs, &warm);
    let default = runs.len() - 1;
    Outcome {
        at: CURVE.map(|level| if scored.idle_at(level) { None } else { at(&frontier, level) }),
        default: warm[default],
        cold: figures(series, grid, &runs[default], 0..grid.cold_windows),
    }
}

/// The cheapest run that violates in at most `level` percent of the steps.
pub(super) fn allocations_at(
    policy: &dyn SweptPolicy,
    series: &UsageSeries,
    grid: &Grid,
    scored: &Scored,
    level: f64,
) -> Option<Vec<f32>> {
    if scored.idle_at(level) {
        return None;
    }
    let knobs = policy.knobs();
    let runs = policy.run_all(series, grid.window, &knobs);
    let fits = runs.into_iter().map(|run| (checked_figures(series, grid, &run), run));
    let fits = fits.filter(|(figures, _)| figures.violation_percent() <= level);
    fits.min_by(|(a, _), (b, _)| a.slack.total_cmp(&b.slack)).map(|(_, run)| run)
}

fn checked_figures(series: &UsageSeries, grid: &Grid, run: &[f32]) -> Figures {
    assert_eq!(run.len(), grid.windows, "a policy returns one allocation per window");
    assert!(!run[grid.cold_windows..].iter().any(|amount| amount.is_nan()), "a policy allocates after the cold start");
    figures(series, grid, run, grid.cold_windows..grid.windows)
}

/// The runs that no other beats on both violations and slack, by rising violations (and so by falling slack).
fn frontier(knobs: &[f64], figures: &[Figures]) -> Vec<Run> {
    let mut runs: Vec<Run> = knobs
        .iter()
        .zip(figures)
        .map(|(&knob, figures)| Run {
            violation_percent: figures.violation_percent(),
            point: Point { slack: figures.slack, changes_per_day: figures.changes_per_day, knob, variant: 0 },
        })
        .collect();
    runs.sort_by(|a, b| a.violation_percent.total_cmp(&b.violation_percent).then(a.point.slack.total_cmp(&b.point.slack)));
    let mut least = f64::INFINITY;
    runs.retain(|run| {
        let better = run.point.slack < least;
        least = least.min(run.point.slack);
        better
    });
    runs
}

/// Between the last run at or below `level` and the first above it.
fn at(frontier: &[Run], level: f64) -> Option<Point> {
    let above = frontier.partition_point(|run| run.violation_percent <= level);
    let below = frontier.get(above.checked_sub(1)?)?;
    let Some(above) = frontier.get(above) else {
        return Some(below.point);
    };
    let share = (level - below.violation_percent) / (above.violation_percent - below.violation_percent);
    let between = |low: f64, high: f64| low + share * (high - low);
    Some(Point {
        slack: between(below.point.slack, above.point.slack),
        changes_per_day: between(below.point.changes_per_day, above.point.changes_per_day),
        knob: between(below.point.knob, above.point.knob),
        variant: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(list: &[(f64, u64, f64)]) -> Vec<Run> {
        let knobs: Vec<f64> = list.iter().map(|run| run.0).collect();
        let figures: Vec<Figures> = list
            .iter()
            .map(|&(_, violated_steps, slack)| Figures { steps: 1_000, violated_steps, slack, ..Figures::default() })
            .collect();
        frontier(&knobs, &figures)
    }

    #[test]
    fn interpolates_on_the_frontier_and_never_extrapolates() {
        // The run at 0.8 % is dominated by the one at 0.4 %.
        let frontier = runs(&[(1.0, 20, 0.3), (2.0, 8, 0.7), (3.0, 4, 0.6), (4.0, 2, 0.65)]);
        let point = at(&frontier, 1.2).expect("bracketed");
        assert!((point.slack - 0.45).abs() < 1e-9, "{point:?}");
        assert_eq!(at(&frontier, 0.4).expect("a run").slack, 0.6);
        assert_eq!(at(&frontier, 0.1), None, "violates too often with every knob");
        assert_eq!(at(&frontier, 5.0).expect("the cheapest run").slack, 0.3);
    }
}
