//! The categories of SPES, how a unit gets into one, and what each loads when.

use std::ops::Range;

use super::history::{History, modes};

/// How generously units are loaded around a predicted use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effort {
    /// Steps before and after.
    pub around: u32,
    /// Factor on the idle steps after which a unit is given up.
    pub patience: u32,
}

/// What kind of unit it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Category {
    /// Used in nearly every step: always loaded.
    Warm,
    /// Its quiet times have known lengths (from, to): regular, approximately regular, dense, possible.
    Expected { waits: Vec<(u32, u32)>, give_up: u32 },
    /// Long runs of uses: loaded while they last.
    Successive,
    /// Waves of uses: loaded until three steps are idle.
    Pulsed,
    /// Follows another unit.
    Correlated { leader: usize, lag: u32 },
    /// Nothing known.
    Unknown,
}

impl Category {
    /// Whether a unit is loaded in the coming step, `idle` steps after its last use and `leader` steps after its leader's.
    pub fn ready(&self, idle: Option<u32>, leader: Option<u32>, effort: Effort) -> bool {
        let give_up = effort.patience
            * match self {
                Category::Warm => return true,
                Category::Expected { give_up, .. } => *give_up,
                Category::Pulsed => 3,
                _ => 1,
            };
        let kept = idle.is_some_and(|idle| idle < give_up);
        kept || match self {
            Category::Expected { waits, .. } => idle.is_some_and(|idle| {
                waits.iter().any(|&(from, to)| idle + effort.around >= from && idle <= to + effort.around)
            }),
            // The coming step lies one further from the leader's use than the last.
            Category::Correlated { lag, .. } => leader.is_some_and(|since| (since + 1).abs_diff(*lag) <= effort.around),
            _ => false,
        }
    }
}

/// The category by the paper's rules, also after forgetting the first one to six days; `None` when none applies.
pub(super) fn certain(history: &History, day: u32) -> Option<Category> {
    if f64::from(history.steps - history.uses) < 0.001 * f64::from(history.steps) {
        return Some(Category::Warm);
    }
    let forget = (0..=6).map(|days| days * day).take_while(|&steps| steps < history.steps);
    forget
        .into_iter()
        .find_map(|forgotten| {
            let first = history.wait_ends.partition_point(|&end| end < forgotten);
            by_waits(&history.waits[first..])
        })
        .or_else(|| successive(history))
}

/// Regular, approximately regular or dense.
fn by_waits(waits: &[u32]) -> Option<Category> {
    if waits.len() < 3 {
        return None;
    }
    let mut sorted = waits.to_vec();
    sorted.sort_unstable();
    let percentile = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let n = sorted.len() as f64;
    let mean = sorted.iter().map(|&wait| f64::from(wait)).sum::<f64>() / n;
    let deviation = (sorted.iter().map(|&wait| (f64::from(wait) - mean).powi(2)).sum::<f64>() / n).sqrt();
    if percentile(0.95) - percentile(0.05) < 1 || deviation <= 0.01 * mean {
        let middle = percentile(0.5);
        return Some(Category::Expected { waits: vec![(middle, middle)], give_up: 1 });
    }
    let top: Vec<(u32, usize)> = modes(waits).into_iter().take(3).collect();
    if top.iter().map(|mode| mode.1).sum::<usize>() as f64 >= 0.9 * n {
        return Some(Category::Expected { waits: top.iter().map(|mode| (mode.0, mode.0)).collect(), give_up: 1 });
    }
    (percentile(0.9) < 5).then(|| Category::Expected { waits: vec![(percentile(0.05), percentile(0.9))], give_up: 5 })
}

fn successive(history: &History) -> Option<Category> {
    let mut runs = history.runs.clone();
    runs.sort_unstable();
    (runs.get(runs.len() / 2).is_some_and(|&middle| middle >= 10)).then_some(Category::Successive)
}

/// So many quiet times are looked at again.
const RECENT: usize = 50;

/// The category by the recent quiet times; `before` where nothing else applies.
pub(super) fn again(history: &History, before: &Category) -> Category {
    if matches!(before, Category::Warm | Category::Correlated { .. } | Category::Pulsed | Category::Successive) {
        return before.clone();
    }
    let recent = &history.waits[history.waits.len().saturating_sub(RECENT)..];
    by_waits(recent).unwrap_or_else(|| {
        let repeated: Vec<(u32, u32)> =
            modes(recent).into_iter().filter(|mode| mode.1 > 1).take(5).map(|mode| (mode.0, mode.0)).collect();
        match before {
            Category::Expected { .. } if !repeated.is_empty() => Category::Expected { waits: repeated, give_up: 1 },
            _ => before.clone(),
        }
    })
}

/// Cold starts and idle steps of a category over a range of known steps.
pub(super) fn replay(
    category: &Category,
    own: &History,
    leader: Option<&History>,
    steps: Range<u32>,
    effort: Effort,
) -> (u32, u32) {
    let since =
        |history: &History, step: u32| (0..step).rev().take(2_000).position(|at| history.used(at)).map(|at| at as u32);
    let (mut idle, mut led) = (since(own, steps.start), leader.and_then(|leader| since(leader, steps.start)));
    let (mut cold, mut waste) = (0, 0);
    for step in steps {
        match (category.ready(idle, led, effort), own.used(step)) {
            (true, false) => waste += 1,
            (false, true) => cold += 1,
            _ => {}
        }
        idle = if own.used(step) { Some(0) } else { idle.map(|idle| idle + 1) };
        led = if leader.is_some_and(|leader| leader.used(step)) { Some(0) } else { led.map(|led| led + 1) };
    }
    (cold, waste)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(uses: &str) -> History {
        let mut history = History::default();
        uses.chars().for_each(|c| history.push(c == '1'));
        history
    }

    const EFFORT: Effort = Effort { around: 2, patience: 1 };

    #[test]
    fn categories_by_quiet_times() {
        let expected = |waits: &[(u32, u32)], give_up| Some(Category::Expected { waits: waits.to_vec(), give_up });
        assert_eq!(certain(&history(&"1".repeat(100)), 1_440), Some(Category::Warm));
        assert_eq!(certain(&history(&"1000000000".repeat(10)), 1_440), expected(&[(9, 9)], 1));
        assert_eq!(certain(&history(&"100100000".repeat(10)), 1_440), expected(&[(2, 2), (5, 5)], 1));
        assert_eq!(certain(&history(&"10100100010000110111".repeat(10)), 1_440), expected(&[(1, 4)], 5));
        assert_eq!(
            certain(&history(&format!("{}{}", "1".repeat(15), "0".repeat(40)).repeat(2)), 1_440),
            Some(Category::Successive)
        );
        assert_eq!(certain(&history("1000000001"), 1_440), None);
    }

    #[test]
    fn loaded_around_the_predicted_use() {
        let category = Category::Expected { waits: vec![(9, 9)], give_up: 1 };
        let ready: Vec<u32> = (0..20).filter(|&idle| category.ready(Some(idle), None, EFFORT)).collect();
        assert_eq!(ready, [0, 7, 8, 9, 10, 11]);
        let follows = Category::Correlated { leader: 0, lag: 4 };
        let ready: Vec<u32> = (0..20).filter(|&since| follows.ready(None, Some(since), EFFORT)).collect();
        assert_eq!(ready, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_replay_counts_what_it_would_have_cost() {
        let own = history("1000100010001000");
        // Ready for three steps after each use: all hits, three idle steps each.
        assert_eq!(replay(&Category::Pulsed, &own, None, 4..12, EFFORT), (2, 6));
        let regular = Category::Expected { waits: vec![(3, 3)], give_up: 1 };
        assert_eq!(replay(&regular, &own, None, 4..12, EFFORT), (0, 6));
    }
}
