//! What a job will need, said before it starts: its peak memory, run time and cores as distributions.
//!
//! [`JobModel`] is the whole of it: it predicts at submission, and learns when a job has ended. Pure: time comes in.

mod boosted;
mod caution;
mod cloud;
mod facts;
mod gate;
mod lineage;
mod metadata;
mod model;
mod plan;
mod source;

pub use facts::Quantity;
pub use metadata::{JobMetadata, JobOutcome};
pub use model::{JobModel, JobModelSettings, JobOutlook, Outlook};
