//! What must be green before a change is merged.

use std::path::Path;

use anyhow::Result;

use crate::command::{cargo, command, run};
use crate::{test, tidy};

/// Format, lints, tidy, tests, documentation, in that order: the cheap ones first.
///
/// # Errors
/// At the first that fails.
pub fn run_all(root: &Path) -> Result<()> {
    run(command(cargo(), root, &["fmt", "--all", "--check"]))?;
    run(command(cargo(), root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    tidy::run(root)?;
    test::run(root, &test::Options::default())?;
    document(root)
}

fn document(root: &Path) -> Result<()> {
    let mut documentation = command(cargo(), root, &["doc", "--workspace", "--no-deps", "--document-private-items"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    run(documentation)
}
