//! Runs all tests: provides what host tests need, runs the unit, host and documentation tests, and closes with a line
//! that counts.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, command, is_there, run_reading};
use crate::junit::{self, Counts};
use crate::packages;

/// Of `cargo xtask test`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Installs nothing; what is missing is skipped.
    #[arg(long)]
    no_install: bool,
    /// Only these packages instead of the whole workspace.
    #[arg(long, short)]
    package: Vec<String>,
}

/// Runs the tests.
///
/// # Errors
/// When a test fails or does not build.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let missing = packages::provide(root, !options.no_install);
    let mut scope = Vec::new();
    for package in &options.package {
        scope.extend(["--package", package.as_str()]);
    }
    if scope.is_empty() {
        scope.push("--workspace");
    }
    let mut counts = Counts::default();
    let all_ran = if is_there("cargo-nextest", root) {
        let tests = with_nextest(root, &scope, &mut counts)?;
        // Cargo refuses `--doc` for a package without a library, so single packages go without.
        tests & (!options.package.is_empty() || with_cargo(root, &scope, &["--doc"], &mut counts)?)
    } else {
        with_cargo(root, &scope, &[], &mut counts)?
    };
    close(&missing, &counts, all_ran)
}

fn with_nextest(root: &Path, scope: &[&str], counts: &mut Counts) -> Result<bool> {
    let file = root.join("target/nextest/default/junit.xml");
    if file.exists() {
        std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    let arguments = [&["nextest", "run", "--no-tests", "pass"], scope].concat();
    let passed = run_reading(command(cargo(), root, &arguments), |_| {})?;
    if file.exists() {
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        counts.add(junit::read(&text));
    }
    Ok(passed)
}

fn with_cargo(root: &Path, scope: &[&str], kind: &[&str], counts: &mut Counts) -> Result<bool> {
    let arguments = [&["test", "--quiet", "--no-fail-fast"], scope, kind, &["--", "--show-output"]].concat();
    run_reading(command(cargo(), root, &arguments), |line| junit::read_line(line, counts))
}

/// Says what was left out, and ends with the line that counts.
fn close(missing: &[String], counts: &Counts, all_ran: bool) -> Result<()> {
    println!();
    for line in missing {
        println!("not here: {line}");
    }
    for line in &counts.skipped {
        println!("skipped: {line}");
    }
    let Counts { run, failed, skipped } = counts;
    let passed = run.saturating_sub(*failed);
    let left_out = match skipped.len() {
        0 => "nothing skipped".to_owned(),
        count => format!("{count} of them skipped for the reasons above"),
    };
    if *failed > 0 || !all_ran {
        bail!("tests failed: {passed} passed, {failed} failed, {left_out}{}", if *failed == 0 { "; see above" } else { "" });
    }
    println!("tests: {passed} passed, 0 failed, {left_out}");
    Ok(())
}
