//! The isolation checklist, tried from inside, in both kinds of readiness.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::os::linux::net::SocketAddrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Bytes;
use sandbox::{Exit, Host, Key, Limits, Run, Runtime};
use support::{finish, host, plain_python, script, sealed, text};

/// What a job finds out, by name, in a plain interpreter and in a zygote's child.
fn probe(host: &Host, runtime: Runtime) -> BTreeMap<String, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = format!("forerun-test-{}-{runtime}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _reachable = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
    let facts = format!("HOST_PORT, HOST_NAME, HOST_PID = {port}, {name:?}, {}\n", std::process::id());
    let code = facts + include_str!("probes/escape.py");
    let run = if runtime == Runtime::Exec { plain_python(&code) } else { Run::new(sealed("escape.py", &code)) };
    let output = finish(host, &Key::new("tests", runtime), &run);
    assert_eq!((output.finished.exit, text(&output.stderr).as_str()), (Exit::Code(0), ""), "{output:?}");
    let found = text(&output.stdout);
    found.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn nothing_on_the_checklist_is_open_from_inside() {
    let Some(host) = host() else { return };
    for runtime in [Runtime::Exec, Runtime::Python] {
        let found = probe(&host, runtime);
        let expect = |names: &str, wanted: &[&str]| {
            for name in names.split_whitespace() {
                let value = found.get(name).map_or("(not tried)", String::as_str);
                assert!(wanted.contains(&value), "{runtime}: {name} is {value}, not {wanted:?}");
            }
        };
        expect("CapInh CapPrm CapEff CapBnd CapAmb", &["0000000000000000"]);
        expect("NoNewPrivs", &["1"]);
        expect("Seccomp", &["2"]);
        expect("Uid Gid", &["1000,1000,1000,1000"]);
        expect("Groups", &[""]);
        expect("clone_newuser clone_newns clone_newpid clone_newnet unshare setns", &["EPERM"]);
        expect("clone3 io_uring", &["ENOSYS"]);
        expect("bpf keyctl add_key userfaultfd perf ptrace mount umount open_tree fsopen pivot_root chroot", &["EPERM"]);
        expect("init_module kexec reboot handle process_vm_readv kcmp pidfd_getfd personality syslog", &["EPERM"]);
        expect("packet_socket vsock unset_death_signal x32 setuid", &["EPERM"]);
        expect("i386", &["SIGSYS"]);
        expect("write_usr write_etc write_root write_dev write_deps", &["EROFS", "EACCES"]);
        expect("mknod", &["EPERM", "EACCES"]);
        expect("proc_kcore proc_sys proc_keys proc_sysrq-trigger proc_timer_list proc_kallsyms", &["ENOENT"]);
        expect("proc_meminfo proc_config.gz sys host_shadow", &["ENOENT"]);
        expect("proc_1/root/etc/shadow", &["ENOENT", "EACCES", "EPERM"]);
        expect("read_init", &["EACCES", "EPERM", "ENOENT"]);
        expect("network loopback", &["ENETUNREACH", "EACCES", "EADDRNOTAVAIL"]);
        if host.degraded().iter().any(|missing| missing.contains("Landlock")) {
            eprintln!("skipped: Landlock itself: {:?}", host.degraded());
        } else {
            expect("landlock_bind", &["EACCES"]);
        }
        expect("abstract", &["ECONNREFUSED", "EPERM"]);
        expect("kill_host", &["ESRCH", "EPERM"]);
        expect("interfaces", &["lo"]);
        expect("session", &["True", "1"]);
        expect("root", &["bin,deps,dev,etc,job,lib,lib64,proc,sbin,tmp,usr", "bin,deps,dev,etc,job,lib,proc,sbin,tmp,usr"]);
        expect("dev", &["fd,full,null,random,shm,stderr,stdin,stdout,urandom,zero"]);
        expect("environment", &["HOME,LANG,PATH,TMPDIR", "HOME,LANG,LC_CTYPE,PATH,TMPDIR"]);
        expect("pids", if runtime == Runtime::Exec { &["1,2"] } else { &["1"] });
        // Null, the two outputs, and the folder that is being listed.
        expect(
            "descriptors",
            &[
                "0:/dev/null,1:pipe,2:pipe",
                "0:/dev/null,1:pipe,2:pipe,3:/proc/2/fd",
                "0:/dev/null,1:pipe,2:pipe,3:/proc/1/fd",
            ],
        );
        for namespace in ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] {
            let ours = std::fs::read_link(format!("/proc/self/ns/{namespace}")).unwrap();
            assert_ne!(found[&format!("ns_{namespace}")], ours.to_string_lossy(), "{runtime}: {namespace}");
        }
    }
}

#[test]
fn two_instances_share_no_namespace_and_no_ids() {
    let Some(host) = host() else { return };
    for runtime in [Runtime::Exec, Runtime::Python, Runtime::Shell] {
        let key = Arc::new(Key::new("tests", runtime));
        let pair = [host.make(&key).unwrap(), host.make(&key).unwrap()];
        for namespace in ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] {
            let [a, b] = pair.each_ref().map(|i| std::fs::read_link(format!("/proc/{}/ns/{namespace}", i.pid())).unwrap());
            assert_ne!(a, b, "{runtime}: {namespace}");
        }
        let [a, b] = pair.each_ref().map(|instance| status_of(instance.pid(), "Uid"));
        assert!(
            a != b && !a.starts_with('0') && a.split_whitespace().all(|id| id.parse::<u32>().unwrap() > 65_535),
            "{a} {b}"
        );
    }
}

fn status_of(pid: u32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().trim().into()
}

#[test]
fn an_instance_is_confined_while_it_still_waits() {
    let Some(host) = host() else { return };
    for runtime in [Runtime::Exec, Runtime::Python] {
        let instance = host.make(&Arc::new(Key::new("tests", runtime))).unwrap();
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", instance.pid())).unwrap();
        let mut pids = vec![instance.pid()];
        pids.extend(children.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
        assert_eq!(pids.len(), if runtime == Runtime::Exec { 2 } else { 1 });
        for pid in pids {
            for (name, wanted) in
                [("Seccomp", "2"), ("NoNewPrivs", "1"), ("CapEff", "0000000000000000"), ("CapBnd", "0000000000000000")]
            {
                assert_eq!(status_of(pid, name), wanted, "{runtime}: {name} of {pid}");
            }
            let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
            for controller in ["cpu:", "memory:", "pids:"] {
                let v1 = groups.lines().find(|line| line.contains(&format!(":{controller}")));
                let line = v1.or(groups.lines().find(|line| line.starts_with("0::"))).unwrap();
                assert!(line.contains("forerun-sandbox-"), "{runtime}: {line}");
            }
        }
    }
}

fn limited(runtime: Runtime, limits: Limits) -> Key {
    Key { limits, ..Key::new("bombs", runtime) }
}

#[test]
fn a_fork_bomb_stays_within_its_processes() {
    let Some(host) = host() else { return };
    let code = "import os, time\nmade = 0\ntry:\n  while made < 1000:\n    if os.fork() == 0:\n      time.sleep(60)\n    made += 1\n\
                except OSError as error:\n  print(made, error.errno, flush=True)\nos._exit(0)";
    for runtime in [Runtime::Exec, Runtime::Python] {
        let run = if runtime == Runtime::Exec { plain_python(code) } else { Run::new(sealed("bomb", code)) };
        let output = finish(&host, &limited(runtime, Limits { pids: 20, ..Limits::default() }), &run);
        let found = text(&output.stdout);
        let (made, error) = found.trim().split_once(' ').unwrap();
        assert!(made.parse::<u32>().unwrap() < 20 && error == "11", "{runtime}: {found}");
    }
    let bomb = Run { timeout: Duration::from_millis(700), ..Run::new(sealed("bomb", "b() { b | b & }; b; sleep 100")) };
    let began = Instant::now();
    let output = finish(&host, &limited(Runtime::Shell, Limits { pids: 20, ..Limits::default() }), &bomb);
    assert!(matches!(output.finished.exit, Exit::Deadline | Exit::Code(2)), "{:?}", output.finished);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_memory_bomb_is_killed_and_named() {
    let Some(host) = host() else { return };
    let limits = Limits { memory: Bytes(48 << 20), disk: Bytes(1 << 30), ..Limits::default() };
    let code = "hoard = []\nwhile True:\n  hoard.append(bytearray(1 << 20))";
    let output = finish(&host, &limited(Runtime::Exec, limits), &plain_python(code));
    assert_eq!(output.finished.exit, Exit::OutOfMemory, "{output:?}");
    assert!(output.finished.peak_memory.unwrap() <= limits.memory, "{output:?}");
    let output = finish(&host, &limited(Runtime::Python, limits), &Run::new(sealed("bomb", code)));
    assert_eq!(output.finished.exit, Exit::OutOfMemory, "{output:?}");
    // What is written to the instance's folders counts as its memory.
    let fill = Run::new(sealed("fill", "cat /dev/zero > /job/a"));
    assert_eq!(finish(&host, &limited(Runtime::Shell, limits), &fill).finished.exit, Exit::OutOfMemory);
}

#[test]
fn a_full_disk_is_the_jobs_own_trouble() {
    let Some(host) = host() else { return };
    let limits = Limits { disk: Bytes(1 << 20), inodes: 32, ..Limits::default() };
    let code = "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nfor folder in '/tmp', '/job', '/dev/shm':\n\
                \x20 wrote = 0\n  try:\n    for n in range(4):\n      f = open(f'{folder}/f{n}', 'wb', buffering=0)\n\
                \x20     for _ in range(600): wrote += f.write(bytes(1024))\n\
                \x20 except OSError as e: print(folder, wrote <= 1 << 20, e.errno)\n\
                n = 0\ntry:\n  while n < 100: open(f'/job/i{n}', 'w').close(); n += 1\nexcept OSError as e: print(n < 32, e.errno)\n";
    let output = finish(&host, &limited(Runtime::Exec, limits), &plain_python(code));
    let wanted = "/tmp True 28\n/job True 28\n/dev/shm True 28\nTrue 28\n";
    assert_eq!(text(&output.stdout), wanted, "{output:?}");
}

#[test]
fn a_flood_of_output_ends_at_its_cap() {
    let Some(host) = host() else { return };
    let run = Run { output: Bytes(100_000), ..Run::new(sealed("flood", "yes & yes >&2 & wait")) };
    let output = finish(&host, &Key::new("bombs", Runtime::Shell), &run);
    assert_eq!(output.finished.exit, Exit::OutputCap);
    assert_eq!(output.stdout.len() + output.stderr.len(), 100_000);
}

#[test]
fn code_that_never_ends_is_ended() {
    let Some(host) = host() else { return };
    for (runtime, code) in [
        (Runtime::Shell, "trap '' TERM INT HUP; while :; do :; done"),
        (Runtime::Shell, "setsid sleep 1000 & exec >/dev/null 2>&1; sleep 1000"),
        (Runtime::Python, "import os, time\nif os.fork() == 0: os.setsid()\nwhile True: time.sleep(100)"),
    ] {
        let run = Run { timeout: Duration::from_millis(300), ..Run::new(sealed("endless", code)) };
        let began = Instant::now();
        let output = finish(&host, &Key::new("bombs", runtime), &run);
        assert_eq!(output.finished.exit, Exit::Deadline, "{code}");
        assert!(began.elapsed() >= Duration::from_millis(300), "{code}");
    }
}

#[test]
fn what_a_job_leaves_running_ends_with_it() {
    let Some(host) = host() else { return };
    let (exit, out, _) = script(&host, Runtime::Shell, "setsid sleep 1000 & echo left");
    assert_eq!((exit, out.as_str()), (Exit::Code(0), "left\n"));
}

#[test]
fn the_host_goes_on_after_all_that() {
    let Some(host) = host() else { return };
    let limits = Limits { memory: Bytes(32 << 20), ..Limits::default() };
    let key = limited(Runtime::Python, limits);
    let bomb = Run::new(sealed("bomb", "x = bytearray(1 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1"));
    assert_eq!(finish(&host, &key, &bomb).finished.exit, Exit::OutOfMemory);
    let fine = Run::new(sealed("fine", "print('fine')"));
    assert_eq!(text(&finish(&host, &key, &fine).stdout), "fine\n");
}
