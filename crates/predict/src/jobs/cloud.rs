//! A distribution as weighted samples of a logarithm, and the decisions that are best under it.
//!
//! Samples stand for a smooth density: each is the middle of a Laplace kernel whose width follows from the spread of the cloud
//! (Silverman's rule on the smaller of standard deviation and interquartile range), never below a floor.

/// One outcome that was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Natural logarithm of the quantity.
    pub log: f64,
    /// How much it counts; above 0.
    pub weight: f64,
    /// The run time in seconds that goes with it, the price of memory.
    pub seconds: f64,
}

/// Samples of one source, with the width of their kernel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cloud {
    samples: Vec<Sample>,
    width: f64,
    total: f64,
}

impl Cloud {
    /// A cloud of `samples`; the kernel is at least `width_min` wide (in logarithms).
    pub fn new(mut samples: Vec<Sample>, width_min: f64) -> Cloud {
        samples.retain(|sample| sample.weight > 0.0 && sample.log.is_finite());
        samples.sort_by(|a, b| a.log.total_cmp(&b.log));
        let total: f64 = samples.iter().map(|sample| sample.weight).sum();
        let mut cloud = Cloud { samples, width: width_min, total };
        if cloud.samples.len() > 1 {
            let squares: f64 = cloud.samples.iter().map(|sample| sample.weight * sample.weight).sum();
            let effective = total * total / squares;
            let mean = cloud.samples.iter().map(|sample| sample.weight * sample.log).sum::<f64>() / total;
            let variance =
                cloud.samples.iter().map(|sample| sample.weight * (sample.log - mean).powi(2)).sum::<f64>() / total;
            let middle = (cloud.quantile(0.75) - cloud.quantile(0.25)) / 1.34;
            let spread = if middle > 0.0 { variance.sqrt().min(middle) } else { 0.3 * variance.sqrt() };
            cloud.width = (0.6 * spread * effective.powf(-0.2)).max(width_min);
        }
        cloud
    }

    /// Without samples it says nothing.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// The logarithm below which `share` of the weight lies; negative infinity of nothing.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut below = 0.0;
        for sample in &self.samples {
            below += sample.weight;
            if below >= share * self.total {
                return sample.log;
            }
        }
        self.samples.last().map_or(f64::NEG_INFINITY, |sample| sample.log)
    }

    /// The density at `log`.
    pub fn density(&self, log: f64) -> f64 {
        let kernel = |sample: &Sample| sample.weight * (-(log - sample.log).abs() / self.width).exp();
        self.samples.iter().map(kernel).sum::<f64>() / (2.0 * self.width * self.total.max(f64::MIN_POSITIVE))
    }

    /// Adds the samples to `mixture` with `weight` in all; where `spread`, each as five points over its kernel.
    pub fn pour(&self, weight: f64, spread: bool, mixture: &mut Vec<Sample>) {
        // The middles of the fifths of a Laplace distribution, in widths.
        let offsets: &[f64] = if spread { &[-1.61, -0.51, 0.0, 0.51, 1.61] } else { &[0.0] };
        for sample in &self.samples {
            let part = weight * sample.weight / self.total / offsets.len() as f64;
            let at = |&offset: &f64| Sample { log: sample.log + offset * self.width, weight: part, ..*sample };
            mixture.extend(offsets.iter().map(at));
        }
    }
}

/// The logarithm `x` that maximises the expected `min/max` of it and the outcome, which is `exp(-|x - log|)`: the sum is convex
/// between neighbouring samples, so the best is one of them. `None` of nothing. `samples` are sorted by value.
pub fn most_accurate(samples: &[Sample]) -> Option<f64> {
    let mut below = vec![0.0; samples.len()];
    let mut sum = 0.0;
    for (place, sample) in samples.iter().enumerate() {
        if place > 0 {
            sum *= (samples[place - 1].log - sample.log).exp();
        }
        sum += sample.weight;
        below[place] = sum;
    }
    let (mut best, mut best_score, mut above) = (None, f64::NEG_INFINITY, 0.0);
    for (place, sample) in samples.iter().enumerate().rev() {
        if let Some(next) = samples.get(place + 1) {
            above = (above + next.weight) * (sample.log - next.log).exp();
        }
        if below[place] + above > best_score {
            best_score = below[place] + above;
            best = Some(sample.log);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(log: f64, weight: f64) -> Sample {
        Sample { log, weight, seconds: 1.0 }
    }

    #[test]
    fn density_integrates_to_one() {
        let cloud = Cloud::new((0..20).map(|step| sample(f64::from(step % 7), 1.0 + f64::from(step))).collect(), 0.05);
        let area: f64 = (-4_000..8_000).map(|step| cloud.density(f64::from(step) * 0.005) * 0.005).sum();
        assert!((area - 1.0).abs() < 0.01, "{area}");
    }

    #[test]
    fn the_most_accurate_is_where_the_outcomes_crowd() {
        // Two runs of e^1 and e^1.1 outweigh one of e^9, where the mean or the median by a heavier sample would be led astray.
        let samples = [sample(1.0, 1.0), sample(1.1, 1.0), sample(9.0, 1.5)];
        let score = |x: f64| samples.iter().map(|one| one.weight * (-(x - one.log).abs()).exp()).sum::<f64>();
        let best = most_accurate(&samples).unwrap();
        assert!(best < 2.0);
        for step in 0..1_000 {
            assert!(score(f64::from(step) * 0.01) <= score(best) + 1e-12);
        }
        assert_eq!(most_accurate(&[]), None);
    }

    #[test]
    fn quantiles_follow_the_weights() {
        let cloud = Cloud::new(vec![sample(3.0, 1.0), sample(1.0, 8.0), sample(2.0, 1.0)], 0.1);
        assert_eq!((cloud.quantile(0.5), cloud.quantile(0.85), cloud.quantile(1.0)), (1.0, 2.0, 3.0));
    }
}
