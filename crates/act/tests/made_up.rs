//! What is written where, on made-up v1, v2 and hybrid trees: no privilege is needed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use act::{ActError, Actuator, Config, Roots};
use model::{
    Action, Bytes, BytesPerSecond, Limit, MilliCores, Outcome, Permille, Resource, Setting, TargetId, Ticket, Weight,
};
use tempfile::TempDir;

const GROUP: &str = "system.slice/web.service";

/// A made-up host: `files` below its `cgroup` folder, and one block device 8:0.
struct Host {
    folder: TempDir,
    target: TargetId,
}

impl Host {
    fn new(files: &[(&str, &str)]) -> Host {
        let folder = tempfile::tempdir().unwrap();
        let host = Host { folder, target: TargetId::new(format!("cgroup:/{GROUP}")) };
        for (path, text) in files {
            host.write(path, text);
        }
        let device = host.folder.path().join("sys/block/sda");
        std::fs::create_dir_all(&device).unwrap();
        std::fs::write(device.join("size"), "1000\n").unwrap();
        std::fs::write(device.join("dev"), "8:0\n").unwrap();
        host
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("cgroup").join(path.replace('@', GROUP))
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    fn actuator(&self, cpu_burst: Option<Permille>) -> Actuator {
        let roots = Roots { cgroup: self.folder.path().join("cgroup"), sys: self.folder.path().join("sys") };
        Actuator::new(Config { roots, cpu_burst, memory_margin: Bytes(1 << 20) }).unwrap()
    }
}

/// v1, with an empty unified tree beside it.
fn v1() -> Host {
    Host::new(&[
        ("cpu/@/cpu.cfs_quota_us", "-1\n"),
        ("cpu/@/cpu.cfs_period_us", "50000\n"),
        ("cpu/@/cpu.cfs_burst_us", "0\n"),
        ("cpu/@/cpu.shares", "1024\n"),
        ("memory/@/memory.limit_in_bytes", "9223372036854771712\n"),
        ("memory/@/memory.usage_in_bytes", "104857600\n"),
        (
            "memory/@/memory.stat",
            "cache 1\ninactive_file 7\ntotal_inactive_file 41943040\ntotal_dirty 0\ntotal_writeback 0\n",
        ),
        ("blkio/@/blkio.throttle.read_bps_device", ""),
        ("blkio/@/blkio.throttle.write_bps_device", ""),
        ("unified/cgroup.controllers", "\n"),
    ])
}

fn v2() -> Host {
    Host::new(&[
        ("cgroup.controllers", "cpu io memory pids\n"),
        ("@/cpu.max", "max 50000\n"),
        ("@/cpu.max.burst", "0\n"),
        ("@/cpu.weight", "100\n"),
        ("@/memory.max", "max\n"),
        ("@/memory.current", "104857600\n"),
        ("@/memory.stat", "anon 1\ninactive_file 41943040\nfile_dirty 0\nfile_writeback 0\n"),
        ("@/io.max", ""),
    ])
}

fn rate(bytes: u64) -> Setting {
    Setting::Bandwidth(Limit::At(BytesPerSecond(bytes)))
}

fn cores(milli: u64) -> Setting {
    Setting::Cpu(Limit::At(MilliCores(milli)))
}

fn memory(bytes: u64) -> Setting {
    Setting::Memory(Limit::At(Bytes(bytes)))
}

/// One change, what its file holds then, and what it holds after the undo (on a real kernel the file would print its own form).
fn check(host: &Host, file: &str, resource: Resource, after: Setting, written: &str, undone: &str) {
    let actuator = host.actuator(None);
    let before = actuator.read(&host.target, resource).unwrap().unwrap();
    let set = Action::Set { resource, before, after };
    assert_eq!(actuator.apply(&host.target, &set), Outcome::Applied, "{file}");
    assert_eq!(host.text(file), written);
    assert_eq!(actuator.apply(&host.target, &set), Outcome::Applied, "{file}, again");
    assert_eq!(host.text(file), written, "again");
    let undo = Action::Restore { undoes: Ticket(1), resource, before: after, after: before };
    assert_eq!(actuator.apply(&host.target, &undo), Outcome::Applied, "{file}, undone");
    assert_eq!(host.text(file), undone);
}

#[test]
fn v1_files_get_the_kernels_own_text() {
    let host = v1();
    check(&host, "cpu/@/cpu.cfs_quota_us", Resource::CpuQuota, cores(1_500), "75000", "-1");
    check(&host, "cpu/@/cpu.shares", Resource::CpuWeight, Setting::Weight(Weight::clamped(200)), "2048", "1024");
    let limit = memory(128 << 20);
    check(&host, "memory/@/memory.limit_in_bytes", Resource::MemoryLimit, limit, "134217728", "-1");
    assert_eq!(host.text("cpu/@/cpu.cfs_period_us"), "50000\n", "the period is kept");
    assert_eq!(host.text("cpu/@/cpu.cfs_burst_us"), "0\n", "the burst is left alone");
}

#[test]
fn v2_files_get_the_kernels_own_text() {
    let host = v2();
    check(&host, "@/cpu.max", Resource::CpuQuota, cores(1_500), "75000 50000", "max 50000");
    check(&host, "@/cpu.weight", Resource::CpuWeight, Setting::Weight(Weight::clamped(200)), "200", "100");
    check(&host, "@/memory.max", Resource::MemoryLimit, memory(128 << 20), "134217728", "max");
    let read = Resource::DiskReadBandwidth;
    check(&host, "@/io.max", read, rate(5_000_000), "8:0 rbps=5000000", "8:0 rbps=max");
    host.write("@/io.max", "");
    check(&host, "@/io.max", Resource::DiskWriteBandwidth, rate(7), "8:0 wbps=7", "8:0 wbps=max");
}

#[test]
fn v1_block_devices_are_limited_by_number() {
    let host = v1();
    let (actuator, resource) = (host.actuator(None), Resource::DiskReadBandwidth);
    let before = Setting::Bandwidth(Limit::Unlimited);
    assert_eq!(actuator.read(&host.target, resource).unwrap(), Some(before));
    assert_eq!(actuator.apply(&host.target, &Action::Set { resource, before, after: rate(5_000) }), Outcome::Applied);
    assert_eq!(host.text("blkio/@/blkio.throttle.read_bps_device"), "8:0 5000");
    assert_eq!(host.text("blkio/@/blkio.throttle.write_bps_device"), "");
    // A device that is not among ours counts too: whoever limited it has plans.
    host.write("blkio/@/blkio.throttle.read_bps_device", "8:0 5000\n8:16 700\n");
    assert_eq!(actuator.read(&host.target, resource).unwrap(), Some(rate(700)));
    let action = Action::Set { resource, before: rate(5_000), after: rate(6_000) };
    assert_eq!(actuator.apply(&host.target, &action), Outcome::ChangedElsewhere { found: rate(700) });
    let nothing = Action::Set { resource, before: rate(5_000), after: rate(0) };
    assert!(matches!(actuator.apply(&host.target, &nothing), Outcome::Failed { .. }));
}

#[test]
fn burst_is_a_share_of_the_quota_where_it_is_asked_for() {
    for (host, file) in [(v1(), "cpu/@/cpu.cfs_burst_us"), (v2(), "@/cpu.max.burst")] {
        let actuator = host.actuator(Some(Permille(400)));
        let (resource, before) = (Resource::CpuQuota, Setting::Cpu(Limit::Unlimited));
        assert_eq!(actuator.apply(&host.target, &Action::Set { resource, before, after: cores(1_000) }), Outcome::Applied);
        assert_eq!(host.text(file), "20000");
        let lift = Action::Set { resource, before: cores(1_000), after: before };
        assert_eq!(actuator.apply(&host.target, &lift), Outcome::Applied);
        assert_eq!(host.text(file), "0");
    }
}

#[test]
fn a_memory_limit_is_not_lowered_below_the_working_set_and_the_margin() {
    for (host, file) in [(v1(), "memory/@/memory.limit_in_bytes"), (v2(), "@/memory.max")] {
        let (actuator, resource, held) = (host.actuator(None), Resource::MemoryLimit, host.text(file));
        let before = Setting::Memory(Limit::Unlimited);
        let set = |after| actuator.apply(&host.target, &Action::Set { resource, before, after: memory(after) });
        // 100 MiB are used, 40 MiB of them idle file cache; 1 MiB stays free.
        assert_eq!(set((61 << 20) - 4_096), Outcome::WouldHarm { in_use: 60 << 20 });
        assert_eq!(host.text(file), held, "nothing was written");
        assert_eq!(set(101 << 20), Outcome::Applied);
        // Below use already (the kernel would be reclaiming): raising it is allowed all the same.
        host.write(file, "1048576\n");
        let raise = Action::Set { resource, before: memory(1 << 20), after: memory(102 << 20) };
        assert_eq!(actuator.apply(&host.target, &raise), Outcome::Applied);
    }
}

#[test]
fn what_the_kernel_cannot_drop_first_is_in_use_on_v2() {
    // Nothing here reclaims: 100 MiB stay charged, so a limit of 90 MiB must not be written although 60 MiB are the working set.
    let host = v2();
    host.write("@/memory.reclaim", "");
    let action =
        Action::Set { resource: Resource::MemoryLimit, before: Setting::Memory(Limit::Unlimited), after: memory(90 << 20) };
    assert_eq!(host.actuator(None).apply(&host.target, &action), Outcome::WouldHarm { in_use: 100 << 20 });
    assert_eq!(host.text("@/memory.reclaim"), ((11_u64 << 20).to_string()), "down to 1 MiB below the limit");
    assert_eq!(host.text("@/memory.max"), "max\n");
}

#[test]
fn kernels_that_cannot_be_asked_to_reclaim_are_squeezed_and_let_go() {
    let host = v2();
    host.write("@/memory.high", "94371840\n");
    let (resource, before) = (Resource::MemoryLimit, Setting::Memory(Limit::Unlimited));
    let action = Action::Set { resource, before, after: memory(80 << 20) };
    assert_eq!(host.actuator(None).apply(&host.target, &action), Outcome::WouldHarm { in_use: 100 << 20 });
    assert_eq!(host.text("@/memory.high"), "94371840", "put back");
    std::fs::remove_file(host.path("@/memory.high")).unwrap();
    assert!(matches!(host.actuator(None).apply(&host.target, &action), Outcome::Unsupported { .. }));
    assert_eq!(host.text("@/memory.max"), "max\n");
}

#[test]
fn a_quota_below_the_kernels_least_is_named() {
    let host = v2();
    let action = Action::Set { resource: Resource::CpuQuota, before: Setting::Cpu(Limit::Unlimited), after: cores(10) };
    let Outcome::Failed { reason } = host.actuator(None).apply(&host.target, &action) else { panic!("applied") };
    assert!(reason.contains("500 us") && reason.contains("1000 us"), "{reason}");
}

#[test]
fn missing_knobs_and_groups_have_their_own_answers() {
    let host = v1();
    let actuator = host.actuator(None);
    std::fs::remove_dir_all(host.path("memory/@")).unwrap();
    assert_eq!(actuator.read(&host.target, Resource::MemoryLimit).unwrap(), None, "in other trees only");
    assert_eq!(actuator.read(&host.target, Resource::NetworkTransmitBandwidth).unwrap(), None, "not in the unified tree");
    std::fs::remove_file(host.path("cpu/@/cpu.shares")).unwrap();
    assert_eq!(actuator.read(&host.target, Resource::CpuWeight).unwrap(), None);
    let action = Action::Set { resource: Resource::MemoryLimit, before: memory(1 << 30), after: memory(1 << 31) };
    assert!(matches!(actuator.apply(&host.target, &action), Outcome::Unsupported { .. }));
    let gone = TargetId::new("cgroup:/gone");
    assert!(matches!(actuator.read(&gone, Resource::CpuQuota), Err(ActError::Gone { .. })));
    assert_eq!(actuator.apply(&gone, &action), Outcome::TargetGone);
    host.write("cpu/@/cpu.cfs_quota_us", "much\n");
    assert!(matches!(actuator.read(&host.target, Resource::CpuQuota), Err(ActError::Parse { .. })));
    let wrong = Action::Set { resource: Resource::CpuQuota, before: cores(1), after: memory(1) };
    assert!(matches!(actuator.apply(&host.target, &wrong), Outcome::Failed { .. }));
}

#[test]
fn names_do_not_lead_out_of_the_tree() {
    let host = v2();
    let outside = host.folder.path().join("outside");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("cpu.max"), "max 100000\n").unwrap();
    std::os::unix::fs::symlink(&outside, host.path("link")).unwrap();
    std::os::unix::fs::symlink(outside.join("cpu.max"), host.path("@/cpu.max.burst.link")).unwrap();
    let actuator = host.actuator(None);
    let action = Action::Set { resource: Resource::CpuQuota, before: Setting::Cpu(Limit::Unlimited), after: cores(500) };
    for name in ["cgroup:/link", "cgroup:/../outside", "cgroup:/", "cgroup:/system.slice/../../outside"] {
        let outcome = actuator.apply(&TargetId::new(name), &action);
        assert!(!matches!(outcome, Outcome::Applied | Outcome::ChangedElsewhere { .. }), "{name}: {outcome:?}");
    }
    assert_eq!(std::fs::read_to_string(outside.join("cpu.max")).unwrap(), "max 100000\n");
    assert!(Path::new(&outside).exists());
}

#[test]
fn the_probe_names_what_is_missing_and_how_to_mend_it() {
    let host = v2();
    std::fs::remove_file(host.path("@/io.max")).unwrap();
    let found = host.actuator(None).probe();
    let one = |name: &str| found.iter().find(|one| one.name == name).unwrap();
    assert!(one("act.cpu_quota").available && one("act.memory_limit").available && one("act.block_devices").available);
    let disk = one("act.disk_bandwidth");
    assert!(!disk.available && disk.remedy.as_ref().unwrap().starts_with("echo +io > "), "{disk:?}");
    let bare = Host::new(&[("cpu/@/cpu.shares", "1024\n")]).actuator(None).probe();
    assert!(bare.iter().any(|one| one.name == "act.network_bandwidth" && !one.available));
}
