//! Samples of made-up v1, v2 and hybrid hosts, figure by figure.
#![allow(clippy::unwrap_used, reason = "a fault ends the test")]

mod support;

use collect::layout::Layout;
use collect::{Changes, Glob, Sampler, Selectors};
use model::{
    Bytes, BytesPerSecond, Limit, Metric, MilliCores, Moment, Ordinal, Permille, Pressure, Resource, Setting, Span,
    TargetKind, TargetSample, Weight,
};
use support::Tree;

fn sampler(tree: &Tree) -> Sampler {
    Sampler::new(Layout::detect(&tree.roots), tree.roots.clone())
}

fn at(seconds: u64) -> Moment {
    Moment::START + Span::from_secs(seconds)
}

fn sample(sampler: &mut Sampler, seconds: u64) -> Vec<TargetSample> {
    let mut out = Vec::new();
    sampler.sample(at(seconds), &mut out);
    out
}

/// What happened since the group began, in each version's own units.
struct Counters {
    cpu_ms: u64,
    throttled_ms: u64,
    read: u64,
    written: u64,
    kills: u64,
}

const MIB: u64 = 1 << 20;

fn write_v1(tree: &Tree, path: &str, counters: &Counters) {
    let Counters { cpu_ms, throttled_ms, read, written, kills } = counters;
    tree.cgroup(&format!("cpuacct{path}/cpuacct.usage"), &format!("{}\n", cpu_ms * 1_000_000));
    let throttled = throttled_ms * 1_000_000;
    tree.cgroup(&format!("cpu{path}/cpu.stat"), &format!("nr_periods 9\nnr_throttled 4\nthrottled_time {throttled}\n"));
    tree.cgroup(&format!("memory{path}/memory.usage_in_bytes"), &format!("{}\n", 100 * MIB));
    let stat = format!(
        "cache 1\nrss 1\ninactive_file 1\ntotal_cache {}\ntotal_rss {}\ntotal_shmem {}\ntotal_inactive_file {}\n",
        60 * MIB,
        40 * MIB,
        8 * MIB,
        24 * MIB
    );
    tree.cgroup(&format!("memory{path}/memory.stat"), &stat);
    tree.cgroup(
        &format!("memory{path}/memory.oom_control"),
        &format!("oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n"),
    );
    let io = format!("8:0 Read {read}\n8:0 Write {written}\n8:0 Sync 7\n253:0 Read {read}\n253:0 Write 5\nTotal 99\n");
    tree.cgroup(&format!("blkio{path}/blkio.throttle.io_service_bytes_recursive"), &io);
    // A logical volume on top of 8:0: the same bytes once more.
    std::fs::create_dir_all(tree.roots.sys.join("dev/block/253:0/slaves/sda")).unwrap();
}

fn write_v2(tree: &Tree, path: &str, counters: &Counters) {
    let Counters { cpu_ms, throttled_ms, read, written, kills } = counters;
    let (usage, throttled) = (cpu_ms * 1_000, throttled_ms * 1_000);
    let cpu = format!("usage_usec {usage}\nuser_usec 1\nnr_throttled 4\nthrottled_usec {throttled}\n");
    tree.cgroup(&format!("{path}/cpu.stat")[1..], &cpu);
    tree.cgroup(&format!("{path}/memory.current")[1..], &format!("{}\n", 100 * MIB));
    let stat = format!("anon {}\nfile {}\nkernel 5\nshmem {}\ninactive_file {}\n", 40 * MIB, 60 * MIB, 8 * MIB, 24 * MIB);
    tree.cgroup(&format!("{path}/memory.stat")[1..], &stat);
    tree.cgroup(&format!("{path}/memory.events")[1..], &format!("low 0\noom 3\noom_kill {kills}\n"));
    let io = format!("8:0 rbytes={read} wbytes={written} rios=1 wios=2 dbytes=0 dios=0\n253:0 rbytes={read} wbytes=5\n");
    tree.cgroup(&format!("{path}/io.stat")[1..], &io);
    std::fs::create_dir_all(tree.roots.sys.join("dev/block/253:0/slaves/sda")).unwrap();
}

fn pressure(tree: &Tree, folder: &str) {
    for (name, some, full) in [("cpu", "12.34", "0.00"), ("memory", "5.00", "2.55"), ("io", "0.10", "0.00")] {
        let rest = "avg60=0.00 avg300=0.00 total=0";
        tree.cgroup(&format!("{folder}/{name}.pressure"), &format!("some avg10={some} {rest}\nfull avg10={full} {rest}\n"));
    }
}

const BEFORE: Counters = Counters { cpu_ms: 5_000, throttled_ms: 100, read: 1_000, written: 2_000, kills: 1 };
const AFTER: Counters = Counters { cpu_ms: 8_000, throttled_ms: 600, read: 9_000, written: 6_000, kills: 3 };

fn check_two_samples(tree: &Tree, write: impl Fn(&Counters)) {
    write(&BEFORE);
    let mut sampler = sampler(tree);
    let changes = sampler.refresh();
    assert_eq!(changes.appeared.len(), 1);
    let (ordinal, spec) = &changes.appeared[0];
    assert_eq!((*ordinal, spec.kind), (Ordinal(0), TargetKind::Service));
    assert_eq!((spec.id.as_str(), spec.application.as_deref()), ("cgroup:/system.slice/web@1.service", Some("web")));

    let mut expected = TargetSample::new(Ordinal(0));
    expected.usage.set(Metric::Memory, (76 * MIB) as f32);
    expected.memory_anon = Some(Bytes(48 * MIB));
    expected.memory_file = Some(Bytes(52 * MIB));
    expected.pressure = Some(Pressure {
        cpu_some: Permille(123),
        memory_some: Permille(50),
        memory_full: Permille(26),
        io_some: Permille(1),
    });
    assert_eq!(sample(&mut sampler, 10), [expected], "the first sample has no rates");

    write(&AFTER);
    expected.usage.set(Metric::Cpu, 1.5);
    expected.usage.set(Metric::DiskRead, 4_000.0);
    expected.usage.set(Metric::DiskWrite, 2_000.0);
    expected.throttled = Some(0.25);
    expected.out_of_memory_kills = 2;
    assert_eq!(sample(&mut sampler, 12), [expected]);

    // Counters that went backwards give no rate, and the next interval starts from them.
    write(&BEFORE);
    let reset = sample(&mut sampler, 13)[0];
    assert_eq!((reset.usage.get(Metric::Cpu), reset.throttled, reset.out_of_memory_kills), (None, None, 0));
    assert_eq!(reset.usage.get(Metric::DiskRead), None);
    write(&AFTER);
    assert_eq!(sample(&mut sampler, 15), [expected]);

    // More throttled time than the interval is long: on several CPUs at once.
    write(&Counters { throttled_ms: 9_000, ..AFTER });
    assert_eq!(sample(&mut sampler, 16)[0].throttled, Some(1.0));
}

#[test]
fn hybrid_samples_are_exact() {
    let tree = Tree::hybrid();
    let path = "/system.slice/web@1.service";
    pressure(&tree, &format!("unified{path}"));
    check_two_samples(&tree, |counters| write_v1(&tree, path, counters));
}

#[test]
fn v1_samples_are_exact_but_for_pressure() {
    let tree = Tree::hybrid();
    std::fs::remove_dir_all(tree.roots.cgroup.join("unified")).unwrap();
    let path = "/system.slice/web@1.service";
    // Some kernels have pressure files in the cpuacct hierarchy.
    pressure(&tree, "cpuacct");
    pressure(&tree, &format!("cpuacct{path}"));
    check_two_samples(&tree, |counters| write_v1(&tree, path, counters));
}

#[test]
fn v2_samples_are_exact() {
    let tree = Tree::unified();
    let path = "/system.slice/web@1.service";
    pressure(&tree, &path[1..]);
    check_two_samples(&tree, |counters| write_v2(&tree, path, counters));
}

#[test]
fn without_v1_accounting_the_v2_mount_counts_cpu() {
    let tree = Tree::hybrid();
    tree.cgroup("unified/system.slice/a.service/cpu.stat", "usage_usec 1000000\n");
    let mut sampler = sampler(&tree);
    assert_eq!(sampler.refresh().appeared.len(), 1);
    sample(&mut sampler, 1);
    tree.cgroup("unified/system.slice/a.service/cpu.stat", "usage_usec 1500000\n");
    let after = sample(&mut sampler, 2);
    assert_eq!(after[0].usage.get(Metric::Cpu), Some(0.5));
    assert_eq!((after[0].usage.get(Metric::Memory), after[0].throttled, after[0].pressure), (None, None, None));
}

#[test]
fn groups_come_go_and_reuse_ordinals() {
    let tree = Tree::unified();
    for name in ["a", "b", "c"] {
        write_v2(&tree, &format!("/batch/{name}"), &BEFORE);
    }
    let mut sampler = sampler(&tree);
    sampler.select(Selectors { include: vec![Glob::new("/batch/*")], targets_max: 3, ..Selectors::default() });
    let names = |changes: &Changes| -> Vec<String> {
        changes.appeared.iter().map(|(ordinal, spec)| format!("{} {}", ordinal.0, spec.id)).collect()
    };
    assert_eq!(names(&sampler.refresh()), ["0 cgroup:/batch/a", "1 cgroup:/batch/b", "2 cgroup:/batch/c"]);
    assert_eq!(sampler.refresh(), Changes::default());

    // One more than there is room for: who is there stays, though the newcomer comes first by name.
    write_v2(&tree, "/batch/Z", &BEFORE);
    assert_eq!(sampler.refresh(), Changes { over_limit: 1, ..Changes::default() });

    std::fs::remove_dir_all(tree.roots.cgroup.join("batch/b")).unwrap();
    let changes = sampler.refresh();
    assert_eq!((changes.gone.clone(), names(&changes)), (vec![Ordinal(1)], vec!["1 cgroup:/batch/Z".to_owned()]));
    assert_eq!((sampler.len(), sampler.path(Ordinal(1))), (3, Some("/batch/Z")));
    let seen: Vec<u32> = sample(&mut sampler, 1).iter().map(|sample| sample.target.0).collect();
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn a_controller_that_is_enabled_later_is_picked_up() {
    let tree = Tree::unified();
    tree.cgroup("batch/a/cpu.stat", "usage_usec 1\n");
    let mut sampler = sampler(&tree);
    sampler.select(Selectors { include: vec![Glob::new("/batch/*")], ..Selectors::default() });
    sampler.refresh();
    assert_eq!(sample(&mut sampler, 1)[0].usage.get(Metric::Memory), None);
    tree.cgroup("batch/a/memory.current", "4096\n");
    sampler.refresh();
    assert_eq!(sample(&mut sampler, 2)[0].usage.get(Metric::Memory), Some(4_096.0));
}

#[test]
fn knobs_are_read_in_both_versions() {
    let at_most = |cpu, memory: u64, read, write| {
        vec![
            (Resource::CpuQuota, Setting::Cpu(cpu)),
            (Resource::CpuWeight, Setting::Weight(Weight::clamped(200))),
            (Resource::MemoryLimit, Setting::Memory(Limit::At(Bytes(memory)))),
            (Resource::DiskReadBandwidth, Setting::Bandwidth(read)),
            (Resource::DiskWriteBandwidth, Setting::Bandwidth(write)),
        ]
    };
    let expected = at_most(Limit::At(MilliCores(1_250)), 512 * MIB, Limit::At(BytesPerSecond(1_000_000)), Limit::Unlimited);

    let tree = Tree::hybrid();
    tree.cgroup("cpu/system.slice/a.service/cpu.cfs_quota_us", "125000\n");
    tree.cgroup("cpu/system.slice/a.service/cpu.cfs_period_us", "100000\n");
    tree.cgroup("cpu/system.slice/a.service/cpu.shares", "2048\n");
    tree.cgroup("memory/system.slice/a.service/memory.limit_in_bytes", "536870912\n");
    let bandwidth = "8:0 2000000\n8:16 1000000\n";
    tree.cgroup("blkio/system.slice/a.service/blkio.throttle.read_bps_device", bandwidth);
    tree.cgroup("blkio/system.slice/a.service/blkio.throttle.write_bps_device", "");
    let mut hybrid = sampler(&tree);
    hybrid.refresh();
    assert_eq!(hybrid.settings(Ordinal(0)), expected);
    tree.cgroup("cpu/system.slice/a.service/cpu.cfs_quota_us", "-1\n");
    tree.cgroup("memory/system.slice/a.service/memory.limit_in_bytes", "9223372036854771712\n");
    let held = hybrid.settings(Ordinal(0));
    assert_eq!((held[0].1, held[2].1), (Setting::Cpu(Limit::Unlimited), Setting::Memory(Limit::Unlimited)));

    let tree = Tree::unified();
    tree.cgroup("system.slice/a.service/cpu.max", "62500 50000\n");
    tree.cgroup("system.slice/a.service/cpu.weight", "200\n");
    tree.cgroup("system.slice/a.service/memory.max", "536870912\n");
    tree.cgroup("system.slice/a.service/io.max", "8:0 rbps=1000000 wbps=max riops=max wiops=max\n");
    let mut unified = sampler(&tree);
    unified.refresh();
    assert_eq!(unified.settings(Ordinal(0)), expected);
    tree.cgroup("system.slice/a.service/cpu.max", "max 100000\n");
    std::fs::remove_file(tree.roots.cgroup.join("system.slice/a.service/memory.max")).unwrap();
    let held = unified.settings(Ordinal(0));
    assert_eq!(held[0].1, Setting::Cpu(Limit::Unlimited));
    assert!(held.iter().all(|(resource, _)| *resource != Resource::MemoryLimit), "a missing knob is left out");
    assert_eq!(unified.settings(Ordinal(9)), []);
}

#[test]
fn a_container_is_named_after_its_image_and_read_in_its_namespace() {
    let tree = Tree::unified();
    let id = "0b".repeat(32);
    let group = format!("system.slice/docker-{id}.scope");
    tree.cgroup(&format!("{group}/cpu.stat"), "usage_usec 0\n");
    tree.cgroup(&format!("{group}/init/cgroup.procs"), "0\n77\n78\n");
    tree.cgroup("system.slice/shares.service/cpu.stat", "usage_usec 0\n");
    tree.cgroup("system.slice/shares.service/cgroup.procs", "99\n");
    let record = r#"{"ID":"x","Config":{"Hostname":"h","Image":"registry:5000/team/web:1.2"}}"#;
    tree.file(&format!("var/lib/docker/containers/{id}/config.v2.json"), record);
    let host = tree.file("proc/self/ns/net", "");
    tree.file("proc/77/ns/net", "");
    std::fs::create_dir_all(tree.roots.proc.join("99/ns")).unwrap();
    std::fs::hard_link(host, tree.roots.proc.join("99/ns/net")).unwrap();
    let devices = |received: u64, sent: u64| {
        let line = |name: &str, received, sent| format!("{name}: {received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\n");
        let text = format!("Inter-|\n face |bytes\n{}{}", line("lo", 5, 5), line("eth0", received, sent));
        tree.file("proc/77/net/dev", &text);
    };
    devices(1_000, 2_000);
    let mut sampler = sampler(&tree);
    let changes = sampler.refresh();
    let (_, spec) = &changes.appeared[0];
    assert_eq!((spec.kind, spec.application.as_deref()), (TargetKind::Container, Some("team/web")));
    sample(&mut sampler, 1);
    devices(5_000, 4_000);
    let seen = sample(&mut sampler, 3);
    let network = |index: usize| [Metric::NetworkReceive, Metric::NetworkTransmit].map(|of| seen[index].usage.get(of));
    assert_eq!(network(0), [Some(2_000.0), Some(1_000.0)]);
    assert_eq!(network(1), [None, None], "nobody counts what shares our namespace");
}
