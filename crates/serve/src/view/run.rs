//! Runs: code that is carried out in an instance of a pool, what becomes of it, and what it writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Timestamp;

/// Code to run once, isolated. Exactly one of `code`, `program` and `program_base64` says what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// What runs it: `exec`, `sh`, `python` or `node`.
    #[schema(example = "python")]
    pub runtime: String,
    /// The source text of a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "print(6 * 7)")]
    pub code: Option<String>,
    /// The absolute path of a program in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// An executable or a script, as Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program_base64: Option<String>,
    /// What the code is called in messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The arguments, without the program's own name.
    #[serde(default)]
    pub args: Vec<String>,
    /// The environment besides what the runtime needs.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files that lie in the working folder.
    #[serde(default)]
    pub files: Vec<RunFile>,
    /// What it may use; the configured limits where nothing is said.
    #[serde(default)]
    pub limits: RunLimits,
    /// Time after which it is stopped; the configured one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    /// Bytes of standard output and standard error together that are taken; the configured number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// For whom; instances are never shared between tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Modules that are loaded already when the code begins.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The claim whose instance is used; one is claimed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<u64>,
}

/// A file that a run finds in its working folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// Where, relative to the working folder, without `..`.
    #[schema(example = "data/input.csv")]
    pub path: String,
    /// What is in it, as Base64.
    pub content_base64: String,
    /// Whether it may be executed.
    #[serde(default)]
    pub executable: bool,
}

/// What an instance may use; the configured limit where one is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunLimits {
    /// CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<f64>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processes and threads at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
    /// What it may write to its own files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its number.
    pub id: u64,
    /// The pool whose instance it has.
    pub pool: String,
    /// What runs it.
    pub runtime: String,
    /// What the code is called.
    pub name: String,
    /// How far it is.
    pub state: RunState,
    /// How its instance was come by; absent until it has one.
    pub start: Option<StartView>,
    /// How long each stage took, in order; empty until it is over.
    pub stages: Vec<StageView>,
    /// How the code ended; absent while it runs, and when it never began.
    pub exit: Option<ExitView>,
    /// Why it failed, where the fault is not the code's.
    pub error: Option<String>,
    /// The most memory that it held.
    pub peak_memory_bytes: Option<u64>,
    /// The CPU time that it took.
    pub cpu_seconds: Option<f64>,
    /// When it was asked for.
    pub began_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// What it wrote; only where one run is asked for, and it is kept for a while only.
    pub output: Option<RunOutput>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It has not ended.
    Running,
    /// The code ended, by itself or by a limit: `exit` says how.
    Finished,
    /// It could not be run: `error` says why.
    Failed,
}

impl RunState {
    /// The text that stands for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Finished => "finished",
            RunState::Failed => "failed",
        }
    }
}

/// How an instance was come by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartView {
    /// `warm`: it waited; `thawed`: it was frozen; `cold`: it was made for this.
    pub path: String,
    /// Why it was not warm.
    pub why: Option<String>,
}

/// A stage of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// Which: `claim`, `thaw`, `make`, `deliver` until the code begins, then `run` and `collect`.
    pub stage: String,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// How the code ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExitView {
    /// `code`, `signal`, `deadline`, `out_of_memory`, `output_cap` or `stopped`.
    pub kind: String,
    /// The exit code, or the number of the signal.
    pub code: Option<u8>,
}

/// What a run wrote. It may be anything: never show it as anything but text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunOutput {
    /// Standard output, as Base64.
    pub stdout_base64: String,
    /// Standard error, as Base64.
    pub stderr_base64: String,
    /// Whether something of it is missing.
    pub truncated: bool,
}

/// How a run is begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RunQuery {
    /// Answer when it is over, with what it wrote.
    pub wait: Option<bool>,
}

/// Which runs are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RunListQuery {
    /// At most this many, 1 to 1,000; 100 when absent.
    pub limit: Option<u32>,
}

/// The newest runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunList {
    /// The runs, newest first, without their output.
    pub runs: Vec<RunView>,
}

/// What happens to a run, as it happens. As server-sent events: `stdout` and `stderr` with [`RunChunk`], `finished` with
/// [`RunView`].
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    /// It wrote to standard output.
    Stdout(Vec<u8>),
    /// It wrote to standard error.
    Stderr(Vec<u8>),
    /// It is over; nothing follows.
    Finished(Box<RunView>),
}

impl RunEvent {
    /// The SSE event name.
    pub const fn name(&self) -> &'static str {
        match self {
            RunEvent::Stdout(_) => "stdout",
            RunEvent::Stderr(_) => "stderr",
            RunEvent::Finished(_) => "finished",
        }
    }
}

/// A piece of what a run wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunChunk {
    /// The bytes, as Base64.
    pub base64: String,
}
