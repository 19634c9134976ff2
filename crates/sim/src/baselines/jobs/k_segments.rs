//! k-Segments: the run time is cut into k segments, the peak of each is a line over the input size, lifted by the largest
//! under-prediction so far, and the allocation steps up from segment to segment.
//!
//! Traces of kind `jobs` hold one peak per job and no memory over time. The peak then stands for every segment, all k lines are the
//! same, and the method is its own k = 1. Its run time is a line over the input size. A failed segment gets the double.
//! Source: Bader et al., "Predicting dynamic memory requirements for scientific workflow tasks", IEEE Big Data 2023.

use model::{Bytes, Span};
use predict::jobs::{JobMetadata, JobOutcome};

use super::process::{Past, Processes, input, line, past};
use crate::backtest::jobs::{JobOptions, JobPolicy, Sizer, Sizing};
use crate::trace::Job;

/// Lines over the input size, lifted by the largest error.
#[derive(Clone, Copy, Debug, Default)]
pub struct KSegments;

impl JobPolicy for KSegments {
    fn name(&self) -> &'static str {
        "k_segments"
    }
    fn begin<'j>(&self, _jobs: &'j [Job], options: &JobOptions) -> Box<dyn Sizer + 'j> {
        Box::new(Segmented { default: options.memory_default, processes: Processes::default() })
    }
}

struct Segmented {
    default: Bytes,
    processes: Processes<Process>,
}

#[derive(Default)]
struct Process {
    pasts: Vec<Past>,
    /// (input, run time), also of jobs whose peak is unknown.
    runs: Vec<(f64, f64)>,
    /// Slope and intercept of the peak and of the run time.
    peak: (f64, f64),
    run: (f64, f64),
    /// The largest under-prediction of the peak, in bytes.
    under: f64,
}

impl Process {
    fn allocation(&self, input: f64) -> f64 {
        (self.peak.0 * input + self.peak.1).max(0.0) + self.under
    }

    fn learn(&mut self, past: Past) {
        if !self.pasts.is_empty() {
            self.under = self.under.max(past.peak - (self.peak.0 * past.input + self.peak.1));
        }
        self.pasts.push(past);
        self.peak = line(self.pasts.iter().map(|past| (past.input, past.peak)));
    }

    fn learn_run(&mut self, input: f64, run_s: f64) {
        self.runs.push((input, run_s));
        self.run = line(self.runs.iter().copied());
    }
}

impl Sizer for Segmented {
    fn size(&mut self, _index: usize, job: &JobMetadata) -> Sizing {
        let input = input(job);
        let process = self.processes.get(job);
        let memory = process.filter(|process| !process.pasts.is_empty());
        let memory = memory.map(|process| Bytes(process.allocation(input).ceil() as u64));
        let run = process.map(|process| Span::from_secs_f64(process.run.0 * input + process.run.1));
        Sizing { memory: Some(memory.or(job.memory).unwrap_or(self.default)), run: run.or(job.time) }
    }
    fn learn(&mut self, _index: usize, job: &JobMetadata, outcome: &JobOutcome) {
        if let Some(past) = past(job, outcome) {
            self.processes.entry(job).learn(past);
        }
        if let Some(run) = outcome.run {
            self.processes.entry(job).learn_run(input(job), run.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_lifted_by_its_largest_miss() {
        let mut process = Process::default();
        process.learn(Past { input: 1.0, peak: 10.0, run_s: 5.0 });
        // One point says 10 everywhere; 25 is 15 above it.
        process.learn(Past { input: 2.0, peak: 25.0, run_s: 7.0 });
        assert_eq!(process.under, 15.0);
        // The line through both says 40 at 3.
        assert!((process.allocation(3.0) - 55.0).abs() < 1e-9);
        process.learn_run(1.0, 5.0);
        process.learn_run(2.0, 7.0);
        assert!((process.run.0 * 3.0 + process.run.1 - 9.0).abs() < 1e-9);
    }
}
