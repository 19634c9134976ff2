//! `forerun doctor`: what works on this host, what does not, and how to mend it. It changes nothing.

use std::net::TcpListener;
use std::path::Path;

use serde::Serialize;

use crate::cli::arguments::Common;
use crate::cli::failure::{Outcome, Status};
use crate::cli::{client, configuration, output};
use crate::config::{Loaded, Written};

/// One thing that works, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// A short lasting name.
    name: String,
    /// Whether it works.
    works: bool,
    /// What was found.
    detail: String,
    /// What would mend it; empty when it works, or nothing would.
    remedy: String,
}

/// Looks and prints.
///
/// # Errors
/// [`Status::Usage`] when the configuration cannot be used; what does not work on the host is printed, not an error.
pub fn doctor(common: &Common) -> Outcome {
    let loaded = configuration(common, &Written::default())?;
    let mut found = vec![configured(&loaded), state_folder(&loaded.settings.daemon.state_dir), daemon(common, &loaded)];
    let roots = collect::Roots::host();
    let layout = collect::layout::Layout::detect(&roots);
    found.extend(collect::probe::probe(&layout, &roots).into_iter().map(|capability| Finding {
        name: capability.name.to_owned(),
        works: capability.available,
        detail: capability.detail,
        remedy: capability.remedy,
    }));
    found.extend(acting());
    found.extend(sandboxes());
    output(common.json, &found, || text(&found))
}

fn finding(name: &str, works: bool, detail: impl Into<String>, remedy: &str) -> Finding {
    let remedy = if works { String::new() } else { remedy.to_owned() };
    Finding { name: name.to_owned(), works, detail: detail.into(), remedy }
}

fn configured(loaded: &Loaded) -> Finding {
    let detail = match &loaded.file {
        Some(path) => format!("{} is fine", path.display()),
        None => "no file: the defaults hold".into(),
    };
    finding("configuration", true, detail, "")
}

/// Whether the database can be kept there, as far as that can be told without making anything.
fn state_folder(folder: &Path) -> Finding {
    let nearest = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let access = rustix::fs::access(nearest, rustix::fs::Access::WRITE_OK);
    let detail = match (&access, nearest == folder) {
        (Ok(()), true) => format!("{} can be written to", folder.display()),
        (Ok(()), false) => format!("{} will be made at the first start", folder.display()),
        (Err(error), _) => format!("{} cannot be written to: {error}", nearest.display()),
    };
    finding("state folder", access.is_ok(), detail, "run as root, or set [daemon] state_dir to a folder of your own")
}

/// Whether the daemon runs; if not, whether its port is free.
fn daemon(common: &Common, loaded: &Loaded) -> Finding {
    let answer = client(common).and_then(|client| client.status());
    match answer {
        Ok(status) => finding("daemon", true, format!("version {} runs, mode {}", status.version, status.mode), ""),
        Err(failure) if failure.status == Status::Unreachable => match TcpListener::bind(loaded.settings.daemon.listen) {
            Ok(_) => finding("daemon", true, format!("not running; {} is free", loaded.settings.daemon.listen), ""),
            Err(error) => {
                let detail = format!("not running, and {} cannot be listened on: {error}", loaded.settings.daemon.listen);
                finding(
                    "daemon",
                    false,
                    detail,
                    "stop what listens there, or use another port: forerun up --listen 127.0.0.1:PORT",
                )
            }
        },
        Err(failure) => finding("daemon", false, failure.what, &failure.remedy),
    }
}

fn acting() -> Vec<Finding> {
    match act::Actuator::new(act::Config::default()) {
        Ok(actuator) => {
            let capabilities = actuator.probe().into_iter();
            let found = capabilities.map(|capability| Finding {
                name: capability.name.to_owned(),
                works: capability.available,
                detail: capability.detail,
                remedy: capability.remedy.unwrap_or_default(),
            });
            found.collect()
        }
        Err(error) => vec![finding("act", false, error.to_string(), "without control groups, forerun can only observe")],
    }
}

/// Makes a real instance of every runtime.
fn sandboxes() -> Vec<Finding> {
    const REMEDY: &str = "run as root, on a kernel with user namespaces and seccomp; without sandboxes nothing else is lost";
    let host = match sandbox::Host::start(sandbox::Settings::default()) {
        Ok(host) => host,
        Err(error) => return vec![finding("sandboxes", false, error.to_string(), REMEDY)],
    };
    let runtimes = [sandbox::Runtime::Exec, sandbox::Runtime::Shell, sandbox::Runtime::Python, sandbox::Runtime::Node];
    let found = runtimes.map(|runtime| {
        let name = format!("sandbox {runtime}");
        match host.make(&std::sync::Arc::new(sandbox::Key::new("doctor", runtime))) {
            Ok(instance) => {
                let detail = format!("an instance was ready in {:.1} ms", instance.took().as_secs_f64() * 1e3);
                host.discard(instance);
                finding(&name, true, detail, "")
            }
            Err(error @ sandbox::SandboxError::RuntimeAbsent { .. }) => {
                finding(&name, false, error.to_string(), "install the runtime, then its code can be run")
            }
            Err(error) => finding(&name, false, error.to_string(), REMEDY),
        }
    });
    let missing =
        host.degraded().into_iter().map(|what| finding("sandbox hardening", false, what, "sandboxes work without it"));
    found.into_iter().chain(missing).collect()
}

fn text(found: &[Finding]) -> String {
    let width = found.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { name, works, detail, remedy } in found {
        let mark = if *works { "ok  " } else { "MISS" };
        text.push_str(&format!("{mark}  {name:width$}  {detail}\n"));
        if !remedy.is_empty() {
            text.push_str(&format!("      {:width$}  -> {remedy}\n", ""));
        }
    }
    let missing = found.iter().filter(|finding| !finding.works).count();
    text.push_str(&match missing {
        0 => "everything works here\n".to_owned(),
        1 => "one thing does not work here; forerun does without it\n".to_owned(),
        count => format!("{count} things do not work here; forerun does without them\n"),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_its_remedy() {
        let found = [finding("a", true, "fine", "never shown"), finding("swap", false, "0 MiB", "add swap")];
        assert_eq!(
            text(&found),
            "ok    a     fine\nMISS  swap  0 MiB\n            -> add swap\none thing does not work here; forerun does without it\n"
        );
    }

    #[test]
    fn a_state_folder_is_judged_without_making_it() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let judged = state_folder(&inner);
        assert!(judged.works && judged.detail.ends_with("will be made at the first start"), "{judged:?}");
        assert!(!inner.exists());
    }
}
