//! Shares the host out: releases first, then raises by tier and by what a unit of capacity saves; higher tiers may squeeze lower.

use std::cmp::Reverse;

use model::{Capacity, Mode, Ordinal, Resource, Tier};

use crate::load::Offer;
use crate::settings::ArbiterSettings;

/// What may still be promised of one resource.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pot {
    resource: Resource,
    /// By what the knobs hold.
    real: i128,
    /// By what they would hold if every recommendation were followed: advice is given for that world, and does not let
    /// anybody take what others really hold.
    advised: i128,
}

/// What may still be promised; empty while the host's capacity is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Pots(Vec<Pot>);

impl Pots {
    /// The host's capacity less the reserve, CPU times its overcommit, less what `promised` says is out already: really, and
    /// with all advice followed.
    pub fn new(capacity: Option<Capacity>, settings: &ArbiterSettings, promised: impl Fn(Resource) -> [u128; 2]) -> Self {
        let Some(capacity) = capacity else { return Pots(Vec::new()) };
        let share = |amount: u64| u128::from(amount) * u128::from(1_000u32.saturating_sub(settings.reserve.0)) / 1_000;
        let cpu = share(capacity.cpu.0) * u128::from(settings.cpu_overcommit.0) / 1_000;
        let pots = [(Resource::CpuQuota, cpu), (Resource::MemoryLimit, share(capacity.memory.0))];
        let left = |size: u128, promised: u128| size as i128 - promised.min(i128::MAX as u128 / 2) as i128;
        let pot = |(resource, size)| {
            let [real, advised] = promised(resource);
            Pot { resource, real: left(size, real), advised: left(size, advised) }
        };
        Pots(pots.map(pot).to_vec())
    }

    /// What an offer in `mode` may still take of a resource; `None` where it is not shared out.
    pub fn left(&self, mode: Mode, resource: Resource) -> Option<u64> {
        let pot = self.0.iter().find(|pot| pot.resource == resource)?;
        let left = if mode == Mode::Act { pot.real } else { pot.advised };
        Some(u64::try_from(left.max(0)).unwrap_or(u64::MAX))
    }

    /// Books the move of a knob. An unlimited knob that gets its first limit takes what it now may use.
    pub fn book(&mut self, mode: Mode, offer: &Offer) {
        let amount = i128::from(offer.to) - i128::from(offer.from.unwrap_or(0));
        if let Some(pot) = self.0.iter_mut().find(|pot| pot.resource == offer.resource) {
            pot.advised -= amount;
            if mode == Mode::Act {
                pot.real -= amount;
            }
        }
    }
}

/// The targets from which higher tiers may take, the lowest tier first, and how far each resource's list is used up.
#[derive(Clone, Debug, Default)]
pub struct Givers {
    targets: Option<Vec<(Tier, Ordinal)>>,
    used_up: [[usize; Resource::ALL.len()]; 2],
}

impl Givers {
    /// Fills the list on first use.
    pub fn fill(&mut self, targets: impl FnOnce() -> Vec<(Tier, Ordinal)>) {
        self.targets.get_or_insert_with(|| {
            let mut targets = targets();
            targets.sort_unstable();
            targets
        });
    }

    /// The place at which to begin for an offer in `mode`.
    pub fn begin(&self, mode: Mode, resource: Resource) -> usize {
        self.used_up[usize::from(mode == Mode::Act)][resource.index()]
    }

    /// Those before `place` have nothing left to give.
    pub fn use_up(&mut self, mode: Mode, resource: Resource, place: usize) {
        self.used_up[usize::from(mode == Mode::Act)][resource.index()] = place;
    }

    /// The target at `place`, provided that it yields to one of tier `tier`.
    pub fn at(&self, place: usize, tier: Tier) -> Option<Ordinal> {
        let (other, ordinal) = *self.targets.as_ref()?.get(place)?;
        (other < tier).then_some(ordinal)
    }
}

/// The order in which offers are served.
pub fn order(offers: &mut [Offer]) {
    offers.sort_by_cached_key(|offer| {
        let figures = &offer.because.figures;
        let gain = figures.chance * figures.seconds_saved / figures.hold_cost.max(1e-6);
        // Floats of one sign compare like their bits; a negative or odd gain counts as none.
        let gain = if gain.is_finite() && gain > 0.0 { gain.to_bits() } else { 0 };
        (offer.is_raise(), Reverse(offer.urgent), Reverse(offer.tier), Reverse(gain), offer.target, offer.knob)
    });
}
