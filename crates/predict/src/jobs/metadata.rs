//! What is known of a job before it starts, and what is known once it has ended.

use model::{Bytes, MilliCores, Span};

/// What a client says of a job before its code is there. `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobMetadata {
    /// Who asks.
    pub user: Option<String>,
    /// Workflow, application or accounting group.
    pub group: Option<String>,
    /// Process or program.
    pub name: Option<String>,
    /// Where it will run: host, partition or site.
    pub machine: Option<String>,
    /// When it is submitted, in seconds on the clock of [`JobOutcome::ended_s`].
    pub submitted_s: Option<f64>,
    /// Cores asked for.
    pub cpus: Option<MilliCores>,
    /// Memory asked for.
    pub memory: Option<Bytes>,
    /// Run time asked for.
    pub time: Option<Span>,
    /// Size of its declared inputs.
    pub input: Option<Bytes>,
}

/// What a job turned out to need.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JobOutcome {
    /// When it ended, in seconds.
    pub ended_s: Option<f64>,
    /// How long it ran.
    pub run: Option<Span>,
    /// Its highest resident memory.
    pub memory_peak: Option<Bytes>,
    /// Mean cores in use over the run.
    pub cpus_used: Option<MilliCores>,
    /// Bytes read.
    pub read: Option<Bytes>,
    /// Bytes written.
    pub written: Option<Bytes>,
}
