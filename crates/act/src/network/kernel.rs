//! The four bpf(2) calls that a bucket needs.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use super::Way;
use super::bucket::WORDS;

/// Commands of bpf(2), from `enum bpf_cmd` in `linux/bpf.h`.
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;

const MAP_TYPE_ARRAY: u32 = 2;
const PROG_TYPE_CGROUP_SKB: u32 = 8;

/// What the kernel is told about the programs' licence.
const LICENSE: &std::ffi::CStr = c"MIT";

const fn attach_type(way: Way) -> u32 {
    match way {
        Way::Receive => 0,
        Way::Transmit => 1,
    }
}

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [u8; 16],
}

#[repr(C)]
struct MapUpdate {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
}

/// Calls bpf(2) with a prefix of `union bpf_attr`; the kernel takes what is missing as zero.
fn bpf<T>(command: libc::c_int, attributes: &T) -> Result<libc::c_long, Errno> {
    // SAFETY: the pointer and the size describe `attributes`, a `repr(C)` struct without uninitialised padding whose own pointers
    // stay valid for the call; every command used here only reads it.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if result >= 0 {
        return Ok(result);
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

fn bpf_fd<T>(command: libc::c_int, attributes: &T) -> Result<OwnedFd, Errno> {
    let fd = bpf(command, attributes)?;
    let fd = libc::c_int::try_from(fd).map_err(|_| Errno::BADF)?;
    // SAFETY: the commands that this is called with return a new descriptor (close-on-exec), which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

const fn name(text: &[u8]) -> [u8; 16] {
    let mut name = [0; 16];
    let mut at = 0;
    while at < text.len() && at < 15 {
        name[at] = text[at];
        at += 1;
    }
    name
}

fn raw(fd: &OwnedFd) -> u32 {
    // A descriptor is never negative.
    fd.as_raw_fd().cast_unsigned()
}

fn address<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>() as u64
}

/// An array map with one value of [`WORDS`] words.
pub(super) fn create_map() -> Result<OwnedFd, Errno> {
    let attributes = MapCreate {
        map_type: MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: (WORDS * size_of::<u64>()) as u32,
        max_entries: 1,
        map_flags: 0,
        inner_map_fd: 0,
        numa_node: 0,
        map_name: name(b"forerun_bucket"),
    };
    bpf_fd(MAP_CREATE, &attributes)
}

/// Overwrites the map's value.
pub(super) fn write_map(map: &OwnedFd, value: &[u64; WORDS]) -> Result<(), Errno> {
    let key = 0_u32;
    let attributes = MapUpdate { map_fd: raw(map), padding: 0, key: address(&key), value: address(value), flags: 0 };
    bpf(MAP_UPDATE_ELEM, &attributes).map(drop)
}

/// Loads a program for one way.
pub(super) fn load(program: &[u64], way: Way) -> Result<OwnedFd, Errno> {
    let attributes = ProgLoad {
        prog_type: PROG_TYPE_CGROUP_SKB,
        insn_cnt: program.len() as u32,
        insns: address(program),
        license: LICENSE.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
        prog_name: name(match way {
            Way::Receive => b"forerun_net_rx",
            Way::Transmit => b"forerun_net_tx",
        }),
        prog_ifindex: 0,
        expected_attach_type: attach_type(way),
    };
    bpf_fd(PROG_LOAD, &attributes)
}

/// Attaches a program to the group whose folder that is, beside what others attached; closing the link detaches it.
pub(super) fn attach(program: &OwnedFd, folder: &OwnedFd, way: Way) -> Result<OwnedFd, Errno> {
    let attributes = LinkCreate { prog_fd: raw(program), target_fd: raw(folder), attach_type: attach_type(way), flags: 0 };
    bpf_fd(LINK_CREATE, &attributes)
}
