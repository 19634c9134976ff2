//! `cpu.max` (quota and period), `cpu.max.burst`, and `cpu.weight`.

use model::Permille;
use rustix::io::Errno;

use crate::cpu::CpuTime;
use crate::error::Trouble;
use crate::group::Group;
use crate::line::Line;

const MAX: &str = "cpu.max";
const BURST: &str = "cpu.max.burst";
const WEIGHT: &str = "cpu.weight";

pub(super) fn time(group: &Group<'_>) -> Result<CpuTime, Trouble> {
    let mut buffer = [0; 64];
    let text = group.read(MAX, &mut buffer)?;
    let bad = || Trouble::parse(MAX, text);
    let (quota, period) = text.split_once(' ').ok_or_else(bad)?;
    let quota_us = match quota {
        "max" => None,
        figure => Some(figure.parse().map_err(|_| bad())?),
    };
    Ok(CpuTime { quota_us, period_us: period.parse().map_err(|_| bad())? })
}

pub(super) fn set_time(group: &Group<'_>, held: CpuTime, wanted: CpuTime, burst: Option<Permille>) -> Result<(), Trouble> {
    // The kernel refuses a burst above the quota, so the smaller of the two goes first.
    let lowers = wanted.below(held);
    if lowers {
        set_burst(group, wanted, burst)?;
    }
    let period = wanted.period_us;
    let text = match wanted.quota_us {
        Some(quota) => Line::new(format_args!("{quota} {period}")),
        None => Line::new(format_args!("max {period}")),
    };
    group.write(MAX, text.as_str()).map_err(|trouble| match trouble {
        Trouble::Write { source: Errno::INVAL, .. } => explain(group, wanted),
        trouble => trouble,
    })?;
    if lowers { Ok(()) } else { set_burst(group, wanted, burst) }
}

fn set_burst(group: &Group<'_>, wanted: CpuTime, burst: Option<Permille>) -> Result<(), Trouble> {
    let Some(share) = burst else { return Ok(()) };
    match group.write(BURST, Line::new(format_args!("{}", wanted.burst_us(share))).as_str()) {
        Err(Trouble::Absent(_)) => Ok(()),
        result => result,
    }
}

/// Why the kernel answered `EINVAL`. In v2 a group may be given more than the one above it, so mostly the burst is left.
fn explain(group: &Group<'_>, wanted: CpuTime) -> Trouble {
    let held = group.figure(BURST).unwrap_or(0);
    let reason = match wanted.quota_us {
        Some(quota) if held > quota => format!("{BURST} holds {held} us, more than the new quota of {quota} us"),
        Some(quota) => format!("the kernel refused {quota} us in {MAX} of {}", group.shown()),
        None => format!("the kernel refused to lift {MAX} of {}", group.shown()),
    };
    Trouble::Refused(reason.into())
}

pub(super) fn weight(group: &Group<'_>) -> Result<u64, Trouble> {
    group.figure(WEIGHT)
}

pub(super) fn set_weight(group: &Group<'_>, weight: u64) -> Result<(), Trouble> {
    group.write(WEIGHT, Line::new(format_args!("{weight}")).as_str())
}
