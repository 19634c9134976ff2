//! The jobs that are started: a static program of 175 bytes, and a line of Python. Both write the time of their first act.

use std::fmt;

/// What a job is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    Binary,
    Python,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Language::Binary => "binary",
            Language::Python => "python",
        })
    }
}

/// Writes seconds and nanoseconds of the monotonic clock as text, which is what the binary's 16 bytes are turned into as well.
pub const PYTHON: &str = "import os,time;os.write(1,b'%d'%time.clock_gettime_ns(time.CLOCK_MONOTONIC))";

/// `clock_gettime(CLOCK_MONOTONIC, &now); write(1, &now, 16); exit_group(0)`.
#[rustfmt::skip]
const CODE: [u8; 47] = [
    0x48, 0x83, 0xec, 0x10, 0xbf, 0x01, 0x00, 0x00, 0x00, 0x48, 0x89, 0xe6, 0xb8, 0xe4, 0x00, 0x00, 0x00, 0x0f, 0x05,
    0xbf, 0x01, 0x00, 0x00, 0x00, 0x48, 0x89, 0xe6, 0xba, 0x10, 0x00, 0x00, 0x00, 0xb8, 0x01, 0x00, 0x00, 0x00, 0x0f, 0x05,
    0x31, 0xff, 0xb0, 0xe7, 0x0f, 0x05, 0x90, 0x90,
];

/// The static program for x86-64.
pub fn binary() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let length = HEADERS + CODE.len() as u64;
    let short = |elf: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|value| elf.extend(value.to_le_bytes()));
    let word = |elf: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|value| elf.extend(value.to_le_bytes()));
    let long = |elf: &mut Vec<u8>, values: &[u64]| values.iter().for_each(|value| elf.extend(value.to_le_bytes()));
    // Executable, x86-64, version 1; entry, program headers, no section headers; sizes and counts.
    short(&mut elf, &[2, 62]);
    word(&mut elf, &[1]);
    long(&mut elf, &[BASE + HEADERS, 64, 0]);
    word(&mut elf, &[0]);
    short(&mut elf, &[64, 56, 1, 0, 0, 0]);
    // One segment, read and execute, that holds all of it.
    word(&mut elf, &[1, 5]);
    long(&mut elf, &[0, BASE, BASE, length, length, 0x1000]);
    elf.extend(CODE);
    elf
}

/// The time that a job wrote, in nanoseconds of the monotonic clock.
pub fn time_in(language: Language, output: &[u8]) -> Option<u64> {
    match language {
        Language::Python => std::str::from_utf8(output).ok()?.trim().parse().ok(),
        Language::Binary => {
            let seconds = u64::from_le_bytes(output.get(..8)?.try_into().ok()?);
            Some(seconds * 1_000_000_000 + u64::from_le_bytes(output.get(8..16)?.try_into().ok()?))
        }
    }
}

/// The monotonic clock now, in nanoseconds.
pub fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
