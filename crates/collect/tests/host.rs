//! The real host: a busy child in a cgroup of its own is seen with its CPU, its quota and its memory; one with a network
//! namespace of its own with its bytes. Needs root and writable cgroups; says so and returns where it lacks them.
#![allow(clippy::unwrap_used, reason = "a fault ends the test")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use collect::layout::{Layout, Version};
use collect::{Glob, Roots, Sampler, Selectors};
use model::{Limit, Metric, MilliCores, Moment, Ordinal, Resource, Setting, Span, TargetSample};

/// A group in every hierarchy, removed when dropped.
struct Group {
    path: String,
    folders: Vec<PathBuf>,
    layout: Layout,
}

impl Group {
    fn make(name: &str) -> Result<Group, String> {
        let layout = Layout::detect(&Roots::host());
        let path = format!("/forerun-test-{name}-{}", std::process::id());
        let mut group = Group { path, folders: Vec::new(), layout };
        if group.layout.hierarchies.is_empty() {
            return Err("no cgroups on this host".to_owned());
        }
        for hierarchy in &group.layout.hierarchies {
            let folder = hierarchy.root.join(&group.path[1..]);
            fs::create_dir(&folder).map_err(|error| format!("failed to make {}: {error}", folder.display()))?;
            group.folders.push(folder);
        }
        Ok(group)
    }

    /// A shell script that joins the group and then does `work`.
    fn script(&self, work: &str) -> String {
        let joins = self.folders.iter().map(|folder| format!("echo $$ > {}/cgroup.procs; ", folder.display()));
        joins.chain([work.to_owned()]).collect()
    }

    /// Gives the group a fifth of a core; false where it has no such knob.
    fn limit_to_a_fifth(&self) -> bool {
        let quota = |version| match version {
            Version::V1 => ("cpu.cfs_quota_us", "20000"),
            Version::V2 => ("cpu.max", "20000 100000"),
        };
        let hierarchies = self.layout.hierarchies.iter().zip(&self.folders).filter(|(has, _)| has.controllers.cpu);
        hierarchies
            .map(|(hierarchy, folder)| (quota(hierarchy.version), folder))
            .any(|((knob, value), folder)| folder.join(knob).exists() && fs::write(folder.join(knob), value).is_ok())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            // Children that have just been killed leave the group a moment later.
            let removed = (0..100).any(|_| {
                fs::remove_dir(folder).is_ok() || {
                    sleep(Duration::from_millis(20));
                    false
                }
            });
            if !removed {
                eprintln!("failed to remove {}", folder.display());
            }
        }
    }
}

/// A child that is killed, with everything that it started, when dropped.
struct Running(Child);

impl Running {
    fn start(script: &str) -> Running {
        use std::os::unix::process::CommandExt;
        let command = Command::new("bash").args(["-c", script]).stdin(Stdio::null()).process_group(0).spawn();
        Running(command.unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Two samples, `seconds` apart; the second one.
fn observe(sampler: &mut Sampler, seconds: u64) -> TargetSample {
    let start = Instant::now();
    let mut samples = Vec::new();
    sampler.sample(Moment::START, &mut samples);
    sleep(Duration::from_secs(seconds));
    sampler.sample(Moment::after_start(Span::from(start.elapsed())), &mut samples);
    assert_eq!(samples.len(), 1, "{samples:?}");
    samples[0]
}

fn sampler_of(group: &Group) -> Sampler {
    let mut sampler = Sampler::new(group.layout.clone(), Roots::host());
    sampler.select(Selectors {
        include: vec![Glob::new(&group.path)],
        exclude: Vec::new(),
        services: false,
        containers: false,
        ..Selectors::default()
    });
    let changes = sampler.refresh();
    let names: Vec<&str> =
        changes.appeared.iter().map(|(_, spec)| spec.id.as_str()).filter(|id| id.ends_with(&group.path)).collect();
    assert_eq!(names.len(), 1, "{changes:?}");
    sampler
}

#[test]
fn a_throttled_child_is_seen() {
    let group = match Group::make("busy") {
        Ok(group) => group,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    if !group.limit_to_a_fifth() {
        return eprintln!("skipped: the group has no CPU quota to set");
    }
    let running = Running::start(&group.script("while :; do :; done"));
    sleep(Duration::from_millis(300));
    let mut sampler = sampler_of(&group);
    let seen = observe(&mut sampler, 3);
    let cpu = seen.usage.get(Metric::Cpu).unwrap();
    assert!((0.05..0.35).contains(&cpu), "a fifth of a core, seen as {cpu}");
    assert!(seen.throttled.unwrap() > 0.1, "held back most of the time, seen as {:?}", seen.throttled);
    let memory = seen.usage.get(Metric::Memory).unwrap();
    assert!((1.0..1e9).contains(&memory) && seen.memory_anon.unwrap().0 > 0, "{seen:?}");
    let quota = sampler.settings(Ordinal(0))[0];
    assert_eq!(quota, (Resource::CpuQuota, Setting::Cpu(Limit::At(MilliCores(200)))));

    drop(running);
    let folders = group.folders.clone();
    drop(group);
    assert!(folders.iter().all(|folder| !folder.exists()));
    let mut samples = Vec::new();
    sampler.sample(Moment::START + Span::from_secs(60), &mut samples);
    assert_eq!(samples, [], "a group that is gone gives no sample");
    assert_eq!(sampler.refresh().gone, [Ordinal(0)]);
}

#[test]
fn a_network_namespace_of_its_own_is_read() {
    let group = match Group::make("net") {
        Ok(group) => group,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let possible =
        Command::new("unshare").args(["-n", "ip", "link", "add", "fv0", "type", "veth"]).stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no network namespaces or no veth here");
    }
    // Datagrams of 1,000 bytes to a neighbour that does not exist, on a pair of devices that nobody else sees.
    let work = "exec unshare -n bash -c 'ip link add fv0 type veth peer name fv1; ip addr add 10.9.0.1/24 dev fv0; ip link set fv0 up; \
         ip link set fv1 up; ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev fv0; data=$(printf %1000s); \
         while :; do for i in 1 2 3 4 5; do echo -n \"$data\" > /dev/udp/10.9.0.2/9; done; sleep 0.1; done'";
    let _running = Running::start(&group.script(work));
    sleep(Duration::from_millis(1_000));
    let mut sampler = sampler_of(&group);
    let seen = observe(&mut sampler, 2);
    let sent = seen.usage.get(Metric::NetworkTransmit).unwrap();
    assert!((1_042.0..60_000.0).contains(&sent), "some 50 datagrams of 1,042 bytes a second, seen as {sent} bytes");
    let received = seen.usage.get(Metric::NetworkReceive).unwrap();
    assert!(received > 0.0, "the other end of the pair receives them");
}
