//! Counts the bytes of groups that share the host's network namespace: per group one eBPF program on ingress and one on
//! egress, each seven instructions, adding the packet's length to a slot of one shared map that we read through a memory
//! mapping, without a system call. Nothing is pinned: programs, links and map end with the process.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::NetworkCounters;

/// Groups that can be counted at once.
const SLOTS: usize = 4_096;

/// Bytes received and bytes sent.
const SLOT_BYTES: usize = 16;

/// Counting that is not possible on this host, or for this group.
#[derive(Debug, thiserror::Error)]
pub enum CounterError {
    /// A bpf(2) command was refused.
    #[error("failed to {command} for network counting")]
    Bpf {
        /// What was tried.
        command: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The group's folder cannot be opened.
    #[error("failed to open {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Every slot is taken.
    #[error("all {SLOTS} network counters are taken")]
    Full,
}

/// The shared map; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Counting(Arc<Map>);

#[derive(Debug)]
struct Map {
    map: OwnedFd,
    values: NonNull<AtomicU64>,
    taken: Mutex<Vec<bool>>,
}

// SAFETY: the mapping is valid until `Map` is dropped, is only read, and only through atomics.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: `values` is what mmap returned for this length, and no slot outlives the map (each holds an `Arc`).
        unsafe { libc::munmap(self.values.as_ptr().cast(), SLOTS * SLOT_BYTES) };
    }
}

/// One counted group; its programs are detached when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    index: usize,
    counting: Counting,
    _links: [OwnedFd; 2],
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.counting.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken[self.index] = false;
    }
}

impl Slot {
    /// The bytes so far; a slot starts where its last user ended.
    pub(crate) fn read(&self) -> NetworkCounters {
        let value = |index: usize| {
            // SAFETY: `index` lies within the mapping, which lives as long as `counting`; aligned to eight bytes.
            unsafe { self.counting.0.values.add(index).as_ref() }.load(Ordering::Relaxed)
        };
        NetworkCounters { received: value(self.index * 2), transmitted: value(self.index * 2 + 1) }
    }
}

impl Counting {
    /// Makes the map; fails where bpf(2) is not allowed.
    pub(crate) fn start() -> Result<Counting, CounterError> {
        let mut attributes = Attributes::default();
        for (at, value) in [(0, BPF_MAP_TYPE_ARRAY), (4, 4), (8, (SLOTS * SLOT_BYTES) as u32), (12, 1), (16, BPF_F_MMAPABLE)]
        {
            attributes.put_u32(at, value);
        }
        let map = attributes.call(BPF_MAP_CREATE, "make a map")?;
        // SAFETY: a new mapping of the map's whole value, chosen by the kernel; the result is checked below.
        let mapped = unsafe {
            let length = SLOTS * SLOT_BYTES;
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, map.as_raw_fd(), 0)
        };
        let failed = || CounterError::Bpf { command: "map the counters", source: io::Error::last_os_error() };
        if mapped == libc::MAP_FAILED {
            return Err(failed());
        }
        let values = NonNull::new(mapped.cast()).ok_or_else(failed)?;
        Ok(Counting(Arc::new(Map { map, values, taken: Mutex::new(vec![false; SLOTS]) })))
    }

    /// Starts counting the group (and those below it) whose v2 folder this is.
    pub(crate) fn attach(&self, folder: &Path) -> Result<Slot, CounterError> {
        let group = File::open(folder).map_err(|source| CounterError::Folder { path: folder.to_owned(), source })?;
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let index = taken.iter().position(|taken| !taken).ok_or(CounterError::Full)?;
        let link = |direction: u32| {
            let offset = (index * SLOT_BYTES) as u32 + direction * 8;
            let program = load(self.0.map.as_raw_fd(), offset, direction)?;
            let mut attributes = Attributes::default();
            attributes.put_u32(0, program.as_raw_fd() as u32);
            attributes.put_u32(4, group.as_raw_fd() as u32);
            attributes.put_u32(8, direction);
            attributes.call(BPF_LINK_CREATE, "attach a program")
        };
        let links = [link(BPF_CGROUP_INET_INGRESS)?, link(BPF_CGROUP_INET_EGRESS)?];
        taken[index] = true;
        drop(taken);
        Ok(Slot { index, counting: self.clone(), _links: links })
    }
}

const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_MAP_TYPE_ARRAY: u32 = 2;
const BPF_F_MMAPABLE: u32 = 1 << 10;
const BPF_PROG_TYPE_CGROUP_SKB: u32 = 8;
const BPF_CGROUP_INET_INGRESS: u32 = 0;
const BPF_CGROUP_INET_EGRESS: u32 = 1;

/// Loopback is the first device of every namespace.
const LOOPBACK: i32 = 1;

/// One instruction: code, registers (source high, destination low), offset, immediate.
fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[0] = code;
    bytes[1] = source << 4 | destination;
    bytes[2..4].copy_from_slice(&offset.to_ne_bytes());
    bytes[4..].copy_from_slice(&immediate.to_ne_bytes());
    bytes
}

/// `if (skb->ifindex != LOOPBACK) atomic_add(map + offset, skb->len); return 1;`
fn program(map: RawFd, offset: u32) -> Vec<u8> {
    const IFINDEX: i16 = 40;
    const LEN: i16 = 0;
    const MAP_VALUE: u8 = 2;
    let instructions = [
        instruction(0x61, 2, 1, IFINDEX, 0),
        instruction(0x15, 2, 0, 4, LOOPBACK),
        instruction(0x61, 2, 1, LEN, 0),
        instruction(0x18, 3, MAP_VALUE, 0, map),
        instruction(0, 0, 0, 0, offset as i32),
        instruction(0xdb, 3, 2, 0, 0),
        instruction(0xb7, 0, 0, 0, 1),
        instruction(0x95, 0, 0, 0, 0),
    ];
    instructions.concat()
}

fn load(map: RawFd, offset: u32, direction: u32) -> Result<OwnedFd, CounterError> {
    let code = program(map, offset);
    let licence = c"Dual MIT/GPL";
    let mut attributes = Attributes::default();
    attributes.put_u32(0, BPF_PROG_TYPE_CGROUP_SKB);
    attributes.put_u32(4, (code.len() / 8) as u32);
    attributes.put_u64(8, code.as_ptr() as u64);
    attributes.put_u64(16, licence.as_ptr() as u64);
    attributes.0[48..58].copy_from_slice(b"forerun_nb");
    attributes.put_u32(68, direction);
    attributes.call(BPF_PROG_LOAD, "load a program")
}

/// The attributes of a bpf(2) command, by byte offset as in `union bpf_attr`.
#[repr(C, align(8))]
struct Attributes([u8; 128]);

impl Default for Attributes {
    fn default() -> Self {
        Attributes([0; 128])
    }
}

impl Attributes {
    fn put_u32(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }

    fn put_u64(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }

    /// Runs a command that makes a descriptor.
    fn call(&mut self, command: libc::c_long, name: &'static str) -> Result<OwnedFd, CounterError> {
        // SAFETY: the attributes are zeroed beyond what the command takes, and what they point to lives in the caller.
        let made = unsafe { libc::syscall(libc::SYS_bpf, command, self.0.as_mut_ptr(), self.0.len()) };
        match RawFd::try_from(made) {
            // SAFETY: the kernel has just made this descriptor for us, and nobody else owns it.
            Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            _ => Err(CounterError::Bpf { command: name, source: io::Error::last_os_error() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::Roots;
    use crate::cgroup::layout::Layout;

    /// Fifty connections to a closed port of another namespace: a SYN of 60 bytes out and an RST of 40 bytes in, each.
    const WORK: &str = "unshare -n sleep 20 & peer=$!; sleep 0.2; \
        ip link add fv0 type veth peer name fv1; ip link set fv1 netns $peer; \
        ip addr add 10.9.0.1/24 dev fv0; ip link set fv0 up; ip link set lo up; \
        nsenter -t $peer -n ip addr add 10.9.0.2/24 dev fv1; nsenter -t $peer -n ip link set fv1 up; sleep 0.3; \
        for i in $(seq 50); do (echo > /dev/tcp/10.9.0.2/9) 2>/dev/null; (echo > /dev/tcp/127.0.0.1/9) 2>/dev/null; done; \
        kill $peer";

    #[test]
    fn bytes_of_a_group_are_counted_without_loopback() {
        let layout = Layout::detect(&Roots::host());
        let Some(v2) = layout.v2() else { return eprintln!("skipped: no cgroup v2 mount") };
        let folder = v2.root.join(format!("forerun-test-counter-{}", std::process::id()));
        if let Err(error) = std::fs::create_dir(&folder) {
            return eprintln!("skipped: failed to make {}: {error}", folder.display());
        }
        let outcome = Counting::start().and_then(|counting| counting.attach(&folder));
        let counted = outcome.map(|slot| {
            let script = format!("echo $$ > {}/cgroup.procs; exec unshare -n bash -c '{WORK}'", folder.display());
            let output = Command::new("bash").args(["-c", &script]).output().unwrap();
            (slot.read(), output)
        });
        let removed = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::remove_dir(&folder).is_ok()
        });
        assert!(removed, "{} cannot be removed", folder.display());
        match counted {
            Err(error) => eprintln!("skipped: {error}: {:?}", std::error::Error::source(&error)),
            Ok((_, output)) if !output.stderr.is_empty() => {
                eprintln!("skipped: no veth between namespaces: {}", String::from_utf8_lossy(&output.stderr));
            }
            Ok((bytes, _)) => {
                // A SYN may be sent again; loopback alone would add another 3,000 and 2,000.
                assert!((3_000..5_000).contains(&bytes.transmitted), "{bytes:?}");
                assert!((2_000..3_000).contains(&bytes.received), "{bytes:?}");
            }
        }
    }
}
