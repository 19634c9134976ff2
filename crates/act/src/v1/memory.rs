//! `memory.limit_in_bytes`. Lowering it reclaims first and answers `EBUSY` when that is not enough: nothing is killed.

use model::{Bytes, Limit};
use rustix::io::Errno;

use crate::error::Trouble;
use crate::group::Group;
use crate::line::Line;
use crate::memory::{STAT_BUFFER, on_grid, working_set};

const LIMIT: &str = "memory.limit_in_bytes";
const LIMIT_WITH_SWAP: &str = "memory.memsw.limit_in_bytes";
const USAGE: &str = "memory.usage_in_bytes";
const STAT: &str = "memory.stat";

pub(super) fn limit(group: &Group<'_>) -> Result<Limit<Bytes>, Trouble> {
    let mut buffer = [0; 64];
    let text = group.read(LIMIT, &mut buffer)?;
    let bytes: i128 = text.parse().map_err(|_| Trouble::parse(LIMIT, text))?;
    // The kernel takes -1 for unlimited and prints the largest number of pages.
    Ok(u64::try_from(bytes).map_or(Limit::Unlimited, |bytes| on_grid(Limit::At(Bytes(bytes)))))
}

pub(super) fn in_use(group: &Group<'_>) -> Result<Bytes, Trouble> {
    let usage = group.figure(USAGE)?;
    let mut buffer = [0; STAT_BUFFER];
    let stat = group.read(STAT, &mut buffer)?;
    Ok(working_set(usage, stat, ["total_inactive_file", "total_dirty", "total_writeback"]))
}

pub(super) fn set_limit(group: &Group<'_>, limit: Limit<Bytes>) -> Result<(), Trouble> {
    let text = limit.at().map_or(Line::new(format_args!("-1")), |limit| Line::new(format_args!("{}", limit.0)));
    group.write(LIMIT, text.as_str()).map_err(|trouble| match trouble {
        Trouble::Write { source: Errno::BUSY, .. } => {
            in_use(group).map_or_else(|trouble| trouble, |used| Trouble::InUse(used.0))
        }
        Trouble::Write { source: Errno::INVAL, text, .. } => match group.figure(LIMIT_WITH_SWAP) {
            Ok(with_swap) => {
                Trouble::Refused(format!("{text} is above {LIMIT_WITH_SWAP}, which is {}", Bytes(with_swap)).into())
            }
            Err(_) => Trouble::Refused(format!("the kernel refused {text} in {LIMIT} of {}", group.shown()).into()),
        },
        trouble => trouble,
    })
}
