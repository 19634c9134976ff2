//! Holds the table of directions (ARCHITECTURE.md) against `cargo metadata`: which of our crates may use which, what a
//! pure crate may not even use in its tests, and which outside crates have one home.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::command::{cargo, command};

/// A crate of ours and the crates of ours that it may use.
const MAY_USE: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("predict", &["model"]),
    ("learn", &["model", "predict"]),
    ("decide", &["model", "predict"]),
    ("collect", &["model"]),
    ("store", &["model"]),
    ("act", &["model"]),
    ("sandbox", &["model"]),
    ("serve", &["model", "store"]),
    ("sim", &["model", "predict", "decide"]),
    ("forerun", ANY),
    ("benches", ANY),
    ("host-tests", ANY),
    ("xtask", &[]),
];

/// Crates that wire all the others.
const ANY: &[&str] =
    &["model", "predict", "learn", "decide", "collect", "store", "act", "sandbox", "serve", "sim", "benches", "forerun"];

/// Crates whose results depend on their arguments alone; what they test with must be as pure.
const PURE: [&str; 5] = ["model", "predict", "learn", "decide", "sim"];

/// Outside crates with one home, and why.
const HOMES: [(&str, &[&str], &str); 9] = [
    ("burn", &["learn", "benches"], "training is slow to build and nothing else needs it"),
    ("rusqlite", &["store", "benches"], "one crate knows the database"),
    ("pco", &["store", "benches"], "one crate knows how blocks are compressed"),
    ("axum", &["serve", "forerun", "host-tests"], "one crate knows HTTP"),
    ("utoipa", &["serve"], "wire types live at the border"),
    ("nvml-wrapper", &["collect"], "one crate reads the host"),
    ("anyhow", &["forerun", "benches", "xtask", "host-tests"], "libraries return their own errors"),
    ("ratatui", &["forerun"], "one crate draws on terminals"),
    ("tokio", &["serve", "forerun", "benches", "host-tests"], "async only where there is IO to wait for"),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

impl Dependency {
    fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// Reads `cargo metadata` and returns every violation.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let output = command(cargo(), root, &["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    violations(&String::from_utf8_lossy(&output.stdout))
}

fn violations(metadata: &str) -> Result<Vec<String>> {
    let metadata: Metadata = serde_json::from_str(metadata).context("cannot read what cargo metadata printed")?;
    let mut broken = Vec::new();
    for package in &metadata.packages {
        let name = short(&package.name);
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
            broken
                .push(format!("crate `{name}` is not in the table of xtask/src/tidy/dependencies.rs: say what it may use"));
            continue;
        };
        broken.extend(package.dependencies.iter().filter_map(|dependency| violation(name, allowed, dependency)));
    }
    Ok(broken)
}

fn violation(name: &str, allowed: &[&str], dependency: &Dependency) -> Option<String> {
    let used = short(&dependency.name);
    if dependency.path.is_some() {
        if dependency.is_for_tests() {
            let impure = PURE.contains(&name) && !PURE.contains(&used);
            return impure.then(|| format!("pure crate `{name}` tests with `{used}`, which is not pure"));
        }
        return (!allowed.contains(&used)).then(|| format!("crate `{name}` may not use `{used}`; it may use {allowed:?}"));
    }
    let (_, homes, why) = HOMES.iter().find(|(outside, _, _)| *outside == dependency.name)?;
    let away = !homes.contains(&name) && !dependency.is_for_tests();
    away.then(|| format!("crate `{name}` uses `{used}`, whose home is {homes:?}: {why}"))
}

fn short(package: &str) -> &str {
    package.strip_prefix("forerun-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(package: &str, dependency: &str, kind: &str, ours: bool) -> String {
        let path = if ours { r#""/x""# } else { "null" };
        format!(
            r#"{{"packages":[{{"name":"{package}","dependencies":[{{"name":"{dependency}","kind":{kind},"path":{path}}}]}}]}}"#
        )
    }

    #[test]
    fn directions_are_held() {
        let cases = [
            ("forerun-decide", "forerun-predict", "null", true, ""),
            ("forerun-decide", "forerun-act", "null", true, "crate `decide` may not use `act`"),
            ("forerun-act", "forerun-decide", "\"build\"", true, "crate `act` may not use `decide`"),
            ("forerun-decide", "forerun-sim", "\"dev\"", true, ""),
            ("forerun-predict", "forerun-store", "\"dev\"", true, "pure crate `predict` tests with `store`"),
            ("forerun", "forerun-sim", "null", true, ""),
            ("forerun-model", "burn", "null", false, "crate `model` uses `burn`, whose home is [\"learn\", \"benches\"]"),
            ("forerun-predict", "burn", "\"dev\"", false, ""),
            ("forerun-act", "rustix", "null", false, ""),
            ("forerun-novel", "rustix", "null", false, "crate `novel` is not in the table"),
        ];
        for (package, dependency, kind, ours, expected) in cases {
            let found = violations(&metadata(package, dependency, kind, ours)).unwrap().join("\n");
            assert!(
                found.starts_with(expected) && found.is_empty() == expected.is_empty(),
                "{package} {dependency}: {found}"
            );
        }
    }

    #[test]
    fn metadata_that_cannot_be_read_is_an_error() {
        assert!(violations("{}").unwrap_err().to_string().contains("cargo metadata"));
    }
}
