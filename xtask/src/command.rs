//! Runs other programs, and names the whole command when one fails.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The cargo that started this task.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// A command of `program` in folder `at`, with the unpacked host tools on its search path.
pub fn command(program: impl AsRef<OsStr>, at: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(at).args(arguments).env("PATH", search_path(at));
    command
}

/// Runs `command` to its end with its output passed through.
///
/// # Errors
/// When it cannot be started, or ends with another status than 0.
pub fn run(mut command: Command) -> Result<()> {
    let shown = show(&command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs `command`, passes its standard output through line by line and hands each line to `each` as well.
/// Returns whether it ended with status 0.
///
/// # Errors
/// When it cannot be started or its output cannot be read.
pub fn run_reading(mut command: Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let shown = show(&command);
    println!("$ {shown}");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.with_context(|| format!("cannot read the output of `{shown}`"))?;
            let line = String::from_utf8_lossy(&line);
            writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")?;
            each(&line);
        }
    }
    Ok(child.wait().with_context(|| format!("cannot wait for `{shown}`"))?.success())
}

/// Whether `program` is on the search path that [`command`] uses in folder `at`.
pub fn is_there(program: &str, at: &Path) -> bool {
    std::env::split_paths(&search_path(at)).any(|folder| folder.join(program).is_file())
}

/// Where programs are unpacked to that cannot be, or should not be, installed.
pub fn host_tools(root: &Path) -> PathBuf {
    root.join("target").join("host-tools")
}

fn search_path(root: &Path) -> std::ffi::OsString {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders = std::env::split_paths(&own).chain(system).chain([host_tools(root).join("usr/bin")]);
    std::env::join_paths(folders).unwrap_or(own)
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
