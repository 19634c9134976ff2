//! CPU quota and weight on this host.

use std::time::{Duration, Instant};

use act::{Actuator, Config};
use model::{Action, Limit, MilliCores, Outcome, Permille, Resource, Setting, TargetId, Ticket, Weight};

use crate::groups::{TestGroup, Tree, actuator, root_of, set, skipped};
use crate::roles::start;

const QUOTA: Resource = Resource::CpuQuota;

fn cores(milli: u64) -> Setting {
    Setting::Cpu(Limit::At(MilliCores(milli)))
}

/// Processor seconds that the group used so far, from the thread times of its process.
fn used(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn rate(process: u32, length: Duration) -> f64 {
    let (start, before) = (Instant::now(), used(process));
    std::thread::sleep(length);
    (used(process) - before) / start.elapsed().as_secs_f64()
}

#[test]
fn a_busy_process_is_held_to_its_quota_and_runs_free_after_the_undo() {
    let Some(mut group) = TestGroup::new(&[Tree::Cpu]) else { return };
    let actuator = actuator();
    let child = start(Some(&group), None, "spin");
    let process = child.id();
    group.keep(child);

    let before = set(&actuator, &group.target, QUOTA, cores(200));
    assert_eq!(before, Setting::Cpu(Limit::Unlimited));
    std::thread::sleep(Duration::from_millis(300));
    let held = rate(process, Duration::from_secs(3));
    assert!((0.17..0.23).contains(&held), "0.2 cores were allowed, {held:.3} were used");

    let undo = Action::Restore { undoes: Ticket(1), resource: QUOTA, before: cores(200), after: before };
    assert_eq!(actuator.apply(&group.target, &undo), Outcome::Applied);
    assert_eq!(actuator.read(&group.target, QUOTA).unwrap(), Some(before));
    let free = rate(process, Duration::from_secs(2));
    assert!(free > 0.3, "free of its quota, only {free:.3} cores were used");
    assert_eq!(actuator.apply(&group.target, &undo), Outcome::Applied, "an undo can be repeated");
}

#[test]
fn a_quota_that_somebody_else_set_is_left_alone() {
    let Some(group) = TestGroup::new(&[Tree::Cpu]) else { return };
    let actuator = actuator();
    let before = set(&actuator, &group.target, QUOTA, cores(500));
    let theirs = actuator_of_somebody_else(&group);
    let action = Action::Set { resource: QUOTA, before: cores(500), after: cores(700) };
    assert_eq!(actuator.apply(&group.target, &action), Outcome::ChangedElsewhere { found: cores(333) });
    let undo = Action::Restore { undoes: Ticket(1), resource: QUOTA, before: cores(500), after: before };
    assert_eq!(actuator.apply(&group.target, &undo), Outcome::ChangedElsewhere { found: cores(333) });
    assert_eq!(theirs, quota_text(&group), "their text is untouched");

    // Adopted as it is, changed and undone: the very figure is back, though it is no whole thousandth of a core.
    set(&actuator, &group.target, QUOTA, cores(700));
    let undo = Action::Restore { undoes: Ticket(2), resource: QUOTA, before: cores(700), after: cores(333) };
    assert_eq!(actuator.apply(&group.target, &undo), Outcome::Applied);
    assert_eq!(theirs, quota_text(&group));
}

fn quota_file(group: &TestGroup) -> std::path::PathBuf {
    let v1 = group.folder(Tree::Cpu).join("cpu.cfs_quota_us");
    if v1.exists() { v1 } else { group.folder(Tree::Cpu).join("cpu.max") }
}

fn quota_text(group: &TestGroup) -> String {
    std::fs::read_to_string(quota_file(group)).unwrap()
}

fn actuator_of_somebody_else(group: &TestGroup) -> String {
    std::fs::write(quota_file(group), "33321").unwrap();
    quota_text(group)
}

#[test]
fn a_quota_above_that_of_the_group_above_is_refused_with_its_name() {
    let Some(parent) = TestGroup::new(&[Tree::Cpu]) else { return };
    if root_of(Tree::Cpu).is_some_and(|root| root.join("cgroup.controllers").exists()) {
        return skipped("cgroup v2 allows a quota above that of the group above");
    }
    let child = TestGroup::named(format!("{}/inner", parent.name), &[Tree::Cpu]).unwrap();
    let actuator = actuator();
    set(&actuator, &parent.target, QUOTA, cores(500));
    let before = Setting::Cpu(Limit::Unlimited);
    let action = Action::Set { resource: QUOTA, before, after: cores(800) };
    let Outcome::Failed { reason } = actuator.apply(&child.target, &action) else { panic!("the kernel took it") };
    assert!(reason.contains(&parent.name) && reason.contains("0.50 cores"), "{reason}");
    set(&actuator, &child.target, QUOTA, cores(400));
    let lower = Action::Set { resource: QUOTA, before: cores(500), after: cores(300) };
    let Outcome::Failed { reason } = actuator.apply(&parent.target, &lower) else { panic!("the kernel took it") };
    assert!(reason.contains("a group below"), "{reason}");
}

#[test]
fn burst_follows_the_quota_where_it_is_asked_for() {
    let Some(group) = TestGroup::new(&[Tree::Cpu]) else { return };
    let v1 = group.folder(Tree::Cpu).join("cpu.cfs_burst_us");
    let file = if v1.exists() { v1 } else { group.folder(Tree::Cpu).join("cpu.max.burst") };
    if !file.exists() {
        return skipped("this kernel has no CPU burst (Linux 5.14)");
    }
    let burst = || std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let bursting = Actuator::new(Config { cpu_burst: Some(Permille(500)), ..Config::default() }).unwrap();
    let before = set(&bursting, &group.target, QUOTA, cores(1_000));
    assert_eq!(burst(), "50000");
    set(&bursting, &group.target, QUOTA, cores(100));
    assert_eq!(burst(), "5000");
    set(&bursting, &group.target, QUOTA, cores(600));
    assert_eq!(burst(), "30000");

    // An actuator that leaves the burst alone says what is in its way.
    let action = Action::Set { resource: QUOTA, before: cores(600), after: cores(200) };
    let Outcome::Failed { reason } = actuator().apply(&group.target, &action) else { panic!("the kernel took it") };
    assert!(reason.contains("burst"), "{reason}");
    set(&bursting, &group.target, QUOTA, before);
    assert_eq!(burst(), "0");
}

#[test]
fn weights_are_set_and_put_back_to_the_very_figure() {
    let Some(group) = TestGroup::new(&[Tree::Cpu]) else { return };
    let actuator = actuator();
    let weight = |weight| Setting::Weight(Weight::clamped(weight));
    let shares = group.folder(Tree::Cpu).join("cpu.shares");
    if shares.exists() {
        std::fs::write(&shares, "107").unwrap();
        let before = set(&actuator, &group.target, Resource::CpuWeight, weight(250));
        assert_eq!((before, group.text(Tree::Cpu, "cpu.shares").as_str()), (weight(10), "2560"));
        set(&actuator, &group.target, Resource::CpuWeight, before);
        assert_eq!(group.text(Tree::Cpu, "cpu.shares"), "107");
    } else {
        let before = set(&actuator, &group.target, Resource::CpuWeight, weight(250));
        assert_eq!(before, Setting::Weight(Weight::DEFAULT));
        set(&actuator, &group.target, Resource::CpuWeight, before);
        assert_eq!(group.text(Tree::Cpu, "cpu.weight"), "100");
    }
}

#[test]
fn a_target_that_is_gone_is_reported_as_gone() {
    let Some(group) = TestGroup::new(&[Tree::Cpu]) else { return };
    let actuator = actuator();
    let before = set(&actuator, &group.target, QUOTA, cores(500));
    let target = group.target.clone();
    drop(group);
    let action = Action::Restore { undoes: Ticket(1), resource: QUOTA, before: cores(500), after: before };
    assert_eq!(actuator.apply(&target, &action), Outcome::TargetGone);
    assert!(matches!(actuator.read(&target, QUOTA), Err(act::ActError::Gone { .. })));
    let other = TargetId::new("cgroup:/../../etc");
    assert!(matches!(actuator.apply(&other, &action), Outcome::Failed { .. }));
}
