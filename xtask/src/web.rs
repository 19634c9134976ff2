//! Builds the dashboard into `crates/serve/web/dist`, from where `serve` embeds it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::command::{command, is_there, run};

/// `npm ci` and `npm run build` in `crates/serve/web`.
///
/// # Errors
/// When there is no dashboard source, no npm, or one of the two commands fails.
pub fn build(root: &Path) -> Result<()> {
    let source = root.join("crates/serve/web");
    if !source.join("package.json").is_file() {
        bail!("there is no dashboard source at {}", source.display());
    }
    if !is_there("npm", root) {
        bail!("npm is not installed: install nodejs and npm (Debian: `apt-get install nodejs npm`), then run this again");
    }
    run(command("npm", &source, &["ci", "--no-audit", "--no-fund"]))?;
    run(command("npm", &source, &["run", "build"]))
}
