//! From what a request says to what the sandbox takes, every fault named.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Bytes, MilliCores, Span};
use sandbox::{File, Key, Limits, Program, Run, Runtime, SandboxError, Sealed};
use serve::view::{RunLimits, RunRequest};
use serve::{ApiError, ErrorKind};

use crate::config;

/// Whose code it is when nobody says.
pub const TENANT: &str = "local";

/// The key of instances that can serve a request.
///
/// # Errors
/// An unknown runtime, and names that are none.
pub fn key(runtime: &str, tenant: Option<&str>, imports: &[String], limits: &RunLimits) -> Result<Key, ApiError> {
    let runtime: Runtime = runtime.parse().map_err(|error| refused(&error))?;
    let tenant = tenant.unwrap_or(TENANT);
    if !is_name(tenant, "-_") {
        return Err(ApiError::invalid(
            format!("{tenant:?} is no name of a tenant"),
            "use letters, digits, - and _, at most 64",
        ));
    }
    if let Some(import) = imports.iter().find(|import| !is_name(import, "._/@-")) {
        return Err(ApiError::invalid(
            format!("{import:?} is no name of a module"),
            "name modules as an import statement does",
        ));
    }
    let mut key = Key::new(tenant, runtime);
    key.dependencies.imports = imports.to_vec();
    key.limits = with_limits(key.limits, limits);
    Ok(key)
}

fn is_name(text: &str, others: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn with_limits(mut limits: Limits, asked: &RunLimits) -> Limits {
    if let Some(cores) = asked.cpu_cores {
        // `as` saturates; what is too little is refused with the minimum's name.
        limits.cpu = MilliCores((cores * 1_000.0).round() as u64);
    }
    limits.memory = asked.memory_bytes.map_or(limits.memory, Bytes);
    limits.pids = asked.pids.unwrap_or(limits.pids);
    limits.disk = asked.disk_bytes.map_or(limits.disk, Bytes);
    limits
}

/// The job of a request.
///
/// # Errors
/// Code that is missing, given twice or not base64; more time or output than the configuration lets a run have.
pub fn run(request: &RunRequest, runtime: Runtime, bounds: &config::PoolsSettings) -> Result<Run, ApiError> {
    let mut run = Run::new(program(request, runtime)?);
    run.arguments = request.args.clone();
    run.environment = request.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    run.timeout = timeout(request.timeout_seconds, bounds.timeout_max)?;
    run.output = output(request.output_bytes, bounds.output_max)?;
    for file in &request.files {
        let content = decoded(&format!("file {}", file.path), &file.content_base64)?;
        run.files.push(File { path: PathBuf::from(&file.path), content, executable: file.executable });
    }
    Ok(run)
}

fn program(request: &RunRequest, runtime: Runtime) -> Result<Program, ApiError> {
    let name = request.name.as_deref().unwrap_or(match runtime {
        Runtime::Python => "main.py",
        Runtime::Node => "main.js",
        Runtime::Shell => "main.sh",
        Runtime::Exec => "program",
    });
    let sealed = |content: &[u8]| Sealed::new(name, content).map(Program::Sealed).map_err(|error| refused(&error));
    match (&request.code, &request.program, &request.program_base64) {
        (Some(code), None, None) => sealed(code.as_bytes()),
        (None, Some(path), None) => Ok(Program::InImage(PathBuf::from(path))),
        (None, None, Some(text)) => sealed(&decoded("program_base64", text)?),
        _ => Err(ApiError::invalid(
            "a run needs exactly one of code, program and program_base64",
            "send the one that holds your program",
        )),
    }
}

fn decoded(what: &str, text: &str) -> Result<Vec<u8>, ApiError> {
    STANDARD
        .decode(text)
        .map_err(|error| ApiError::invalid(format!("{what} is not base64: {error}"), "encode it with padding"))
}

fn timeout(asked: Option<f64>, most: Span) -> Result<Duration, ApiError> {
    let most: Duration = most.into();
    let Some(asked) = asked else { return Ok(Duration::from_secs(60).min(most)) };
    match Duration::try_from_secs_f64(asked) {
        Ok(timeout) if timeout <= most => Ok(timeout),
        _ => Err(ApiError::invalid(
            format!("a timeout of {asked} s is not between 0 and {} s", most.as_secs_f64()),
            "ask for less, or raise pools.timeout_max in the configuration",
        )),
    }
}

fn output(asked: Option<u64>, most: Bytes) -> Result<Bytes, ApiError> {
    match asked.map_or(most, Bytes) {
        output if output <= most => Ok(output),
        output => Err(ApiError::invalid(
            format!("an output of {output} is above the limit of {most}"),
            "ask for less, or raise pools.output_max in the configuration",
        )),
    }
}

/// A sandbox's refusal for the one who asked.
pub fn refused(error: &SandboxError) -> ApiError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    match error {
        SandboxError::NotRoot { .. }
        | SandboxError::Unsupported { .. }
        | SandboxError::RuntimeAbsent { .. }
        | SandboxError::Closed => {
            ApiError::new(ErrorKind::Unavailable, text, "`forerun doctor` says what sandboxes need on this host")
        }
        SandboxError::UnknownRuntime { .. }
        | SandboxError::UnknownImage { .. }
        | SandboxError::LimitTooSmall { .. }
        | SandboxError::BadRun { .. }
        | SandboxError::NotStarted { .. }
        | SandboxError::TooLong { .. } => ApiError::invalid(text, "see `forerun run --help`"),
        _ => ApiError::internal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(code: &str) -> RunRequest {
        RunRequest { runtime: "python".into(), code: Some(code.into()), ..RunRequest::default() }
    }

    fn bounds() -> config::PoolsSettings {
        let loaded = config::read("the defaults", "", &config::Written::default(), &config::Surroundings::default());
        loaded.unwrap().settings.pools
    }

    #[test]
    fn faults_are_named() {
        let text = |result: Result<Key, ApiError>| format!("{:?}", result.unwrap_err());
        assert!(text(key("ruby", None, &[], &RunLimits::default())).contains("exec, sh, python and node"));
        assert!(text(key("sh", Some("../x"), &[], &RunLimits::default())).contains("../x"));
        assert!(text(key("python", None, &["os; import".into()], &RunLimits::default())).contains("os; import"));
        let text = |request: &RunRequest| format!("{:?}", run(request, Runtime::Python, &bounds()).unwrap_err());
        assert!(text(&RunRequest { program: Some("/bin/true".into()), ..request("1") }).contains("exactly one"));
        assert!(text(&RunRequest { timeout_seconds: Some(1e9), ..request("1") }).contains("pools.timeout_max"));
        assert!(text(&RunRequest { timeout_seconds: Some(-1.0), ..request("1") }).contains("-1"));
        assert!(text(&RunRequest { output_bytes: Some(1 << 40), ..request("1") }).contains("pools.output_max"));
        let bad = RunRequest { code: None, program_base64: Some("?".into()), ..request("1") };
        assert!(text(&bad).contains("not base64"));
    }

    #[test]
    fn limits_default_and_convert() {
        let limits = RunLimits { cpu_cores: Some(0.5), memory_bytes: Some(64 << 20), ..RunLimits::default() };
        let key = key("python", Some("ann"), &["json".into()], &limits).unwrap();
        assert_eq!(
            (key.limits.cpu, key.limits.memory, key.limits.pids),
            (MilliCores(500), Bytes(64 << 20), Limits::default().pids)
        );
        let run = run(&request("print(1)"), Runtime::Python, &bounds()).unwrap();
        assert_eq!((run.timeout, run.output), (Duration::from_secs(60), Bytes(16 << 20)));
    }
}
