//! The repository's own rules, held as a test: which crate may see which, how a file begins and how long it may be, and
//! that the tables in `docs/` are complete.

mod dependencies;
mod documents;
mod sources;

use std::path::Path;

use anyhow::{Result, bail};

/// Checks all rules and prints every violation.
///
/// # Errors
/// When a rule is broken, or the repository cannot be read.
pub fn run(root: &Path) -> Result<()> {
    let mut broken = dependencies::check(root)?;
    broken.extend(sources::check(root)?);
    broken.extend(documents::check(root)?);
    for violation in &broken {
        println!("tidy: {violation}");
    }
    match broken.len() {
        0 => {
            println!("tidy: nothing to complain about");
            Ok(())
        }
        count => bail!("tidy: {count} violations"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_is_tidy() {
        super::run(&crate::root()).unwrap();
    }
}
