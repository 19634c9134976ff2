//! Shares the host out: releases first, then raises by tier and by what a unit of capacity saves; higher tiers may squeeze lower.

use std::cmp::Reverse;

use model::{Cap, Capacity, Resource, Tier};

use crate::load::Offer;
use crate::settings::ArbiterSettings;

/// What may still be promised of one resource; `None` while the host's capacity is unknown or the resource is not shared out.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pot {
    resource: Resource,
    left: i128,
}

/// What may still be promised.
#[derive(Clone, Debug, PartialEq)]
pub struct Pots(Vec<Pot>);

impl Pots {
    /// The host's capacity less the reserve, CPU times its overcommit, less what `promised` says is out already.
    pub fn new(capacity: Option<Capacity>, settings: &ArbiterSettings, promised: impl Fn(Resource) -> u128) -> Self {
        let Some(capacity) = capacity else { return Pots(Vec::new()) };
        let share = |amount: u64| u128::from(amount) * u128::from(1_000u32.saturating_sub(settings.reserve.0)) / 1_000;
        let cpu = share(capacity.cpu.0) * u128::from(settings.cpu_overcommit.0) / 1_000;
        let pots = [(Resource::CpuQuota, cpu), (Resource::MemoryLimit, share(capacity.memory.0))];
        Pots(pots.map(|(resource, size)| Pot { resource, left: size as i128 - promised(resource) as i128 }).to_vec())
    }

    /// What is left of a resource; `None` where it is not shared out.
    pub fn left(&self, resource: Resource) -> Option<i128> {
        self.0.iter().find(|pot| pot.resource == resource).map(|pot| pot.left)
    }

    /// Takes `amount` (or gives it back where negative).
    pub fn take(&mut self, resource: Resource, amount: i128) {
        if let Some(pot) = self.0.iter_mut().find(|pot| pot.resource == resource) {
            pot.left -= amount;
        }
    }

    /// Cuts a raise to what is left. Says by how much it falls short. An unlimited knob that gets its first limit takes
    /// nothing it did not have, and an answer to a kill is never refused: the kernel would kill again.
    pub fn grant(&mut self, offer: &mut Offer) -> u64 {
        let Some(from) = offer.from else {
            self.take(offer.resource, i128::from(offer.to));
            return 0;
        };
        let extra = i128::from(offer.to) - i128::from(from);
        let Some(left) = self.left(offer.resource) else { return 0 };
        let granted = if extra <= 0 || offer.urgent { extra } else { extra.min(left.max(0)) };
        self.take(offer.resource, granted);
        let short = extra - granted;
        if short > 0 {
            offer.to = (i128::from(from) + granted) as u64;
            offer.because.caps.push(Cap::Capacity);
        }
        short as u64
    }
}

/// The order in which offers are served.
pub fn order(offers: &mut [Offer]) {
    offers.sort_by_key(|offer| {
        let gain = offer.because.figures.seconds_saved / offer.because.figures.hold_cost.max(1e-6);
        // Floats of one sign compare like their bits; a negative or odd gain counts as none.
        let gain = if gain.is_finite() && gain > 0.0 { gain.to_bits() } else { 0 };
        (offer.is_raise(), Reverse(offer.urgent), Reverse(offer.tier), Reverse(gain), offer.target, offer.knob)
    });
}

/// Whether a target of tier `other` may be squeezed for one of tier `tier`.
pub fn yields(other: Tier, tier: Tier) -> bool {
    other < tier
}
