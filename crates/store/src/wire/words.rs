//! The small words: settings, bounds, scopes, tiers, and enums as numbers.

use model::{
    Bounds, Bytes, BytesPerSecond, Limit, Metric, MilliCores, Mode, Ordinal, Planner, Resource, Scope, Setting, TargetKind,
    Tier, Weight,
};
use serde::{Deserialize, Serialize};

use crate::checked::BlobFault;

/// `model::Setting`; `None` is unlimited.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum WireSetting {
    Cpu(Option<u64>),
    Weight(u16),
    Memory(Option<u64>),
    Bandwidth(Option<u64>),
    Instances(u32),
}

impl From<Setting> for WireSetting {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Cpu(limit) => WireSetting::Cpu(limit.at().map(|cpu| cpu.0)),
            Setting::Weight(weight) => WireSetting::Weight(weight.get()),
            Setting::Memory(limit) => WireSetting::Memory(limit.at().map(|bytes| bytes.0)),
            Setting::Bandwidth(limit) => WireSetting::Bandwidth(limit.at().map(|rate| rate.0)),
            Setting::Instances(count) => WireSetting::Instances(count),
        }
    }
}

impl From<WireSetting> for Setting {
    fn from(wire: WireSetting) -> Self {
        fn limit<T>(figure: Option<u64>, wrap: fn(u64) -> T) -> Limit<T> {
            figure.map_or(Limit::Unlimited, |figure| Limit::At(wrap(figure)))
        }
        match wire {
            WireSetting::Cpu(figure) => Setting::Cpu(limit(figure, MilliCores)),
            WireSetting::Weight(weight) => Setting::Weight(Weight::clamped(u64::from(weight))),
            WireSetting::Memory(figure) => Setting::Memory(limit(figure, Bytes)),
            WireSetting::Bandwidth(figure) => Setting::Bandwidth(limit(figure, BytesPerSecond)),
            WireSetting::Instances(count) => Setting::Instances(count),
        }
    }
}

/// `model::Bounds`.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct WireBounds {
    cpu_min: Option<u64>,
    cpu_max: Option<u64>,
    memory_min: Option<u64>,
    memory_max: Option<u64>,
}

impl From<Bounds> for WireBounds {
    fn from(bounds: Bounds) -> Self {
        let Bounds { cpu_min, cpu_max, memory_min, memory_max } = bounds;
        WireBounds {
            cpu_min: cpu_min.map(|cpu| cpu.0),
            cpu_max: cpu_max.map(|cpu| cpu.0),
            memory_min: memory_min.map(|bytes| bytes.0),
            memory_max: memory_max.map(|bytes| bytes.0),
        }
    }
}

impl From<WireBounds> for Bounds {
    fn from(wire: WireBounds) -> Self {
        Bounds {
            cpu_min: wire.cpu_min.map(MilliCores),
            cpu_max: wire.cpu_max.map(MilliCores),
            memory_min: wire.memory_min.map(Bytes),
            memory_max: wire.memory_max.map(Bytes),
        }
    }
}

/// `model::Scope`.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum WireScope {
    All,
    LoadPlanner,
    Target(u32),
    WarmPlanner,
}

impl From<&Scope> for WireScope {
    fn from(scope: &Scope) -> Self {
        match scope {
            Scope::All => WireScope::All,
            Scope::Planner(Planner::Load) => WireScope::LoadPlanner,
            Scope::Planner(Planner::Warm) => WireScope::WarmPlanner,
            Scope::Target(target) => WireScope::Target(target.0),
        }
    }
}

impl From<WireScope> for Scope {
    fn from(wire: WireScope) -> Self {
        match wire {
            WireScope::All => Scope::All,
            WireScope::LoadPlanner => Scope::Planner(Planner::Load),
            WireScope::WarmPlanner => Scope::Planner(Planner::Warm),
            WireScope::Target(target) => Scope::Target(Ordinal(target)),
        }
    }
}

/// Numbers that stand for the unit variants of an enum of `model`.
pub(crate) trait Numbered: Copy + PartialEq + Sized + 'static {
    /// The variants; a variant's number is its place here, so new ones go to the end.
    const VARIANTS: &'static [Self];
    /// What they are, for the error.
    const WHAT: &'static str;

    /// The variant's number.
    fn number(self) -> u8 {
        let place = Self::VARIANTS.iter().position(|variant| *variant == self);
        place.expect("VARIANTS lists every variant, which a test holds") as u8
    }
    /// The variant of that number.
    fn of_number(number: u8) -> Result<Self, BlobFault> {
        let variant = Self::VARIANTS.get(usize::from(number)).copied();
        variant.ok_or_else(|| BlobFault::content(format_args!("there is no {} number {number}", Self::WHAT)))
    }
}

impl Numbered for Mode {
    const VARIANTS: &'static [Mode] = &[Mode::Observe, Mode::Recommend, Mode::Act];
    const WHAT: &'static str = "mode";
}
impl Numbered for Tier {
    const VARIANTS: &'static [Tier] = &[Tier::BestEffort, Tier::Standard, Tier::Critical];
    const WHAT: &'static str = "tier";
}
impl Numbered for TargetKind {
    const VARIANTS: &'static [TargetKind] = &[
        TargetKind::Service,
        TargetKind::Container,
        TargetKind::Own,
        TargetKind::Group,
        TargetKind::Series,
        TargetKind::Pool,
    ];
    const WHAT: &'static str = "kind of target";
}
impl Numbered for Resource {
    const VARIANTS: &'static [Resource] = &Resource::ALL;
    const WHAT: &'static str = "resource";
}
impl Numbered for Metric {
    const VARIANTS: &'static [Metric] = &model::METRICS;
    const WHAT: &'static str = "metric";
}
impl Numbered for model::Member {
    const VARIANTS: &'static [model::Member] = &model::Member::ALL;
    const WHAT: &'static str = "member";
}
impl Numbered for model::Cap {
    const VARIANTS: &'static [model::Cap] =
        &[model::Cap::BoundMax, model::Cap::BoundMin, model::Cap::Capacity, model::Cap::InUse];
    const WHAT: &'static str = "cap";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails to compile when a variant is added without a thought for `VARIANTS`.
    #[test]
    fn every_variant_is_listed() {
        for kind in TargetKind::VARIANTS {
            match kind {
                TargetKind::Service
                | TargetKind::Container
                | TargetKind::Own
                | TargetKind::Group
                | TargetKind::Series
                | TargetKind::Pool => {}
            }
        }
        for cap in model::Cap::VARIANTS {
            match cap {
                model::Cap::BoundMax | model::Cap::BoundMin | model::Cap::Capacity | model::Cap::InUse => {}
            }
        }
        for (mode, tier) in Mode::VARIANTS.iter().zip(Tier::VARIANTS) {
            match (mode, tier) {
                (Mode::Observe | Mode::Recommend | Mode::Act, Tier::BestEffort | Tier::Standard | Tier::Critical) => {}
            }
        }
        assert_eq!(Mode::of_number(Mode::Act.number()), Ok(Mode::Act));
        assert!(Resource::of_number(200).is_err());
    }
}
