//! The daemon in a process of its own: started from the bench's own binary, asked over its socket, measured, and killed.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a daemon may take to answer for the first time, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// The forerun command that this process is started as, run: a bench starts daemon, examples and replays from its own binary,
/// so that they are built from the same source in the same way. `None` when it is started as the bench.
pub fn as_forerun() -> Option<ExitCode> {
    let word = std::env::args().nth(1)?;
    ["up", "replay", "example-workload"].contains(&word.as_str()).then(forerun::cli::main)
}

/// A daemon that answers. It is killed when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    folder: PathBuf,
    child: Child,
}

/// The socket of a daemon.
#[derive(Clone, Debug)]
pub struct Socket(PathBuf);

/// What a daemon used so far.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// CPU time of all its threads, in seconds.
    pub cpu_secs: f64,
    /// Memory that is resident now, in bytes.
    pub resident: u64,
}

impl Daemon {
    /// Starts a daemon whose database, socket, log and configuration are in `folder`; `settings` stands in its `forerun.toml`
    /// after the keys of `[daemon]` that the bench sets. Returns when it answers.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not answer within a minute; the message has its log.
    pub fn start(folder: &Path, settings: &str) -> io::Result<Daemon> {
        let file = folder.join("forerun.toml");
        fs::write(&file, format!("[daemon]\nsocket = {:?}\nread_schedules = false\n{settings}", folder.join("socket")))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("up").arg("--config").arg(file).arg("--state-dir").arg(folder.join("state"));
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let mut daemon = Daemon { folder: folder.to_owned(), child };
        let end = Instant::now() + PATIENCE;
        while daemon.socket().ask("GET", "/readyz", &[], b"").map_or(true, |(status, _)| status != 200) {
            if let Some(status) = daemon.child.try_wait()? {
                return Err(daemon.trouble(&format!("ended with {status}")));
            }
            if Instant::now() > end {
                return Err(daemon.trouble("does not answer"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(daemon)
    }

    fn trouble(&self, what: &str) -> io::Error {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        io::Error::other(format!("the daemon {what}: {}", lines[lines.len().saturating_sub(5)..].join(" | ")))
    }

    /// The way to ask it, also from another thread.
    pub fn socket(&self) -> Socket {
        Socket(self.folder.join("socket"))
    }

    /// As [`Socket::json`].
    ///
    /// # Errors
    /// As [`Socket::json`].
    pub fn json(&self, method: &str, path: &str, body: &serde_json::Value) -> io::Result<serde_json::Value> {
        self.socket().json(method, path, body)
    }

    /// Its process.
    pub fn process(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// What it used so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn used(&self) -> io::Result<Use> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = fs::read_to_string(folder.join("stat"))?;
        // After the name, which is in parentheses, utime and stime are the 12th and 13th field, in ticks.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
        let cpu_secs = (ticks(11) + ticks(12)) / rustix::param::clock_ticks_per_second() as f64;
        let status = fs::read_to_string(folder.join("status"))?;
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(Use { cpu_secs, resident: resident.unwrap_or(0) * 1_024 })
    }

    /// Waits for its end, which somebody brings about.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// When it does not end within a minute.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(process) = self.process() {
            kill_process(process, Signal::TERM)?;
        }
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > end {
                return Err(self.trouble("does not end"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Socket {
    /// Asks: status and body.
    ///
    /// # Errors
    /// When the daemon is gone, also in the middle of its answer.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let mut answer = Vec::new();
        self.send(method, path, headers, body)?.read_to_end(&mut answer)?;
        read_answer(&answer).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    /// Asks without waiting for the answer, which can be read from what is returned.
    ///
    /// # Errors
    /// When the daemon is gone.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<UnixStream> {
        let mut stream = UnixStream::connect(&self.0)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        Ok(stream)
    }

    /// Asks with a JSON body and expects to be answered with success; the JSON that came back.
    ///
    /// # Errors
    /// When the daemon is gone, or refuses.
    pub fn json(&self, method: &str, path: &str, body: &serde_json::Value) -> io::Result<serde_json::Value> {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (status, answer) = self.ask(method, path, &[("content-type", "application/json")], &bytes)?;
        if !(200..300).contains(&status) {
            let text = String::from_utf8_lossy(&answer).into_owned();
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{method} {path}: {status}: {text}")));
        }
        serde_json::from_slice(&answer).map_err(io::Error::from)
    }
}

/// Status and body of a whole answer; `None` when it is cut short.
fn read_answer(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..split]).ok()?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let body = &bytes[split + 4..];
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return Some((status, unchunked(body)?));
    }
    let length = header("content-length").map_or(Some(body.len()), |length| length.parse().ok())?;
    Some((status, body.get(..length)?.to_vec()))
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if length == 0 {
            return Some(body);
        }
        body.extend(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_or_not_at_all() {
        let plain = b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(read_answer(plain), Some((204, b"ok".to_vec())));
        assert_eq!(read_answer(&plain[..plain.len() - 1]), None);
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read_answer(chunked), Some((200, b"abc0123456789".to_vec())));
        assert_eq!(read_answer(&chunked[..chunked.len() - 10]), None);
        assert_eq!(read_answer(b"HTTP/1.1 200"), None);
    }
}
