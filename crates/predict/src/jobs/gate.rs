//! Which source of samples to believe: a softmax gate that learns online which gave the outcome the highest density.
//!
//! The mixture of clouds c with gate weights `w_c = softmax(score_c)` has density `sum w_c f_c`; its log likelihood has the gradient
//! `post_c - w_c` by score, where `post_c` is the posterior `w_c f_c / sum`. A score is the sum of a global one per source and
//! amount of evidence, and one of the process's own. Source: mixtures of experts (Jacobs et al., 1991), stepped online.

use std::collections::BTreeMap;

use super::facts::PROCESSES_MAX;

/// Evidence is told apart as 1, 2, 3 to 4, 5 to 8, 9 to 16, and more samples.
const BUCKETS: usize = 6;
/// Steps of the global and of the process's own scores.
const RATE: f64 = 0.03;
const RATE_OWN: f64 = 0.15;

/// Every source has at least this density (in logarithms of the quantity), so that one surprise does not ban it.
const DENSITY_MIN: f64 = 1e-3;

/// The gate over a fixed number of sources.
#[derive(Clone, Debug)]
pub struct Gate {
    scores: Vec<[f64; BUCKETS]>,
    /// The same by how much is known of the process itself; the last place stands for nothing.
    known: Vec<[f64; BUCKETS + 1]>,
    own: BTreeMap<u64, Vec<f64>>,
}

/// The weight of a source in a mixture, to be learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Which source.
    pub source: usize,
    /// Its samples.
    pub evidence: usize,
    /// Its weight; those of a mixture sum to 1.
    pub weight: f64,
}

fn bucket(evidence: usize) -> usize {
    match evidence {
        0..=1 => 0,
        2 => 1,
        3..=4 => 2,
        5..=8 => 3,
        9..=16 => 4,
        _ => 5,
    }
}

impl Gate {
    /// A gate over sources whose scores start at `scores`, lower for little evidence; `first` is added for a process that never ran.
    pub fn new(scores: &[f64], first: &[f64]) -> Gate {
        let start = |&score: &f64| std::array::from_fn(|bucket| score - 0.4 * (BUCKETS - 1 - bucket) as f64);
        let alone = |&first: &f64| std::array::from_fn(|bucket| if bucket == BUCKETS { first } else { 0.0 });
        let known = first.iter().map(alone).collect();
        Gate { scores: scores.iter().map(start).collect(), known, own: BTreeMap::new() }
    }

    /// The weights of the sources that have something to say: (source, samples). `runs` of the process have ended.
    pub fn shares(&self, process: u64, runs: usize, present: &[(usize, usize)]) -> Vec<Share> {
        let known = if runs == 0 { BUCKETS } else { bucket(runs) };
        let own = self.own.get(&process);
        let score = |source: usize, evidence: usize| {
            self.scores[source][bucket(evidence)] + self.known[source][known] + own.map_or(0.0, |own| own[source])
        };
        let top = present.iter().map(|&(source, evidence)| score(source, evidence)).fold(f64::NEG_INFINITY, f64::max);
        let mut shares: Vec<Share> = present
            .iter()
            .map(|&(source, evidence)| Share { source, evidence, weight: (score(source, evidence) - top).exp() })
            .collect();
        let total: f64 = shares.iter().map(|share| share.weight).sum();
        shares.iter_mut().for_each(|share| share.weight /= total);
        shares
    }

    /// Learns that sources with these shares gave the outcome these densities.
    pub fn learn(&mut self, process: u64, runs: usize, shares: &[Share], densities: &[f64]) {
        let sources = self.scores.len();
        let known = if runs == 0 { BUCKETS } else { bucket(runs) };
        if self.own.len() > PROCESSES_MAX {
            self.own.pop_first();
        }
        let own = self.own.entry(process).or_insert_with(|| vec![0.0; sources]);
        let likelihood = |share: &Share, density: f64| share.weight * (density + DENSITY_MIN);
        let total: f64 = shares.iter().zip(densities).map(|(share, &density)| likelihood(share, density)).sum();
        for (share, &density) in shares.iter().zip(densities) {
            let step = likelihood(share, density) / total - share.weight;
            let score = &mut self.scores[share.source][bucket(share.evidence)];
            *score = (*score + RATE * step).clamp(-12.0, 12.0);
            let score = &mut self.known[share.source][known];
            *score = (*score + RATE * step).clamp(-12.0, 12.0);
            own[share.source] = (own[share.source] + RATE_OWN * step).clamp(-6.0, 6.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_that_knows_gets_the_weight() {
        let mut gate = Gate::new(&[0.0, 0.0], &[0.0, 0.0]);
        let present = [(0, 20), (1, 20)];
        let before = gate.shares(7, 20, &present);
        assert!((before[0].weight - 0.5).abs() < 1e-12);
        for _ in 0..200 {
            let shares = gate.shares(7, 20, &present);
            gate.learn(7, 20, &shares, &[0.2, 4.0]);
        }
        let after = gate.shares(7, 20, &present);
        assert!(after[1].weight > 0.9, "{after:?}");
        // Another process inherits the global part only.
        let other = gate.shares(8, 20, &present);
        assert!(other[1].weight > 0.5 && other[1].weight < after[1].weight);
    }
}
