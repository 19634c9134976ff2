//! Block device bandwidth on this host.

use std::time::{Duration, Instant};

use model::{Action, BytesPerSecond, Limit, Outcome, Resource, Setting, Ticket};

use crate::groups::{TestGroup, Tree, actuator, set, skipped};
use crate::roles::start;

const WRITE: Resource = Resource::DiskWriteBandwidth;

fn rate(mebibytes: u64) -> Setting {
    Setting::Bandwidth(Limit::At(BytesPerSecond(mebibytes << 20)))
}

/// Bytes that a process sent to block devices.
fn written(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}

#[test]
fn writes_are_held_to_the_limit_and_an_undo_leaves_no_trace() {
    let Some(mut group) = TestGroup::new(&[Tree::Disk]) else { return };
    let actuator = actuator();
    if actuator.read(&group.target, WRITE).unwrap().is_none() {
        return skipped("this host has no block device or no throttling of block devices");
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let before = set(&actuator, &group.target, WRITE, rate(8));
    assert_eq!(before, Setting::Bandwidth(Limit::Unlimited));
    assert_eq!(actuator.read(&group.target, Resource::DiskReadBandwidth).unwrap(), Some(before), "reads stay free");

    let child = start(Some(&group), None, &format!("write {}", folder.path().join("file").display()));
    let process = child.id();
    group.keep(child);
    std::thread::sleep(Duration::from_millis(500));
    let (start_time, start_bytes) = (Instant::now(), written(process));
    std::thread::sleep(Duration::from_secs(3));
    let held = (written(process) - start_bytes) as f64 / start_time.elapsed().as_secs_f64() / f64::from(1 << 20);
    println!("limit 8 MiB/s, written {held:.2} MiB/s");
    assert!((7.2..8.8).contains(&held), "8 MiB/s were allowed, {held:.2} were written");

    set(&actuator, &group.target, WRITE, rate(16));
    let undo = Action::Restore { undoes: Ticket(1), resource: WRITE, before: rate(16), after: before };
    assert_eq!(actuator.apply(&group.target, &undo), Outcome::Applied);
    let file = if group.folder(Tree::Disk).join("io.max").exists() { "io.max" } else { "blkio.throttle.write_bps_device" };
    assert_eq!(group.text(Tree::Disk, file), "");
    group.end_children();
}

#[test]
fn devices_that_somebody_else_arranged_are_left_alone() {
    let Some(group) = TestGroup::new(&[Tree::Disk]) else { return };
    let actuator = actuator();
    if actuator.read(&group.target, WRITE).unwrap().is_none() {
        return skipped("this host has no block device or no throttling of block devices");
    }
    set(&actuator, &group.target, WRITE, rate(8));
    let v1 = group.folder(Tree::Disk).join("blkio.throttle.write_bps_device");
    let (file, key) = if v1.exists() { (v1, "") } else { (group.folder(Tree::Disk).join("io.max"), "wbps=") };
    let device = std::fs::read_to_string(&file).unwrap().split(' ').next().unwrap().to_owned();
    std::fs::write(&file, format!("{device} {key}{}", 5 << 20)).unwrap();
    let action = Action::Set { resource: WRITE, before: rate(8), after: rate(9) };
    assert_eq!(actuator.apply(&group.target, &action), Outcome::ChangedElsewhere { found: rate(5) });
    assert_eq!(actuator.read(&group.target, WRITE).unwrap(), Some(rate(5)));
}
