//! Runs one bench of `benches/` in release. A bench prints its promises and fails when one does not hold.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, command, run};

/// Of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Options {
    /// Which bench: a file of `benches/src/bin`. Without it, their names are listed.
    name: Option<String>,
    /// Prints the promises as one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Handed to the bench as they are.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs the bench, or lists the benches.
///
/// # Errors
/// When there is no such bench, it does not build, or a promise does not hold.
pub fn run_one(root: &Path, options: &Options) -> Result<()> {
    let known = names(&root.join("benches/src/bin"))?;
    let Some(name) = &options.name else {
        println!("benches: {}", if known.is_empty() { "none yet".into() } else { known.join(", ") });
        return Ok(());
    };
    if !known.contains(name) {
        let list = if known.is_empty() { "none".into() } else { known.join(", ") };
        bail!("there is no bench `{name}`; there are: {list}");
    }
    let mut arguments = vec!["run", "--quiet", "--release", "--package", "forerun-benches", "--bin", name, "--"];
    if options.json {
        arguments.push("--json");
    }
    arguments.extend(options.rest.iter().map(String::as_str));
    let bench = command(cargo(), root, &arguments);
    if options.json { quiet(bench) } else { run(bench) }
}

/// With `--json` standard output belongs to the bench alone.
fn quiet(mut bench: std::process::Command) -> Result<()> {
    let status = bench.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("the bench ended with {status}");
    }
    Ok(())
}

/// The names of the benches, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
        let is_bench = path.extension().is_some_and(|ending| ending == "rs") || path.join("main.rs").is_file();
        if let Some(stem) = path.file_stem().filter(|_| is_bench) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_files_or_folders_with_a_main() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("scale.rs"), "").unwrap();
        std::fs::create_dir(folder.path().join("ahead")).unwrap();
        std::fs::write(folder.path().join("ahead/main.rs"), "").unwrap();
        std::fs::create_dir(folder.path().join("shared")).unwrap();
        assert_eq!(names(folder.path()).unwrap(), ["ahead", "scale"]);
        assert!(names(&folder.path().join("absent")).unwrap().is_empty());
    }
}
