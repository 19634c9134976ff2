//! What a wrong configuration is told: file, line, column, and what would be right.

use std::path::PathBuf;

use super::{forerun, refused, text};

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forerun.toml");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

#[test]
fn every_mistake_is_named_with_line_and_column() {
    let cases: [(&str, &str, &[&str]); 8] = [
        ("mode = \"act\"\n[load]\nwindows = \"10m\"\n", ":3:1", &["unknown key `windows`", "`window`"]),
        ("[laod]\nwindow = \"10m\"\n", ":1:2", &["unknown", "`laod`", "`load`"]),
        ("[load]\nwindow = \"10 MiB\"\n", ":2:10", &["10 MiB"]),
        ("[load.bounds]\nmemory_min = \"2 cores\"\n", ":2:14", &["2 cores"]),
        ("[load]\ntarget_violation_percent = 80\n", ":2:", &["80", "50"]),
        ("mode = \"doit\"\n", ":1:8", &["doit", "observe"]),
        ("[[target]]\ntier = \"standard\"\n", "", &["select"]),
        ("[load\n", ":1:", &["]"]),
    ];
    for (text, place, parts) in cases {
        let (_folder, file) = written(text);
        let place = format!("{}{place}", file.display());
        for words in [&["config", "check", file.to_str().unwrap()][..], &["--config", file.to_str().unwrap(), "up"]] {
            let output = forerun(words);
            refused(&output, 2, &[&[place.as_str()], parts].concat());
        }
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let (_folder, file) = written("[load]\ntarget_violation_percent = 80\nlambda = 0\n");
    refused(&forerun(&["config", "check", file.to_str().unwrap()]), 2, &[":2:", ":3:"]);
}

#[test]
fn a_file_that_is_not_there_ends_with_5() {
    refused(&forerun(&["config", "check", "/nowhere/forerun.toml"]), 5, &["/nowhere/forerun.toml"]);
    refused(&forerun(&["--config", "/nowhere/forerun.toml", "up"]), 5, &["/nowhere/forerun.toml"]);
}

#[test]
fn what_show_prints_can_be_read_again() {
    let shown = text(&forerun(&["config", "show"]));
    assert!(shown.contains("[load]") && shown.contains("# "), "{shown}");
    let (_folder, file) = written(&shown);
    let output = forerun(&["config", "check", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    let again = text(&forerun(&["--config", file.to_str().unwrap(), "config", "show"]));
    assert_eq!(again, shown);
}

#[test]
fn a_token_is_shown_once_and_its_hash_kept() {
    let (folder, _) = written("");
    let tokens = folder.path().join("tokens");
    let (_other, file) = written(&format!("[serve]\ntokens_file = {tokens:?}\n"));
    let output =
        forerun(&["--json", "--config", file.to_str().unwrap(), "config", "token", "shop", "--role", "operator", "--write"]);
    assert!(output.status.success(), "{}", text(&output));
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let kept = std::fs::read_to_string(&tokens).unwrap();
    assert!(kept.contains("shop") && kept.contains("operator"), "{kept}");
    assert!(!kept.contains(made["token"].as_str().unwrap()), "the token itself is not kept");
    assert!(forerun(&["config", "check", file.to_str().unwrap()]).status.success());
    std::fs::write(&tokens, format!("{kept}operator nonsense\n")).unwrap();
    refused(&forerun(&["config", "check", file.to_str().unwrap()]), 2, &[tokens.to_str().unwrap(), "2"]);
}
