//! `cpu.cfs_quota_us` over `cpu.cfs_period_us`, `cpu.cfs_burst_us`, and `cpu.shares`.

use model::{Limit, Permille, Weight};
use rustix::io::Errno;

use crate::cpu::CpuTime;
use crate::error::Trouble;
use crate::group::Group;
use crate::line::Line;

const QUOTA: &str = "cpu.cfs_quota_us";
const PERIOD: &str = "cpu.cfs_period_us";
const BURST: &str = "cpu.cfs_burst_us";
const SHARES: &str = "cpu.shares";

pub(super) fn time(group: &Group<'_>) -> Result<CpuTime, Trouble> {
    let mut buffer = [0; 64];
    let text = group.read(QUOTA, &mut buffer)?;
    let quota: i64 = text.parse().map_err(|_| Trouble::parse(QUOTA, text))?;
    let period_us = group.figure(PERIOD)?;
    // The kernel writes -1; every negative value means the same to it.
    Ok(CpuTime { quota_us: u64::try_from(quota).ok(), period_us })
}

pub(super) fn set_time(group: &Group<'_>, held: CpuTime, wanted: CpuTime, burst: Option<Permille>) -> Result<(), Trouble> {
    // The kernel refuses a burst above the quota, so the smaller of the two goes first.
    let lowers = wanted.below(held);
    if lowers {
        set_burst(group, wanted, burst)?;
    }
    let text = wanted.quota_us.map_or(Line::new(format_args!("-1")), |quota| Line::new(format_args!("{quota}")));
    group.write(QUOTA, text.as_str()).map_err(|trouble| match trouble {
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

/// Why the kernel answered `EINVAL`: in v1 no group may have more than one above it.
fn explain(group: &Group<'_>, wanted: CpuTime) -> Trouble {
    let mut above = group.parent();
    while let Some(parent) = above {
        if let Ok(Limit::At(allowed)) = time(&parent).map(CpuTime::cores)
            && wanted.cores().at().is_none_or(|asked| asked > allowed)
        {
            let (asked, parent) = (wanted.cores(), parent.shown());
            return Trouble::Refused(format!("{asked} is more than the group above it has: {parent} has {allowed}").into());
        }
        above = parent.parent();
    }
    let held = group.figure(BURST).unwrap_or(0);
    let reason = match wanted.quota_us {
        Some(quota) if held > quota => format!("{BURST} holds {held} us, more than the new quota of {quota} us"),
        Some(quota) => format!("the kernel refused {quota} us in {QUOTA}: a group below {} has more", group.shown()),
        None => format!("the kernel refused to lift {QUOTA} of {}", group.shown()),
    };
    Trouble::Refused(reason.into())
}

pub(super) fn weight(group: &Group<'_>) -> Result<u64, Trouble> {
    group.figure(SHARES)
}

pub(super) fn set_weight(group: &Group<'_>, shares: u64) -> Result<(), Trouble> {
    group.write(SHARES, Line::new(format_args!("{shares}")).as_str())
}

/// `weight = shares * 100 / 1024`, as systemd does it: the defaults 1024 and 100 stand for each other.
pub(super) fn weight_of(shares: u64) -> Weight {
    Weight::clamped(shares.saturating_mul(100).saturating_add(512) / 1_024)
}

pub(super) fn shares_of(weight: Weight) -> u64 {
    (u64::from(weight.get()) * 1_024 + 50) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_survive_the_way_through_shares() {
        for weight in 1..=10_000 {
            let weight = Weight::clamped(weight);
            assert_eq!(weight_of(shares_of(weight)), weight);
        }
        assert_eq!(shares_of(Weight::DEFAULT), 1_024);
        assert_eq!(weight_of(2), Weight::clamped(1));
        assert_eq!(weight_of(262_144), Weight::clamped(10_000));
    }
}
