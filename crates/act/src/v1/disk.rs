//! `blkio.throttle.{read,write}_bps_device`: one `MAJOR:MINOR BYTES` a line, 0 lifts the limit.

use model::{BytesPerSecond, Limit};

use crate::devices::Device;
use crate::error::Trouble;
use crate::files::{DISK_BUFFER, Direction};
use crate::group::Group;
use crate::line::Line;

const fn file(direction: Direction) -> &'static str {
    match direction {
        Direction::Read => "blkio.throttle.read_bps_device",
        Direction::Write => "blkio.throttle.write_bps_device",
    }
}

pub(super) fn limits(group: &Group<'_>, direction: Direction) -> Result<Vec<(Device, BytesPerSecond)>, Trouble> {
    let file = file(direction);
    let mut buffer = vec![0; DISK_BUFFER];
    let text = group.read(file, &mut buffer)?;
    let mut limits = Vec::new();
    for line in text.lines() {
        let bad = || Trouble::parse(file, line);
        let (device, rate) = line.split_once(' ').ok_or_else(bad)?;
        let device = device.parse().map_err(|()| bad())?;
        limits.push((device, BytesPerSecond(rate.trim().parse().map_err(|_| bad())?)));
    }
    Ok(limits)
}

pub(super) fn set_limit(
    group: &Group<'_>,
    direction: Direction,
    device: Device,
    limit: Limit<BytesPerSecond>,
) -> Result<(), Trouble> {
    let rate = limit.at().map_or(0, |rate| rate.0);
    group.write(file(direction), Line::new(format_args!("{device} {rate}")).as_str())
}
