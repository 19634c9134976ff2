//! Blocks, their features, their clusters, and what is cheapest in each.

use super::super::tuned::cheapest;
use super::forecasters::{CANDIDATES, Forecasters};

/// Features of a block.
const FEATURES: usize = 4;
/// Clusters.
const CLUSTERS: usize = 10;
/// Rounds of k-means.
const ROUNDS: usize = 15;

/// A finished block of one unit.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub features: [f32; FEATURES],
    /// What each candidate cost in it: waiting, and idle, in seconds.
    pub costs: [(f64, f64); CANDIDATES],
}

/// Density (share of uses), stationarity (how alike its thirds are), linearity (how much the last step says of the next) and
/// harmonics (how well these forecast), each about 0 to 1.
pub(super) fn features(block: &[f32], forecasters: &mut Forecasters) -> [f32; FEATURES] {
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len().max(1) as f32;
    let density = mean(block);
    let thirds: Vec<f32> = block.chunks(block.len().div_ceil(3).max(1)).map(mean).collect();
    let spread = thirds.iter().map(|third| (third - density).abs()).fold(0.0, f32::max);
    let variance = density * (1.0 - density);
    let together: f32 = block.windows(2).map(|pair| (pair[0] - density) * (pair[1] - density)).sum::<f32>();
    let linearity = if variance > 0.0 { together / block.len() as f32 / variance } else { 0.0 };
    let stationarity = 1.0 - spread / (density + 0.01);
    // Densities of rare units differ by factors.
    [(density + 0.001).ln() / 7.0 + 1.0, stationarity, linearity, forecasters.harmonic_miss(block)]
}

/// The cluster of each block, by k-means on standardised features; begins with the blocks that lie furthest apart.
pub(super) fn clusters(blocks: &[Block]) -> Vec<usize> {
    let points = standardised(blocks);
    let distance = |a: &[f32; FEATURES], b: &[f32; FEATURES]| -> f32 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
    let mut centres: Vec<[f32; FEATURES]> = points.first().copied().into_iter().collect();
    let mut nearest = vec![f32::INFINITY; points.len()];
    while centres.len() < CLUSTERS.min(points.len()) {
        let newest = centres[centres.len() - 1];
        for (nearest, point) in nearest.iter_mut().zip(&points) {
            *nearest = nearest.min(distance(point, &newest));
        }
        let furthest = nearest.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(place, _)| place);
        centres.push(points[furthest]);
    }
    let mut assigned = vec![0; points.len()];
    for _ in 0..ROUNDS {
        for (assigned, point) in assigned.iter_mut().zip(&points) {
            let distances: Vec<f64> = centres.iter().map(|centre| f64::from(distance(point, centre))).collect();
            *assigned = cheapest(&distances);
        }
        for (cluster, centre) in centres.iter_mut().enumerate() {
            let members =
                || points.iter().zip(&assigned).filter(|(_, assigned)| **assigned == cluster).map(|(point, _)| point);
            let count = members().count();
            if count > 0 {
                *centre = std::array::from_fn(|at| members().map(|point| point[at]).sum::<f32>() / count as f32);
            }
        }
    }
    assigned
}

fn standardised(blocks: &[Block]) -> Vec<[f32; FEATURES]> {
    let n = blocks.len().max(1) as f32;
    let mean: [f32; FEATURES] = std::array::from_fn(|at| blocks.iter().map(|block| block.features[at]).sum::<f32>() / n);
    let spread: [f32; FEATURES] = std::array::from_fn(|at| {
        (blocks.iter().map(|block| (block.features[at] - mean[at]).powi(2)).sum::<f32>() / n).sqrt().max(1e-6)
    });
    blocks.iter().map(|block| std::array::from_fn(|at| (block.features[at] - mean[at]) / spread[at])).collect()
}

/// The cheapest candidate of each cluster.
pub(super) struct Chosen(Vec<usize>);

impl Chosen {
    /// `weight` is the factor on waiting.
    pub fn of(blocks: &[Block], clusters: &[usize], weight: f64) -> Chosen {
        let mut costs = vec![[0.0; CANDIDATES]; CLUSTERS];
        for (block, &cluster) in blocks.iter().zip(clusters) {
            for (total, (waiting, idle)) in costs[cluster].iter_mut().zip(&block.costs) {
                *total += weight * waiting + idle;
            }
        }
        Chosen(costs.iter().map(|costs| cheapest(costs)).collect())
    }

    /// The candidate for a unit whose last block lies in `cluster`.
    pub fn candidate(&self, cluster: usize) -> usize {
        self.0[cluster]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(features: [f32; FEATURES], cheap: usize) -> Block {
        let mut costs = [(2.0, 0.0); CANDIDATES];
        costs[cheap] = (0.0, 1.0);
        Block { features, costs }
    }

    #[test]
    fn each_cluster_gets_its_cheapest() {
        let mut blocks = Vec::new();
        for place in 0..20 {
            let near = place as f32 * 1e-4;
            blocks.push(block([near, 0.0, 0.0, 0.0], 3));
            blocks.push(block([5.0 + near, 1.0, 0.0, 0.0], 7));
        }
        let clusters = clusters(&blocks);
        let chosen = Chosen::of(&blocks, &clusters, 1.0);
        assert!((0..40).all(|place| chosen.candidate(clusters[place]) == if place % 2 == 0 { 3 } else { 7 }));
        // With waiting next to free, idle memory decides: any but the candidate that holds some.
        let other = Chosen::of(&blocks, &clusters, 1e-6);
        assert_ne!(other.candidate(clusters[0]), 3);
    }

    #[test]
    fn features_tell_kinds_apart() {
        let mut forecasters = Forecasters::new();
        let timer: Vec<f32> = (0..504).map(|at| f32::from(u8::from(at % 4 == 0))).collect();
        let late: Vec<f32> = (0..504).map(|at| f32::from(u8::from(at >= 378))).collect();
        let (timer, late) = (features(&timer, &mut forecasters), features(&late, &mut forecasters));
        assert!((timer[0] - late[0]).abs() < 0.01);
        assert!(timer[1] > 0.9 && late[1] < 0.0);
        assert!(timer[2] < 0.0 && late[2] > 0.9);
    }
}
