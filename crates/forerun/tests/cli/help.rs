//! Help, wrong words, completions and manual pages.

use super::{forerun, refused, text};

/// Every command with its own help, as a user finds them.
const COMMANDS: [&[&str]; 30] = [
    &[],
    &["up"],
    &["doctor"],
    &["status"],
    &["top"],
    &["forecast"],
    &["plan"],
    &["explain"],
    &["history"],
    &["undo"],
    &["mode"],
    &["backtest"],
    &["backtest", "load"],
    &["replay"],
    &["import"],
    &["import", "prometheus"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["run"],
    &["pool", "ls"],
    &["pool", "set"],
    &["pool", "drain"],
    &["pool", "lambda"],
    &["pool"],
    &["claim"],
    &["release"],
    &["backtest", "pool"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_has_help() {
    for command in COMMANDS {
        let output = forerun(&[command, &["--help"]].concat());
        let said = text(&output);
        assert!(output.status.success() && output.stderr.is_empty(), "{command:?}: {said}");
        assert!(said.contains("Usage: forerun") && said.contains("--json"), "{command:?}: {said}");
        let first = said.lines().next().unwrap();
        assert!(first.len() > 20 && !first.starts_with("Usage"), "{command:?} does not say what it does: {first}");
    }
}

#[test]
fn the_list_of_commands_is_complete() {
    let listed = text(&forerun(&["--help"]));
    let section = listed.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    for line in section.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        assert!(
            name == "help" || COMMANDS.iter().any(|command| command.first() == Some(&name)),
            "no test has the help of `{name}`"
        );
    }
    assert!(listed.contains("Exit status:"), "{listed}");
    assert!(!listed.contains("example-workload"), "what is not for users is not listed");
}

#[test]
fn nothing_asked_shows_the_help() {
    let output = forerun(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("Commands:"));
}

#[test]
fn wrong_words_end_with_2_and_name_the_nearest() {
    let cases: [(&[&str], &[&str]); 9] = [
        (&["statsu"], &["unrecognized subcommand 'statsu'", "status"]),
        (&["up", "--exampels"], &["unexpected argument '--exampels'", "--examples"]),
        (&["up", "--mode", "doit"], &["invalid value 'doit'", "observe, recommend, act"]),
        (&["up", "--listen", "7177"], &["invalid value '7177'", "--listen"]),
        (&["explain", "X3"], &["X3", "T17"]),
        (&["explain"], &["<TICKET>"]),
        (&["undo"], &["--last", "--all"]),
        (&["mode", "act", "--kill-switch", "on"], &["--kill-switch"]),
        (&["history", "--limit", "0"], &["'0'", "1..=1000"]),
    ];
    for (words, parts) in cases {
        refused(&forerun(words), 2, parts);
    }
    refused(&forerun(&["--url", "host:7177", "status"]), 2, &["host:7177", "http://"]);
    refused(&forerun(&["history", "--since", "yesterday", "--url", "http://127.0.0.1:9"]), 2, &["yesterday", "such as 2h"]);
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(text(&forerun(&["--version"])), format!("forerun {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&forerun(&["completions", shell]));
        assert!(script.len() > 1_000, "{shell}: {script}");
        for word in ["backtest", "doctor", "examples"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    refused(&forerun(&["completions", "tcsh"]), 2, &["tcsh", "bash"]);
}

#[test]
fn manual_pages_are_made() {
    let page = text(&forerun(&["man"]));
    assert!(page.contains(".TH forerun 1") && page.contains(".SH"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let output = forerun(&["man", "--into", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    let pages = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(pages >= COMMANDS.len(), "{pages} pages");
    refused(&forerun(&["man", "--into", "/proc/nowhere"]), 5, &["/proc/nowhere"]);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_forerun")).args(["completions", "bash"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
