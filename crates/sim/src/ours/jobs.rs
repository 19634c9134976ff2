//! The job planner as a contestant: the very planner that the daemon runs.

use std::collections::BTreeMap;

use decide::jobs::{JobModelSettings, JobPlanner, Prediction};
use model::Bytes;
use predict::jobs::{JobMetadata, JobOutcome};

use crate::backtest::jobs::{JobOptions, JobPolicy, SUBJECT, Sizer, Sizing};
use crate::trace::Job;

/// The job planner.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForerunJobs(pub JobModelSettings);

impl JobPolicy for ForerunJobs {
    fn name(&self) -> &'static str {
        SUBJECT
    }
    fn begin<'j>(&self, _jobs: &'j [Job], options: &JobOptions) -> Box<dyn Sizer + 'j> {
        let settings = JobModelSettings { memory_default: options.memory_default.0 as f64, ..self.0 };
        Box::new(Planning { planner: JobPlanner::new(settings), default: options.memory_default, waiting: BTreeMap::new() })
    }
}

struct Planning {
    planner: JobPlanner,
    default: Bytes,
    waiting: BTreeMap<usize, Prediction>,
}

impl Sizer for Planning {
    fn size(&mut self, index: usize, job: &JobMetadata) -> Sizing {
        let prediction = self.planner.predict(job);
        let memory = prediction.allocation.or(job.memory).unwrap_or(self.default);
        let run = prediction.run_expected;
        self.waiting.insert(index, prediction);
        Sizing { memory: Some(memory), run }
    }
    fn retry(&mut self, index: usize, _job: &JobMetadata, failed: Bytes, _attempt: u32) -> Bytes {
        self.waiting.get(&index).map_or(Bytes(failed.0.saturating_mul(2)), |prediction| prediction.after(failed))
    }
    fn learn(&mut self, index: usize, job: &JobMetadata, outcome: &JobOutcome) {
        if let Some(prediction) = self.waiting.remove(&index) {
            self.planner.observe(prediction.ticket, job, outcome);
        }
    }
}
