//! The forerun command and daemon.

mod cli;
mod client;
mod commands;
mod config;
mod examples;
mod render;

fn main() -> std::process::ExitCode {
    cli::main()
}
