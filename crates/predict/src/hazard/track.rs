//! What is remembered of one unit: when it was used lately, how regularly, how often.

use super::rhythm::Rhythm;

/// Half-lives of the rates that are kept, in steps.
const HALF_LIVES: [f32; 5] = [3.0, 12.0, 48.0, 200.0, 1_000.0];
/// Gaps that are remembered.
const GAPS: usize = 6;

/// One unit's past, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// The last 64 steps, the latest in the lowest bit.
    pub bits: u64,
    /// Steps since the last use; 0 when the latest step was one.
    pub age: u32,
    /// Uses so far.
    pub uses: u32,
    /// Steps so far.
    pub steps: u32,
    /// The last gaps between uses in steps, latest first; 1 = two steps in a row.
    pub gaps: [u32; GAPS],
    /// The last gaps between beginnings of activity, latest first.
    pub starts: [u32; 4],
    /// Steps since activity last began.
    pub since_start: u32,
    /// Shares of steps in use, over half-lives.
    pub rates: [f32; 5],
    /// Requests in the last step with any.
    pub last_count: u32,
    /// Steps of uses and their period.
    pub rhythm: Rhythm,
}

impl Track {
    pub fn new() -> Track {
        Track {
            bits: 0,
            age: 0,
            uses: 0,
            steps: 0,
            gaps: [0; GAPS],
            starts: [0; 4],
            since_start: 0,
            rates: [0.0; 5],
            last_count: 0,
            rhythm: Rhythm::default(),
        }
    }

    /// Takes in one step; `count` = requests that arrived, `runs_on` = it only went on with what began earlier.
    pub fn push(&mut self, step: u32, used: bool, count: u32, runs_on: bool) {
        self.steps += 1;
        let value = f32::from(u8::from(used));
        for (rate, half_life) in self.rates.iter_mut().zip(HALF_LIVES) {
            // The first steps weigh as in a plain mean, so that a young unit's rates mean something.
            let weight = (1.0 - 0.5_f32.powf(1.0 / half_life)).max(1.0 / (self.steps as f32 + 1.0));
            *rate += weight * (value - *rate);
        }
        self.since_start = self.since_start.saturating_add(1);
        if used {
            let gap = self.age + 1;
            if self.uses > 0 {
                self.gaps.rotate_right(1);
                self.gaps[0] = gap;
            }
            if self.uses == 0 || gap > 1 {
                if self.uses > 0 {
                    self.starts.rotate_right(1);
                    self.starts[0] = self.since_start;
                }
                self.since_start = 0;
            }
            if !runs_on {
                self.rhythm.learn(step);
            }
            self.uses += 1;
            self.age = 0;
            self.last_count = count;
        } else {
            self.age = self.age.saturating_add(1);
        }
        self.bits = self.bits << 1 | u64::from(used);
    }

    /// The share of all its steps that were uses, a third of one given for free.
    pub fn life_rate(&self) -> f32 {
        (self.uses as f32 + 0.3) / (self.steps as f32 + 1.0)
    }

    /// Whether the latest step began activity.
    pub fn just_started(&self) -> bool {
        self.age == 0 && self.since_start == 0 && self.uses > 0
    }

    /// Uses in the last `steps` steps, at most 64.
    pub fn recent(&self, steps: u32) -> u32 {
        let mask = if steps >= 64 { u64::MAX } else { (1 << steps) - 1 };
        (self.bits & mask).count_ones()
    }

    /// The middle of the remembered gaps; 0 where there are none.
    pub fn middle_gap(&self) -> u32 {
        let mut gaps = self.gaps;
        let known = gaps.iter().position(|&gap| gap == 0).unwrap_or(GAPS);
        gaps[..known].sort_unstable();
        if known == 0 { 0 } else { gaps[known / 2] }
    }

    /// How far the remembered gaps differ: 0 all equal, 1 within 1, 2 within a fifth, 3 within a factor 2, 4 more, 5 unknown.
    pub fn unevenness(&self) -> usize {
        let known = self.gaps.iter().position(|&gap| gap == 0).unwrap_or(GAPS);
        if known < 2 {
            return 5;
        }
        let low = self.gaps[..known].iter().copied().min().unwrap_or(0);
        let high = self.gaps[..known].iter().copied().max().unwrap_or(0);
        match high - low {
            0 => 0,
            1 => 1,
            spread if spread * 5 <= high => 2,
            _ if high <= 2 * low => 3,
            _ => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_gaps_starts_and_ages() {
        let mut track = Track::new();
        for (step, used) in "0110010".chars().zip(0..).map(|(c, step)| (step, c == '1')) {
            track.push(step, used, 1, false);
        }
        assert_eq!((track.age, track.uses, track.steps), (1, 3, 7));
        assert_eq!(track.gaps[..3], [3, 1, 0]);
        assert_eq!((track.starts[0], track.since_start), (4, 1));
        assert_eq!((track.recent(2), track.recent(64), track.middle_gap(), track.unevenness()), (1, 3, 3, 4));
    }
}
