//! Without root the daemon watches what it can read, and says what it cannot do.

use crate::support::{Plan, cli, is_root, text, within};

/// The user `nobody`.
const NOBODY: u32 = 65_534;

#[test]
fn host_nobody_can_watch_and_is_told_what_is_missing() {
    if !is_root() {
        return;
    }
    if !readable_by_others(crate::support::FORERUN) {
        return crate::support::skipped("the binary lies where `nobody` cannot read it");
    }
    let up = Plan::new().user(NOBODY).arguments(&["--mode", "observe"]).start();
    let samples = within(15, || up.get("/v1/status")["last_sample_age_seconds"].as_f64());
    assert!(samples.is_some(), "nothing is sampled: {}", up.log());
    assert_eq!(up.get("/v1/status")["mode"], "observe");
    let output = up.cli(&["status"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = as_nobody(&["doctor"]);
    let said = text(&output);
    assert!(said.contains("act.permission") && said.contains("run the daemon as root"), "{said}");
    let (status, folder) = up.end();
    assert!(status.success(), "{}", crate::support::file(&folder.path().join("log")));
}

#[test]
fn host_nobody_is_refused_the_examples_with_a_remedy() {
    if !is_root() {
        return;
    }
    if !readable_by_others(crate::support::FORERUN) {
        return crate::support::skipped("the binary lies where `nobody` cannot read it");
    }
    let output = Plan::new().user(NOBODY).arguments(&["--examples"]).start_in_vain();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("control groups") && said.contains("run as root, or without --examples"), "{said}");
}

#[test]
fn host_doctor_tells_what_works_and_how_to_mend_the_rest() {
    let output = cli(&["doctor"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.to_lowercase().contains("cpu") && said.to_lowercase().contains("memory"), "{said}");
}

/// Runs the CLI as `nobody`.
fn as_nobody(words: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new("setpriv");
    command
        .args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")])
        .arg("--clear-groups")
        .arg(crate::support::FORERUN);
    command.args(words).output().unwrap()
}

/// Whether every folder on the way may be entered by anybody.
fn readable_by_others(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::path::Path::new(path)
        .ancestors()
        .all(|part| part.metadata().is_ok_and(|found| found.permissions().mode() & 0o001 != 0))
}
