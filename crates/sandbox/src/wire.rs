//! What the daemon, the templates and the stems say to each other: one message per packet, descriptors beside it.
//! Numbers are little-endian, texts and lists carry their length, so that the Python driver can read them with `struct`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};

/// The longest message, in bytes: arguments and environment included.
pub(crate) const MESSAGE_LENGTH_MAX: usize = 128 * 1024;
/// The most descriptors in one message.
pub(crate) const DESCRIPTORS_MAX: usize = 8;

/// What a message is; its first byte.
pub(crate) mod tag {
    /// Daemon to template: make an instance.
    pub(crate) const SPAWN: u8 = 1;
    /// Template to daemon: here is its process.
    pub(crate) const SPAWNED: u8 = 2;
    /// Anybody to the daemon: this failed.
    pub(crate) const FAILED: u8 = 3;
    /// Template to daemon: instances can be asked for.
    pub(crate) const READY: u8 = 4;
    /// Daemon to instance: ids are mapped and limits are set, go on.
    pub(crate) const GO: u8 = 10;
    /// Daemon to instance: are you there?
    pub(crate) const PING: u8 = 11;
    /// Daemon to instance: run this.
    pub(crate) const START: u8 = 12;
    /// Instance to daemon: I am.
    pub(crate) const PONG: u8 = 13;
    /// Instance to daemon: the job ended like this.
    pub(crate) const DONE: u8 = 14;
    /// Instance to daemon: the program could not be started.
    pub(crate) const NOT_STARTED: u8 = 15;
    /// Template to daemon: an instance's process ended like this.
    pub(crate) const EXIT: u8 = 17;
    /// Daemon to a template's own process: become this.
    pub(crate) const TEMPLATE: u8 = 20;
}

/// A message being written.
#[derive(Clone)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(tag: u8) -> Writer {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(tag);
        Writer(bytes)
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, value: &[u8]) -> Self {
        // A message is at most 128 KiB long, which `send` checks.
        self.0.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn list<T: AsRef<[u8]>>(mut self, values: impl ExactSizeIterator<Item = T>) -> Self {
        self = self.u32(values.len() as u32);
        for value in values {
            self = self.bytes(value.as_ref());
        }
        self
    }

    /// Its length and itself, for a stream.
    pub(crate) fn frame(self) -> Vec<u8> {
        let mut framed = (self.0.len() as u32).to_le_bytes().to_vec();
        framed.extend_from_slice(&self.0);
        framed
    }

    /// Sends it, with descriptors.
    ///
    /// # Errors
    /// `EMSGSIZE` beyond [`MESSAGE_LENGTH_MAX`]; `EPIPE` when the other end is gone.
    pub(crate) fn send(&self, socket: impl AsFd, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        if self.0.len() > MESSAGE_LENGTH_MAX {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let sent = rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(&socket, &[IoSlice::new(&self.0)], &mut control, SendFlags::NOSIGNAL)
        });
        Ok(sent.map(drop)?)
    }
}

/// A message that arrived.
pub(crate) struct Message {
    bytes: Vec<u8>,
    at: usize,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Message {
    /// Waits for one, with a buffer of [`buffer`]; `None` when the other end is gone.
    ///
    /// # Errors
    /// As `recvmsg(2)`; `EAGAIN` on a socket that does not block, or whose time ran out.
    pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<Message>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            rustix::net::recvmsg(&socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)
        })?;
        let descriptors = control
            .drain()
            .flat_map(|message| match message {
                RecvAncillaryMessage::ScmRights(rights) => rights.collect::<Vec<_>>(),
                _ => Vec::new(),
            })
            .collect();
        if received.bytes == 0 {
            return Ok(None);
        }
        Ok(Some(Message { bytes: buffer[..received.bytes].to_vec(), at: 1, descriptors }))
    }

    /// What it is.
    pub(crate) fn tag(&self) -> u8 {
        self.bytes[0]
    }

    fn take(&mut self, length: usize) -> io::Result<&[u8]> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "a message ends too early"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> io::Result<u32> {
        let taken = self.take(4)?;
        Ok(u32::from_le_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    pub(crate) fn u64(&mut self) -> io::Result<u64> {
        Ok(u64::from(self.u32()?) | u64::from(self.u32()?) << 32)
    }

    pub(crate) fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let length = self.u32()? as usize;
        Ok(self.take(length)?.to_vec())
    }

    pub(crate) fn text(&mut self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes()?).into_owned())
    }

    pub(crate) fn list(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let count = self.u32()?;
        (0..count).map(|_| self.bytes()).collect()
    }
}

/// Room for the longest message. The kernel gives it pages only as far as messages reach.
pub(crate) fn buffer() -> Vec<u8> {
    vec![0; MESSAGE_LENGTH_MAX]
}

/// Two ends of a line that keeps messages apart, closed on exec.
///
/// # Errors
/// When descriptors have run out.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let (ours, theirs) = pair().unwrap();
        let written =
            Writer::new(tag::START).u8(7).u32(70_000).u64(1 << 40).bytes(b"a\0b").list([b"x".as_slice(), b""].iter());
        written.send(&ours, &[ours.as_fd()]).unwrap();
        let mut read = Message::receive(&theirs, &mut buffer()).unwrap().unwrap();
        assert_eq!((read.tag(), read.descriptors.len()), (tag::START, 1));
        assert_eq!((read.u8().unwrap(), read.u32().unwrap(), read.u64().unwrap()), (7, 70_000, 1 << 40));
        assert_eq!(read.bytes().unwrap(), b"a\0b");
        assert_eq!(read.list().unwrap(), [b"x".to_vec(), b"".to_vec()]);
        assert!(read.u8().is_err(), "nothing is left");
        read.descriptors.clear();
        drop(ours);
        assert!(Message::receive(&theirs, &mut buffer()).unwrap().is_none(), "the other end is gone");
    }

    #[test]
    fn a_message_that_lies_about_its_length_is_refused() {
        let mut message = Message { bytes: vec![tag::START, 255, 255, 255, 255, 1], at: 1, descriptors: Vec::new() };
        assert!(message.bytes().is_err());
        let mut message = Message { bytes: vec![tag::START, 255, 255, 255, 255], at: 1, descriptors: Vec::new() };
        assert!(message.list().is_err());
    }

    #[test]
    fn a_message_beyond_the_limit_is_not_sent() {
        let (ours, _theirs) = pair().unwrap();
        let long = Writer::new(tag::START).bytes(&vec![0; MESSAGE_LENGTH_MAX]);
        assert_eq!(long.send(&ours, &[]).unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    }
}
