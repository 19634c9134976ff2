//! `backtest load` on a small made trace: the shape of its JSON, and what a malformed trace is told.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{forerun, refused, text};

const HEADER: &str = "series,metric,unit,capacity,start_unix_s,step_s,values\n";

/// Two series over three days of minutes: a daily wave, and a level with spikes.
fn trace(folder: &Path) -> PathBuf {
    let mut text = HEADER.to_owned();
    for (name, spikes) in [("wave", false), ("spikes", true)] {
        let _ = write!(text, "{name},cpu,cores,4,1700000000,60,");
        for minute in 0..3 * 1_440_u32 {
            let wave = 1.0 + (f64::from(minute) / 1_440.0 * std::f64::consts::TAU).sin();
            let noise = f64::from(minute.wrapping_mul(2_654_435_761) >> 24) / 2_560.0;
            let spike = if spikes && minute % 97 == 0 { 1.5 } else { 0.0 };
            let value = if spikes { 0.3 + noise + spike } else { wave + noise };
            let gap = if minute == 0 { "" } else { " " };
            let _ = write!(text, "{gap}{value:.4}");
        }
        text.push('\n');
    }
    let file = folder.join("made.usage.csv");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn the_scorecard_for_programs_has_every_figure() {
    let folder = tempfile::tempdir().unwrap();
    let file = trace(folder.path());
    let html = folder.path().join("report.html");
    let output = forerun(&[
        "backtest",
        "load",
        "--trace",
        file.to_str().unwrap(),
        "--policy",
        "vpa,last_window,oracle",
        "--json",
        "--html",
        html.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", text(&output));
    let card: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&card["kind"], &card["series"]), (&Value::from("load"), &Value::from(2)));
    for policy in ["forerun", "vpa", "last_window", "oracle"] {
        let figures = &card["policies"][policy];
        for level in ["1.0", "0.3", "0.1"] {
            let at = &figures["at"][level];
            assert!(at["slack_percent"].is_number() || at["slack_percent"].is_null(), "{policy} at {level}: {figures}");
            assert!(at.get("changes_per_day").is_some(), "{policy} at {level}: {figures}");
        }
        if policy != "oracle" {
            for name in ["violation_percent", "slack_percent", "changes_per_day"] {
                assert!(figures["default"][name].is_number(), "{policy} {name}: {figures}");
            }
        }
    }
    for peer in ["vpa", "last_window"] {
        let paired = &card["paired"][peer]["at"]["1.0"];
        for name in ["slack_points_saved_mean", "wins", "of"] {
            assert!(paired.get(name).is_some(), "{peer} {name}: {paired}");
        }
    }
    assert!(card["paired"].get("forerun").is_none(), "nobody is paired with themselves");
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("<svg") && page.contains("forerun"), "the report has no plot");
    assert!(!page.contains("http://") || !page.contains("src=\"http"), "the report needs nothing from elsewhere");
}

#[test]
fn people_get_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = trace(folder.path());
    let output = forerun(&["backtest", "load", "--trace", file.to_str().unwrap(), "--policy", "vpa"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("forerun") && said.contains("vpa"), "{said}");
}

#[test]
fn malformed_rows_are_named_by_file_line_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let good = "a,cpu,cores,,1700000000,60,1 2 3\n";
    let cases: [(&str, String, &[&str]); 6] = [
        ("value.csv", format!("{HEADER}{good}b,cpu,cores,,1700000000,60,1 two 3\n"), &[":3", "two", "values"]),
        ("step.csv", format!("{HEADER}{good}b,cpu,cores,,1700000000,soon,1 2\n"), &[":3", "soon", "step_s"]),
        ("short.csv", format!("{HEADER}{good}b,cpu,cores\n"), &[":3", "7", "3"]),
        ("header.csv", "time,value\n1,2\n".to_owned(), &[":1", "series"]),
        ("empty.csv", String::new(), &["empty"]),
        ("capacity.csv", format!("{HEADER}a,cpu,cores,much,1700000000,60,1 2\n"), &[":2", "much", "capacity"]),
    ];
    for (name, content, parts) in cases {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        let output = forerun(&["backtest", "load", "--trace", file.to_str().unwrap()]);
        refused(&output, 1, &[&[name], parts].concat());
    }
}

#[test]
fn what_is_not_there_is_named() {
    refused(&forerun(&["backtest", "load", "--trace", "/nowhere.csv.gz"]), 5, &["/nowhere.csv.gz"]);
    let folder = tempfile::tempdir().unwrap();
    let file = trace(folder.path());
    let file = file.to_str().unwrap();
    refused(&forerun(&["backtest", "load", "--trace", file, "--policy", "vpaa"]), 2, &["vpaa", "last_window"]);
    refused(&forerun(&["backtest", "load", "--trace", file, "--metric", "disk"]), 2, &["disk", "cpu"]);
    refused(&forerun(&["backtest", "load", "--trace", file, "--window-minutes", "0"]), 2, &["--window-minutes"]);
    let damaged = folder.path().join("made.usage.csv.gz");
    std::fs::write(&damaged, b"\x1f\x8b\x08nothing").unwrap();
    refused(&forerun(&["backtest", "load", "--trace", damaged.to_str().unwrap()]), 1, &["made.usage.csv.gz"]);
}
