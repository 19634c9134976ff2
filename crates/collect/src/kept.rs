//! Files that are read again and again: opened once and read with `pread`, so that a sample costs one system call per
//! file and no allocation. When descriptors run short, a file is opened for each reading instead.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files may be kept open; shared by everything that one sampler reads.
#[derive(Clone, Debug)]
pub(crate) struct Descriptors(Arc<AtomicUsize>);

/// Descriptors that are left for everything else in the process.
const RESERVED: u64 = 512;

impl Descriptors {
    /// Raises the soft limit of open files to the hard one and keeps [`RESERVED`] of them back (half, where there are few).
    pub(crate) fn of_this_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // A refusal leaves the old limit, which is then what counts.
        let current = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit.maximum,
            Err(_) => limit.current,
        };
        let current = current.unwrap_or(1 << 20).min(1 << 20);
        let free = current.saturating_sub(RESERVED).max(current / 2);
        Descriptors::at_most(usize::try_from(free).unwrap_or(usize::MAX))
    }

    pub(crate) fn at_most(count: usize) -> Self {
        Descriptors(Arc::new(AtomicUsize::new(count)))
    }

    fn take(&self) -> Option<Permit> {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .ok()
            .map(|_| Permit(self.0.clone()))
    }
}

#[derive(Debug)]
struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
enum State {
    Open(OwnedFd, #[expect(dead_code, reason = "given back when dropped")] Permit),
    OpenedEachTime,
    Missing,
}

/// One file of the kernel's that is read at every sample.
#[derive(Debug)]
pub(crate) struct KeptFile {
    path: CString,
    state: State,
    descriptors: Descriptors,
}

impl KeptFile {
    /// Opens `path`; a file that is not there is remembered as missing and tried again by [`KeptFile::retry`].
    pub(crate) fn open(path: &Path, descriptors: &Descriptors) -> Self {
        let path = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
        let mut file = KeptFile { path, state: State::Missing, descriptors: descriptors.clone() };
        file.retry();
        file
    }

    /// Whether the file is there, as far as is known.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self.state, State::Missing)
    }

    /// Tries a missing file again.
    pub(crate) fn retry(&mut self) {
        if self.is_there() {
            return;
        }
        self.state = match (self.descriptors.take(), open(&self.path)) {
            (Some(permit), Ok(fd)) => State::Open(fd, permit),
            (None, Ok(_)) | (_, Err(Errno::MFILE | Errno::NFILE)) => State::OpenedEachTime,
            (_, Err(_)) => State::Missing,
        };
    }

    /// The file's whole text as it is now, in `buffer` (cut where that is too small). `None` when the file is gone or
    /// cannot be read; it then counts as missing.
    pub(crate) fn read<'b>(&mut self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let read = match &self.state {
            State::Open(fd, _) => read_all(fd, buffer),
            State::OpenedEachTime => open(&self.path).and_then(|fd| read_all(&fd, buffer)),
            State::Missing => return None,
        };
        match read {
            Ok(length) => Some(&buffer[..length]),
            Err(_) => {
                self.state = State::Missing;
                None
            }
        }
    }
}

fn open(path: &CString) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(CWD, path.as_c_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Reads from the start. The files of cgroupfs come whole with the first call, so a text that leaves room for a page is
/// taken as complete; longer ones (`/proc/net/dev`, `/proc/stat`) are read on until the end.
fn read_all(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    /// procfs hands out records until its page is nearly full: a shorter text is a whole one.
    const CERTAINLY_WHOLE: usize = 2_048;
    let mut length = 0;
    loop {
        let read = match rustix::io::pread(fd, &mut buffer[length..], length as u64) {
            Ok(read) => read,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error),
        };
        length += read;
        if read == 0 || length < CERTAINLY_WHOLE || length == buffer.len() {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_descriptors_the_file_is_opened_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage");
        std::fs::write(&path, "12\n").unwrap();
        let descriptors = Descriptors::at_most(1);
        let mut first = KeptFile::open(&path, &descriptors);
        let mut second = KeptFile::open(&path, &descriptors);
        assert!(matches!(first.state, State::Open(..)));
        assert!(matches!(second.state, State::OpenedEachTime));
        let mut buffer = [0; 64];
        assert_eq!(first.read(&mut buffer), Some(&b"12\n"[..]));
        std::fs::write(&path, "13\n").unwrap();
        assert_eq!(first.read(&mut buffer), Some(&b"13\n"[..]));
        assert_eq!(second.read(&mut buffer), Some(&b"13\n"[..]));
        drop(first);
        assert!(matches!(KeptFile::open(&path, &descriptors).state, State::Open(..)));
    }

    #[test]
    fn a_missing_file_is_tried_again_and_a_long_one_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stat");
        let mut file = KeptFile::open(&path, &Descriptors::at_most(8));
        let mut buffer = vec![0; 16_384];
        assert_eq!(file.read(&mut buffer), None);
        std::fs::write(&path, vec![b'x'; 10_000]).unwrap();
        file.retry();
        assert_eq!(file.read(&mut buffer).unwrap().len(), 10_000);
    }
}
