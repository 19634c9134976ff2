//! Memory limits on this host.

use model::{Action, Bytes, Limit, Outcome, Resource, Setting, Ticket};

use crate::groups::{TestGroup, Tree, actuator, set};
use crate::roles::start;

const LIMIT: Resource = Resource::MemoryLimit;

fn mebibytes(count: u64) -> Setting {
    Setting::Memory(Limit::At(Bytes(count << 20)))
}

#[test]
fn a_limit_is_never_set_below_what_is_in_use() {
    let Some(mut group) = TestGroup::new(&[Tree::Memory]) else { return };
    let actuator = actuator();
    let mut child = start(Some(&group), None, "hold 64");
    let unlimited = set(&actuator, &group.target, LIMIT, mebibytes(256));
    assert_eq!(unlimited, Setting::Memory(Limit::Unlimited));

    for too_low in [1, 40, 64, 72] {
        let action = Action::Set { resource: LIMIT, before: mebibytes(256), after: mebibytes(too_low) };
        match actuator.apply(&group.target, &action) {
            Outcome::WouldHarm { in_use } => assert!((64 << 20..80 << 20).contains(&in_use), "{in_use} bytes in use"),
            other => panic!("{too_low} MiB: {other:?}"),
        }
        assert_eq!(actuator.read(&group.target, LIMIT).unwrap(), Some(mebibytes(256)));
    }
    set(&actuator, &group.target, LIMIT, mebibytes(96));
    assert!(child.try_wait().unwrap().is_none(), "the process lives");
    set(&actuator, &group.target, LIMIT, mebibytes(128));

    let odd = Setting::Memory(Limit::At(Bytes((100 << 20) + 1)));
    let action = Action::Set { resource: LIMIT, before: mebibytes(128), after: odd };
    assert_eq!(actuator.apply(&group.target, &action), Outcome::Applied, "rounded to pages by the kernel");
    assert_eq!(actuator.apply(&group.target, &action), Outcome::Applied, "again");

    let undo = Action::Restore { undoes: Ticket(1), resource: LIMIT, before: odd, after: unlimited };
    assert_eq!(actuator.apply(&group.target, &undo), Outcome::Applied);
    assert_eq!(actuator.read(&group.target, LIMIT).unwrap(), Some(unlimited));
    group.keep(child);
}

#[test]
fn file_cache_is_given_up_for_a_lower_limit() {
    let Some(group) = TestGroup::new(&[Tree::Memory]) else { return };
    let actuator = actuator();
    let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // Written and synced inside the group, so that 48 MiB of clean file cache are charged to it.
    let script =
        format!("echo $$ > {}; dd if=/dev/zero of={} bs=1M count=48 conv=fsync", group.procs(), file.path().display());
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success());
    let usage_file =
        if group.folder(Tree::Memory).join("memory.current").exists() { "memory.current" } else { "memory.usage_in_bytes" };
    let usage = || group.text(Tree::Memory, usage_file).parse::<u64>().unwrap();
    let before = usage();
    assert!(before > 40 << 20, "{before} bytes are charged");
    set(&actuator, &group.target, LIMIT, mebibytes(24));
    assert!(usage() <= 24 << 20, "{} bytes are left", usage());
}
