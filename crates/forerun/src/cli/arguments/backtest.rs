//! What `forerun backtest` takes, per kind of trace.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is backtested.
#[derive(Debug, Subcommand)]
pub enum BacktestKind {
    /// Right-sizing on traces of resource use.
    Load(BacktestLoadArguments),
    /// Warm pools on traces of invocations: cold starts against idle memory.
    Pool(BacktestPoolArguments),
    /// Job sizing on traces of jobs: memory wasted, attempts that ran out of it, and run times.
    Jobs(BacktestJobsArguments),
    /// The next access on traces of accesses: how often it was foreseen.
    Access(BacktestAccessArguments),
    /// Sessions of users on traces of their activity: returns that find their session ready against hours held in vain.
    Users(BacktestUsersArguments),
    /// Driver modules on traces of resource use: loaded before they are needed, against loads in vain.
    Drivers(BacktestDriversArguments),
}

/// Of `backtest load`.
#[derive(Args, Clone, Debug)]
pub struct BacktestLoadArguments {
    /// Trace files: CSV, also gzipped, with the columns series,metric,unit,capacity,start_unix_s,step_s,values.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub trace: Vec<PathBuf>,
    /// How long an allocation holds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440), value_name = "MINUTES")]
    pub window_minutes: u32,
    /// Only these policies; forerun is always among them.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "NAME")]
    pub policy: Vec<String>,
    /// Only these metrics of the traces, such as cpu or mem.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "METRIC")]
    pub metric: Vec<String>,
    /// Also writes a report with plots.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Of `backtest pool`.
#[derive(Args, Clone, Debug)]
pub struct BacktestPoolArguments {
    /// Traces of kind `counts` (unit,weight,start_unix_s,step_s,counts) or `arrivals` (t_s,unit,user,duration_s,memory_bytes), told
    /// apart by their header; gzip or plain.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub trace: Vec<PathBuf>,
    /// Policies and report.
    #[command(flatten)]
    pub scoring: ScoringArguments,
}

/// Of `backtest jobs`.
#[derive(Args, Clone, Debug)]
pub struct BacktestJobsArguments {
    /// Traces of kind `jobs`, gzip or plain: CSV with the columns job,user,group,name,submit_s,start_s,run_s,cpus_req,cpus_used,
    /// mem_req_bytes,mem_peak_bytes,time_req_s,input_bytes,read_bytes,write_bytes,machine,status. Each starts from nothing;
    /// the sums are over all.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub trace: Vec<PathBuf>,
    /// Policies and report.
    #[command(flatten)]
    pub scoring: ScoringArguments,
}

/// Of `backtest access`.
#[derive(Args, Clone, Debug)]
pub struct BacktestAccessArguments {
    /// Traces of kind `access` (seq,t_s,stream,key,blocks,op); gzip or plain. Each is scored by itself.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub trace: Vec<PathBuf>,
    /// Policies and report.
    #[command(flatten)]
    pub scoring: ScoringArguments,
}

/// Of `backtest users`.
#[derive(Args, Clone, Debug)]
pub struct BacktestUsersArguments {
    /// Traces of kind `arrivals` (t_s,unit,user,duration_s,memory_bytes), read per user: the user column where it says who, else
    /// the unit; gzip or plain.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub trace: Vec<PathBuf>,
    /// Policies and report.
    #[command(flatten)]
    pub scoring: ScoringArguments,
}

/// Of `backtest drivers`.
#[derive(Args, Clone, Debug)]
pub struct BacktestDriversArguments {
    /// Trace files: CSV, also gzipped, with the columns series,metric,unit,capacity,start_unix_s,step_s,values; the metrics of an
    /// instance share their series.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub trace: Vec<PathBuf>,
    /// Policies and report.
    #[command(flatten)]
    pub scoring: ScoringArguments,
}

/// What holds for every kind that is scored beside its peers.
#[derive(Args, Clone, Debug)]
pub struct ScoringArguments {
    /// Only these policies, beside forerun's own.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "NAME")]
    pub policy: Vec<String>,
    /// Also writes a report with plots.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}
