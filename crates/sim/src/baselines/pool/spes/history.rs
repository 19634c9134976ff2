//! What SPES knows of a unit: its uses as bits, and the lengths of its runs.

/// The uses of one unit.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// One bit per step.
    bits: Vec<u64>,
    /// Steps so far.
    pub steps: u32,
    /// Steps in use.
    pub uses: u32,
    /// Lengths of quiet times between uses, and the step at which each ended.
    pub waits: Vec<u32>,
    pub wait_ends: Vec<u32>,
    /// Lengths of runs of uses, the last one as far as it goes.
    pub runs: Vec<u32>,
    last_use: Option<u32>,
}

impl History {
    /// Takes in a step.
    pub fn push(&mut self, active: bool) {
        let step = self.steps;
        if step.is_multiple_of(64) {
            self.bits.push(0);
        }
        self.steps += 1;
        if !active {
            return;
        }
        if let Some(word) = self.bits.last_mut() {
            *word |= 1 << (step % 64);
        }
        self.uses += 1;
        match self.last_use {
            Some(last) if last + 1 == step => {
                if let Some(run) = self.runs.last_mut() {
                    *run += 1;
                }
            }
            last => {
                if let Some(last) = last {
                    self.waits.push(step - last - 1);
                    self.wait_ends.push(step);
                }
                self.runs.push(1);
            }
        }
        self.last_use = Some(step);
    }

    /// Steps since the last use, 0 when it was the last step.
    pub fn since_use(&self) -> Option<u32> {
        self.last_use.map(|last| self.steps - 1 - last)
    }

    /// Whether `step` was a use.
    pub fn used(&self, step: u32) -> bool {
        self.bits.get(step as usize / 64).is_some_and(|word| word >> (step % 64) & 1 == 1)
    }

    /// The share of own uses that lie `lag` steps after one of `leader`, and the share of the leader's uses that none follows.
    pub fn follows(&self, leader: &History, lag: u32) -> (f64, f64) {
        let mut both = 0;
        let mut before = 0;
        for (own, earlier) in self.bits.iter().zip(&leader.bits) {
            let shifted = earlier << lag | before;
            before = earlier >> (64 - lag);
            both += (own & shifted).count_ones();
        }
        if self.uses == 0 || leader.uses == 0 {
            return (0.0, 1.0);
        }
        (f64::from(both) / f64::from(self.uses), 1.0 - f64::from(both) / f64::from(leader.uses))
    }

    /// Lengths of quiet times that occurred more than once, the most frequent first, at most `most`.
    pub fn repeated_waits(&self, most: usize) -> Vec<(u32, u32)> {
        let modes = modes(&self.waits);
        modes.into_iter().filter(|mode| mode.1 > 1).take(most).map(|mode| (mode.0, mode.0)).collect()
    }
}

/// Values and how often they occur, the most frequent first.
pub(super) fn modes(values: &[u32]) -> Vec<(u32, usize)> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let mut modes: Vec<(u32, usize)> = sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect();
    modes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    modes
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn history(uses: &str) -> History {
        let mut history = History::default();
        uses.chars().for_each(|c| history.push(c == '1'));
        history
    }

    #[test]
    fn runs_and_quiet_times() {
        let history = history("0110001010");
        assert_eq!((history.waits.as_slice(), history.runs.as_slice()), ([3, 1].as_slice(), [2, 1, 1].as_slice()));
        assert_eq!((history.since_use(), history.uses, history.used(2), history.used(3)), (Some(1), 4, true, false));
    }

    #[test]
    fn followers_and_modes() {
        let leader = history(&"1000000000".repeat(20));
        let follower = history(&"0001000000".repeat(20));
        assert_eq!(follower.follows(&leader, 3), (1.0, 0.0));
        assert_eq!(follower.follows(&leader, 2), (0.0, 1.0));
        assert_eq!(modes(&[3, 1, 3, 2, 1, 3]), [(3, 3), (1, 2), (2, 1)]);
    }
}
