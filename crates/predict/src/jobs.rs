//! What a job will need, said before it starts: its peak memory, run time and cores as distributions.

mod metadata;

pub use metadata::{JobMetadata, JobOutcome};
