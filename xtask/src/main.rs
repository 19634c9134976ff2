//! Project tasks: `cargo xtask ci|test|tidy|bench|web`.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod command;
mod junit;
mod packages;
mod test;
mod tidy;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Project tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Tasks {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything CI checks: format, lints, tidy, tests, documentation.
    Ci,
    /// All tests. Installs the Debian packages that host tests need when run as root, says what was skipped and why.
    Test(test::Options),
    /// The repository's own rules: crate dependencies, file headers and lengths, the tables in docs/.
    Tidy,
    /// Runs one bench in release and prints its promises; fails when one does not hold.
    Bench(bench::Options),
    /// Builds the dashboard (npm ci, npm run build).
    Web,
}

fn main() -> ExitCode {
    let done = match Tasks::parse().task {
        Task::Ci => ci::run_all(&root()),
        Task::Test(options) => test::run(&root(), &options),
        Task::Tidy => tidy::run(&root()),
        Task::Bench(options) => bench::run_one(&root(), &options),
        Task::Web => web::build(&root()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root: the folder above this package. `cargo run` says where that is now; the binary may have been built
/// elsewhere, with a target folder that several clones share.
fn root() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or_else(|| package.clone(), PathBuf::from)
}
