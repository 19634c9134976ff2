//! When a memory limit would harm: what counts as in use, and the margin that stays above it.
//!
//! In use is `usage - inactive file cache`: the working set, as the forecasts count it. It includes anonymous memory, shared memory
//! and tmpfs, kernel memory, and file cache that was touched again lately; only file pages on the inactive list are left out,
//! because the kernel gives those up first and nobody waits for them. That is more than the anonymous memory that the kernel itself
//! would insist on: a limit between the two kills nothing but makes the target read its own files from disk again and again.
//! Dirty file pages count as in use: they cannot be dropped before they are written.

use model::{Bytes, Limit, Outcome, Setting};

use crate::error::Trouble;
use crate::files::Knob;
use crate::knob::{confirm, settled};

/// Room for `memory.stat`, which is under 3 KiB on v1 and v2 today; lines beyond it are not seen, which errs on the safe side.
pub(crate) const STAT_BUFFER: usize = 8_192;

/// The share of the use that stays free above it, whatever the configured margin: one part in 64 (1.6 %).
const MARGIN_SHARE: u64 = 64;

/// The limit of a group.
pub(crate) fn limit(knob: &Knob<'_>) -> Result<Setting, Trouble> {
    knob.files.memory_limit(&knob.group).map(Setting::Memory)
}

/// Goes from one limit to another. Only a lower limit is checked against what is in use: raising one harms nobody.
pub(crate) fn change(knob: &Knob<'_>, [before, after]: [Limit<Bytes>; 2], margin: Bytes) -> Result<Outcome, Trouble> {
    let (before, after) = (on_grid(before), on_grid(after));
    let held = knob.files.memory_limit(&knob.group)?;
    if let Some(outcome) = settled(Setting::Memory(held), Setting::Memory(before), Setting::Memory(after)) {
        return Ok(outcome);
    }
    if let Limit::At(wanted) = after
        && held.at().is_none_or(|held| held >= wanted)
    {
        check(wanted, knob.files.memory_in_use(&knob.group)?, margin)?;
    }
    knob.files.set_memory_limit(&knob.group, after)?;
    confirm(limit(knob)?, Setting::Memory(after))
}

/// Whether a lower limit leaves the margin above what is in use.
fn check(wanted: Bytes, in_use: Bytes, margin: Bytes) -> Result<(), Trouble> {
    let least = in_use.0.saturating_add(margin.0.max(in_use.0 / MARGIN_SHARE));
    if wanted.0 >= least { Ok(()) } else { Err(Trouble::InUse(in_use.0)) }
}

/// The limit on the grid of whole pages, where everything from `i64::MAX` less a page upwards is unlimited.
pub(crate) fn on_grid(limit: Limit<Bytes>) -> Limit<Bytes> {
    let page = rustix::param::page_size() as u64;
    let largest = i64::MAX as u64 / page * page;
    match limit {
        Limit::At(bytes) if bytes.0 < largest => Limit::At(Bytes(bytes.0 / page * page)),
        _ => Limit::Unlimited,
    }
}

/// Usage less what can be dropped: the lines `inactive`, less `dirty` and `writeback`, of a `memory.stat`.
pub(crate) fn working_set(usage: u64, stat: &str, [inactive, dirty, writeback]: [&str; 3]) -> Bytes {
    let figure = |name: &str| {
        let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|figure| figure.parse::<u64>().ok()).unwrap_or(0)
    };
    let droppable = figure(inactive).saturating_sub(figure(dirty)).saturating_sub(figure(writeback));
    Bytes(usage.saturating_sub(droppable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_limit_keeps_the_margin_above_use() {
        let margin = Bytes(16 << 20);
        assert!(check(Bytes(116 << 20), Bytes(100 << 20), margin).is_ok());
        assert!(
            matches!(check(Bytes((116 << 20) - 1), Bytes(100 << 20), margin), Err(Trouble::InUse(used)) if used == 100 << 20)
        );
        assert!(check(Bytes(64 << 30), Bytes(64 << 30), Bytes(0)).is_err());
        assert!(check(Bytes(65 << 30), Bytes(64 << 30), Bytes(0)).is_ok());
        assert!(check(Bytes(u64::MAX), Bytes(u64::MAX), margin).is_ok());
    }

    #[test]
    fn limits_compare_in_whole_pages() {
        let page = rustix::param::page_size() as u64;
        assert_eq!(on_grid(Limit::At(Bytes(10 * page + 1))), Limit::At(Bytes(10 * page)));
        assert_eq!(on_grid(Limit::At(Bytes(i64::MAX as u64))), Limit::Unlimited);
        assert_eq!(on_grid(Limit::Unlimited), Limit::Unlimited);
    }

    #[test]
    fn the_working_set_leaves_out_clean_inactive_file_pages_only() {
        let stat = "anon 50\ninactive_file 30\ninactive_file_x 7\nfile_dirty 5\nfile_writeback 1\n";
        assert_eq!(working_set(100, stat, ["inactive_file", "file_dirty", "file_writeback"]), Bytes(76));
        assert_eq!(working_set(100, "", ["inactive_file", "file_dirty", "file_writeback"]), Bytes(100));
    }
}
