//! Witt's feedback-based sizing: a percentile of the peaks, or a line over the input size with an offset.
//!
//! Per process three lines (offset = deviation of the errors, deviation of the under-predictions alone, largest under-prediction,
//! each relative to the peak) and the 95th percentile. The paper leaves the choice to the site; here each process uses the one that
//! would have wasted least so far, retries included, which no fixed choice beats on average. Doubles on failure.
//! Source: Witt, van Santen, Leser, "Feedback-based resource allocation for batch scheduling of scientific workflows", HPCS 2019;
//! errors and offsets as in the re-implementation published with Sizey.

use model::Bytes;
use predict::jobs::{JobMetadata, JobOutcome};

use super::process::{Past, Processes, input, line, past, percentile};
use crate::backtest::jobs::{JobOptions, JobPolicy, Sizer, Sizing};
use crate::trace::Job;

const VARIANTS: usize = 4;

/// Percentile and offset line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Witt;

impl JobPolicy for Witt {
    fn name(&self) -> &'static str {
        "witt"
    }
    fn begin<'j>(&self, _jobs: &'j [Job], options: &JobOptions) -> Box<dyn Sizer + 'j> {
        Box::new(Feedback { default: options.memory_default, processes: Processes::default() })
    }
}

struct Feedback {
    default: Bytes,
    processes: Processes<Process>,
}

#[derive(Default)]
struct Process {
    pasts: Vec<Past>,
    sorted: Vec<f64>,
    line: (f64, f64),
    /// (peak - predicted) / peak of the bare line, as each job ended.
    errors: Vec<f64>,
    wasted: [f64; VARIANTS],
}

impl Process {
    fn predictions(&self, input: f64) -> [f64; VARIANTS] {
        let bare = self.line.0 * input + self.line.1;
        let under: Vec<f64> = self.errors.iter().copied().filter(|&error| error > 0.0).collect();
        let offsets = [deviation(&self.errors), deviation(&under), under.iter().copied().fold(0.0, f64::max)];
        let largest = self.sorted.last().copied().unwrap_or(0.0);
        // A line that falls below zero says nothing; then the largest seen counts, as in the published code.
        let lifted = |offset: f64| if bare > 0.0 { bare * (1.0 + offset) } else { largest };
        [percentile(&self.sorted, 0.95), lifted(offsets[0]), lifted(offsets[1]), lifted(offsets[2])]
    }

    fn learn(&mut self, past: Past) {
        if !self.pasts.is_empty() {
            let predictions = self.predictions(past.input);
            for (wasted, given) in self.wasted.iter_mut().zip(predictions) {
                *wasted += wasted_by_doubling(given, &past);
            }
            self.errors.push((past.peak - self.line.0 * past.input - self.line.1) / past.peak.max(1.0));
        }
        self.pasts.push(past);
        let place = self.sorted.partition_point(|&peak| peak < past.peak);
        self.sorted.insert(place, past.peak);
        self.line = line(self.pasts.iter().map(|past| (past.input, past.peak)));
    }
}

/// The standard deviation; 0 of fewer than two.
fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

fn wasted_by_doubling(given: f64, past: &Past) -> f64 {
    let mut given = given.max(1_048_576.0);
    let mut wasted = 0.0;
    while given < past.peak {
        wasted += given * past.run_s;
        given *= 2.0;
    }
    wasted + (given - past.peak) * past.run_s
}

impl Sizer for Feedback {
    fn size(&mut self, _index: usize, job: &JobMetadata) -> Sizing {
        let said = self.processes.get(job).map(|process| {
            let predictions = process.predictions(input(job));
            let best = (0..VARIANTS).min_by(|&a, &b| process.wasted[a].total_cmp(&process.wasted[b])).unwrap_or(0);
            Bytes(predictions[best].ceil() as u64)
        });
        Sizing { memory: Some(said.or(job.memory).unwrap_or(self.default)), run: None }
    }
    fn learn(&mut self, _index: usize, job: &JobMetadata, outcome: &JobOutcome) {
        if let Some(past) = past(job, outcome) {
            self.processes.entry(job).learn(past);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(input: f64, peak: f64) -> Past {
        Past { input, peak, run_s: 10.0 }
    }

    #[test]
    fn follows_the_line_and_lifts_it_by_its_errors() {
        let mut process = Process::default();
        for (input, peak) in [(1e9, 2e9), (2e9, 4e9), (3e9, 6e9)] {
            process.learn(past(input, peak));
        }
        // Errors of the bare line as the jobs ended: (4 - 2) / 4 = 0.5 from one point, then 0 on the exact line.
        assert_eq!(process.errors.len(), 2);
        assert!((process.errors[0] - 0.5).abs() < 1e-9 && process.errors[1].abs() < 1e-9);
        let predictions = process.predictions(4e9);
        assert!((predictions[0] - 5.8e9).abs() < 1.0);
        assert!((predictions[1] - 8e9 * 1.25).abs() < 1.0);
        assert!((predictions[3] - 8e9 * 1.5).abs() < 1.0);
    }

    #[test]
    fn doubling_counts_failed_attempts_whole() {
        // 1 and 2 GB fail, 4 GB wastes 1: (1 + 2 + 1) GB for 10 s.
        assert_eq!(wasted_by_doubling(1e9, &past(0.0, 3e9)), 4e10);
    }
}
