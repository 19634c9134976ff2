//! What a program touches when it starts: the share of its last 16 runs that touched each extent.
//!
//! A start with the same arguments touches nearly the same extents; what only some runs touched is worth its share. Extents are
//! kept in the order of their first touch, so that what is needed first can be brought in first.

use std::collections::{BTreeMap, VecDeque};

use super::stream::Touch;

/// Runs that are looked back to.
pub const RUNS_MAX: usize = 16;
/// Extents of one run that are kept; later first touches are passed over.
pub const EXTENTS_MAX: usize = 65_536;

/// An extent that a start may touch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Its first key.
    pub key: u64,
    /// Its length in keys: the longest seen.
    pub length: u32,
    /// The share of runs that touched it, 0 to 1.
    pub share: f32,
}

/// The last runs of one program with one class of arguments.
#[derive(Clone, Debug, Default)]
pub struct WorkingSet {
    /// Oldest first; of each run its extents by first touch.
    runs: VecDeque<Vec<(u64, u32)>>,
}

impl WorkingSet {
    /// Takes up a run that is over: its touches in order.
    pub fn learn(&mut self, touches: &[Touch]) {
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        let mut run: Vec<(u64, u32)> = Vec::new();
        for touch in touches {
            match places.get(&touch.key) {
                Some(&place) => run[place].1 = run[place].1.max(touch.length),
                None if run.len() < EXTENTS_MAX => {
                    places.insert(touch.key, run.len());
                    run.push((touch.key, touch.length));
                }
                None => {}
            }
        }
        self.runs.push_back(run);
        if self.runs.len() > RUNS_MAX {
            self.runs.pop_front();
        }
    }

    /// How many runs are known.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The extents that at least `share_min` of the known runs touched, in the order of their first touch: that of the newest
    /// run, then, for what it did not touch, that of earlier ones.
    pub fn expected(&self, share_min: f32) -> Vec<Extent> {
        // (runs, longest, newest run that touched it, counted back, and its place there).
        let mut seen: BTreeMap<u64, (u32, u32, usize, usize)> = BTreeMap::new();
        for (back, run) in self.runs.iter().rev().enumerate() {
            for (place, &(key, length)) in run.iter().enumerate() {
                let one = seen.entry(key).or_insert((0, length, back, place));
                (one.0, one.1) = (one.0 + 1, one.1.max(length));
            }
        }
        let runs = self.runs.len().max(1) as f32;
        let mut kept: Vec<_> = seen.into_iter().filter(|(_, one)| one.0 as f32 / runs >= share_min).collect();
        kept.sort_by_key(|&(_, (_, _, back, place))| (back, place));
        kept.into_iter().map(|(key, (count, length, _, _))| Extent { key, length, share: count as f32 / runs }).collect()
    }

    /// Recall and precision of `expected` against a run that followed: the share of its extents that were expected, and the share
    /// of the expected ones that it touched; 1 where there is nothing to miss.
    pub fn score(expected: &[Extent], touches: &[Touch]) -> (f64, f64) {
        let keys = |keys: Vec<u64>| keys.into_iter().collect::<std::collections::BTreeSet<u64>>();
        let said = keys(expected.iter().map(|extent| extent.key).collect());
        let came = keys(touches.iter().map(|touch| touch.key).collect());
        let both = said.intersection(&came).count() as f64;
        let share = |of: usize| if of == 0 { 1.0 } else { both / of as f64 };
        (share(came.len()), share(said.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(keys: &[u64]) -> Vec<Touch> {
        keys.iter().map(|&key| Touch { key, length: 1 + key as u32 % 3, kind: 0 }).collect()
    }

    #[test]
    fn shares_and_order_by_hand() {
        let mut set = WorkingSet::default();
        set.learn(&run(&[1, 2, 3, 2]));
        set.learn(&run(&[5, 1, 2]));
        let all: Vec<(u64, u32, f32)> = set.expected(0.0).iter().map(|one| (one.key, one.length, one.share)).collect();
        assert_eq!(all, [(5, 3, 0.5), (1, 2, 1.0), (2, 3, 1.0), (3, 1, 0.5)]);
        assert_eq!(set.expected(0.6).iter().map(|one| one.key).collect::<Vec<_>>(), [1, 2]);
        // Of 1, 2, 9 two were expected; of the four expected ones two came.
        assert_eq!(WorkingSet::score(&set.expected(0.0), &run(&[1, 2, 9])), (2.0 / 3.0, 0.5));
    }

    #[test]
    fn runs_and_extents_are_bounded() {
        let mut set = WorkingSet::default();
        (0..40).for_each(|first| set.learn(&run(&[first, 100])));
        assert_eq!((set.runs(), set.expected(0.0).len()), (RUNS_MAX, RUNS_MAX + 1));
        let long: Vec<u64> = (0..EXTENTS_MAX as u64 + 50).collect();
        set.learn(&run(&long));
        assert_eq!(set.expected(0.0).len(), EXTENTS_MAX);
    }

    /// Starts that touch 200 extents always, 20 now and then, and a few of their own.
    #[test]
    fn same_arguments_are_foreseen() {
        let touches = |start: u64| {
            let sometimes = (200..220).filter(|key| super::super::index::spread(key * 1_000 + start).is_multiple_of(2));
            run(&(0..200).chain(sometimes).chain(10_000 + start * 5..10_000 + start * 5 + 4).collect::<Vec<u64>>())
        };
        let mut set = WorkingSet::default();
        (0..20).for_each(|start| set.learn(&touches(start)));
        let (recall, precision) = WorkingSet::score(&set.expected(0.25), &touches(20));
        assert!(recall >= 0.94 && precision >= 0.9, "{recall} {precision}");
    }
}
