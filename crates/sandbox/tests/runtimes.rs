//! Every runtime runs code and says how it ended.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use model::{Bytes, MilliCores};
use sandbox::{
    ColdReason, Dependencies, Event, Exit, File, Key, Limits, Program, Run, Runtime, SandboxError, Sealed, StartPath,
};
use support::{eventually, finish, has, host, plain_python, script, sealed, start, text};

#[test]
fn every_runtime_runs_code_and_returns_its_exit_code() {
    let Some(host) = host() else { return };
    for (runtime, code) in [
        (Runtime::Shell, "echo out; echo err >&2; exit 3"),
        (Runtime::Python, "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)"),
        (Runtime::Node, "console.log('out'); console.error('err'); process.exitCode = 3"),
    ] {
        if has(&host, runtime) {
            let (exit, out, err) = script(&host, runtime, code);
            assert_eq!((exit, out.as_str(), err.as_str()), (Exit::Code(3), "out\n", "err\n"), "{runtime}");
        }
    }
}

#[test]
fn programs_of_the_image_and_sealed_ones_run_with_their_arguments_files_and_environment() {
    let Some(host) = host() else { return };
    let key = Key::new("tests", Runtime::Exec);
    let shell = ["-c", "cat a/b; echo $X $HOME $0 $1; pwd; ./run; id -un; hostname; env | wc -l", "zero", "one two"];
    let run = Run {
        arguments: shell.map(String::from).to_vec(),
        environment: vec![("X".into(), "y=z".into())],
        files: vec![
            File { path: "a/b".into(), content: b"content\n".to_vec(), executable: false },
            File { path: "run".into(), content: b"#!/bin/sh\necho ran\n".to_vec(), executable: true },
        ],
        ..Run::new(Program::InImage("/bin/sh".into()))
    };
    let output = finish(&host, &key, &run);
    // PATH, HOME, LANG, TMPDIR, X and the shell's PWD and nothing of ours.
    assert_eq!(text(&output.stdout), "content\ny=z /job zero one two\n/job\nran\njob\nsandbox\n6\n", "{output:?}");
    assert_eq!(output.finished.exit, Exit::Code(0));
    assert_eq!(output.finished.start, StartPath::Cold { why: ColdReason::NoPool });
    assert!(output.finished.peak_memory.is_some_and(|peak| peak > Bytes(0)));

    let own = Sealed::of_file("/bin/echo".as_ref()).unwrap();
    for _ in 0..2 {
        let run = Run { arguments: vec!["sealed".into()], ..Run::new(Program::Sealed(own.clone())) };
        assert_eq!(text(&finish(&host, &key, &run).stdout), "sealed\n");
    }
    let error = nix_write(&own);
    assert_eq!(error.raw_os_error(), Some(libc::EPERM), "sealed code cannot be changed");
}

/// Tries to change sealed code through a descriptor of its own.
fn nix_write(code: &Sealed) -> std::io::Error {
    use std::os::fd::AsRawFd;
    let descriptor = code.descriptor();
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    std::io::Write::write(&mut &file, b"x").unwrap_err()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_static_binary_needs_nothing_of_the_image() {
    let Some(host) = host() else { return };
    // A header, one segment, and exit_group(42).
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let words =
        [0x003e_0002_u32, 1, 0x40_0078, 0, 64, 0, 0, 0, 0, 0x0038_0040, 1, 0, 1, 5, 0, 0, 0x40_0000, 0, 0x40_0000, 0];
    words.iter().chain(&[0x84, 0, 0x84, 0, 0x1000, 0]).for_each(|word| elf.extend(word.to_le_bytes()));
    elf.extend([0xbf, 42, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05]);
    let program = Program::Sealed(Sealed::new("static", &elf).unwrap());
    assert_eq!(finish(&host, &Key::new("tests", Runtime::Exec), &Run::new(program)).finished.exit, Exit::Code(42));
}

#[test]
fn signals_and_failures_to_start_are_told_apart() {
    let Some(host) = host() else { return };
    assert_eq!(script(&host, Runtime::Shell, "kill -TERM $$").0, Exit::Signal(15));
    assert_eq!(script(&host, Runtime::Shell, "kill -SEGV $$").0, Exit::Signal(11));
    let key = Key::new("tests", Runtime::Exec);
    let abort = finish(&host, &key, &plain_python("import os\nos.abort()"));
    assert_eq!(abort.finished.exit, Exit::Signal(6));
    let error = host.run_cold(&key, &Run::new(Program::InImage("/no/such".into())), ColdReason::NoPool).unwrap_err();
    assert!(matches!(&error, SandboxError::NotStarted { program, .. } if program == "/no/such"), "{error}");
    let error = start(&host, &key, &Run::new(sealed("text", "neither program nor script"))).wait().unwrap_err();
    assert!(matches!(error, SandboxError::NotStarted { source, .. } if source.raw_os_error() == Some(libc::ENOEXEC)));
}

#[test]
fn python_has_its_imports_loaded_and_its_chance_renewed() {
    let Some(host) = host() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ahead.py"), "import os\nloaded_by = os.getpid()\n").unwrap();
    let dependencies = Dependencies { imports: vec!["ahead".into(), "random".into()], folders: vec![folder.path().into()] };
    let key = Arc::new(Key { dependencies, ..Key::new("tests", Runtime::Python) });
    let code =
        "import sys, random, ahead, os\nprint('ahead' in sys.modules, random.random(), os.urandom(8).hex(), __name__)";
    let outputs = [0, 1].map(|_| text(&finish(&host, &key, &Run::new(sealed("main.py", code))).stdout));
    assert!(outputs[0].starts_with("True ") && outputs[0].ends_with("__main__\n"), "{outputs:?}");
    assert_ne!(outputs[0], outputs[1], "two children of one zygote roll the same dice");
    let (exit, _, err) = script(&host, Runtime::Python, "def f():\n    raise ValueError('why')\nf()");
    assert_eq!(exit, Exit::Code(1));
    assert!(err.contains("line 3") && err.contains("raise ValueError('why')") && !err.contains("execute"), "{err}");
    let (exit, out, err) =
        script(&host, Runtime::Python, "import subprocess\nprint(subprocess.run(['/bin/sh','-c','exit 4']).returncode)");
    assert_eq!((exit, out.as_str()), (Exit::Code(0), "4\n"), "{err}");
}

#[test]
fn a_zygote_whose_imports_fail_says_so_and_others_go_on() {
    let Some(host) = host() else { return };
    let dependencies = Dependencies { imports: vec!["no_such_module".into()], folders: Vec::new() };
    let key = Arc::new(Key { dependencies, ..Key::new("tests", Runtime::Python) });
    let error = host.make(&key).unwrap_err();
    assert!(error.to_string().contains("No module named 'no_such_module'"), "{error}");
    assert_eq!(script(&host, Runtime::Python, "print(1)").1, "1\n");
}

#[test]
fn outputs_stream_and_a_job_can_be_stopped() {
    let Some(host) = host() else { return };
    let run = Run::new(sealed("s.sh", "echo first; sleep 1000"));
    let running = start(&host, &Key::new("tests", Runtime::Shell), &run);
    let first = running.events().recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(&first, Event::Stdout(chunk) if chunk == b"first\n"), "{first:?}");
    running.stop();
    assert_eq!(running.wait().unwrap().finished.exit, Exit::Stopped);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let Some(host) = host() else { return };
    let key = Key::new("tests", Runtime::Shell);
    let run = Run::new(sealed("s.sh", "true"));
    let refused = |key: &Key, run: &Run| host.run_cold(key, run, ColdReason::NoPool).unwrap_err().to_string();
    let image = Key { image: "none".into(), ..key.clone() };
    assert_eq!(refused(&image, &run), "there is no image \"none\"; there are: host");
    let small = Key { limits: Limits { memory: Bytes(1), ..Limits::default() }, ..key.clone() };
    assert_eq!(refused(&small, &run), "memory of 1 B is below the minimum of 4.0 MiB");
    let slow = Key { limits: Limits { cpu: MilliCores(1), ..Limits::default() }, ..key.clone() };
    assert!(refused(&slow, &run).starts_with("cpu of "));
    let file = File { path: "../x".into(), content: Vec::new(), executable: false };
    assert!(refused(&key, &Run { files: vec![file], ..run.clone() }).contains("../x does not lie below /job"));
    assert!(refused(&key, &Run { arguments: vec!["a\0b".into()], ..run.clone() }).contains("zero byte"));
    assert!(refused(&key, &Run { arguments: vec!["a".repeat(200_000)], ..run.clone() }).contains("take more than"));
    assert!(refused(&key, &Run { timeout: Duration::ZERO, ..run.clone() }).starts_with("timeout of 0ns"));
    let named = Run::new(Program::InImage("/bin/true".into()));
    assert!(refused(&Key::new("tests", Runtime::Python), &named).contains("takes its code sealed"));
}

#[test]
fn an_instance_stands_still_while_it_is_frozen() {
    let Some(host) = host() else { return };
    for runtime in [Runtime::Shell, Runtime::Python] {
        let mut instance = host.make(&Arc::new(Key::new("tests", runtime))).unwrap();
        instance.freeze().unwrap();
        assert!(matches!(instance.ping(Duration::from_millis(50)), Err(SandboxError::NotReady { .. })));
        instance.thaw().unwrap();
        // It answers what it was asked while it stood still.
        eventually("an answer", || instance.ping(Duration::from_millis(100)).is_ok());
        instance.freeze().unwrap();
        let run = Run::new(sealed("s", if runtime == Runtime::Shell { "echo ran" } else { "print('ran')" }));
        let output = host.start_in(instance, &run, StartPath::Thawed, Vec::new()).unwrap().wait().unwrap();
        assert_eq!((output.finished.exit, text(&output.stdout).as_str()), (Exit::Code(0), "ran\n"));
    }
}

#[test]
fn a_template_that_is_killed_is_made_anew() {
    let Some(host) = host() else { return };
    for runtime in [Runtime::Shell, Runtime::Python] {
        let key = Arc::new(Key::new("tests", runtime));
        let instance = host.make(&key).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", instance.pid())).unwrap();
        let template = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().to_owned();
        let killed = std::process::Command::new("kill").args(["-9", &template]).status().unwrap();
        assert!(killed.success());
        eventually("the end of its instances", || !instance.is_alive());
        eventually("another template", || host.make(&key).is_ok());
    }
}

#[test]
fn frozen_instances_give_memory_back_as_far_as_the_kernel_can() {
    let Some(host) = host() else { return };
    let mut instance = host.make(&Arc::new(Key::new("tests", Runtime::Python))).unwrap();
    instance.freeze().unwrap();
    let held = instance.memory();
    match instance.page_out() {
        Ok(freed) => assert!(freed <= held && instance.memory() <= held, "{freed} of {held}"),
        Err(SandboxError::Host { action, path, .. }) => {
            assert_eq!(action, "write");
            eprintln!("skipped: this kernel does not write {}", path.display());
        }
        Err(error) => panic!("{error}"),
    }
    instance.thaw().unwrap();
    eventually("an answer", || instance.ping(Duration::from_millis(200)).is_ok());
}

#[test]
fn a_zygote_has_no_more_power_than_making_children_takes() {
    let Some(host) = host() else { return };
    let folder = tempfile::tempdir().unwrap();
    let tries = "import ctypes, os, socket\nlibc = ctypes.CDLL(None, use_errno=True)\nfound = []\n\
                 for number in 321, 298, 323, 272, 308, 101, 175, 155:\n\
                 \x20 found.append(libc.syscall(number, 0, 0, 0, 0, 0) < 0 and ctypes.get_errno() == 1)\n\
                 try: socket.socket(16, 3, 12)\nexcept OSError as e: found.append(e.errno == 1)\n\
                 found.append([n for n in os.listdir('/proc') if n.isdigit()] == ['1'])\n\
                 found.append(not os.path.exists('/etc/shadow'))\n\
                 try: open('/usr/x', 'w')\nexcept OSError as e: found.append(e.errno == 30)\n";
    std::fs::write(folder.path().join("prying.py"), tries).unwrap();
    let dependencies = Dependencies { imports: vec!["prying".into()], folders: vec![folder.path().into()] };
    let key = Key { dependencies, ..Key::new("tests", Runtime::Python) };
    let output = finish(&host, &key, &Run::new(sealed("s.py", "import prying\nprint(prying.found)")));
    assert_eq!(text(&output.stdout), format!("[{}]\n", ["True"; 12].join(", ")), "{output:?}");
}

#[test]
fn tenants_share_no_template_and_unused_ones_can_be_retired() {
    let Some(host) = host() else { return };
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().to_owned()
    };
    let keys = ["one", "two"].map(|tenant| Arc::new(Key::new(tenant, Runtime::Python)));
    let instances = keys.each_ref().map(|key| host.make(key).unwrap());
    assert_ne!(parent(instances[0].pid()), parent(instances[1].pid()));
    assert_eq!(host.templates().len(), 2);
    assert!(host.templates().iter().all(|(_, memory)| *memory > Bytes(0)), "{:?}", host.templates());
    assert_eq!(host.retire_unused(), 0);
    drop(instances);
    assert_eq!((host.retire_unused(), host.templates().len()), (2, 0));
    assert!(host.make(&keys[0]).is_ok());
}
