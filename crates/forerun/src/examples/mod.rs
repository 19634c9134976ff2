//! Three real programs for `up --examples`, so that an idle machine has something to show: a service with a compressed daily
//! pattern, a bursty batch program, and one whose memory grows. They run as hidden subcommands of this very binary.

mod batch;
mod chance;
mod grower;
mod metrics;
mod service;
mod work;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Answers requests whose number follows a day that lasts a minute and a half.
    Service,
    /// Works in bursts at nearly regular intervals.
    Batch,
    /// Takes memory step by step, gives all back, and starts again.
    Grower,
}

impl Kind {
    /// Every program.
    pub const ALL: [Kind; 3] = [Kind::Service, Kind::Batch, Kind::Grower];

    /// Its name, as in the name of its control group.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Service => "service",
            Kind::Batch => "batch",
            Kind::Grower => "grower",
        }
    }
}

/// What a program is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The forerun binary; this process' own when absent.
    pub program: Option<PathBuf>,
    /// What its randomness starts from.
    pub seed: u64,
    /// Length of a day of the service.
    pub day: Duration,
    /// Ends by itself after this long.
    pub lifetime: Option<Duration>,
    /// Where the service offers its own metrics in Prometheus' format.
    pub metrics: Option<SocketAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Options { program: None, seed: 1, day: Duration::from_secs(90), lifetime: None, metrics: None }
    }
}

/// A program that was started. It ends when this is dropped, and also when this process is killed.
#[derive(Debug)]
pub struct Running {
    /// Which program.
    pub kind: Kind,
    child: Child,
}

impl Running {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        self.child.try_wait().map(|status| status.is_some())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program. `join` is given its process id and puts it into its control group; only then does its work begin, so
/// that all of it is accounted there.
///
/// # Errors
/// When the program cannot be started, or `join` fails; the program is ended then.
pub fn spawn(kind: Kind, options: &Options, join: impl FnOnce(u32) -> io::Result<()>) -> io::Result<Running> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?,
    };
    let mut command = Command::new(program);
    command.args(["example-workload", kind.name(), "--wait-for-go"]);
    command.args(["--seed", &options.seed.to_string(), "--day", &options.day.as_secs_f64().to_string()]);
    if let Some(lifetime) = options.lifetime {
        command.args(["--lifetime", &lifetime.as_secs_f64().to_string()]);
    }
    if let Some(address) = options.metrics {
        command.args(["--metrics", &address.to_string()]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let mut running = Running { kind, child: command.spawn()? };
    join(running.id())?;
    // The pipe stays open as long as `Running` lives: its end is what tells the program to end.
    match running.child.stdin.as_mut() {
        Some(pipe) => pipe.write_all(b"go\n")?,
        None => return Err(io::Error::other("the example has no standard input")),
    }
    Ok(running)
}

/// Runs a program in this process until its lifetime ends, or its parent does.
///
/// # Errors
/// When standard input ends before the go, or a thread, socket or clock is refused.
pub fn run(kind: Kind, options: &Options, wait_for_go: bool) -> io::Result<()> {
    if wait_for_go {
        wait(io::stdin().lock())?;
        // Whoever started this holds the other end; when it closes, nobody is left to serve.
        std::thread::Builder::new().name("parent".into()).spawn(|| {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            std::process::exit(0);
        })?;
    }
    let until = options.lifetime.map(|lifetime| Instant::now() + lifetime);
    match kind {
        Kind::Service => service::run(options, until),
        Kind::Batch => batch::run(options, until),
        Kind::Grower => grower::run(options, until),
    }
}

fn wait(mut input: impl BufRead) -> io::Result<()> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    match line.trim_end() {
        "go" => Ok(()),
        other => Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("expected `go`, found `{other}`"))),
    }
}

/// Whether the time is up.
fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_without_the_go() {
        assert!(wait(&b"go\n"[..]).is_ok());
        assert_eq!(wait(&b""[..]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn every_program_ends_with_its_lifetime() {
        let options = Options { lifetime: Some(Duration::from_millis(300)), ..Options::default() };
        for kind in Kind::ALL {
            let start = Instant::now();
            run(kind, &options, false).unwrap();
            let took = start.elapsed();
            assert!(took >= Duration::from_millis(250) && took < Duration::from_secs(5), "{kind:?} took {took:?}");
        }
    }
}
