//! Code is run in sandboxes over the command line and the API: exit statuses, output, limits, pools, claims, and what is refused.

use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Plan, Up, encoded, is_root, skipped, text, within};

fn script(up: &Up, name: &str, content: &str) -> PathBuf {
    let path = up.folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn run(up: &Up, words: &[&str]) -> Output {
    up.cli(&[&["run"], words].concat())
}

/// A daemon that can run code; says why not where this host cannot.
fn daemon() -> Option<Up> {
    if !is_root() {
        return None;
    }
    let up = Plan::new().settings("[pools]\nstep = \"1s\"\n").start();
    let (status, answer) = up.ask("GET", "/v1/pools", None);
    if status != 200 {
        skipped(&format!("no sandboxes here: {answer}"));
        return None;
    }
    Some(up)
}

#[test]
fn host_programs_end_with_their_own_status_and_output() {
    let Some(up) = daemon() else { return };
    let python = script(
        &up,
        "a.py",
        "import os, sys\nprint(os.environ['LEVEL'], sys.argv[1:])\nprint('no', file=sys.stderr)\nsys.exit(7)\n",
    );
    let python = python.to_str().unwrap();
    let ended = run(&up, &["--env", "LEVEL=3", python, "x", "-y"]);
    assert_eq!((ended.status.code(), &*ended.stdout, &*ended.stderr), (Some(7), &b"3 ['x', '-y']\n"[..], &b"no\n"[..]));

    let shell = script(&up, "b.sh", "cat data.txt; kill -9 $$\n");
    let data = script(&up, "data.txt", "from a file\n");
    let ended = run(&up, &["--file", data.to_str().unwrap(), shell.to_str().unwrap()]);
    assert_eq!((ended.status.code(), &*ended.stdout), (Some(137), &b"from a file\n"[..]), "{}", text(&ended));

    let ended = run(&up, &["--runtime", "exec", "/bin/echo", "static"]);
    assert_eq!((ended.status.code(), &*ended.stdout), (Some(0), &b"static\n"[..]), "{}", text(&ended));

    let ended = run(&up, &["--json", python]);
    let whole: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((&whole["state"], &whole["exit"]["kind"]), (&json!("finished"), &json!("code")), "{whole}");
    assert!(whole["start"]["path"].is_string() && !whole["stages"].as_array().unwrap().is_empty(), "{whole}");
}

#[test]
fn host_limits_end_runs_and_leave_the_pool_intact() {
    let Some(up) = daemon() else { return };
    let forever = script(&up, "forever.py", "while True: pass\n");
    let ended = run(&up, &["--timeout", "500ms", forever.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(124), "{}", text(&ended));
    assert!(text(&ended).contains("--timeout"));
    let flood = script(&up, "flood.sh", "yes\n");
    let ended = run(&up, &["--output", "64KiB", flood.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(137), "{}", text(&ended).len());
    assert!(ended.stdout.len() <= 64 << 10, "{}", ended.stdout.len());
    let hungry = script(&up, "hungry.py", "x = bytearray(1 << 30)\n");
    let ended = run(&up, &["--memory", "64MiB", hungry.to_str().unwrap()]);
    assert_ne!(ended.status.code(), Some(0), "{}", text(&ended));

    for (words, said) in [
        (vec!["--memory", "1MiB", forever.to_str().unwrap()], "below the minimum"),
        (vec!["--runtime", "exec", "/none/there"], "No such file"),
        (vec!["--timeout", "20h", forever.to_str().unwrap()], "pools.timeout_max"),
        (vec!["--env", "nothing", forever.to_str().unwrap()], "NAME=VALUE"),
    ] {
        let ended = run(&up, &words);
        assert_eq!(ended.status.code(), Some(125), "{words:?}");
        assert!(text(&ended).contains(said), "{words:?}: {}", text(&ended));
    }
    let fine = script(&up, "fine.sh", "echo fine\n");
    assert_eq!(run(&up, &[fine.to_str().unwrap()]).stdout, b"fine\n");
}

#[test]
fn host_pools_keep_what_they_are_told_explain_it_and_let_it_go() {
    let Some(up) = daemon() else { return };
    let pool = |up: &Up| {
        up.get("/v1/pools")["pools"].as_array().unwrap().iter().find(|pool| pool["id"] == "local/host/sh").cloned()
    };
    assert!(pool(&up).is_none());
    let (status, answer) = up.ask("PUT", "/v1/pools", Some(&json!({ "runtime": "sh", "at_least": 2, "at_most": 4 })));
    assert_eq!(status, 200, "{answer}");
    let ready = within(10, || pool(&up).filter(|pool| pool["waiting"].as_u64() >= Some(2)));
    assert!(ready.is_some(), "{:?}", pool(&up));

    let script = script(&up, "a.sh", "echo warm\n");
    let ended = run(&up, &["--json", script.to_str().unwrap()]);
    let whole: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(whole["start"]["path"], "warm", "{whole}");
    let decisions = up.decisions(Some("pool:local/host/sh"));
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!((&decisions[0]["resource"], &decisions[0]["after"]), (&json!("warm_instances"), &json!(2.0)));
    assert!(decisions[0]["because"]["text"].as_str().unwrap().contains("are kept whatever is expected"), "{}", decisions[0]);

    let (status, claim) = up.ask("POST", "/v1/claims", Some(&json!({ "runtime": "sh" })));
    assert!((200..300).contains(&status), "{claim}");
    let id = claim["id"].to_string();
    let ended = run(&up, &["--claim", &id, script.to_str().unwrap()]);
    assert_eq!(ended.stdout, b"warm\n", "{}", text(&ended));
    let again = run(&up, &["--claim", &id, script.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(125), "a claim serves once");

    let (status, _) = up.ask("DELETE", &format!("/v1/pools/{}", encoded("local/host/sh")), None);
    assert_eq!(status, 204);
    let gone = within(10, || pool(&up).filter(|pool| pool["waiting"] == 0 && pool["wanted_waiting"] == 0));
    assert!(gone.is_some(), "{:?}", pool(&up));
    assert_eq!(run(&up, &[script.to_str().unwrap()]).stdout, b"warm\n", "drained, it still runs cold");
    let metrics = up.cli(&["status", "--json"]);
    assert!(metrics.status.success());
}

#[test]
fn host_bounds_of_pools_hold_after_a_restart() {
    let Some(up) = daemon() else { return };
    let (status, answer) = up.ask("PUT", "/v1/pools", Some(&json!({ "runtime": "sh", "at_least": 1, "at_most": 3 })));
    assert_eq!(status, 200, "{answer}");
    let (status, folder) = up.end();
    assert!(status.success());
    let up = Plan::again(folder).start();
    let pools = up.get("/v1/pools")["pools"].clone();
    assert_eq!(
        (&pools[0]["id"], &pools[0]["at_least"], &pools[0]["at_most"]),
        (&json!("local/host/sh"), &json!(1), &json!(3)),
        "{pools}"
    );
}

#[test]
fn host_nothing_is_left_when_the_daemon_ends() {
    let Some(up) = daemon() else { return };
    let forever = script(&up, "forever.sh", "sleep 1000\n");
    let code = std::fs::read_to_string(forever).unwrap();
    let (status, run) =
        up.ask("POST", "/v1/runs", Some(&json!({ "runtime": "sh", "code": code, "timeout_seconds": 900.0 })));
    assert_eq!(status, 202, "{run}");
    let daemon = up.id();
    let children = || {
        let path = format!("/proc/{daemon}/task");
        let tasks = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok()).collect::<String>()
    };
    assert!(within(5, || (!children().trim().is_empty()).then_some(())).is_some(), "the run has processes");
    let started: Vec<u32> = children().split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let (status, _) = up.end();
    assert!(status.success());
    let left = || started.iter().filter(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()).count();
    assert!(within(2, || (left() == 0).then_some(())).is_some(), "{} processes are left", left());
}
