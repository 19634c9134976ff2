//! `up --examples` from its start to its end: it acts on real groups, undoes, stops when told, and leaves nothing behind.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Plan, Up, file, group_with, is_root, skipped, text, within};

const SERVICE: &str = "cgroup:/forerun/examples/service";
const GROWER: &str = "cgroup:/forerun/examples/grower";

/// Every folder of a group of the examples.
fn leftovers() -> Vec<PathBuf> {
    let trees = std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
    let all = trees.chain([PathBuf::from("/sys/fs/cgroup")]).map(|tree| tree.join("forerun/examples"));
    all.filter(|folder| folder.exists()).collect()
}

/// Processes that some process started, by number.
fn children(of: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |process: u32| -> Option<u32> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
    };
    numbers.filter(|process| parent(*process) == Some(of)).collect()
}

/// What the CPU quota of a group's folder allows, in millicores; `None` = unlimited.
fn quota(folder: &Path) -> Option<u64> {
    let text = if folder.join("cpu.max").exists() {
        file(&folder.join("cpu.max"))
    } else {
        format!("{} {}", file(&folder.join("cpu.cfs_quota_us")), file(&folder.join("cpu.cfs_period_us")))
    };
    let (quota, period) = text.split_once(' ').unwrap();
    quota.parse::<u64>().ok().map(|quota| (quota as f64 * 1_000.0 / period.parse::<f64>().unwrap()).round() as u64)
}

/// The newest applied decision about a target's knob.
fn applied(up: &Up, target: &str, resource: &str) -> Option<Value> {
    let is = |decision: &Value| decision["resource"] == resource && decision["outcome"]["state"] == "applied";
    up.decisions(Some(target)).into_iter().find(is)
}

#[test]
fn host_examples_are_resized_undone_and_removed() {
    if !is_root() {
        return;
    }
    if !leftovers().is_empty() {
        return skipped("another forerun runs its examples on this host");
    }
    let up = Plan::new().arguments(&["--examples"]).start();
    let (Some(cpu), Some(memory)) = (
        group_with("forerun/examples/service", "cpu.shares").or(group_with("forerun/examples/service", "cpu.max")),
        group_with("forerun/examples/grower", "memory.limit_in_bytes")
            .or(group_with("forerun/examples/grower", "memory.max")),
    ) else {
        return skipped("this host has no cpu or memory controller");
    };
    limits_are_set(&up, &cpu, &memory);
    limits_are_put_back(&up, &cpu);
    the_kill_switch_stops_changes(&up);
    let started = children(up.id());
    assert_eq!(started.len(), 3, "three examples run");
    let (status, folder) = up.end();
    assert!(status.success(), "{status}: {}", file(&folder.path().join("log")));
    let left: Vec<&u32> = started.iter().filter(|process| Path::new(&format!("/proc/{process}")).exists()).collect();
    assert!(left.is_empty(), "processes are left: {left:?}");
    assert!(leftovers().is_empty(), "groups are left: {:?}", leftovers());
    assert!(!folder.path().join("socket").exists(), "the socket is left");
}

/// Within a minute both knobs are turned, and the files hold what the newest applied decisions say.
fn limits_are_set(up: &Up, cpu: &Path, memory: &Path) {
    let holds = within(60, || {
        let (quotas, limits) = (applied(up, SERVICE, "cpu_quota")?, applied(up, GROWER, "memory_limit")?);
        let cores = quotas["after"].as_f64()?;
        let limit = if memory.join("memory.max").exists() { "memory.max" } else { "memory.limit_in_bytes" };
        let bytes = file(&memory.join(limit)).parse::<f64>().ok()?;
        // Between the question and the look at the file a further decision may have come: then look again.
        let near = (bytes - limits["after"].as_f64()?).abs() <= 4_096.0;
        (near && quota(cpu) == Some((cores * 1_000.0).round() as u64)).then_some(())
    });
    assert!(holds.is_some(), "no decision shows in the groups' files: {:?}\n{}", up.decisions(None).first(), up.log());
    let in_use =
        file(&memory.join(if memory.join("memory.max").exists() { "memory.current" } else { "memory.usage_in_bytes" }));
    assert!(in_use.parse::<f64>().unwrap() > 0.0);
}

/// `undo --all` brings a knob back to what it was before the first decision: without a limit.
fn limits_are_put_back(up: &Up, cpu: &Path) {
    // A knob is put back step by step, newest first; a decision in between would be newer than the list.
    let output = up.cli(&["mode", "recommend"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = up.cli(&["--json", "undo", "--all"]);
    let unlimited = within(5, || quota(cpu).is_none().then_some(()));
    assert!(unlimited.is_some(), "the quota is {:?} after undo --all: {}", quota(cpu), text(&output));
    let undone = up.decisions(Some(SERVICE)).iter().filter(|decision| decision["undone_by"].is_number()).count();
    assert!(undone > 0, "no decision says that it was undone");
}

/// With the kill switch on, no decision is applied, whatever the mode.
fn the_kill_switch_stops_changes(up: &Up) {
    let (status, answer) = up.ask("PUT", "/v1/kill-switch", Some(&json!({"engaged": true})));
    assert_eq!((status, &answer["engaged"]), (200, &json!(true)), "{answer}");
    assert!(up.cli(&["mode", "act"]).status.success());
    let newest = |up: &Up| {
        up.decisions(None).iter().find(|decision| decision["mode"] == "act").map(|decision| decision["ticket"].clone())
    };
    let before = newest(up);
    std::thread::sleep(std::time::Duration::from_secs(12));
    assert_eq!(newest(up), before, "something was decided with the kill switch on");
}
