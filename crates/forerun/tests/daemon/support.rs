//! A daemon that lives as long as a test: a state folder, a socket and a port of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use forerun::client::Transport;
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const FORERUN: &str = env!("CARGO_BIN_EXE_forerun");

/// How long a daemon may take to answer for the first time, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says why a test does nothing.
pub fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Whether this process may change control groups; otherwise says what is missing.
pub fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skipped("needs root");
    }
    root
}

/// How a daemon is started.
pub struct Plan {
    folder: TempDir,
    settings: String,
    arguments: Vec<String>,
    user: Option<u32>,
}

/// A daemon that answers. It is killed when this is dropped.
pub struct Up {
    pub folder: TempDir,
    pub port: u16,
    /// The token of the login link.
    pub token: String,
    child: Child,
}

impl Plan {
    /// A daemon in a folder of its own.
    pub fn new() -> Plan {
        Plan { folder: tempfile::tempdir().unwrap(), settings: String::new(), arguments: Vec::new(), user: None }
    }

    /// In a folder where a daemon ran before.
    pub fn again(folder: TempDir) -> Plan {
        Plan { folder, ..Plan::new() }
    }

    /// With these lines in its `forerun.toml`, after the section `[daemon]`'s own.
    pub fn settings(mut self, text: &str) -> Plan {
        self.settings.push_str(text);
        self
    }

    /// With these words on its command line.
    pub fn arguments(mut self, words: &[&str]) -> Plan {
        self.arguments.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// As this user.
    pub fn user(mut self, user: u32) -> Plan {
        std::os::unix::fs::chown(self.folder.path(), Some(user), Some(user)).unwrap();
        self.user = Some(user);
        self
    }

    /// Where the database is.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> Up {
        let port = free_port();
        let mut child = self.command(port).spawn().unwrap();
        let token = read_token(&mut child);
        let mut up = Up { folder: self.folder, port, token, child };
        up.wait_until_it_answers();
        up
    }

    /// Starts it where it is expected to refuse, and returns what it said.
    pub fn start_in_vain(&self) -> Output {
        let mut child = self.command(free_port()).spawn().unwrap();
        let end = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > end {
                child.kill().unwrap();
                panic!("it did not refuse: {:?}", child.wait_with_output().unwrap());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut output = child.wait_with_output().unwrap();
        output.stderr = std::fs::read(self.folder.path().join("log")).unwrap();
        output
    }

    fn command(&self, port: u16) -> Command {
        let folder = self.folder.path();
        let file = folder.join("forerun.toml");
        let text = format!("[daemon]\nsocket = {:?}\nread_schedules = false\n{}", folder.join("socket"), self.settings);
        std::fs::write(&file, text).unwrap();
        let mut command = match self.user {
            None => Command::new(FORERUN),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={user}")]).arg("--clear-groups").arg(FORERUN);
                command
            }
        };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        command.arg("up").arg("--config").arg(&file).arg("--state-dir").arg(self.state());
        command.args(["--listen", &format!("127.0.0.1:{port}")]).args(&self.arguments);
        command.env_remove("FORERUN_SOCKET").env_remove("FORERUN_URL").env_remove("FORERUN_TOKEN").env_remove("FORERUN_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command
    }
}

impl Up {
    fn wait_until_it_answers(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.transport().send("GET", "/readyz", None).is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}: {}", self.log());
            }
            assert!(Instant::now() < end, "the daemon does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn transport(&self) -> Transport {
        Transport::Socket(self.folder.path().join("socket"))
    }

    /// Asks over the socket; status and body.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(|body| serde_json::to_vec(body).unwrap());
        let reply = self
            .transport()
            .send(method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}: {}", self.log()));
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
    }

    /// Asks and expects an answer.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Runs a command of the CLI against it.
    pub fn cli(&self, words: &[&str]) -> Output {
        cli(&[&["--socket", self.folder.path().join("socket").to_str().unwrap()], words].concat())
    }

    /// Decisions of a target, newest first; of all targets without one.
    pub fn decisions(&self, target: Option<&str>) -> Vec<Value> {
        let of = target.map_or(String::new(), |target| format!("&target={}", encoded(target)));
        self.get(&format!("/v1/decisions?limit=1000{of}"))["decisions"].as_array().unwrap().clone()
    }

    /// Sends SIGTERM and waits for the end.
    pub fn end(mut self) -> (ExitStatus, TempDir) {
        let process = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "the daemon does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        };
        (status, std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()))
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the CLI.
pub fn cli(words: &[&str]) -> Output {
    let mut command = Command::new(FORERUN);
    command.args(words).env_remove("FORERUN_SOCKET").env_remove("FORERUN_URL").env_remove("FORERUN_TOKEN");
    command.stdin(Stdio::null()).output().unwrap()
}

/// What a command printed.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Waits until `what` holds, at most `seconds`; asks four times a second.
pub fn within<T>(seconds: u64, mut what: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let found = what();
        if found.is_some() || Instant::now() >= end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// A target's id in a path.
pub fn encoded(id: &str) -> String {
    id.replace('%', "%25").replace(':', "%3A").replace('/', "%2F")
}

/// A file's text without the line's end.
pub fn file(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
}

/// The folder of a group in the tree that has `knob`, v1 or v2.
pub fn group_with(path: &str, knob: &str) -> Option<PathBuf> {
    let base = Path::new("/sys/fs/cgroup");
    let trees = ["", "cpu", "cpu,cpuacct", "memory", "unified"];
    trees.iter().map(|tree| base.join(tree).join(path)).find(|folder| folder.join(knob).exists())
}

/// A port that nobody listened on a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The token of the login link, from what the daemon prints at its start; empty when it ended instead. What it prints later
/// is read away, so that it never waits for us.
fn read_token(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut line, mut token) = (String::new(), String::new());
    while token.is_empty() && lines.read_line(&mut line).unwrap() > 0 {
        if let Some((_, found)) = line.split_once("#token=") {
            token = found.trim().to_owned();
        }
        line.clear();
    }
    std::thread::spawn(move || lines.read_to_string(&mut String::new()));
    token
}
