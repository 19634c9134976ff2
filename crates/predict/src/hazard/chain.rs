//! Chains: units that begin shortly after another one began.
//!
//! Whenever a unit begins, those that began up to [`REACH`] steps before get a point. The predecessor of a unit is the one
//! whose points exceed most clearly what its own beginnings would have got by chance.

/// How many steps a successor may lag behind.
pub(super) const REACH: u32 = 10;
/// Predecessors that are watched per unit; the one with the fewest points makes room.
const WATCHED: usize = 24;
/// The excess over chance, in standard deviations, from which a predecessor is believed.
const EXCESS: f32 = 4.0;

/// Who began when, and who followed whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Chains {
    /// Per unit: beginnings so far and the step of the last.
    begun: Vec<(f32, u32)>,
    /// Per unit: watched predecessors and their points.
    watched: Vec<Vec<(u32, f32)>>,
    /// Per unit: its predecessor.
    best: Vec<Option<u32>>,
    /// (step, unit) of the latest beginnings.
    recent: Vec<(u32, u32)>,
    steps: f32,
}

impl Chains {
    /// Makes room for one more unit.
    pub fn add(&mut self) {
        self.begun.push((0.0, 0));
        self.watched.push(Vec::new());
        self.best.push(None);
    }

    /// Takes in the units that began in `step`.
    pub fn push(&mut self, step: u32, begun: &[u32]) {
        self.steps += 1.0;
        self.recent.retain(|&(earlier, _)| earlier + REACH >= step);
        for &unit in begun {
            let watched = &mut self.watched[unit as usize];
            for &(_, earlier) in self.recent.iter().filter(|one| one.1 != unit) {
                if let Some(one) = watched.iter_mut().find(|one| one.0 == earlier) {
                    one.1 += 1.0;
                } else if watched.len() < WATCHED {
                    watched.push((earlier, 1.0));
                } else if let Some(least) = watched.iter_mut().min_by(|a, b| a.1.total_cmp(&b.1)) {
                    *least = (earlier, 1.0);
                }
            }
            self.best[unit as usize] = self.choose(unit as usize);
        }
        for &unit in begun {
            self.begun[unit as usize] = (self.begun[unit as usize].0 + 1.0, step);
            self.recent.push((step, unit));
        }
    }

    fn choose(&self, unit: usize) -> Option<u32> {
        let rate = (self.begun[unit].0 + 1.0) / (self.steps + 1.0);
        let by_chance = 1.0 - (1.0 - rate.min(0.999)).powi(REACH as i32);
        let excess = |&(earlier, points): &(u32, f32)| {
            let tries = self.begun[earlier as usize].0;
            let expected = tries * by_chance;
            (earlier, (points - expected) / (expected * (1.0 - by_chance) + 1.0).sqrt())
        };
        let best = self.watched[unit].iter().map(excess).max_by(|a, b| a.1.total_cmp(&b.1));
        best.filter(|best| best.1 > EXCESS).map(|best| best.0)
    }

    /// The predecessor of `unit` and how many steps before `coming` it last began; `None` where there is none in reach.
    pub fn lag(&self, unit: usize, coming: u32) -> Option<u32> {
        let before = self.best[unit]?;
        let (times, last) = self.begun[before as usize];
        (times > 0.0 && coming - last <= REACH).then(|| coming - last)
    }

    /// The predecessor of `unit`, where one stands out.
    pub fn predecessor(&self, unit: usize) -> Option<u32> {
        self.best[unit]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_is_found() {
        let mut chains = Chains::default();
        (0..3).for_each(|_| chains.add());
        for step in 0..2_000u32 {
            let mut begun = Vec::new();
            // Unit 0 begins now and then; unit 1 three steps after; unit 2 on its own.
            if step % 97 == 5 {
                begun.push(0);
            }
            if step % 97 == 8 {
                begun.push(1);
            }
            if step % 61 == 0 {
                begun.push(2);
            }
            chains.push(step, &begun);
        }
        assert_eq!((chains.predecessor(1), chains.predecessor(2)), (Some(0), None));
        let began = 97 * 20 + 5;
        assert_eq!((chains.lag(1, began + 3), chains.lag(1, began + 30)), (Some(3), None));
    }
}
