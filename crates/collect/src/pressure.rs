//! Pressure stall information, of the host (`/proc/pressure/cpu`) and of groups (`cpu.pressure`): one format.

use std::path::Path;

use model::{Permille, Pressure};

use crate::fields;
use crate::kept::{Descriptors, KeptFile};

#[derive(Debug)]
pub(crate) struct Reader {
    cpu: KeptFile,
    memory: KeptFile,
    io: KeptFile,
}

impl Reader {
    /// The files `cpu`, `memory` and `io` of `folder`, each with `suffix`.
    pub(crate) fn open(folder: &Path, suffix: &str, descriptors: &Descriptors) -> Reader {
        let open = |name: &str| KeptFile::open(&folder.join(format!("{name}{suffix}")), descriptors);
        Reader { cpu: open("cpu"), memory: open("memory"), io: open("io") }
    }

    pub(crate) fn retry(&mut self) {
        [&mut self.cpu, &mut self.memory, &mut self.io].into_iter().for_each(KeptFile::retry);
    }

    /// `None` when none of the three can be read; one that is missing counts as no pressure.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Option<Pressure> {
        let mut read = |file: &mut KeptFile| file.read(buffer).map(shares);
        let (cpu, memory, io) = (read(&mut self.cpu), read(&mut self.memory), read(&mut self.io));
        if cpu.is_none() && memory.is_none() && io.is_none() {
            return None;
        }
        let nothing = (Permille(0), Permille(0));
        let ((cpu_some, _), (memory_some, memory_full), (io_some, _)) =
            (cpu.unwrap_or(nothing), memory.unwrap_or(nothing), io.unwrap_or(nothing));
        Some(Pressure { cpu_some, memory_some, memory_full, io_some })
    }
}

/// `avg10` of the lines `some` and `full`.
fn shares(text: &[u8]) -> (Permille, Permille) {
    let share = |name: &[u8]| {
        let line = fields::lines(text).find(|line| line.starts_with(name));
        let average = line.and_then(|line| fields::words(line).find_map(|word| word.strip_prefix(b"avg10=")));
        average.and_then(permille).unwrap_or_default()
    };
    (share(b"some "), share(b"full "))
}

/// Percent with two decimals, such as `27.97`, to the nearest thousandth.
fn permille(percent: &[u8]) -> Option<Permille> {
    let dot = percent.iter().position(|&byte| byte == b'.')?;
    let hundredths = fields::number(&percent[..dot])? * 100 + fields::number(percent.get(dot + 1..dot + 3)?)?;
    u32::try_from((hundredths + 5) / 10).ok().map(Permille)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_become_thousandths() {
        let text =
            b"some avg10=27.97 avg60=12.56 avg300=4.93 total=24585505\nfull avg10=0.05 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(shares(text), (Permille(280), Permille(1)));
        assert_eq!(shares(b"some avg10=100.00 avg60=1.00\n"), (Permille(1_000), Permille(0)));
        assert_eq!(shares(b"nonsense"), (Permille(0), Permille(0)));
    }
}
