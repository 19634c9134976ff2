//! Nothing is left behind: not by hundreds of jobs, not by fifty at once, not by an owner that is killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::{Exit, Key, Pool, Program, Run, Runtime, Target};
use support::{eventually, has, host, sealed, text};

/// Tests here count what the whole process holds, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

#[derive(Debug, PartialEq)]
struct Held {
    groups: usize,
    mounts: usize,
    namespaces: usize,
    descriptors: usize,
    children: usize,
}

fn held(groups_of: u32) -> Held {
    let namespaces = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        is_descendant(&entry.path()).then(|| std::fs::read_link(entry.path().join("ns/net")).ok())?
    });
    Held {
        groups: groups(groups_of).len(),
        mounts: std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count(),
        namespaces: namespaces.collect::<BTreeSet<_>>().len(),
        descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        children: std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| is_descendant(&entry.path())).count(),
    }
}

/// Whether a process of `/proc` descends from this one.
fn is_descendant(process: &std::path::Path) -> bool {
    let parent = |path: &std::path::Path| {
        let text = std::fs::read_to_string(path.join("stat")).ok()?;
        text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    let mut at = parent(process);
    while let Some(pid) = at.filter(|&pid| pid > 1) {
        if pid == std::process::id() {
            return true;
        }
        at = parent(&PathBuf::from(format!("/proc/{pid}")));
    }
    false
}

/// The folders of control groups that a process's hosts made.
fn groups(owner: u32) -> Vec<PathBuf> {
    let list = |path: &std::path::Path| {
        std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>()
    };
    let root = std::path::Path::new("/sys/fs/cgroup");
    let trees = list(root).into_iter().chain([root.to_owned()]).filter(|path| path.join("cgroup.procs").exists());
    let prefix = format!("forerun-sandbox-{owner}-");
    let own =
        trees.flat_map(|tree| list(&tree)).filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&prefix));
    own.flat_map(|folder| list(&folder).into_iter().chain([folder])).filter(|path| path.is_dir()).collect()
}

#[test]
fn hundreds_of_jobs_and_fifty_at_once_leave_nothing() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = held(std::process::id());
    let Some(host) = host() else { return };
    let failures = Arc::new(Mutex::new(Vec::new()));
    let seen = failures.clone();
    let listen = move |event| {
        if let sandbox::PoolEvent::Failed { error, .. } = event {
            seen.lock().unwrap().push(error.to_string());
        }
    };
    let pool = Pool::new(host.clone(), 2, listen).unwrap();
    let keys = [Key::new("tests", Runtime::Exec), Key::new("tests", Runtime::Shell), Key::new("tests", Runtime::Python)];
    for key in &keys {
        pool.set_target(key, Target { waiting: 4, frozen: 1 }).unwrap();
    }
    let ready = |waiting, frozen| {
        let counts = pool.counts();
        counts.iter().all(|(_, _, counts)| counts.waiting == waiting && counts.frozen == frozen)
    };
    eventually("a full pool", || ready(4, 1));
    let warm = held(std::process::id());
    assert!(warm.groups > before.groups && warm.children > before.children, "{warm:?}");
    let job = |number: usize| {
        let code = number % 256;
        let run = match number % 3 {
            0 => {
                Run { arguments: vec!["-c".into(), format!("exit {code}")], ..Run::new(Program::InImage("/bin/sh".into())) }
            }
            1 => Run::new(sealed("s.sh", &format!("exit {code}"))),
            _ => Run::new(sealed("s.py", &format!("import sys; sys.exit({code})"))),
        };
        (number % 3, run, Exit::Code(code as u8))
    };
    for number in 0..300 {
        let (key, run, wanted) = job(number);
        let output = pool.run(&keys[key], &run).unwrap().wait().unwrap();
        assert_eq!(output.finished.exit, wanted, "job {number}: {output:?}");
    }
    std::thread::scope(|scope| {
        for number in 0..50 {
            let (pool, keys) = (&pool, &keys);
            scope.spawn(move || {
                let (key, run, wanted) = job(number);
                let output = pool.run(&keys[key], &run).unwrap().wait().unwrap();
                assert_eq!(output.finished.exit, wanted, "job {number} of fifty: {output:?}");
            });
        }
    });
    eventually("a full pool", || ready(4, 1));
    eventually("the same as before the jobs", || held(std::process::id()) == warm);
    assert_eq!(*failures.lock().unwrap(), Vec::<String>::new());
    let counts = pool.counts();
    let claims = counts.iter().map(|(_, _, c)| c.hits_warm + c.hits_thawed + c.misses).sum::<u64>();
    assert_eq!(claims, 350, "{counts:?}");
    assert!(counts.iter().all(|(_, _, counts)| counts.idle_byte_seconds > 0.0), "{counts:?}");
    drop(pool);
    drop(host);
    eventually("nothing left", || held(std::process::id()) == before);
}

/// Not a test by itself: what the next one starts, and kills.
#[test]
fn owner_that_will_be_killed() {
    if std::env::var_os("FORERUN_SANDBOX_OWNER").is_none() {
        return;
    }
    let Some(host) = host() else { return };
    let pool = Pool::new(host.clone(), 2, |_| {}).unwrap();
    let mut running = Vec::new();
    let linger = "setsid sh -c 'trap \"\" HUP TERM; sleep 1000 & sleep 1000' & sleep 1000";
    for (runtime, code) in [
        (Runtime::Shell, linger),
        (
            Runtime::Python,
            "import os, ctypes, time\nctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\nif os.fork() == 0: os.setsid()\ntime.sleep(1000)",
        ),
        (Runtime::Node, "setTimeout(() => {}, 1e6)"),
    ] {
        if has(&host, runtime) {
            let key = Key::new("tests", runtime);
            pool.set_target(&key, Target { waiting: 1, frozen: 1 }).unwrap();
            eventually("an instance of each", || {
                pool.counts().iter().all(|(_, _, counts)| counts.waiting + counts.frozen == 2)
            });
            running.push(pool.run(&key, &Run::new(sealed("linger", code))).unwrap());
        }
    }
    std::thread::sleep(Duration::from_millis(300));
    println!("ready {}", running.len());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn nothing_outlives_an_owner_that_is_killed_by_a_second() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if host().is_none() {
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "owner_that_will_be_killed", "--nocapture"]).env("FORERUN_SANDBOX_OWNER", "1");
    let mut owner = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).find(|line| line.contains("ready "));
    let ready = ready.unwrap_or_default();
    let id = owner.id();
    let processes = || {
        let inside =
            groups(id).into_iter().map(|group| std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default());
        inside.flat_map(|text| text.lines().map(String::from).collect::<Vec<_>>()).collect::<BTreeSet<_>>()
    };
    let before = processes();
    assert!(ready.contains("ready") && before.len() > 10, "{ready:?} {before:?}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(processes(), BTreeSet::new(), "of {before:?}");
    // The folders go when the next host starts.
    drop(host());
    assert_eq!(groups(id), Vec::<PathBuf>::new());
}

#[test]
fn pool_and_host_can_go_while_a_job_still_runs() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(host) = host() else { return };
    let pool = Pool::new(host.clone(), 1, |_| {}).unwrap();
    let running = pool.run(&Key::new("tests", Runtime::Shell), &Run::new(sealed("s.sh", "sleep 1000"))).unwrap();
    drop(pool);
    drop(host);
    assert_eq!(running.wait().unwrap().finished.exit, Exit::Stopped);
    eventually("the end of the groups", || groups(std::process::id()).is_empty());
}

#[test]
fn a_pool_hands_out_what_is_ready_and_says_why_when_nothing_is() {
    use sandbox::{ColdReason, StartPath};
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(host) = host() else { return };
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = events.clone();
    let pool = Pool::new(host.clone(), 1, move |event| seen.lock().unwrap().push(format!("{event:?}"))).unwrap();
    let key = Key::new("tests", Runtime::Shell);
    let run = Run::new(sealed("s.sh", "echo $0"));
    let start = |pool: &Pool| pool.run(&key, &run).unwrap().wait().unwrap().finished.start;
    assert_eq!(start(&pool), StartPath::Cold { why: ColdReason::NoTarget });
    pool.set_target(&key, Target { waiting: 1, frozen: 0 }).unwrap();
    let counts = || pool.counts().remove(0).2;
    eventually("one waiting", || counts().waiting == 1);
    assert_eq!(start(&pool), StartPath::Warm);
    pool.set_target(&key, Target { waiting: 0, frozen: 1 }).unwrap();
    eventually("one frozen", || counts().frozen == 1 && counts().waiting == 0);
    assert_eq!(start(&pool), StartPath::Thawed);
    eventually("one frozen again", || counts().frozen == 1);

    // One that has died is not handed out.
    let pid = pool.idle_processes(&key)[0];
    pool.set_target(&key, Target { waiting: 1, frozen: 0 }).unwrap();
    eventually("one waiting", || counts().waiting == 1 && counts().frozen == 0);
    assert!(Command::new("kill").args(["-9", &pool.idle_processes(&key)[0].to_string()]).status().unwrap().success());
    eventually("its end", || !PathBuf::from(format!("/proc/{}", pool.idle_processes(&key)[0])).exists());
    assert_eq!(start(&pool), StartPath::Cold { why: ColdReason::Dead }, "{pid}");

    pool.set_target(&key, Target { waiting: 2, frozen: 1 }).unwrap();
    eventually("three", || counts().waiting == 2 && counts().frozen == 1);
    assert!(pool.shed(model::Bytes(u64::MAX)).0 > 0);
    assert_eq!((counts().waiting, counts().frozen, counts().evicted), (0, 0, 3));
    assert_eq!(start(&pool), StartPath::Cold { why: ColdReason::Shed });
    let error = pool.run(&key, &Run::new(Program::InImage("/missing".into()))).unwrap_err();
    assert!(error.to_string().contains("/missing"), "{error}");
    let told = events.lock().unwrap().join("\n");
    for wanted in ["Ready", "Claimed", "Finished", "Evicted"] {
        assert!(told.contains(wanted), "{wanted} in {told}");
    }
    let output = pool.run(&key, &run).unwrap().wait().unwrap();
    assert_eq!(text(&output.stdout), "/dev/fd/4\n");
}
