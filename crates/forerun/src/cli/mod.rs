//! The command line: [`arguments`] says what can be said, the other files do it.

pub mod arguments;
mod control;
pub mod failure;
mod inspect;
mod local;
mod pool;
mod run;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use serde::Serialize;

use crate::client::{Client, Transport};
use crate::config::{self, Loaded, Surroundings, Written};
use arguments::{Cli, Command, Common};
use failure::{Failure, Outcome, Status};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let json = cli.common.json;
    if let Command::Run(arguments) = &cli.command {
        return run::run(&cli.common, arguments);
    }
    match run_command(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

/// Help goes to standard output, with status 0; a wrong command line is explained on standard error.
fn refuse(error: &clap::Error) -> ExitCode {
    // Nothing is left to do when even this cannot be printed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(Status::Usage as u8),
    }
}

fn run_command(cli: Cli) -> Outcome {
    let common = &cli.common;
    match cli.command {
        Command::Up(arguments) => crate::commands::up(common, &arguments),
        Command::Doctor => crate::commands::doctor(common),
        Command::Backtest { kind } => crate::commands::backtest(common, &kind),
        Command::Replay(arguments) => crate::commands::replay(common, &arguments),
        Command::Import { source } => crate::commands::import(common, &source),
        Command::Status(arguments) => inspect::status(common, &arguments),
        Command::Top(arguments) => inspect::top(common, &arguments),
        Command::Forecast(arguments) => inspect::forecast(common, &arguments),
        Command::Plan => inspect::plan(common),
        Command::Explain(arguments) => inspect::explain(common, &arguments),
        Command::History(arguments) => inspect::history(common, &arguments),
        Command::Undo(arguments) => control::undo(common, &arguments),
        Command::Mode(arguments) => control::mode(common, &arguments),
        // `main` has seen to it: it ends with the program's own status.
        Command::Run(_) => Ok(()),
        Command::Pool { what } => pool::pool(common, &what),
        Command::Claim(arguments) => run::claim(common, &arguments),
        Command::Release(arguments) => run::release(common, &arguments),
        Command::Config { what } => local::config(common, &what),
        Command::Completions { shell } => local::completions(shell),
        Command::Man { into } => local::man(into.as_deref()),
        Command::ExampleWorkload(arguments) => local::example(&arguments),
    }
}

/// The configuration that this command line asks for, with `overrides` on top.
///
/// # Errors
/// When it cannot be read, or says something that cannot be.
pub fn configuration(common: &Common, overrides: &Written) -> Outcome<Loaded> {
    Ok(config::load(common.config.as_deref(), overrides, &Surroundings::of_process())?)
}

/// The way to the daemon that this command line asks for: --url, --socket, or the socket of the configuration.
///
/// # Errors
/// When the configuration is needed and cannot be used, or the address is none.
pub fn client(common: &Common) -> Outcome<Client> {
    if let Some(url) = &common.url {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let what = format!("--url is `{url}`, but must begin with http:// or https://");
            return Err(Failure::new(Status::Usage, what, "for example --url http://127.0.0.1:7177"));
        }
        return Ok(Client::over_url(url, common.token.as_deref()));
    }
    let socket = match &common.socket {
        Some(socket) => socket.clone(),
        None => configuration(common, &Written::default())?.settings.daemon.socket,
    };
    Ok(Client::new(Transport::Socket(socket)))
}

/// Prints an answer: as JSON, or as `text` says it to people.
///
/// # Errors
/// When standard output is gone.
pub fn output(json: bool, answer: &impl Serialize, text: impl FnOnce() -> String) -> Outcome {
    let shown = if json {
        let document = serde_json::to_string_pretty(answer);
        document.map_err(|error| Failure::new(Status::Failed, format!("cannot write the answer as JSON: {error}"), ""))?
            + "\n"
    } else {
        text()
    };
    print(&shown)
}

/// Prints text to standard output. A reader that closed its end early (`| head`) is no failure.
///
/// # Errors
/// When standard output cannot be written to.
pub fn print(text: &str) -> Outcome {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Status::Failed, format!("cannot write to standard output: {error}"), ""))
        }
        _ => Ok(()),
    }
}

/// A file could not be used.
fn with_file(action: &str, path: &Path, error: &std::io::Error) -> Failure {
    let status = if error.kind() == std::io::ErrorKind::NotFound { Status::NotFound } else { Status::Failed };
    Failure::new(status, format!("cannot {action} {}: {error}", path.display()), "")
}
