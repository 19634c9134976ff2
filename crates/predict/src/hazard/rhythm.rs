//! Finds the period of a unit that is called by a timer, also where other calls lie between.
//!
//! Every use counts, for the uses before it, how many steps ago they were. A lag that occurs far more often than the rate of uses
//! would give by chance is a period; what one and two periods before the coming step happened is the prediction.

/// The longest period, in steps.
const LAG_MAX: usize = 1_500;
/// So many uses are looked back at.
const USES_MAX: usize = 64;
/// Each use fades what was counted by this factor.
const FADE: f32 = 0.995;
/// When a use counts so much, all is scaled down.
const WEIGHT_MAX: f32 = 1e6;

/// The uses of one unit and what they say of periods.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    /// Steps of the latest uses, oldest first.
    uses: Vec<u32>,
    /// How often two uses lay so far apart, and how many uses there were, both in units of `weight`.
    lags: Vec<f32>,
    total: f32,
    /// What the next use counts: instead of fading all that was counted, each use counts more than the one before.
    weight: f32,
    best: Option<Period>,
}

/// A period and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Period {
    pub steps: u32,
    /// The share of uses that had another one period before.
    pub share: f32,
}

/// What a period says of the coming step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beat {
    /// Uses among one and two periods before it, in the first and second bit.
    pub hits: usize,
    /// Uses one step beside one period before it.
    pub beside: bool,
    /// How sure the period is: 0 = none, up to 5.
    pub sure: usize,
}

impl Rhythm {
    /// Learns that the unit was in use in `step`; steps grow.
    pub fn learn(&mut self, step: u32) {
        let furthest = self.uses.first().map_or(0, |&first| (step - first) as usize).min(LAG_MAX);
        if self.lags.len() <= furthest {
            self.lags.resize(furthest + 1, 0.0);
        }
        self.weight = (self.weight / FADE).max(1.0);
        if self.weight > WEIGHT_MAX {
            let weight = self.weight;
            self.lags.iter_mut().for_each(|lag| *lag /= weight);
            self.total /= weight;
            self.weight = 1.0;
        }
        for &earlier in &self.uses {
            if let Some(lag) = self.lags.get_mut((step - earlier) as usize) {
                *lag += self.weight;
            }
        }
        self.total += self.weight;
        if self.uses.len() == USES_MAX {
            self.uses.remove(0);
        }
        self.uses.push(step);
        self.best = self.search(step);
    }

    /// The best of the period so far and the lags that this use counted for: the others have only lost.
    fn search(&self, step: u32) -> Option<Period> {
        let span = (step - self.uses[0]) as f32;
        if self.uses.len() < 4 || span < 1.0 {
            return None;
        }
        let rate = ((self.uses.len() - 1) as f32 / span).min(0.999);
        let total = self.total / self.weight;
        let expected = total * rate;
        let spread = (expected * (1.0 - rate)).max(0.5).sqrt();
        let counted = |lag: u32| self.lags.get(lag as usize).map_or(0.0, |count| count / self.weight);
        let latest = self.uses.iter().rev().skip(1).map(|&earlier| step - earlier);
        let mut best = (2.0, None);
        for lag in self.best.map(|best| best.steps).into_iter().chain(latest) {
            let surplus = (counted(lag) - expected) / spread;
            // A multiple of a period is as frequent as the period: the shorter wins unless the longer is clearly better.
            let needed = if best.1.is_some_and(|best: u32| lag < best) { best.0 / 1.1 } else { best.0 * 1.1 };
            if surplus > needed && best.1 != Some(lag) {
                best = (surplus, Some(lag));
            }
        }
        best.1.map(|steps| Period { steps, share: (counted(steps) / total).min(1.0) })
    }

    /// The period, where one stands out.
    pub fn period(&self) -> Option<Period> {
        self.best
    }

    /// What the period says of step `coming`.
    pub fn beat(&self, coming: u32) -> Beat {
        let Some(period) = self.best else { return Beat::default() };
        let used = |at: Option<u32>| at.is_some_and(|at| self.uses.binary_search(&at).is_ok());
        let back = |periods: u32| coming.checked_sub(period.steps * periods);
        Beat {
            hits: usize::from(used(back(1))) + 2 * usize::from(used(back(2))),
            beside: used(back(1).map(|at| at + 1)) || used(back(1).and_then(|at| at.checked_sub(1))),
            sure: 1 + ((period.share * 5.0) as usize).min(4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_timer_among_other_calls() {
        let mut rhythm = Rhythm::default();
        for step in 0..700u32 {
            if step % 7 == 3 || step % 41 == 0 {
                rhythm.learn(step);
            }
        }
        assert_eq!(rhythm.period().map(|period| period.steps), Some(7));
        assert_eq!(rhythm.beat(703).hits, 3);
        assert_eq!(rhythm.beat(705).hits, 0);
        assert!(rhythm.beat(704).beside);
    }

    #[test]
    fn says_nothing_without_history() {
        let mut rhythm = Rhythm::default();
        [1, 9, 11].into_iter().for_each(|step| rhythm.learn(step));
        assert_eq!(rhythm.beat(12), Beat::default());
    }
}
