//! A bandwidth limit over all block devices of the host, which the kernel keeps per device.
//!
//! What is read is the smallest limit of any device. A change touches the devices that hold what the action expects: all of them
//! when it expects no limit, and otherwise those with that limit, so that a device which somebody else left unlimited stays so and
//! an undo restores every device. One device with a different limit means that somebody else arranged them: all are left alone.

use model::{BytesPerSecond, Limit, Outcome, Setting};

use crate::devices::Device;
use crate::error::Trouble;
use crate::files::{Direction, Knob};

/// The knob of one group in one direction.
pub(crate) struct Disk<'a> {
    pub(crate) knob: &'a Knob<'a>,
    pub(crate) direction: Direction,
    pub(crate) devices: &'a [Device],
}

type Rate = Limit<BytesPerSecond>;

impl Disk<'_> {
    /// The smallest limit.
    pub(crate) fn read(&self) -> Result<Setting, Trouble> {
        self.held().map(|held| Setting::Bandwidth(smallest(&held)))
    }

    /// Goes from `before` to `after`.
    pub(crate) fn change(&self, before: Rate, after: Rate) -> Result<Outcome, Trouble> {
        if after == Limit::At(BytesPerSecond(0)) {
            return Err(Trouble::Refused("a block device cannot be limited to 0 bytes per second".into()));
        }
        let held = self.held()?;
        let expected = |rate: Rate| rate == before || rate == after;
        if let Some(&(_, found)) = held.iter().find(|&&(_, rate)| rate != Limit::Unlimited && !expected(rate)) {
            return Ok(Outcome::ChangedElsewhere { found: Setting::Bandwidth(found) });
        }
        if !held.iter().any(|&(_, rate)| expected(rate)) {
            return Ok(Outcome::ChangedElsewhere { found: Setting::Bandwidth(Limit::Unlimited) });
        }
        let changed = held.iter().filter(|&&(_, rate)| rate == before && rate != after);
        for &(device, _) in changed.clone() {
            self.knob.files.set_disk_limit(&self.knob.group, self.direction, device, after)?;
        }
        let now = self.held()?;
        for &(device, _) in changed {
            if let Some((_, rate)) = now.iter().find(|&&(other, rate)| other == device && rate != after) {
                return Err(Trouble::Refused(format!("wrote {after} for device {device}, but {rate} is what holds").into()));
            }
        }
        Ok(Outcome::Applied)
    }

    /// The limit of every device to limit, and of every other that is limited.
    fn held(&self) -> Result<Vec<(Device, Rate)>, Trouble> {
        let limits = self.knob.files.disk_limits(&self.knob.group, self.direction)?;
        let mut held: Vec<(Device, Rate)> = limits.iter().map(|&(device, rate)| (device, Limit::At(rate))).collect();
        for &device in self.devices {
            if !limits.iter().any(|&(limited, _)| limited == device) {
                held.push((device, Limit::Unlimited));
            }
        }
        if held.is_empty() {
            return Err(Trouble::Absent("this host has no block device to limit".into()));
        }
        held.sort_unstable_by_key(|&(device, _)| device);
        Ok(held)
    }
}

fn smallest(held: &[(Device, Rate)]) -> Rate {
    held.iter().filter_map(|&(_, rate)| rate.at()).min().map_or(Limit::Unlimited, Limit::At)
}
