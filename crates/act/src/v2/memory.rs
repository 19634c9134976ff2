//! `memory.max`. Lowering it below use makes the kernel kill, so what is to be dropped is reclaimed before the limit is written.

use model::{Bytes, Limit};
use rustix::io::Errno;

use crate::error::Trouble;
use crate::group::Group;
use crate::line::Line;
use crate::memory::{STAT_BUFFER, on_grid, working_set};

const MAX: &str = "memory.max";
const CURRENT: &str = "memory.current";
const STAT: &str = "memory.stat";
const HIGH: &str = "memory.high";
const RECLAIM: &str = "memory.reclaim";

/// What reclaim leaves free below the new limit, so that allocations between reclaim and limit find room.
const HEADROOM: u64 = 1 << 20;

pub(super) fn limit(group: &Group<'_>) -> Result<Limit<Bytes>, Trouble> {
    let mut buffer = [0; 64];
    match group.read(MAX, &mut buffer)? {
        "max" => Ok(Limit::Unlimited),
        text => text.parse().map(|limit| on_grid(Limit::At(Bytes(limit)))).map_err(|_| Trouble::parse(MAX, text)),
    }
}

pub(super) fn in_use(group: &Group<'_>) -> Result<Bytes, Trouble> {
    let usage = group.figure(CURRENT)?;
    let mut buffer = [0; STAT_BUFFER];
    let stat = group.read(STAT, &mut buffer)?;
    Ok(working_set(usage, stat, ["inactive_file", "file_dirty", "file_writeback"]))
}

pub(super) fn set_limit(group: &Group<'_>, limit: Limit<Bytes>) -> Result<(), Trouble> {
    let Limit::At(limit) = limit else { return group.write(MAX, "max") };
    make_room(group, limit)?;
    group.write(MAX, Line::new(format_args!("{}", limit.0)).as_str())
}

/// Drops file cache until use is below `limit`. A write to `memory.max` would do the same but kill when it does not succeed.
fn make_room(group: &Group<'_>, limit: Bytes) -> Result<(), Trouble> {
    let used = group.figure(CURRENT)?;
    let goal = limit.0.saturating_sub(HEADROOM);
    if used <= goal {
        return Ok(());
    }
    let amount = used - goal;
    match group.write(RECLAIM, Line::new(format_args!("{amount}")).as_str()) {
        // `EAGAIN`: less could be reclaimed than was asked for. What is left decides.
        Ok(()) | Err(Trouble::Write { source: Errno::AGAIN, .. }) => {}
        Err(Trouble::Absent(_)) => squeeze(group, goal)?,
        Err(trouble) => return Err(trouble),
    }
    let left = group.figure(CURRENT)?;
    if left <= limit.0 { Ok(()) } else { Err(Trouble::InUse(left)) }
}

/// Kernels before 5.19 cannot be asked to reclaim, but a lower `memory.high` makes them, without killing; it is put back at once.
fn squeeze(group: &Group<'_>, goal: u64) -> Result<(), Trouble> {
    let mut buffer = [0; 64];
    let held = group.read(HIGH, &mut buffer)?;
    group.write(HIGH, Line::new(format_args!("{goal}")).as_str())?;
    group.write(HIGH, held)
}
