//! Hybrid histogram: keep and prewarm by the distribution of idle times (Shahrad et al., Serverless in the Wild, ATC 2020).
//!
//! Idle times fall into one-minute bins. When half of them lie beyond the bins, the next one is forecast (ARIMA) and the instance
//! is loaded around it; when the histogram is flat (CV of the bin counts below 2), it is kept for its whole range; else it is
//! loaded from 0.9 times the 5th percentile until 1.1 times the 99th.

use super::per_slot::{PerSlot, Rule};
use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Workload};

/// The paper's rule; its knob is the range of the histogram, in bins.
#[derive(Clone, Copy, Debug, Default)]
pub struct HybridHistogram;

/// Bins; the paper's default first.
const RANGES: [usize; 3] = [240, 120, 60];

impl PoolPolicy for HybridHistogram {
    fn name(&self) -> &'static str {
        "hybrid_histogram"
    }
    fn points(&self) -> Vec<String> {
        RANGES.iter().map(|range| format!("{range} bins")).collect()
    }
    fn begin<'w>(&self, workload: &'w Workload, _options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        Box::new(PerSlot::new(RANGES.len(), workload.slots.len(), |point, _| IdleTimes::new(RANGES[point])))
    }
}

#[derive(Clone, Debug)]
struct IdleTimes {
    bins: Vec<u32>,
    inside: u32,
    outside: u32,
    /// The last idle times, oldest first, for the forecast.
    latest: Vec<f64>,
    /// Steps since the last use; `None` before the first.
    idle: Option<u32>,
    /// The idle times for which it is ready: from, and up to below.
    window: (u32, u32),
}

/// Idle times that the forecast rests on.
const LATEST: usize = 30;

impl IdleTimes {
    fn new(range: usize) -> IdleTimes {
        IdleTimes { bins: vec![0; range], inside: 0, outside: 0, latest: Vec::new(), idle: None, window: (0, range as u32) }
    }

    fn learn(&mut self, idle: u32) {
        match self.bins.get_mut(idle as usize) {
            Some(bin) => {
                *bin += 1;
                self.inside += 1;
            }
            None => self.outside += 1,
        }
        if self.latest.len() == LATEST {
            self.latest.remove(0);
        }
        self.latest.push(f64::from(idle));
        self.window = self.windows();
    }

    fn windows(&self) -> (u32, u32) {
        if self.outside >= self.inside {
            let next = forecast(&self.latest).max(1.0);
            return ((0.85 * next) as u32, (1.15 * next).ceil() as u32);
        }
        let range = self.bins.len() as u32;
        let mean = f64::from(self.inside) / f64::from(range);
        let squares: f64 = self.bins.iter().map(|&bin| (f64::from(bin) - mean).powi(2)).sum();
        if (squares / f64::from(range)).sqrt() / mean < 2.0 {
            return (0, range);
        }
        let (head, tail) = (self.percentile(0.05), self.percentile(0.99) + 1);
        ((0.9 * f64::from(head)) as u32, (1.1 * f64::from(tail)).ceil() as u32)
    }

    fn percentile(&self, share: f64) -> u32 {
        let wanted = share * f64::from(self.inside);
        let mut below = 0.0;
        for (bin, &count) in self.bins.iter().enumerate() {
            below += f64::from(count);
            if below >= wanted && count > 0 {
                return bin as u32;
            }
        }
        self.bins.len() as u32
    }
}

impl Rule for IdleTimes {
    fn step(&mut self, active: bool) -> bool {
        if active {
            if let Some(idle) = self.idle {
                self.learn(idle);
            }
            self.idle = Some(0);
        } else if let Some(idle) = &mut self.idle {
            *idle += 1;
        }
        // A use in the coming step would end an idle time of just `idle`.
        self.idle.is_some_and(|idle| idle >= self.window.0 && idle < self.window.1)
    }
}

/// One step ahead by the best of ARIMA(0,0,0), (1,0,0), (0,1,0) and (1,1,0), each with a constant, by AICc.
fn forecast(series: &[f64]) -> f64 {
    let differences: Vec<f64> = series.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let last = series.last().copied().unwrap_or(0.0);
    let mut best = (f64::INFINITY, last);
    for (lags, differenced) in [(0, false), (1, false), (0, true), (1, true)] {
        let values = if differenced { &differences } else { series };
        if let Some((score, next)) = regression(values, lags) {
            let next = if differenced { last + next } else { next };
            if score < best.0 {
                best = (score, next);
            }
        }
    }
    best.1
}

/// AICc and forecast of a constant, with one lag or none; `None` with too few values.
fn regression(values: &[f64], lags: usize) -> Option<(f64, f64)> {
    let parameters = lags as f64 + 2.0;
    let pairs: Vec<(f64, f64)> = values.windows(lags + 1).map(|window| (window[0], window[lags])).collect();
    let n = pairs.len() as f64;
    if n < parameters + 2.0 {
        return None;
    }
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
    let spread = mean(&|pair| (pair.0 - mean_x).powi(2));
    let slope = if lags == 0 || spread < 1e-9 { 0.0 } else { mean(&|pair| (pair.0 - mean_x) * (pair.1 - mean_y)) / spread };
    let slope = slope.clamp(-0.99, 0.99);
    let error = mean(&|pair| (pair.1 - mean_y - slope * (pair.0 - mean_x)).powi(2)).max(1e-3);
    let score = n * error.ln() + 2.0 * parameters + 2.0 * parameters * (parameters + 1.0) / (n - parameters - 1.0).max(0.5);
    Some((score, mean_y + slope * (values.last()? - mean_x)))
}

#[cfg(test)]
mod tests {
    use super::super::per_slot::answers;
    use super::*;

    #[test]
    fn a_regular_unit_is_loaded_around_its_idle_time() {
        // Idle for 9 steps each time: bins 9 only, so ready from 0.9 * 9 = 8 steps on, until 1.1 * 10 = 11.
        let mut rule = IdleTimes::new(240);
        answers(&mut rule, &"1000000000".repeat(8));
        assert_eq!(rule.window, (8, 11));
        assert_eq!(answers(&mut rule, "10000000000000"), "00000000111000");
    }

    #[test]
    fn a_flat_histogram_keeps_for_the_whole_range() {
        let mut rule = IdleTimes::new(4);
        for idle in [0, 1, 2, 3] {
            rule.learn(idle);
        }
        assert_eq!(rule.window, (0, 4));
    }

    #[test]
    fn long_idle_times_are_forecast() {
        let mut rule = IdleTimes::new(60);
        for _ in 0..8 {
            rule.learn(100);
        }
        assert_eq!(rule.window, (85, 115));
        // Growing by ten each time: the differenced model sees it.
        let growing: Vec<f64> = (0..12).map(|step| 100.0 + 10.0 * f64::from(step)).collect();
        assert!((forecast(&growing) - 220.0).abs() < 1.0);
    }
}
