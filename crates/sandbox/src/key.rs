//! What makes two instances interchangeable: tenant, image, runtime, dependencies and limits.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use model::{Bytes, BytesPerSecond, MilliCores};

use crate::error::SandboxError;

/// What an instance has ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Runtime {
    /// A stem waits in the finished sandbox and executes a program.
    Exec,
    /// The same, for shell scripts.
    Shell,
    /// A Python interpreter with its imports loaded, forked from a zygote.
    Python,
    /// A Node process of its own, with its modules loaded.
    Node,
}

/// How ready an instance of a runtime is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The sandbox is finished; the program is still to be loaded.
    Exec,
    /// The language runtime runs already and shares its memory with the others of its tenant.
    Zygote,
    /// The language runtime runs already, in memory of its own.
    Process,
}

impl Runtime {
    /// How ready its instances are.
    pub const fn readiness(self) -> Readiness {
        match self {
            Runtime::Exec | Runtime::Shell => Readiness::Exec,
            Runtime::Python => Readiness::Zygote,
            Runtime::Node => Readiness::Process,
        }
    }

    /// The program that must be in the image.
    pub(crate) const fn program(self) -> Option<&'static str> {
        match self {
            Runtime::Exec => None,
            Runtime::Shell => Some("/bin/sh"),
            Runtime::Python => Some("/usr/bin/python3"),
            Runtime::Node => Some("/usr/bin/node"),
        }
    }

    /// The least memory with which an instance comes up.
    pub(crate) const fn memory_min(self) -> Bytes {
        match self {
            Runtime::Exec | Runtime::Shell => Bytes(4 << 20),
            Runtime::Python => Bytes(16 << 20),
            Runtime::Node => Bytes(96 << 20),
        }
    }

    /// The fewest processes and threads with which an instance comes up, our own included.
    pub(crate) const fn pids_min(self) -> u32 {
        match self {
            Runtime::Exec | Runtime::Shell | Runtime::Python => 3,
            Runtime::Node => 16,
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Runtime::Exec => "exec",
            Runtime::Shell => "sh",
            Runtime::Python => "python",
            Runtime::Node => "node",
        })
    }
}

impl FromStr for Runtime {
    type Err = SandboxError;

    fn from_str(name: &str) -> Result<Runtime, SandboxError> {
        match name {
            "exec" => Ok(Runtime::Exec),
            "sh" => Ok(Runtime::Shell),
            "python" => Ok(Runtime::Python),
            "node" => Ok(Runtime::Node),
            _ => Err(SandboxError::UnknownRuntime { name: name.into() }),
        }
    }
}

/// What an instance may use at most; set before any code runs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Limits {
    /// CPU time per time, at least 10 millicores.
    pub cpu: MilliCores,
    /// Memory and swap together, with what is written to `/tmp` and `/job`.
    pub memory: Bytes,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes in `/tmp`, and the same again in `/job`.
    pub disk: Bytes,
    /// Files and folders in `/tmp`, and the same again in `/job`.
    pub inodes: u32,
    /// Read from, and again written to, each disk of the host per second; where the host can limit it.
    pub io: BytesPerSecond,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            cpu: MilliCores(1_000),
            memory: Bytes(256 << 20),
            pids: 64,
            disk: Bytes(64 << 20),
            inodes: 4_096,
            io: BytesPerSecond(256 << 20),
        }
    }
}

impl Limits {
    /// Refuses limits with which nothing would come up.
    ///
    /// # Errors
    /// [`SandboxError::LimitTooSmall`] names the limit and its minimum.
    pub fn check(&self, runtime: Runtime) -> Result<(), SandboxError> {
        let small = |limit, asked: String, minimum: String| Err(SandboxError::LimitTooSmall { limit, asked, minimum });
        if self.cpu.0 < 10 {
            return small("cpu", self.cpu.to_string(), MilliCores(10).to_string());
        }
        if self.memory < runtime.memory_min() {
            return small("memory", self.memory.to_string(), runtime.memory_min().to_string());
        }
        if self.pids < runtime.pids_min() {
            return small("pids", self.pids.to_string(), runtime.pids_min().to_string());
        }
        if self.disk < Bytes(4_096) {
            return small("disk", self.disk.to_string(), Bytes(4_096).to_string());
        }
        if self.io < BytesPerSecond(64 << 10) {
            return small("io", self.io.to_string(), BytesPerSecond(64 << 10).to_string());
        }
        if self.inodes < 8 {
            return small("inodes", self.inodes.to_string(), "8".into());
        }
        Ok(())
    }
}

/// What a language runtime has loaded before it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dependencies {
    /// Modules that are imported ahead, in this order.
    pub imports: Vec<String>,
    /// Folders of the host that modules are found in; seen read-only as `/deps/0`, `/deps/1`, ...
    pub folders: Vec<PathBuf>,
}

/// Instances with equal keys may stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Whose code it is. A zygote never serves two.
    pub tenant: String,
    /// The image's name.
    pub image: String,
    /// What is ready in it.
    pub runtime: Runtime,
    /// What is loaded ahead.
    pub dependencies: Dependencies,
    /// What it may use.
    pub limits: Limits,
}

impl Key {
    /// The key of `runtime` in the host's own image with the usual limits and nothing loaded ahead.
    pub fn new(tenant: &str, runtime: Runtime) -> Key {
        Key {
            tenant: tenant.into(),
            image: crate::image::HOST.into(),
            runtime,
            dependencies: Dependencies::default(),
            limits: Limits::default(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.image, self.runtime)?;
        if !self.dependencies.imports.is_empty() {
            write!(f, "[{}]", self.dependencies.imports.join(","))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_known_by_name() {
        for runtime in [Runtime::Exec, Runtime::Shell, Runtime::Python, Runtime::Node] {
            assert_eq!(runtime.to_string().parse::<Runtime>().unwrap(), runtime);
        }
        let error = "ruby".parse::<Runtime>().unwrap_err();
        assert_eq!(error.to_string(), "there is no runtime \"ruby\": exec, sh, python and node are known");
    }

    #[test]
    fn a_limit_below_its_minimum_is_named() {
        let limits = Limits::default();
        assert!(limits.check(Runtime::Node).is_ok());
        for (limits, name) in [
            (Limits { cpu: MilliCores(9), ..limits }, "cpu"),
            (Limits { memory: Bytes(1 << 20), ..limits }, "memory"),
            (Limits { pids: 2, ..limits }, "pids"),
            (Limits { disk: Bytes(1), ..limits }, "disk"),
            (Limits { inodes: 1, ..limits }, "inodes"),
        ] {
            let error = limits.check(Runtime::Exec).unwrap_err().to_string();
            assert!(error.starts_with(name) && error.contains("below the minimum"), "{error}");
        }
    }
}
