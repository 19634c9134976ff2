//! Which job likely made a new one's input: in a workflow a job is submitted in the moment that its predecessor has ended.
//!
//! Of the jobs of the group that ended within a few seconds before the submission, the one whose program most often stands there
//! is taken. What it wrote, read and held says much of what its successor will need.

use std::collections::{BTreeMap, VecDeque};

use super::facts::{Kin, PROCESSES_MAX, digest};
use super::metadata::{JobMetadata, JobOutcome};

/// A predecessor ended at most so many seconds ago.
const SECONDS_MAX: f64 = 20.0;
/// Ended jobs that are looked at per group.
const LOOK_BACK: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Ended {
    at_s: f64,
    name: u64,
    kin: Kin,
}

/// What ended last in each group, and what followed what.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    groups: BTreeMap<Option<String>, VecDeque<Ended>>,
    /// How often a job of the first name was submitted when one of the second had just ended.
    followed: BTreeMap<(u64, u64), f64>,
    ended: BTreeMap<u64, f64>,
}

impl Lineage {
    /// The figures of the likely predecessor; also counts what stands before `job`.
    pub fn predecessor(&mut self, job: &JobMetadata) -> Option<Kin> {
        let (now, name) = (job.submitted_s?, digest(job.name.as_ref()?.bytes()));
        let recent = self.groups.get(&job.group)?;
        let near = || recent.iter().rev().filter(|ended| now - ended.at_s <= SECONDS_MAX);
        let mut counted = Vec::new();
        for ended in near() {
            if !counted.contains(&ended.name) {
                counted.push(ended.name);
                *self.followed.entry((name, ended.name)).or_default() += 1.0;
            }
        }
        // Frequent programs end before everything: what counts is how much more often than by chance.
        let bond = |ended: &Ended| {
            let followed = self.followed.get(&(name, ended.name)).copied().unwrap_or(0.0);
            followed / (1.0 + self.ended.get(&ended.name).copied().unwrap_or(0.0)).sqrt()
        };
        near()
            .fold(None, |best: Option<&Ended>, ended| match best {
                Some(one) if bond(one) >= bond(ended) => Some(one),
                _ => Some(ended),
            })
            .map(|ended| ended.kin)
    }

    /// A job has ended.
    pub fn ended(&mut self, job: &JobMetadata, outcome: &JobOutcome, kin: Option<Kin>) {
        let (Some(at_s), Some(name), Some(kin)) = (outcome.ended_s, &job.name, kin) else { return };
        if job.submitted_s.is_none() {
            return;
        }
        let name = digest(name.bytes());
        if self.ended.len() > PROCESSES_MAX {
            self.ended.pop_first();
        }
        if self.followed.len() > PROCESSES_MAX {
            self.followed.pop_first();
        }
        if self.groups.len() > PROCESSES_MAX {
            self.groups.pop_first();
        }
        *self.ended.entry(name).or_default() += 1.0;
        let recent = self.groups.entry(job.group.clone()).or_default();
        if recent.len() == LOOK_BACK {
            recent.pop_front();
        }
        recent.push_back(Ended { at_s, name, kin });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_program_that_usually_stands_before() {
        let mut lineage = Lineage::default();
        let job = |name: &str, at: f64| JobMetadata {
            name: Some(name.to_owned()),
            submitted_s: Some(at),
            ..JobMetadata::default()
        };
        for round in 0..6 {
            let start = f64::from(round) * 1_000.0;
            let ended = |at: f64| JobOutcome { ended_s: Some(at), ..JobOutcome::default() };
            lineage.ended(&job("align", start), &ended(start + 100.0), Some([1.0; 4]));
            // Something else ends now and then in between.
            if round % 2 == 1 {
                lineage.ended(&job("other", start), &ended(start + 101.0), Some([9.0; 4]));
            }
            let kin = lineage.predecessor(&job("sort", start + 102.0));
            if round > 1 {
                assert_eq!(kin, Some([1.0; 4]), "round {round}");
            }
        }
        assert_eq!(lineage.predecessor(&job("sort", 9e9)), None);
    }
}
