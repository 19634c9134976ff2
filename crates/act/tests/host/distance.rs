//! A path with a delay between two network namespaces: TUN devices joined by this process, for kernels without netem.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Packets under way in one direction before more are dropped: 3 MB of full ones.
const QUEUE: usize = 2_000;

/// Makes a device `far0` in the namespaces of both processes and carries packets between them, each after `delay`; never returns.
pub fn join(processes: [u64; 2], delay: Duration, ready: impl Fn()) {
    let [left, right] = processes.map(|process| {
        let namespace = File::open(format!("/proc/{process}/ns/net")).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        tun()
    });
    carry(left.try_clone().unwrap(), right.try_clone().unwrap(), delay);
    carry(right, left, delay);
    ready();
    loop {
        std::thread::park();
    }
}

fn tun() -> File {
    let file = File::options().read(true).write(true).open("/dev/net/tun").unwrap();
    // SAFETY: all fields of `ifreq` are plain numbers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"far0") {
        *to = from.cast_signed() as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which outlives the call.
    let result = unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&file), libc::TUNSETIFF, &raw mut request) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    file
}

fn carry(mut from: File, mut to: File, delay: Duration) {
    let (sender, receiver) = mpsc::sync_channel::<(Instant, Vec<u8>)>(QUEUE);
    std::thread::spawn(move || {
        let mut buffer = [0; 2_048];
        loop {
            // The device answers with an error until it is up.
            match from.read(&mut buffer) {
                Ok(count) => drop(sender.try_send((Instant::now() + delay, buffer[..count].to_vec()))),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    });
    std::thread::spawn(move || {
        for (due, packet) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let _ = to.write_all(&packet);
        }
    });
}
