//! Measures the recurrent step: series per second on one thread, and the time of a lone series, at both hidden sizes.
#![allow(clippy::disallowed_methods, reason = "an example that measures reads the clock")]

use std::time::Instant;

use predict::recurrent::{FEATURES, QUANTILES, Weights, WeightsError, step_batch, step_one};

/// As many series as one rayon task takes, so that one thread does all the work.
const SERIES: usize = 1_024;
const ROUNDS: usize = 300;

fn main() -> Result<(), WeightsError> {
    for hidden in [16, 32] {
        let count = Weights::count(FEATURES, hidden)?;
        let values = (0..count).map(|index| ((index * 7_919) % 1_000) as f32 / 2_000.0 - 0.25).collect();
        let weights = Weights::new(FEATURES, hidden, values)?;
        let inputs: Vec<f32> = (0..SERIES * FEATURES).map(|index| ((index * 31) % 200) as f32 / 100.0 - 1.0).collect();
        let mut states = vec![0.0; SERIES * hidden];
        let mut outputs = vec![0.0; SERIES * QUANTILES];
        let mut seconds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                step_batch(&weights, &inputs, &mut states, &mut outputs);
                start.elapsed().as_secs_f64()
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        let (mut state, mut output) = (vec![0.0; hidden], [0.0; QUANTILES]);
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| step_one(&weights, &inputs[..FEATURES], &mut state, &mut output));
        let alone = start.elapsed().as_secs_f64() / ROUNDS as f64;
        println!(
            "hidden {hidden}: {:.0} thousand series a second and thread (median of {ROUNDS}), one series {:.1} us",
            SERIES as f64 / seconds[ROUNDS / 2] / 1e3,
            alone * 1e6
        );
    }
    Ok(())
}
