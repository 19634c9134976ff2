//! How far off a forecast was, as a slowly forgetting distribution in units of the forecast's own scale.
//!
//! Problem: a limit that may be passed in 1 % of the time needs the far upper tail of the errors, and the tail is heavy.
//! Idea: count errors in buckets that are even in `asinh`, fine near zero and wide far out, and start from a prior with a
//! Laplace shape so that the first day is not blind. The quantile inside a bucket is interpolated. (The split conformal
//! quantile of normalised residuals: Lei et al., Distribution-Free Predictive Inference for Regression, 2018, section 5.2.)

use std::sync::LazyLock;

const BUCKETS: usize = 32;
/// Width of a bucket in `asinh` of the residual.
const WIDTH: f32 = 0.2;
/// Where the first bucket starts: what lies further below counts there too.
const FIRST: f32 = -1.4;
/// Windows that the prior is worth.
const PRIOR_WINDOWS: f32 = 30.0;

/// A decayed distribution of normalised residuals. 128 bytes and a total.
#[derive(Clone, Debug)]
pub struct ResidualHistogram {
    weights: [f32; BUCKETS],
    total: f32,
}

/// Where the buckets start and the last one ends, as residuals.
static EDGES: LazyLock<[f32; BUCKETS + 1]> =
    LazyLock::new(|| std::array::from_fn(|bucket| (FIRST + WIDTH * bucket as f32).sinh()));

/// What every histogram starts from: worked out once.
static PRIOR: LazyLock<ResidualHistogram> = LazyLock::new(ResidualHistogram::prior);

impl Default for ResidualHistogram {
    fn default() -> Self {
        PRIOR.clone()
    }
}

impl ResidualHistogram {
    fn prior() -> Self {
        let mut weights = [0.0; BUCKETS];
        for (bucket, weight) in weights.iter_mut().enumerate() {
            let (start, end) = (laplace_below(EDGES[bucket]), laplace_below(EDGES[bucket + 1]));
            *weight = PRIOR_WINDOWS * (end - if bucket == 0 { 0.0 } else { start });
        }
        let total = weights.iter().sum();
        ResidualHistogram { weights, total }
    }
}

fn laplace_below(residual: f32) -> f32 {
    if residual < 0.0 { 0.5 * residual.exp() } else { 1.0 - 0.5 * (-residual).exp() }
}

impl ResidualHistogram {
    /// Everything counted so far counts `keep` times as much.
    pub fn decay(&mut self, keep: f32) {
        self.weights.iter_mut().for_each(|weight| *weight *= keep);
        self.total *= keep;
    }

    /// Counts a residual (error divided by scale).
    pub fn add(&mut self, residual: f32, weight: f32) {
        // `as` saturates and sends not-a-number to the first bucket.
        let bucket = ((asinh(residual) - FIRST) / WIDTH) as usize;
        self.weights[bucket.min(BUCKETS - 1)] += weight;
        self.total += weight;
    }

    /// The residuals that are passed by the shares `tails`, which must fall (10 % first, 0.1 % last).
    pub fn upper<const K: usize>(&self, tails: &[f32; K]) -> [f32; K] {
        let mut found = [0.0; K];
        let mut above = 0.0;
        let mut bucket = BUCKETS;
        // From the top down: the smallest tail first.
        for (tail, residual) in tails.iter().zip(&mut found).rev() {
            let wanted = tail * self.total;
            // Eight at a time first: they do not wait for one another.
            while let Some(eight) = self.weights[..bucket].last_chunk::<8>().filter(|_| bucket > 8) {
                let sum = sum_of(eight);
                if above + sum > wanted {
                    break;
                }
                bucket -= 8;
                above += sum;
            }
            while bucket > 1 && above + self.weights[bucket - 1] <= wanted {
                bucket -= 1;
                above += self.weights[bucket];
            }
            let inside = ((wanted - above) / self.weights[bucket - 1].max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
            *residual = EDGES[bucket] + inside * (EDGES[bucket - 1] - EDGES[bucket]);
        }
        found
    }

    /// The share of residuals that lie below all buckets but the first: of them only that is known.
    pub fn lowest_share(&self) -> f32 {
        self.weights[0] / self.total.max(f32::MIN_POSITIVE)
    }

    /// The share of residuals above `residual`, the bucket's part interpolated.
    pub fn share_above(&self, residual: f32) -> f32 {
        let place = ((asinh(residual) - FIRST) / WIDTH).clamp(0.0, BUCKETS as f32);
        let bucket = (place as usize).min(BUCKETS - 1);
        let part = (bucket as f32 + 1.0 - place).clamp(0.0, 1.0) * self.weights[bucket];
        let above: f32 = self.weights[bucket + 1..].iter().sum();
        ((above + part) / self.total.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0)
    }
}

fn sum_of(eight: &[f32; 8]) -> f32 {
    let [a, b, c, d, e, f, g, h] = eight;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// `asinh` that keeps its precision for negative arguments, in three operations instead of the library's eight.
fn asinh(x: f32) -> f32 {
    let size = x.abs();
    (size + (size * size + 1.0).sqrt()).ln().copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_follow_what_was_seen() {
        let mut residuals = ResidualHistogram::default();
        for step in 0..20_000 {
            residuals.decay(0.999);
            residuals.add((step % 100) as f32 / 10.0, 1.0);
        }
        let [tenth, hundredth] = residuals.upper(&[0.1, 0.01]);
        assert!((tenth - 9.0).abs() < 0.9, "{tenth}");
        assert!((hundredth - 9.9).abs() < 1.0, "{hundredth}");
        assert!((residuals.share_above(5.0) - 0.5).abs() < 0.06);
    }

    #[test]
    fn the_prior_is_a_laplace() {
        let [tenth, thousandth] = ResidualHistogram::default().upper(&[0.1, 0.001]);
        assert!((tenth - 1.609).abs() < 0.1, "{tenth}");
        assert!((thousandth - 6.215).abs() < 0.3, "{thousandth}");
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let mut residuals = ResidualHistogram::default();
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e30] {
            residuals.add(odd, 1.0);
        }
        assert!(residuals.upper(&[0.5])[0].is_finite());
    }
}
