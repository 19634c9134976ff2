//! CPU quota and weight: the arithmetic between settings and files, and how a change goes.

use std::sync::Mutex;

use model::{Limit, MilliCores, Outcome, Permille, Resource, Setting, TargetId, Weight};

use crate::error::Trouble;
use crate::files::Knob;
use crate::knob::{confirm, lock, settled};
use crate::originals::Originals;

/// The least quota that the kernel takes (`min_cfs_quota_period`).
const QUOTA_US_MIN: u64 = 1_000;

/// What the files say about CPU time: at most the quota (`None`: as much as it wants) in each period, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuTime {
    pub(crate) quota_us: Option<u64>,
    pub(crate) period_us: u64,
}

impl CpuTime {
    /// The quota in cores, rounded to the nearest thousandth.
    pub(crate) fn cores(self) -> Limit<MilliCores> {
        let period = u128::from(self.period_us.max(1));
        self.quota_us.map_or(Limit::Unlimited, |quota| {
            let wide = (u128::from(quota) * 1_000 + period / 2) / period;
            Limit::At(MilliCores(u64::try_from(wide).unwrap_or(u64::MAX)))
        })
    }

    /// `cores` in the same period, rounded to the nearest microsecond.
    pub(crate) fn with(self, cores: Limit<MilliCores>) -> CpuTime {
        let quota = |cores: MilliCores| {
            let wide = (u128::from(cores.0) * u128::from(self.period_us) + 500) / 1_000;
            u64::try_from(wide).unwrap_or(u64::MAX)
        };
        CpuTime { quota_us: cores.at().map(quota), ..self }
    }

    /// `share` of the quota, which is what may be saved up; the kernel takes no more than the quota itself.
    pub(crate) fn burst_us(self, share: Permille) -> u64 {
        let quota = u128::from(self.quota_us.unwrap_or(0));
        u64::try_from(quota * u128::from(share.0.min(1_000)) / 1_000).unwrap_or(u64::MAX)
    }

    /// Whether it allows less than `other`, over the same period.
    pub(crate) fn below(self, other: CpuTime) -> bool {
        self.quota_us.unwrap_or(u64::MAX) < other.quota_us.unwrap_or(u64::MAX)
    }
}

/// The quota of a group.
pub(crate) fn quota(knob: &Knob<'_>) -> Result<Setting, Trouble> {
    knob.files.cpu_time(&knob.group).map(|time| Setting::Cpu(time.cores()))
}

/// Goes from one quota to another.
pub(crate) fn change_quota(
    target: &TargetId,
    knob: &Knob<'_>,
    originals: &Mutex<Originals>,
    [before, after]: [Limit<MilliCores>; 2],
    burst: Option<Permille>,
) -> Result<Outcome, Trouble> {
    const RESOURCE: Resource = Resource::CpuQuota;
    let held = knob.files.cpu_time(&knob.group)?;
    let (found, after_setting) = (Setting::Cpu(held.cores()), Setting::Cpu(after));
    if let Some(outcome) = settled(found, Setting::Cpu(before), after_setting) {
        return Ok(outcome);
    }
    let mut wanted = held.with(after);
    if let Some(quota) = wanted.quota_us
        && quota < QUOTA_US_MIN
    {
        let period = held.period_us;
        let reason =
            format!("{after} of a period of {period} us is {quota} us; the kernel takes no quota below {QUOTA_US_MIN} us");
        return Err(Trouble::Refused(reason.into()));
    }
    if let Some(original) = lock(originals).take(target, RESOURCE, after_setting) {
        wanted.quota_us = Some(original);
    }
    if let Some(quota) = held.quota_us
        && held.with(held.cores()) != held
    {
        lock(originals).remember(target, RESOURCE, found, quota);
    }
    knob.files.set_cpu_time(&knob.group, held, wanted, burst)?;
    confirm(quota(knob)?, after_setting)
}

/// The weight of a group.
pub(crate) fn weight(knob: &Knob<'_>) -> Result<Setting, Trouble> {
    let figure = knob.files.cpu_weight(&knob.group)?;
    Ok(Setting::Weight(knob.files.weight_of(figure)))
}

/// Goes from one weight to another.
pub(crate) fn change_weight(
    target: &TargetId,
    knob: &Knob<'_>,
    originals: &Mutex<Originals>,
    [before, after]: [Weight; 2],
) -> Result<Outcome, Trouble> {
    const RESOURCE: Resource = Resource::CpuWeight;
    let held = knob.files.cpu_weight(&knob.group)?;
    let found = knob.files.weight_of(held);
    let after_setting = Setting::Weight(after);
    if let Some(outcome) = settled(Setting::Weight(found), Setting::Weight(before), after_setting) {
        return Ok(outcome);
    }
    let original = lock(originals).take(target, RESOURCE, after_setting);
    if knob.files.figure_of(found) != held {
        lock(originals).remember(target, RESOURCE, Setting::Weight(found), held);
    }
    knob.files.set_cpu_weight(&knob.group, original.unwrap_or_else(|| knob.files.figure_of(after)))?;
    confirm(weight(knob)?, after_setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_reads_back_as_the_cores_that_were_asked_for() {
        for period_us in [1_000, 3_333, 33_333, 50_000, 100_000, 1_000_000] {
            let time = CpuTime { quota_us: None, period_us };
            for asked in (1..5_000).chain([64_000, 999_999]) {
                let asked = Limit::At(MilliCores(asked));
                assert_eq!(time.with(asked).cores(), asked, "{asked} of {period_us} us");
            }
        }
        let time = CpuTime { quota_us: Some(12_345), period_us: 100_000 };
        assert_eq!(time.cores(), Limit::At(MilliCores(123)));
        assert_eq!(time.with(Limit::Unlimited).cores(), Limit::Unlimited);
        assert_eq!(time.with(Limit::At(MilliCores(u64::MAX))).quota_us, Some(u64::MAX));
        assert!(time.below(time.with(Limit::Unlimited)));
    }

    #[test]
    fn no_more_than_the_quota_is_saved_up() {
        let time = CpuTime { quota_us: Some(50_000), period_us: 100_000 };
        assert_eq!(time.burst_us(Permille(500)), 25_000);
        assert_eq!(time.burst_us(Permille(3_000)), 50_000);
        assert_eq!(CpuTime { quota_us: None, ..time }.burst_us(Permille(500)), 0);
    }
}
