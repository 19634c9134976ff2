//! The one place that says which commands there are. Help, manual pages and completions are made from it.

mod backtest;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::written::{Daemon, ModeWord, Written};

pub use backtest::*;

/// Learns what the workloads of this host will need next, and has it ready before they ask.
#[derive(Debug, Parser)]
#[command(name = "forerun", version, propagate_version = true, arg_required_else_help = true, after_help = EXIT_STATUSES)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Prints JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// The configuration file. [default: /etc/forerun/forerun.toml, or ~/.config/forerun/forerun.toml]
    #[arg(long, short, global = true, env = "FORERUN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The daemon's address, such as http://host:7177, instead of its Unix socket.
    #[arg(long, global = true, env = "FORERUN_URL", value_name = "URL")]
    pub url: Option<String>,
    /// The daemon's Unix socket. [default: the one of the configuration]
    #[arg(long, global = true, env = "FORERUN_SOCKET", value_name = "PATH", conflicts_with = "url")]
    pub socket: Option<PathBuf>,
    /// Bearer token for --url; better given in the environment, where other users cannot see it.
    #[arg(long, global = true, env = "FORERUN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
}

const EXIT_STATUSES: &str = "Exit status:
  0  done
  1  tried and failed
  2  the command line or the configuration is wrong
  3  the daemon cannot be reached
  4  refused: no token, the wrong token, or not allowed
  5  no such target, decision or file";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts the daemon: watches, forecasts, decides, and serves API and dashboard until it is stopped.
    Up(UpArguments),
    /// Says what works on this host, what does not, and how to mend it.
    Doctor,
    /// Shows the daemon and its workloads at a glance.
    Status(StatusArguments),
    /// Shows workloads live: use, limit, forecast, waits, recent decisions. Press q to leave.
    Top(TopArguments),
    /// Shows what a workload will need in the coming window; without one, of all.
    Forecast(ForecastArguments),
    /// Shows what would be changed now, and why nothing more.
    Plan,
    /// Tells the reasons of one decision: forecast, price, caps, outcome.
    Explain(ExplainArguments),
    /// Lists decisions, newest first.
    History(HistoryArguments),
    /// Puts back what decisions changed.
    Undo(UndoArguments),
    /// Shows or sets what forerun may do: observe, recommend or act; or throws the kill switch.
    Mode(ModeArguments),
    /// Runs a program in a sandbox that was ready before it was asked for, shows what it writes, and ends as it did.
    #[command(after_help = RUN_STATUSES)]
    Run(RunArguments),
    /// Shows or sets what is kept ready for runs.
    Pool {
        /// What to do.
        #[command(subcommand)]
        what: PoolCommand,
    },
    /// Takes an instance that is ready, for a run that follows.
    Claim(ClaimArguments),
    /// Gives a claimed instance up.
    Release(ReleaseArguments),
    /// Shows on a recorded trace what forerun would have done, beside what others would have.
    Backtest {
        /// Which planner.
        #[command(subcommand)]
        kind: BacktestKind,
    },
    /// Replays a journal through the engine and compares every decision with the recorded one.
    Replay(ReplayArguments),
    /// Fetches earlier history, so that forecasts do not start from nothing.
    Import {
        /// From where.
        #[command(subcommand)]
        source: ImportSource,
    },
    /// Checks or shows the configuration.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Prints a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Prints manual pages, or writes them into a folder.
    Man {
        /// Writes one page per command into this folder instead of printing the first.
        #[arg(long, value_name = "FOLDER")]
        into: Option<PathBuf>,
    },
    /// One of the programs of `up --examples`.
    #[command(hide = true)]
    ExampleWorkload(ExampleArguments),
}

const RUN_STATUSES: &str =
    "Exit status: the program's own; 128 + n when signal n ended it, 124 when its time was over, 137 when it wanted
more memory or wrote more than it may, 125 when forerun itself failed.";

/// What instances are told apart by.
#[derive(Args, Clone, Debug, Default)]
pub struct InstanceArguments {
    /// What runs it. [default for a file: by its name and first bytes]
    #[arg(long, value_name = "RUNTIME")]
    pub runtime: Option<RuntimeChoice>,
    /// CPU in cores, such as 0.5. [default: 1]
    #[arg(long, value_name = "CORES")]
    pub cpu: Option<f64>,
    /// Memory, swap and temporary files together, such as 128MiB. [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Processes and threads. [default: 64]
    #[arg(long, value_name = "COUNT")]
    pub pids: Option<u32>,
    /// Temporary files, such as 64MiB. [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    pub disk: Option<String>,
    /// A module that is loaded ahead; may be repeated.
    #[arg(long = "import", value_name = "MODULE")]
    pub imports: Vec<String>,
    /// Whose code it is: instances of one never serve another. [default: local]
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
}

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeChoice {
    /// Python.
    Python,
    /// Node.
    Node,
    /// A shell script.
    Sh,
    /// An executable.
    Exec,
}

impl RuntimeChoice {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            RuntimeChoice::Python => "python",
            RuntimeChoice::Node => "node",
            RuntimeChoice::Sh => "sh",
            RuntimeChoice::Exec => "exec",
        }
    }
}

/// What a run may reach of the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NetworkChoice {
    /// Nothing.
    #[default]
    None,
}

/// Of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArguments {
    /// Which instances may serve it.
    #[command(flatten)]
    pub instance: InstanceArguments,
    /// How long it may take, such as 30s. [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
    /// How much it may write, such as 1MiB. [default: pools.output_max of the configuration]
    #[arg(long, value_name = "SIZE")]
    pub output: Option<String>,
    /// A variable of its environment; may be repeated. It sees no other.
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// A file that it finds in its folder, under its own name or NAME; may be repeated.
    #[arg(long = "file", value_name = "PATH[:NAME]")]
    pub files: Vec<String>,
    /// What it may reach of the network.
    #[arg(long, value_name = "NETWORK", default_value = "none")]
    pub network: NetworkChoice,
    /// Runs in the instance of this claim.
    #[arg(long, value_name = "CLAIM")]
    pub claim: Option<u64>,
    /// The program; - reads it from standard input.
    pub file: String,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub arguments: Vec<String>,
}

/// Of `pool`.
#[derive(Clone, Debug, Subcommand)]
pub enum PoolCommand {
    /// Lists pools: what is ready, hits and misses, what idle instances cost.
    Ls,
    /// Sets how many instances are kept at least and at most; between the two the forecast decides.
    Set(PoolSetArguments),
    /// Keeps no instance of a pool any more, until it is set again.
    Drain {
        /// The pool, as `pool ls` names it.
        pool: String,
    },
    /// Sets what a second of waiting is worth, in 100 GB-seconds of idle memory.
    Lambda {
        /// Above 0; more keeps more ready.
        lambda: f64,
    },
}

/// Of `pool set`.
#[derive(Args, Clone, Debug)]
pub struct PoolSetArguments {
    /// Which instances.
    #[command(flatten)]
    pub instance: InstanceArguments,
    /// Instances that are kept whatever is expected.
    #[arg(long, value_name = "COUNT")]
    pub min: Option<u32>,
    /// Never more than this.
    #[arg(long, value_name = "COUNT")]
    pub max: Option<u32>,
}

/// Of `claim`.
#[derive(Args, Clone, Debug)]
pub struct ClaimArguments {
    /// Which instance.
    #[command(flatten)]
    pub instance: InstanceArguments,
    /// How long it is held, such as 5m. [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub hold: Option<String>,
}

/// Of `release`.
#[derive(Args, Clone, Debug)]
pub struct ReleaseArguments {
    /// The claim's number.
    pub claim: u64,
}

/// Of `up`.
#[derive(Args, Clone, Debug, Default)]
pub struct UpArguments {
    /// Also starts three small programs to watch, in control groups of their own, and plans faster: for a first look on an idle
    /// machine.
    #[arg(long)]
    pub examples: bool,
    /// What forerun may do. [default: that of the configuration, recommend]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<ModeChoice>,
    /// Address of API and dashboard. [default: that of the configuration, 127.0.0.1:7177]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Folder of the database. [default: that of the configuration]
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
}

impl UpArguments {
    /// What the command line says instead of the configuration.
    pub fn overrides(&self) -> Written {
        let mode = self.mode.map(|choice| match choice {
            ModeChoice::Observe => ModeWord::Observe,
            ModeChoice::Recommend => ModeWord::Recommend,
            ModeChoice::Act => ModeWord::Act,
        });
        let listen = self.listen.map(|address| address.to_string());
        let daemon = Daemon { listen, state_dir: self.state_dir.clone(), ..Daemon::default() };
        Written { mode, daemon: Some(daemon), ..Written::default() }
    }
}

/// What forerun may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeChoice {
    /// Forecast only.
    Observe,
    /// Decide and explain, change nothing.
    Recommend,
    /// Decide and apply.
    Act,
}

/// Of `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArguments {
    /// Only workloads whose name or application contains this text.
    pub filter: Option<String>,
    /// At most this many workloads.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

/// Of `top`.
#[derive(Args, Clone, Debug)]
pub struct TopArguments {
    /// Only workloads whose name or application contains this text.
    pub filter: Option<String>,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 1.0, value_parser = seconds, value_name = "SECONDS")]
    pub interval: f64,
}

/// Of `forecast`.
#[derive(Args, Clone, Debug)]
pub struct ForecastArguments {
    /// A workload: its name, or a part of it that no other has.
    pub target: Option<String>,
}

/// Of `explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArguments {
    /// The decision's ticket: T17 or 17.
    #[arg(value_parser = ticket)]
    pub ticket: u64,
}

/// Of `history`.
#[derive(Args, Clone, Debug)]
pub struct HistoryArguments {
    /// Only decisions for this workload.
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Only decisions made since then: a time such as 2026-01-31T08:00:00Z, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

/// Of `undo`.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct UndoArguments {
    /// The decision's ticket: T17 or 17.
    #[arg(value_parser = ticket)]
    pub ticket: Option<u64>,
    /// The newest decision that can be undone.
    #[arg(long)]
    pub last: bool,
    /// Every decision that can be undone, newest first.
    #[arg(long)]
    pub all: bool,
}

/// Of `mode`.
#[derive(Args, Clone, Debug)]
pub struct ModeArguments {
    /// What forerun may do from now on; without it, the present mode is shown.
    pub mode: Option<ModeChoice>,
    /// Only for this workload.
    #[arg(long, requires = "mode", conflicts_with = "planner", value_name = "TARGET")]
    pub target: Option<String>,
    /// Only for this planner.
    #[arg(long, requires = "mode", value_name = "PLANNER")]
    pub planner: Option<PlannerChoice>,
    /// Throws (on) or releases (off) the kill switch: nothing is changed while it is on, whatever the mode.
    #[arg(long, conflicts_with_all = ["mode", "target", "planner"], value_name = "ON|OFF")]
    pub kill_switch: Option<Switch>,
}

/// The planners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlannerChoice {
    /// CPU, memory, disk and network limits of running workloads.
    Load,
    /// Instances kept ready in pools.
    Warm,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArguments {
    /// The daemon's state folder, or the folder of its journal.
    pub journal: PathBuf,
    /// Which run, counted from 1. [default: the newest]
    #[arg(long, value_name = "RUN")]
    pub epoch: Option<u64>,
}

/// Where history comes from.
#[derive(Debug, Subcommand)]
pub enum ImportSource {
    /// A range of a Prometheus server, by a PromQL query.
    Prometheus(ImportPrometheusArguments),
}

/// Of `import prometheus`.
#[derive(Args, Clone, Debug)]
pub struct ImportPrometheusArguments {
    /// The Prometheus server. [default: import.prometheus_url of the configuration]
    #[arg(long = "from", value_name = "URL")]
    pub server: Option<String>,
    /// The PromQL query. [default: use of CPU and memory of containers and services, as cAdvisor names them]
    #[arg(long, value_name = "PROMQL")]
    pub query: Option<String>,
    /// Which metric the query yields: cpu (cores), mem (bytes), disk_read, disk_write, net_rx, net_tx (bytes per second), app.
    #[arg(long, requires = "query", default_value = "cpu")]
    pub metric: String,
    /// The label that names the workload.
    #[arg(long, default_value = "id", value_name = "LABEL")]
    pub label: String,
    /// How far back, such as 14d. [default: import.range of the configuration]
    #[arg(long, value_name = "TIME")]
    pub range: Option<String>,
    /// The grid, such as 1m. [default: import.step of the configuration]
    #[arg(long, value_name = "TIME")]
    pub step: Option<String>,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Checks a file and names line and column of whatever is wrong.
    Check {
        /// The file. [default: the one that would be used]
        file: Option<PathBuf>,
    },
    /// Prints all settings in effect, as a forerun.toml with a comment for each.
    Show,
    /// Makes a token for the API. It is shown once; the token file keeps only its hash.
    Token {
        /// Who gets it.
        name: String,
        /// What it allows.
        #[arg(long, default_value = "reader")]
        role: RoleChoice,
        /// Appends the line to the token file of the configuration.
        #[arg(long)]
        write: bool,
    },
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleChoice {
    /// Look.
    Reader,
    /// Look and act.
    Operator,
}

/// Of the hidden `example-workload`.
#[derive(Args, Clone, Debug)]
pub struct ExampleArguments {
    /// Which program.
    pub kind: crate::examples::Kind,
    /// What its randomness starts from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Ends by itself after this many seconds.
    #[arg(long, value_parser = seconds, value_name = "SECONDS")]
    pub lifetime: Option<f64>,
    /// Length of a day of the service, in seconds.
    #[arg(long, default_value_t = 90.0, value_parser = seconds, value_name = "SECONDS")]
    pub day: f64,
    /// Where the service offers its own metrics.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,
    /// Begins when a line `go` comes in, and ends when the input does.
    #[arg(long)]
    pub wait_for_go: bool,
}

/// A ticket as people write it.
fn ticket(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix(['T', 't']).unwrap_or(text);
    match digits.parse::<u64>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a ticket is T and a number, such as T17".into()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.05..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.05 to 86400 is needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn tickets_are_read_as_people_write_them() {
        assert_eq!(ticket("T17"), Ok(17));
        assert_eq!(ticket("17"), Ok(17));
        for wrong in ["", "T", "T0", "17T", "-1"] {
            assert!(ticket(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn undo_needs_exactly_one_choice() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        for fine in
            ["forerun undo T3", "forerun undo --last", "forerun undo --all", "forerun --json plan", "forerun plan --json"]
        {
            assert!(parse(fine), "{fine}");
        }
        for wrong in
            ["forerun undo", "forerun undo T3 --all", "forerun mode --target x", "forerun mode act --kill-switch on"]
        {
            assert!(!parse(wrong), "{wrong}");
        }
    }
}
