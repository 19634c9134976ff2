//! What the processes in the groups do. The test program starts itself again with a role in its environment, so that nothing has to
//! be installed for it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::groups::TestGroup;

const ROLE: &str = "FORERUN_TEST_ROLE";
const PROCS: &str = "FORERUN_TEST_PROCS";

/// Starts this program in `group` with a role and its arguments, in the network namespace of process `network` where given. It
/// prints `ready` when it is at work.
pub fn start(group: Option<&TestGroup>, network: Option<u32>, role: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match network {
        Some(process) => {
            let mut command = Command::new("nsenter");
            command.args(["-t", &process.to_string(), "-n"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(["--exact", "roles::play", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.env(PROCS, group.map(TestGroup::procs).unwrap_or_default());
    let mut child = command.spawn().unwrap();
    wait_for(&mut child, "ready");
    child
}

/// Reads the child's output up to a line that starts with `word`, and returns the rest of that line.
pub fn wait_for(child: &mut Child, word: &str) -> String {
    let output = child.stdout.as_mut().unwrap();
    let (mut line, mut byte) = (Vec::new(), [0]);
    while output.read(&mut byte).unwrap() == 1 {
        if byte[0] != b'\n' {
            line.push(byte[0]);
            continue;
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        // libtest prints the test's name without a newline first.
        if let Some(at) = text.find(word) {
            return text[at + word.len()..].trim().to_owned();
        }
        line.clear();
    }
    panic!("the child ended before it said {word}");
}

/// Not a test of its own: the body of the processes that [`start`] makes.
#[test]
fn play() {
    let Ok(role) = std::env::var(ROLE) else { return };
    for procs in std::env::var(PROCS).unwrap().split(':').filter(|procs| !procs.is_empty()) {
        std::fs::write(procs, std::process::id().to_string()).unwrap();
    }
    // Whoever started us is gone when its end of our input closes.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let words: Vec<&str> = role.split(' ').collect();
    let figure = |at: usize| words[at].parse::<u64>().unwrap();
    match words[0] {
        "spin" => spin(),
        "hold" => hold(figure(1)),
        "write" => write(words[1]),
        "sink" => sink(),
        "source" => source(words[1], figure(2), Duration::from_millis(figure(3))),
        "blast" => blast(words[1], Duration::from_millis(figure(2))),
        "delay" => crate::distance::join([figure(1), figure(2)], Duration::from_millis(figure(3)), || say("ready")),
        other => panic!("no such role: {other}"),
    }
}

fn say(text: &str) {
    println!("{text}");
    std::io::stdout().flush().unwrap();
}

fn spin() {
    say("ready");
    loop {
        std::hint::spin_loop();
    }
}

/// Holds that many MiB of anonymous memory.
fn hold(mebibytes: u64) {
    let memory = vec![1_u8; (mebibytes << 20) as usize];
    say("ready");
    std::thread::sleep(Duration::from_secs(600));
    assert_eq!(std::hint::black_box(&memory)[0], 1);
}

/// Writes to a file past the page cache, 64 KiB at a time.
fn write(path: &str) {
    use std::os::unix::fs::{FileExt, OpenOptionsExt};
    let file = std::fs::OpenOptions::new().write(true).create(true).custom_flags(libc::O_DIRECT).open(path).unwrap();
    let block = vec![0_u8; 3 * 65_536];
    let start = block.as_ptr().align_offset(4_096);
    say("ready");
    for at in (0_u64..).map(|n| n % 256 * 65_536) {
        file.write_all_at(&block[start..start + 65_536], at).unwrap();
    }
}

/// Receives from every connection, and datagrams; says ten times a second how many bytes came so far.
fn sink() {
    let listener = TcpListener::bind("0.0.0.0:5999").unwrap();
    say("ready");
    let total = Arc::new(AtomicU64::new(0));
    let counted = total.clone();
    std::thread::spawn(move || {
        let start = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let bytes = counted.load(Ordering::Relaxed);
            say(&format!("received {} {bytes}", start.elapsed().as_micros()));
        }
    });
    let (datagrams, counted) = (UdpSocket::bind("0.0.0.0:5999").unwrap(), total.clone());
    std::thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while let Ok(count) = datagrams.recv(&mut buffer) {
            counted.fetch_add(count as u64, Ordering::Relaxed);
        }
    });
    for stream in listener.incoming() {
        let (mut stream, total) = (stream.unwrap(), total.clone());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                total.fetch_add(count as u64, Ordering::Relaxed);
            }
        });
    }
}

/// Sends over several connections for that long.
fn source(address: &str, streams: u64, length: Duration) {
    say("ready");
    let end = Instant::now() + length;
    let senders: Vec<_> = (0..streams)
        .map(|_| {
            let mut stream = TcpStream::connect(format!("{address}:5999")).unwrap();
            std::thread::spawn(move || {
                let block = vec![0_u8; 1 << 17];
                stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
                while Instant::now() < end {
                    let _ = stream.write(&block);
                }
            })
        })
        .collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    say("sent");
}

/// Sends datagrams for that long, 20 MB/s of them.
fn blast(address: &str, length: Duration) {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(format!("{address}:5999")).unwrap();
    say("ready");
    let start = Instant::now();
    for sent in 0_u32.. {
        socket.send(&[0; 1_400]).unwrap();
        let ahead = (Duration::from_micros(70) * sent).saturating_sub(start.elapsed());
        if ahead > Duration::from_millis(1) {
            std::thread::sleep(ahead);
        }
        if start.elapsed() > length {
            break;
        }
    }
    say("sent");
}
