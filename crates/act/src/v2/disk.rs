//! `io.max`: one `MAJOR:MINOR rbps=.. wbps=.. riops=.. wiops=..` a line; what is not named in a write stays as it is.

use model::{BytesPerSecond, Limit};

use crate::devices::Device;
use crate::error::Trouble;
use crate::files::{DISK_BUFFER, Direction};
use crate::group::Group;
use crate::line::Line;

const MAX: &str = "io.max";

const fn key(direction: Direction) -> &'static str {
    match direction {
        Direction::Read => "rbps",
        Direction::Write => "wbps",
    }
}

pub(super) fn limits(group: &Group<'_>, direction: Direction) -> Result<Vec<(Device, BytesPerSecond)>, Trouble> {
    let mut buffer = vec![0; DISK_BUFFER];
    let text = group.read(MAX, &mut buffer)?;
    let mut limits = Vec::new();
    for line in text.lines() {
        let bad = || Trouble::parse(MAX, line);
        let mut words = line.split_whitespace();
        let device = words.next().and_then(|device| device.parse().ok()).ok_or_else(bad)?;
        let rate = words.find_map(|word| word.strip_prefix(key(direction))?.strip_prefix('='));
        if let Some(rate) = rate.filter(|&rate| rate != "max") {
            limits.push((device, BytesPerSecond(rate.parse().map_err(|_| bad())?)));
        }
    }
    Ok(limits)
}

pub(super) fn set_limit(
    group: &Group<'_>,
    direction: Direction,
    device: Device,
    limit: Limit<BytesPerSecond>,
) -> Result<(), Trouble> {
    let key = key(direction);
    let text = match limit {
        Limit::Unlimited => Line::new(format_args!("{device} {key}=max")),
        Limit::At(rate) => Line::new(format_args!("{device} {key}={}", rate.0)),
    };
    group.write(MAX, text.as_str())
}
