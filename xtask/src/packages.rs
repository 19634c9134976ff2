//! The Debian packages that host tests need: installed when we are root, otherwise named.

use std::path::Path;

use crate::command::{command, host_tools, is_there, run};

/// A Debian package that some tests need.
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// A program of it: when that is there, so is the package.
    pub program: &'static str,
    /// Which tests need it.
    pub serves: &'static str,
    /// How it comes onto this machine.
    way: Way,
}

/// How a package comes onto the machine.
enum Way {
    /// `apt-get install`.
    Install,
    /// Unpacked into `target/host-tools`: installing it would start a server on the user's machine.
    Unpack,
}

/// What all tests together need beside a Rust toolchain.
pub const PACKAGES: [Package; 5] = [
    Package { name: "iproute2", program: "tc", serves: "network bandwidth limits", way: Way::Install },
    Package { name: "nodejs", program: "node", serves: "the dashboard", way: Way::Install },
    Package { name: "npm", program: "npm", serves: "the dashboard", way: Way::Install },
    Package { name: "chromium", program: "chromium", serves: "the dashboard in a browser", way: Way::Install },
    Package { name: "prometheus", program: "promtool", serves: "the comparison of store sizes", way: Way::Unpack },
];

/// Brings what is missing onto the machine as far as possible. Returns one line per package that is still missing.
pub fn provide(root: &Path, install: bool) -> Vec<String> {
    let missing = || PACKAGES.iter().filter(|package| !is_there(package.program, root));
    if missing().next().is_none() {
        return Vec::new();
    }
    let reason = match why_not(root, install) {
        Some(reason) => reason,
        None => {
            let names: Vec<_> = missing().map(|package| package.name).collect();
            println!("missing: {}", names.join(", "));
            fetch(root, missing()).err().map_or_else(|| "apt-get did not bring it".into(), |error| format!("{error:#}"))
        }
    };
    missing().map(|package| format!("{} (for {}): {reason}", package.name, package.serves)).collect()
}

/// Why nothing can be installed here.
fn why_not(root: &Path, install: bool) -> Option<String> {
    if !install {
        Some("not installed, and --no-install was given".into())
    } else if !is_there("apt-get", root) {
        Some("not installed, and this machine has no apt-get".into())
    } else if !is_root() {
        Some("not installed, and only root may install it".into())
    } else {
        None
    }
}

fn fetch<'a>(root: &Path, missing: impl Iterator<Item = &'a Package>) -> anyhow::Result<()> {
    let apt = |arguments: &[&str]| {
        let mut apt = command("apt-get", root, arguments);
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    // Stale lists are the usual reason why an install fails; one that cannot be refreshed may still do.
    if let Err(error) = run(apt(&["update", "-qq"])) {
        println!("note: {error:#}");
    }
    let mut failure = None;
    for package in missing {
        let done = match package.way {
            Way::Install => run(apt(&["install", "-y", "-qq", "--no-install-recommends", package.name])),
            Way::Unpack => unpack(root, package.name),
        };
        failure = done.err().or(failure);
    }
    failure.map_or(Ok(()), Err)
}

fn unpack(root: &Path, name: &str) -> anyhow::Result<()> {
    let tools = host_tools(root);
    std::fs::create_dir_all(&tools)?;
    run(command("apt-get", &tools, &["download", "-qq", "-o", "APT::Sandbox::User=root", name]))?;
    for entry in std::fs::read_dir(&tools)? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file.starts_with(&format!("{name}_")) && file.ends_with(".deb") {
            run(command("dpkg-deb", &tools, &["--extract", &file, "."]))?;
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Whether this process has the effective user id 0, as `/proc` says.
pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective_user(&status) == Some(0)
}

fn effective_user(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_user_is_the_second_figure() {
        assert_eq!(effective_user("Name:\tx\nUid:\t1000\t0\t1000\t1000\nGid:\t1\t1\t1\t1\n"), Some(0));
        assert_eq!(effective_user("Name:\tx\n"), None);
    }

    #[test]
    fn a_package_that_is_missing_is_named_with_what_it_serves() {
        let nowhere = tempfile::tempdir().unwrap();
        for line in provide(nowhere.path(), false) {
            assert!(line.contains("(for ") && line.ends_with("--no-install was given"), "{line}");
        }
    }
}
