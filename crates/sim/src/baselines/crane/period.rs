//! Whether a history repeats with a given period.

use super::spectrum::Spectra;

const SHUFFLES: usize = 100;
/// The threshold is the second highest of 100 maxima.
const THRESHOLD_PLACE: usize = 98;
/// A hill of the autocorrelation is looked for so many hours around the lag.
const HILL_HOURS: usize = 4;

/// Whether `hourly` has a component of `period` hours above what its shuffled copies show, and a hill of the
/// autocorrelation at that lag.
pub fn is_periodic(hourly: &[f64], period: usize, spectra: &Spectra) -> bool {
    let cycles = hourly.len() / period.max(1);
    if period < 4 || cycles < 2 {
        return false;
    }
    let values = &hourly[hourly.len() - cycles * period..];
    let mut ours = 0.0;
    spectra.powers(values.len(), 1, |input| input.copy_from_slice(values), |powers| ours = powers[cycles]);
    let mut shuffled = values.to_vec();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut maxima = Vec::with_capacity(SHUFFLES);
    let shuffle = |input: &mut [f64]| {
        random.shuffle(&mut shuffled);
        input.copy_from_slice(&shuffled);
    };
    let note = |powers: &[f64]| maxima.push(powers[1..].iter().copied().fold(0.0, f64::max));
    spectra.powers(values.len(), SHUFFLES, shuffle, note);
    maxima.sort_unstable_by(f64::total_cmp);
    ours > maxima[THRESHOLD_PLACE] && is_hill(&autocorrelation(values, period + HILL_HOURS), period)
}

/// Autocorrelation at lags 0 to `lag_max`.
fn autocorrelation(values: &[f64], lag_max: usize) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let product = |lag: usize| -> f64 { centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>() };
    let whole = product(0).max(f64::MIN_POSITIVE);
    (0..=lag_max.min(values.len() - 1)).map(|lag| product(lag) / whole).collect()
}

/// Whether the values rise towards `lag` and fall behind it, by their regression lines.
fn is_hill(correlation: &[f64], lag: usize) -> bool {
    let end = (lag + HILL_HOURS).min(correlation.len() - 1);
    slope(&correlation[lag - HILL_HOURS..=lag]) > 0.0 && slope(&correlation[lag..=end]) < 0.0
}

fn slope(values: &[f64]) -> f64 {
    let middle = (values.len() - 1) as f64 / 2.0;
    values.iter().enumerate().map(|(place, value)| (place as f64 - middle) * value).sum()
}

/// xorshift64*: seeded, so that the same history gives the same answer.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn shuffle(&mut self, values: &mut [f64]) {
        for place in (1..values.len()).rev() {
            let other = ((u128::from(self.next()) * (place as u128 + 1)) >> 64) as usize;
            values.swap(place, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_wave_is_periodic_and_noise_is_not() {
        let spectra = Spectra::default();
        let mut random = Random(1);
        let mut noise = || (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let wave: Vec<f64> = (0..168).map(|hour| (f64::from(hour) / 24.0 * std::f64::consts::TAU).sin() + noise()).collect();
        assert!(is_periodic(&wave, 24, &spectra));
        assert!(!is_periodic(&wave, 56, &spectra));
        let flat: Vec<f64> = (0..168).map(|_| noise()).collect();
        assert!(!is_periodic(&flat, 24, &spectra));
        assert!(!is_periodic(&wave[..40], 24, &spectra), "less than two days");
        assert!(!is_periodic(&[5.0; 168], 24, &spectra), "constant");
    }
}
