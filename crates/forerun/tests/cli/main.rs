//! The command line as it is run: the real binary, its help, its refusals, its exit statuses, its output for programs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backtest;
mod configuration;
mod help;

use std::process::{Command, Output, Stdio};

/// Runs the binary with these words, with nothing of this environment that it would read.
fn forerun(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forerun"));
    for name in ["FORERUN_CONFIG", "FORERUN_SOCKET", "FORERUN_URL", "FORERUN_TOKEN", "FORERUN_LOG"] {
        command.env_remove(name);
    }
    command.args(words).stdin(Stdio::null()).output().unwrap()
}

/// What it printed for people: its output, then its errors.
fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Asserts the exit status and that the errors name all of `parts`.
#[track_caller]
fn refused(output: &Output, status: i32, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}
