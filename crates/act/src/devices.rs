//! Which block devices a bandwidth limit covers: every whole device with a medium, except those that are memory or removable discs.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The most devices that one limit is written to.
const DEVICES_MAX: usize = 1_024;

/// Names that are left out: memory (throttling swap on zram would hold back the target's own memory), and floppy and optical drives.
const LEFT_OUT: [&str; 4] = ["zram", "ram", "fd", "sr"];

/// The number of a block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Device {
    major: u32,
    minor: u32,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for Device {
    type Err = ();
    fn from_str(text: &str) -> Result<Device, ()> {
        let (major, minor) = text.trim().split_once(':').ok_or(())?;
        Ok(Device { major: major.parse().map_err(|_| ())?, minor: minor.parse().map_err(|_| ())? })
    }
}

/// The devices below `sys/block`, in the order of their numbers.
pub(crate) fn devices(sys: &Path) -> std::io::Result<Vec<Device>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(sys.join("block"))? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if LEFT_OUT.contains(&kind) {
            continue;
        }
        // A path of a multipath device is hidden and has no number; a loop device without a file has no size.
        let attribute = |file: &str| std::fs::read_to_string(entry.path().join(file)).ok();
        let size = attribute("size").and_then(|size| size.trim().parse::<u64>().ok()).unwrap_or(0);
        let number = attribute("dev").and_then(|number| number.parse().ok());
        if let Some(number) = number
            && size > 0
            && found.len() < DEVICES_MAX
        {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_devices_with_a_medium_are_covered() {
        let sys = tempfile::tempdir().unwrap();
        for (name, size, number) in [
            ("sdb", "100", Some("8:16")),
            ("sda", "100", Some("8:0")),
            ("nvme0n1", "5", Some("259:0")),
            ("nvme0c0n1", "5", None),
            ("loop0", "0", Some("7:0")),
            ("zram0", "9", Some("253:0")),
            ("sr0", "9", Some("11:0")),
        ] {
            let folder = sys.path().join("block").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("size"), size).unwrap();
            if let Some(number) = number {
                std::fs::write(folder.join("dev"), format!("{number}\n")).unwrap();
            }
        }
        let shown: Vec<String> = devices(sys.path()).unwrap().iter().map(Device::to_string).collect();
        assert_eq!(shown, ["8:0", "8:16", "259:0"]);
        assert!(devices(&sys.path().join("none")).is_err());
    }
}
