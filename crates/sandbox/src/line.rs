//! Speaking to instances with a deadline, and in frames to runtimes that can only read streams.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::error::SandboxError;
use crate::instance::environment;
use crate::key::Key;
use crate::run::{Program, Run};
use crate::sys;
use crate::wire::{self, Message, Writer, tag};

pub(crate) use crate::handle::Template;

/// Waits for a message; `None` when the time runs out.
///
/// # Errors
/// `UnexpectedEof` when the other end is gone.
pub(crate) fn receive_within(line: &OwnedFd, within: Duration) -> io::Result<Option<Message>> {
    if !wait_readable(line, within)? {
        return Ok(None);
    }
    let gone = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ended");
    Message::receive(line, &mut wire::buffer())?.ok_or_else(gone).map(Some)
}

fn wait_readable(line: &OwnedFd, within: Duration) -> io::Result<bool> {
    let mut watched = libc::pollfd { fd: line.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let millis = i32::try_from(within.as_millis()).unwrap_or(i32::MAX);
    loop {
        // SAFETY: one structure that outlives the call.
        match sys::check(unsafe { libc::poll(&raw mut watched, 1, millis) }.into()) {
            Ok(ready) => return Ok(ready > 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn stream(channel: &OwnedFd) -> io::Result<UnixStream> {
    Ok(UnixStream::from(channel.try_clone()?))
}

/// Asks a runtime behind a stream whether it is there.
pub(crate) fn ping_channel(channel: &OwnedFd, nonce: u64, within: Duration, key: &Key) -> Result<(), SandboxError> {
    let asked = Writer::new(tag::PING).u64(nonce).frame();
    let answer = stream(channel).and_then(|mut stream| {
        stream.write_all(&asked)?;
        stream.set_read_timeout(Some(within))?;
        let mut answer = [0; 9];
        stream.read_exact(&mut answer).map(|()| answer)
    });
    let key = || key.to_string();
    match answer {
        Ok(answer) if answer[0] == tag::PONG && answer[1..] == asked[5..] => Ok(()),
        Ok(_) => Err(SandboxError::Instance { key: key(), why: "it answered something else than its readiness".into() }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(SandboxError::NotReady { key: key(), waited: within })
        }
        Err(error) => Err(SandboxError::Instance { key: key(), why: error.to_string() }),
    }
}

/// Sends a job to a runtime behind a stream.
pub(crate) fn send_to_channel(channel: &OwnedFd, run: &Run) -> io::Result<()> {
    let Program::Sealed(code) = &run.program else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let mut text = vec![0; code.length as usize];
    let mut at = 0;
    while at < text.len() {
        match rustix::io::pread(&code.descriptor, &mut text[at..], at as u64)? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            count => at += count,
        }
    }
    let message = Writer::new(tag::START).bytes(code.name.as_bytes()).bytes(&text).list(run.arguments.iter());
    let mut message = message.list(environment(run).iter()).u32(run.files.len() as u32);
    for file in &run.files {
        let mode = if file.executable { 0o755 } else { 0o644 };
        message = message.bytes(file.path.as_os_str().as_encoded_bytes()).u32(mode).bytes(&file.content);
    }
    stream(channel)?.write_all(&message.frame())
}
