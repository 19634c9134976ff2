//! What every test of sandboxes shares: a host, if this machine can be one, and short ways to run things.
#![allow(dead_code, reason = "every test uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use sandbox::{
    ColdReason, Exit, Host, Key, Output, Program, Run, Running, Runtime, SandboxError, Sealed, Settings, TemplateProgram,
};

/// A host, or `None` after having said why not.
pub fn host() -> Option<Arc<Host>> {
    let template = TemplateProgram::Path(env!("CARGO_BIN_EXE_forerun-sandbox-template").into());
    match Host::start(Settings { template, ..Settings::default() }) {
        Ok(host) => Some(host),
        Err(error @ (SandboxError::NotRoot { .. } | SandboxError::Unsupported { .. })) => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

/// Whether the image has a runtime; says so when not.
pub fn has(host: &Host, runtime: Runtime) -> bool {
    match host.check(&Key::new("tests", runtime)) {
        Err(error @ SandboxError::RuntimeAbsent { .. }) => {
            eprintln!("skipped: {error}");
            false
        }
        _ => true,
    }
}

pub fn sealed(name: &str, code: &str) -> Program {
    Program::Sealed(Sealed::new(name, code.as_bytes()).unwrap())
}

/// A job that runs `code` as `python3 -c` would, in an instance that knows nothing of Python.
pub fn plain_python(code: &str) -> Run {
    Run { arguments: vec!["-c".into(), code.into()], ..Run::new(Program::InImage("/usr/bin/python3".into())) }
}

pub fn start(host: &Host, key: &Key, run: &Run) -> Running {
    host.run_cold(key, run, ColdReason::NoPool)
        .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

pub fn finish(host: &Host, key: &Key, run: &Run) -> Output {
    start(host, key, run).wait().unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

/// Runs a script with the usual limits, and returns how it ended and what it wrote.
pub fn script(host: &Host, runtime: Runtime, code: &str) -> (Exit, String, String) {
    let output = finish(host, &Key::new("tests", runtime), &Run::new(sealed("script", code)));
    (output.finished.exit, text(&output.stdout), text(&output.stderr))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until `done`, at most ten seconds.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not happen within ten seconds");
}
