//! What is known of a job as numbers and keys, before and after it ran.

use super::metadata::{JobMetadata, JobOutcome};

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Peak memory in bytes.
    Memory,
    /// Run time in seconds.
    Run,
    /// Mean cores in use, in thousandths.
    Cores,
}

/// How many there are.
pub const QUANTITIES: usize = 3;

/// Processes of which something is kept by name; beyond, one is forgotten for each that comes (keys are digests, so any one).
pub const PROCESSES_MAX: usize = 100_000;

/// Fields that a context may be made of; the numbers are bits.
pub const USER: u16 = 1;
/// Workflow, application or accounting group; may be unknown in a context that has it.
pub const GROUP: u16 = 2;
/// The whole name.
pub const NAME: u16 = 4;
/// The last part of the name: the same program in another workflow.
pub const TAIL: u16 = 8;
/// Host, partition or site.
pub const MACHINE: u16 = 16;
/// Cores asked for.
pub const CPUS: u16 = 32;
/// Run time asked for.
pub const TIME: u16 = 64;
/// Memory asked for.
pub const MEMORY: u16 = 128;
/// The very size of the input.
pub const INPUT: u16 = 256;
const FIELDS: usize = 9;

/// What is known of the job that ended just before this one was submitted, and likely made its input: logarithms of bytes written,
/// bytes read, peak memory and run time.
pub type Kin = [f64; 4];

/// A job at its submission.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    fields: [Option<u64>; FIELDS],
    /// Logarithm of the input size.
    pub input: Option<f64>,
    /// Logarithms of what was asked for, by quantity.
    pub asked: [Option<f64>; QUANTITIES],
    /// Of its predecessor.
    pub kin: Option<Kin>,
}

/// A job that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// As [`Facts::process`].
    pub process: u64,
    /// Logarithms of what it needed, by quantity.
    pub needed: [Option<f64>; QUANTITIES],
    /// Its run time in seconds; 1 where unknown.
    pub seconds: f64,
    /// As [`Facts::input`].
    pub input: Option<f64>,
    /// As [`Facts::asked`].
    pub asked: [Option<f64>; QUANTITIES],
    /// As [`Facts::kin`].
    pub kin: Option<Kin>,
}

/// Logarithm of an amount; amounts below `least` count as that.
fn log(amount: f64, least: f64) -> f64 {
    amount.max(least).ln()
}

/// FNV-1a, 64 bits: the same on every machine and in every run.
pub fn digest(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The last part of a name: after the last `:`, `.` or `/`.
pub fn tail(name: &str) -> &str {
    name.rsplit([':', '.', '/']).next().unwrap_or(name)
}

impl Facts {
    /// What `job` says; `kin` is what ended just before.
    pub fn of(job: &JobMetadata, kin: Option<Kin>) -> Facts {
        let text = |text: &Option<String>| text.as_ref().map(|text| digest(text.bytes()));
        let asked = [
            job.memory.map(|bytes| log(bytes.0 as f64, 1.0)),
            job.time.map(|time| log(time.as_secs_f64(), 1.0)),
            job.cpus.map(|cpus| log(cpus.0 as f64, 1.0)),
        ];
        Facts {
            fields: [
                text(&job.user),
                text(&job.group),
                text(&job.name),
                job.name.as_ref().map(|name| digest(tail(name).bytes().map(|byte| byte.to_ascii_uppercase()))),
                text(&job.machine),
                job.cpus.map(|cpus| cpus.0),
                job.time.map(|time| time.as_nanos()),
                job.memory.map(|bytes| bytes.0),
                job.input.map(|bytes| bytes.0),
            ],
            input: job.input.map(|bytes| log(bytes.0 as f64, 1.0)),
            asked,
            kin,
        }
    }

    /// The key of the context made of the fields in `mask`; `None` where one of them is unknown (the group may be).
    pub fn key(&self, mask: u16) -> Option<u64> {
        let mut bytes = [0; 2 + 9 * FIELDS];
        bytes[..2].copy_from_slice(&mask.to_le_bytes());
        for (place, field) in self.fields.iter().enumerate() {
            let bit = 1 << place;
            if mask & bit == 0 {
                continue;
            }
            let at = 2 + 9 * place;
            match field {
                Some(value) => {
                    bytes[at] = 1;
                    bytes[at + 1..at + 9].copy_from_slice(&value.to_le_bytes());
                }
                None if bit == GROUP => {}
                None => return None,
            }
        }
        Some(digest(bytes.into_iter()))
    }

    /// Whether the job has a name.
    pub fn is_named(&self) -> bool {
        self.fields[2].is_some()
    }

    /// What tells processes apart: group and name, else the user, else the group.
    pub fn process(&self) -> u64 {
        self.key(GROUP | NAME).or_else(|| self.key(USER)).or_else(|| self.key(GROUP)).unwrap_or_default()
    }

    /// The job once it has ended.
    pub fn ended(&self, outcome: &JobOutcome) -> Past {
        let seconds = outcome.run.map(|run| run.as_secs_f64());
        Past {
            process: self.process(),
            needed: [
                outcome.memory_peak.map(|bytes| log(bytes.0 as f64, 1.0)),
                seconds.map(|seconds| log(seconds, 1.0)),
                outcome.cpus_used.map(|cpus| log(cpus.0 as f64, 1.0)),
            ],
            seconds: seconds.unwrap_or(1.0).max(1e-3),
            input: self.input,
            asked: self.asked,
            kin: self.kin,
        }
    }
}

/// What a successor may learn of an ended job.
pub fn kin(outcome: &JobOutcome) -> Option<Kin> {
    let bytes = |bytes: Option<model::Bytes>| bytes.map_or(0.0, |bytes| log(bytes.0 as f64, 1e4));
    let run = outcome.run?.as_secs_f64();
    Some([bytes(outcome.written), bytes(outcome.read), bytes(outcome.memory_peak), log(run, 1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_fields_and_values_apart() {
        let job = |user: &str, name: &str| JobMetadata {
            user: Some(user.to_owned()),
            name: Some(name.to_owned()),
            ..JobMetadata::default()
        };
        let (a, b) = (Facts::of(&job("x", "A:ALIGN"), None), Facts::of(&job("y", "B:align"), None));
        assert_eq!(a.key(TAIL), b.key(TAIL));
        assert_ne!(a.key(NAME), b.key(NAME));
        assert_ne!(a.key(USER), a.key(USER | TAIL));
        assert_eq!(a.key(MACHINE), None);
        assert!(a.key(GROUP | NAME).is_some());
    }
}
