//! `forerun run`, `claim` and `release`: code in a sandbox that was ready before it was asked for.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serve::view::{ClaimRequest, RunEvent, RunFile, RunLimits, RunRequest, RunView};

use super::arguments::{ClaimArguments, Common, InstanceArguments, ReleaseArguments, RunArguments, RuntimeChoice};
use super::failure::{Failure, Outcome, Status};
use super::{client, output, with_file};
use crate::config::read_amount;

/// What `run` ends with when forerun itself failed, so that it is told apart from what the program ended with.
const OWN_FAILURE: u8 = 125;
/// Ends of programs that have no status of their own, as shells and `timeout` say them.
const TIMED_OUT: u8 = 124;
const KILLED: u8 = 137;
/// The most that a program or a file given to it may hold; the request must fit the daemon's `serve.body_max`.
const FILE_MAX: u64 = 64 << 20;

/// Runs a program and ends as it did.
pub fn run(common: &Common, arguments: &RunArguments) -> ExitCode {
    match start(common, arguments) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // The line on standard error says which failure it was.
            let _ = failure.report(common.json);
            ExitCode::from(OWN_FAILURE)
        }
    }
}

fn start(common: &Common, arguments: &RunArguments) -> Outcome<u8> {
    let request = request(arguments)?;
    let client = client(common)?;
    let started = client.start_run(&request)?;
    let mut finished = None;
    client.follow_run(started.id, |event| match event {
        RunEvent::Stdout(chunk) if !common.json => write_all(std::io::stdout().lock(), &chunk),
        RunEvent::Stderr(chunk) if !common.json => write_all(std::io::stderr().lock(), &chunk),
        RunEvent::Finished(view) => finished = Some(*view),
        _ => {}
    })?;
    let finished = finished.ok_or_else(|| {
        Failure::new(
            Status::Failed,
            format!("the daemon ended before run {} did", started.id),
            "start it again with `forerun up`",
        )
    })?;
    if common.json {
        let whole = client.run_view(started.id)?;
        output(true, &whole, String::new)?;
    }
    code_of(&finished, common.json)
}

/// A reader that has gone does not stop the run: its exit status still counts.
fn write_all(mut to: impl Write, chunk: &[u8]) {
    let _ = to.write_all(chunk).and_then(|()| to.flush());
}

fn code_of(run: &RunView, quiet: bool) -> Outcome<u8> {
    let Some(exit) = &run.exit else {
        let why = run.error.clone().unwrap_or_else(|| "it ended without a reason".into());
        return Err(Failure::new(Status::Failed, format!("run {} failed: {why}", run.id), ""));
    };
    let say = |text: &str| {
        if !quiet {
            eprintln!("forerun: {text}");
        }
    };
    Ok(match (exit.kind.as_str(), exit.code) {
        ("code", Some(code)) => code,
        ("signal", Some(signal)) => 128u8.saturating_add(signal),
        ("deadline", _) => {
            say("its time was over: --timeout allows more");
            TIMED_OUT
        }
        ("out_of_memory", _) => {
            say("it wanted more memory than its limit: --memory allows more");
            KILLED
        }
        ("output_cap", _) => {
            say("it wrote more than it may: --output allows more");
            KILLED
        }
        _ => KILLED,
    })
}

fn request(arguments: &RunArguments) -> Outcome<RunRequest> {
    let content = content(&arguments.file)?;
    let runtime = match arguments.instance.runtime {
        Some(runtime) => runtime,
        None => guess(&arguments.file, &content)?,
    };
    let name = if arguments.file == "-" {
        None
    } else {
        Path::new(&arguments.file).file_name().map(|name| name.to_string_lossy().into_owned())
    };
    let mut request = RunRequest {
        runtime: runtime.name().into(),
        name,
        args: arguments.arguments.clone(),
        env: environment(&arguments.env)?,
        files: arguments.files.iter().map(|text| file(text)).collect::<Outcome<_>>()?,
        limits: limits(&arguments.instance)?,
        timeout_seconds: arguments.timeout.as_deref().map(seconds).transpose()?,
        output_bytes: arguments.output.as_deref().map(|text| bytes("--output", text)).transpose()?,
        tenant: arguments.instance.tenant.clone(),
        imports: arguments.instance.imports.clone(),
        claim: arguments.claim,
        ..RunRequest::default()
    };
    match String::from_utf8(content) {
        Ok(code) if runtime != RuntimeChoice::Exec => request.code = Some(code),
        Ok(code) => request.program_base64 = Some(STANDARD.encode(code)),
        Err(error) => request.program_base64 = Some(STANDARD.encode(error.into_bytes())),
    }
    Ok(request)
}

fn content(file: &str) -> Outcome<Vec<u8>> {
    if file == "-" {
        let mut content = Vec::new();
        let read = std::io::stdin().lock().take(FILE_MAX).read_to_end(&mut content);
        read.map_err(|error| Failure::new(Status::Failed, format!("cannot read standard input: {error}"), ""))?;
        return Ok(content);
    }
    read_file(Path::new(file))
}

fn read_file(path: &Path) -> Outcome<Vec<u8>> {
    let found = std::fs::metadata(path).map_err(|error| with_file("read", path, &error))?;
    if !found.is_file() {
        return Err(Failure::new(Status::Usage, format!("{} is not a file", path.display()), "name the program's file"));
    }
    if found.len() > FILE_MAX {
        let what = format!("{} holds {} bytes, more than the {FILE_MAX} that can be sent", path.display(), found.len());
        return Err(Failure::new(Status::Usage, what, "put large data where the program can fetch it"));
    }
    std::fs::read(path).map_err(|error| with_file("read", path, &error))
}

/// The runtime that a file is for, by its ending or its first bytes.
fn guess(file: &str, content: &[u8]) -> Outcome<RuntimeChoice> {
    let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(&first[..first.len().min(256)]).into_owned();
    let ending = Path::new(file).extension().map(|ending| ending.to_string_lossy().into_owned());
    match ending.as_deref() {
        Some("py") => return Ok(RuntimeChoice::Python),
        Some("js" | "mjs" | "cjs") => return Ok(RuntimeChoice::Node),
        Some("sh") => return Ok(RuntimeChoice::Sh),
        _ => {}
    }
    if content.starts_with(b"\x7fELF") {
        return Ok(RuntimeChoice::Exec);
    }
    match first.strip_prefix("#!") {
        Some(line) if line.contains("python") => Ok(RuntimeChoice::Python),
        Some(line) if line.contains("node") => Ok(RuntimeChoice::Node),
        Some(line) if line.contains("sh") => Ok(RuntimeChoice::Sh),
        _ => Err(Failure::new(
            Status::Usage,
            format!("cannot tell what runs {file}"),
            "say it with --runtime python, node, sh or exec",
        )),
    }
}

fn environment(pairs: &[String]) -> Outcome<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Failure::new(Status::Usage, format!("--env {text} is not NAME=VALUE"), "for example --env LEVEL=3")),
    };
    pairs.iter().map(pair).collect()
}

/// `PATH` or `PATH:NAME`: a file of ours and what it is called below `/job`.
fn file(text: &str) -> Outcome<RunFile> {
    let (path, name) = text.rsplit_once(':').unwrap_or((text, ""));
    let path = Path::new(path);
    let content = read_file(path)?;
    let own = || path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if name.is_empty() { own() } else { name.to_owned() };
    use std::os::unix::fs::PermissionsExt;
    let executable = std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o100 != 0);
    Ok(RunFile { path: name, content_base64: STANDARD.encode(content), executable })
}

/// The limits of an instance, as far as they are given.
pub fn limits(arguments: &InstanceArguments) -> Outcome<RunLimits> {
    Ok(RunLimits {
        cpu_cores: arguments.cpu,
        memory_bytes: arguments.memory.as_deref().map(|text| bytes("--memory", text)).transpose()?,
        pids: arguments.pids,
        disk_bytes: arguments.disk.as_deref().map(|text| bytes("--disk", text)).transpose()?,
    })
}

fn bytes(what: &str, text: &str) -> Outcome<u64> {
    let read = read_amount::<model::Bytes>(text);
    read.map(|bytes| bytes.0)
        .map_err(|error| Failure::new(Status::Usage, format!("{what} {text}: {error}"), "for example 256MiB"))
}

/// A length of time in seconds.
pub fn seconds(text: &str) -> Outcome<f64> {
    let read = read_amount::<model::Span>(text);
    read.map(|span| span.as_secs_f64())
        .map_err(|error| Failure::new(Status::Usage, format!("{text}: {error}"), "for example 30s or 5m"))
}

pub fn claim(common: &Common, arguments: &ClaimArguments) -> Outcome {
    let runtime = arguments
        .instance
        .runtime
        .ok_or_else(|| Failure::new(Status::Usage, "a claim needs --runtime", "one of python, node, sh and exec"))?;
    let request = ClaimRequest {
        runtime: runtime.name().into(),
        tenant: arguments.instance.tenant.clone(),
        imports: arguments.instance.imports.clone(),
        limits: limits(&arguments.instance)?,
        hold_seconds: arguments.hold.as_deref().map(seconds).transpose()?,
    };
    let held = client(common)?.claim(&request)?;
    output(common.json, &held, || {
        let how =
            held.start.why.as_deref().map_or_else(|| held.start.path.clone(), |why| format!("{}: {why}", held.start.path));
        format!("claim {} of {} ({how}), held until {}\n", held.id, held.pool, held.expires_at)
    })
}

pub fn release(common: &Common, arguments: &ReleaseArguments) -> Outcome {
    client(common)?.release(arguments.claim)?;
    let answer = serde_json::json!({ "released": arguments.claim });
    output(common.json, &answer, || format!("claim {} is released\n", arguments.claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_guessed_by_ending_then_by_content() {
        let guessed = |file: &str, content: &[u8]| guess(file, content).ok();
        assert_eq!(guessed("a.py", b""), Some(RuntimeChoice::Python));
        assert_eq!(guessed("a.mjs", b""), Some(RuntimeChoice::Node));
        assert_eq!(guessed("tool", b"\x7fELF\x02"), Some(RuntimeChoice::Exec));
        assert_eq!(guessed("tool", b"#!/usr/bin/env python3\n"), Some(RuntimeChoice::Python));
        assert_eq!(guessed("tool", b"#!/bin/bash\n"), Some(RuntimeChoice::Sh));
        assert_eq!(guessed("-", b"print(1)"), None);
    }

    #[test]
    fn ends_become_statuses() {
        let run = |kind: &str, code| {
            RunView {
            exit: Some(serve::view::ExitView { kind: kind.into(), code }),
            ..serde_json::from_value(serde_json::json!({
                "id": 1, "pool": "p", "runtime": "sh", "name": "", "state": "finished", "stages": [], "began_at": "2026-01-01T00:00:00Z"
            }))
            .unwrap()
        }
        };
        let ends = [("code", Some(7)), ("signal", Some(9)), ("deadline", None), ("out_of_memory", None)];
        assert_eq!(ends.map(|(kind, code)| code_of(&run(kind, code), true).unwrap()), [7, 137, 124, 137]);
        assert!(code_of(&RunView { exit: None, ..run("code", None) }, true).is_err());
    }
}
