//! The peers: what starts the same jobs without having anything ready.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

use crate::program::{self, Language, PYTHON};

/// The peers that this host has.
pub struct Peers {
    binary: PathBuf,
    python: PathBuf,
    bwrap: bool,
    /// Container runtimes by name, with the arguments that come first.
    runtimes: Vec<(&'static str, Vec<String>)>,
    /// A bundle per language.
    bundles: PathBuf,
}

impl Peers {
    /// Finds the peers, and writes what they need into `folder`.
    pub fn find(folder: &Path) -> Result<Peers> {
        let binary = folder.join("first");
        std::fs::write(&binary, program::binary())?;
        executable(&binary)?;
        let bundles = folder.join("bundles");
        let mut peers = Peers {
            binary,
            python: "/usr/bin/python3".into(),
            bwrap: works("bwrap", &["--version"]),
            runtimes: Vec::new(),
            bundles,
        };
        for language in [Language::Binary, Language::Python] {
            peers.write_bundle(language)?;
        }
        for (name, manager) in [("crun", "--cgroup-manager=disabled"), ("runc", "--debug")] {
            if !works(name, &["--version"]) {
                eprintln!("{name} is not installed: apt install {name}");
                continue;
            }
            // crun 1.8 refuses hybrid hosts; without control groups it is faster, which is to its advantage here.
            for arguments in [Vec::new(), vec![manager.to_owned()]] {
                peers.runtimes.push((name, arguments.clone()));
                match peers.once(Language::Binary, name) {
                    Ok(_) => {
                        eprintln!("{name} runs with {arguments:?}");
                        break;
                    }
                    Err(error) => eprintln!("{name} does not run with {arguments:?}: {error}"),
                }
                peers.runtimes.pop();
            }
        }
        Ok(peers)
    }

    /// What can be started in which way.
    pub fn ways(&self) -> Vec<(Language, &'static str)> {
        let names = ["fork+exec"].into_iter().chain(self.bwrap.then_some("bwrap"));
        let names = names.chain(self.runtimes.iter().map(|(name, _)| *name)).collect::<Vec<_>>();
        [Language::Binary, Language::Python].into_iter().flat_map(|l| names.iter().map(move |name| (l, *name))).collect()
    }

    /// Microseconds until the first instruction, once.
    pub fn once(&self, language: Language, way: &str) -> Result<f64> {
        let mut command = match way {
            "fork+exec" => self.plain(language),
            "bwrap" => self.bubblewrap(language),
            other => self.container(language, other)?,
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = program::now();
        let child = command.spawn()?;
        let output = child.wait_with_output()?;
        let first = program::time_in(language, &output.stdout).filter(|_| output.status.success());
        let first =
            first.with_context(|| format!("{way}: {} {}", output.status, String::from_utf8_lossy(&output.stderr)))?;
        Ok((first - began) as f64 / 1e3)
    }

    fn plain(&self, language: Language) -> Command {
        match language {
            Language::Binary => Command::new(&self.binary),
            Language::Python => {
                let mut command = Command::new(&self.python);
                command.args(["-c", PYTHON]);
                command
            }
        }
    }

    fn bubblewrap(&self, language: Language) -> Command {
        let mut command = Command::new("bwrap");
        command.args(["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]);
        command.args(["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"]);
        command.args(["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
        match language {
            Language::Binary => command.arg("--ro-bind").arg(&self.binary).args(["/first", "/first"]),
            Language::Python => command.arg(&self.python).args(["-c", PYTHON]),
        };
        command
    }

    fn container(&self, language: Language, name: &str) -> Result<Command> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let (_, first) = self.runtimes.iter().rev().find(|(known, _)| *known == name).context("no such peer")?;
        let mut command = Command::new(name);
        command.args(first).args(["run", "--bundle"]).arg(self.bundles.join(language.to_string()));
        let number = SERIAL.fetch_add(1, Ordering::Relaxed);
        command.arg(format!("forerun-bench-{}-{number}", std::process::id()));
        Ok(command)
    }

    /// What the runtime itself suggests, with the job, without a terminal, and with the host's programs for Python.
    fn write_bundle(&self, language: Language) -> Result<()> {
        let bundle = self.bundles.join(language.to_string());
        let root = bundle.join("rootfs");
        for folder in ["proc", "sys", "dev", "tmp", "usr"] {
            std::fs::create_dir_all(root.join(folder))?;
        }
        for (at, to) in [("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")] {
            std::os::unix::fs::symlink(to, root.join(at))?;
        }
        std::fs::copy(&self.binary, root.join("first"))?;
        let maker = if works("runc", &["--version"]) { "runc" } else { "crun" };
        if !Command::new(maker).arg("spec").current_dir(&bundle).status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
        let path = bundle.join("config.json");
        let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        config["process"]["terminal"] = false.into();
        config["process"]["args"] = match language {
            Language::Binary => serde_json::json!(["/first"]),
            Language::Python => serde_json::json!(["/usr/bin/python3", "-c", PYTHON]),
        };
        // The suggested limit of descriptors may be above what this process may set.
        config["process"]["rlimits"] = serde_json::json!([]);
        let usr = serde_json::json!({"destination": "/usr", "type": "bind", "source": "/usr", "options": ["bind", "ro"]});
        config["mounts"].as_array_mut().context("no mounts")?.push(usr);
        Ok(std::fs::write(path, serde_json::to_vec(&config)?)?)
    }
}

fn works(name: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(name);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}
