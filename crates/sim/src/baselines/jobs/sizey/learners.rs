//! Sizey's models other than the line, over one feature: nearest neighbours, a forest and a small network.

/// Neighbours that are averaged (scikit-learn's default).
const NEIGHBOURS: usize = 5;
const TREES: u64 = 20;
/// Hidden units, steps per job learned, and jobs per step of the network.
const HIDDEN: usize = 8;
const PASSES: usize = 6;
const BATCH: usize = 32;
const RATE: f64 = 0.01;

/// The mean of the nearest values; `sorted` by input.
pub(super) fn nearest(sorted: &[(f64, f64)], input: f64) -> f64 {
    let mut high = sorted.partition_point(|one| one.0 < input);
    let mut low = high;
    let count = NEIGHBOURS.min(sorted.len());
    while high - low < count {
        let below = low.checked_sub(1).map_or(f64::INFINITY, |at| input - sorted[at].0);
        let above = sorted.get(high).map_or(f64::INFINITY, |one| one.0 - input);
        if below <= above { low -= 1 } else { high += 1 }
    }
    sorted[low..high].iter().map(|one| one.1).sum::<f64>() / count.max(1) as f64
}

/// The mean of fully grown regression trees, each on a bootstrap of the jobs. A tree over one feature need not be built: the
/// path to `input` is followed, splitting where the squared error falls most.
pub(super) fn forest(sorted: &[(f64, f64)], input: f64) -> f64 {
    (0..TREES).map(|tree| path(&bootstrap(sorted, tree), input)).sum::<f64>() / TREES as f64
}

/// Drawn with replacement by a fixed generator (splitmix64), still sorted.
fn bootstrap(sorted: &[(f64, f64)], seed: u64) -> Vec<(f64, f64)> {
    let mut counts = vec![0_u32; sorted.len()];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..sorted.len() {
        counts[(random(&mut state) % sorted.len() as u64) as usize] += 1;
    }
    sorted.iter().zip(counts).flat_map(|(&one, count)| std::iter::repeat_n(one, count as usize)).collect()
}

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn path(mut part: &[(f64, f64)], input: f64) -> f64 {
    loop {
        let total: f64 = part.iter().map(|one| one.1).sum();
        let count = part.len() as f64;
        let (mut best, mut split, mut left) = (total * total / count * (1.0 + 1e-12), None, 0.0);
        for at in 1..part.len() {
            left += part[at - 1].1;
            if part[at].0 > part[at - 1].0 {
                let right = total - left;
                let gain = left * left / at as f64 + right * right / (count - at as f64);
                if gain > best {
                    (best, split) = (gain, Some(at));
                }
            }
        }
        let Some(at) = split else { return total / count.max(1.0) };
        let border = (part[at - 1].0 + part[at].0) / 2.0;
        part = if input <= border { &part[..at] } else { &part[at..] };
    }
}

/// One hidden layer of rectified units, trained by Adam on the latest jobs; input and output are scaled by the largest seen.
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// Per hidden unit weight, bias, output weight; then the output's bias.
    weights: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
    scale: (f64, f64),
}

impl Default for Network {
    fn default() -> Self {
        let mut state = 1;
        let mut uniform = || random(&mut state) as f64 / u64::MAX as f64 - 0.5;
        let mut weights: Vec<f64> = (0..3 * HIDDEN).map(|_| 1.4 * uniform()).collect();
        weights.push(0.5);
        let zeros = vec![0.0; weights.len()];
        Network { weights, first: zeros.clone(), second: zeros, steps: 0, scale: (1.0, 1.0) }
    }
}

impl Network {
    pub(super) fn predict(&self, input: f64) -> f64 {
        let x = input / self.scale.0;
        let hidden = self.weights.chunks_exact(3).map(|unit| (unit[0] * x + unit[1]).max(0.0) * unit[2]).sum::<f64>();
        (hidden + self.weights[3 * HIDDEN]) * self.scale.1
    }

    /// Learns from the latest of `pasts` (input, peak); the last is new.
    pub(super) fn learn(&mut self, pasts: &[(f64, f64)]) {
        let Some(&(input, peak)) = pasts.last() else { return };
        self.scale = (self.scale.0.max(input), self.scale.1.max(peak));
        let batch = &pasts[pasts.len().saturating_sub(BATCH)..];
        // The first jobs move a network that knows nothing: more passes while there are few.
        let passes = if pasts.len() < BATCH { 8 * PASSES } else { PASSES };
        for _ in 0..passes {
            let mut gradient = vec![0.0; self.weights.len()];
            for &(input, peak) in batch {
                let x = input / self.scale.0;
                let error = (self.predict(input) - peak) / self.scale.1 / batch.len() as f64;
                for (unit, slope) in self.weights.chunks_exact(3).zip(gradient.chunks_exact_mut(3)) {
                    let active = unit[0] * x + unit[1];
                    if active > 0.0 {
                        slope[0] += error * unit[2] * x;
                        slope[1] += error * unit[2];
                        slope[2] += error * active;
                    }
                }
                gradient[3 * HIDDEN] += error;
            }
            self.step(&gradient);
        }
    }

    fn step(&mut self, gradient: &[f64]) {
        self.steps += 1;
        let (fade_first, fade_second) = (1.0 - 0.9_f64.powi(self.steps), 1.0 - 0.999_f64.powi(self.steps));
        for (at, slope) in gradient.iter().enumerate() {
            self.first[at] = 0.9 * self.first[at] + 0.1 * slope;
            self.second[at] = 0.999 * self.second[at] + 0.001 * slope * slope;
            let step = self.first[at] / fade_first / ((self.second[at] / fade_second).sqrt() + 1e-8);
            self.weights[at] -= RATE * step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_five_nearest() {
        let sorted: Vec<(f64, f64)> = (0..10).map(|x| (f64::from(x), f64::from(x * x))).collect();
        // Around 4.1: 4, 5, 3, 6, 2.
        assert_eq!(nearest(&sorted, 4.1), (4.0 + 9.0 + 16.0 + 25.0 + 36.0) / 5.0);
        assert_eq!(nearest(&sorted[..1], 9.0), 0.0);
    }

    #[test]
    fn a_path_ends_in_the_value_of_its_step() {
        let sorted = [(1.0, 10.0), (2.0, 10.0), (3.0, 50.0), (4.0, 50.0)];
        assert_eq!((path(&sorted, 2.4), path(&sorted, 2.6)), (10.0, 50.0));
        let mean = forest(&sorted, 1.0);
        assert!((10.0..30.0).contains(&mean), "{mean}");
    }

    #[test]
    fn the_network_learns_a_slope() {
        let mut network = Network::default();
        let mut pasts = Vec::new();
        for step in 0..200 {
            let input = f64::from(step * 7 % 20 + 1) * 1e9;
            pasts.push((input, 1e9 + 0.5 * input));
            network.learn(&pasts);
        }
        assert!((network.predict(10e9) / 6e9 - 1.0).abs() < 0.1, "{}", network.predict(10e9));
    }
}
