//! What each rule cost on paper, and the prices of what has a target.
//!
//! Beside its seconds, a beginning of need that finds no module and a load in vain have targets as shares. Each has a price that
//! rises while its target is missed and falls while it is met (dual ascent on the two constraints), so that of all rules that meet the
//! targets the cheapest is followed, and where none does, the one that comes close.

use super::rules::RULE_COUNT;

/// How fast prices follow.
const RATE: f32 = 0.004;
/// The bounds of prices, in steps of unserved need.
const PRICE_MIN: f32 = 1e-3;
const PRICE_MAX: f32 = 20.0;

/// What a missed beginning and a load in vain are priced at beside what they cost, in steps of unserved need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    missed: f32,
    wasted: f32,
}

impl Default for Prices {
    fn default() -> Self {
        Prices { missed: 0.1, wasted: 0.1 }
    }
}

impl Prices {
    /// Need began, and its module was `ready` or not.
    pub fn begun(&mut self, ready: bool, target: f32) {
        let miss = if ready { 0.0 } else { 1.0 };
        self.missed = (self.missed * (RATE * (miss - (1.0 - target))).exp()).clamp(PRICE_MIN, PRICE_MAX);
    }

    /// A module was unloaded, and had been loaded in vain or not.
    pub fn unloaded(&mut self, wasted: bool, target: f32) {
        let waste = if wasted { 1.0 } else { 0.0 };
        self.wasted = (self.wasted * (RATE * (waste - target)).exp()).clamp(PRICE_MIN, PRICE_MAX);
    }
}

/// What all rules did in one step.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    idle_price: f32,
    switch: f32,
    needed: bool,
    begins: bool,
    costs: [f32; RULE_COUNT],
    missed: [f32; RULE_COUNT],
    wasted: [f32; RULE_COUNT],
}

impl Outcome {
    /// Of a step that was `needed` or not, after one without need or not. Prices are in steps of unserved need.
    pub fn new(idle_price: f32, switch: f32, needed: bool, after_idle: bool) -> Outcome {
        let none = [0.0; RULE_COUNT];
        Outcome { idle_price, switch, needed, begins: needed && after_idle, costs: none, missed: none, wasted: none }
    }

    /// Rule number `rule` held the module `before`, and `after` the decision throughout the step; the unload, if it was one, ended
    /// a load that was `wasted`.
    pub fn add(&mut self, rule: usize, before: bool, after: bool, wasted: bool) {
        let served = match (self.needed, after) {
            (true, false) => 1.0,
            (false, true) => self.idle_price,
            _ => 0.0,
        };
        self.costs[rule] = served + if after == before { 0.0 } else { self.switch };
        self.missed[rule] = f32::from(u8::from(self.begins && !after));
        self.wasted[rule] = f32::from(u8::from(wasted));
    }
}

/// Costs of all rules in one place: sums that fade, and the weight they rest on.
#[derive(Clone, Debug)]
pub(super) struct Costs {
    costs: [f32; RULE_COUNT],
    missed: [f32; RULE_COUNT],
    wasted: [f32; RULE_COUNT],
    weight: f32,
}

impl Costs {
    pub const NONE: Costs =
        Costs { costs: [0.0; RULE_COUNT], missed: [0.0; RULE_COUNT], wasted: [0.0; RULE_COUNT], weight: 0.0 };

    /// Adds a step; what was added before fades by `fade`.
    pub fn add(&mut self, outcome: &Outcome, fade: f32) {
        self.weight = self.weight * fade + 1.0;
        let sums =
            [(&mut self.costs, &outcome.costs), (&mut self.missed, &outcome.missed), (&mut self.wasted, &outcome.wasted)];
        for (sums, added) in sums {
            sums.iter_mut().zip(added).for_each(|(sum, added)| *sum = *sum * fade + added);
        }
    }

    /// Steps that the sums rest on.
    pub fn weight(&self) -> f32 {
        self.weight
    }

    /// What `rule` cost at these prices.
    pub fn sum(&self, rule: usize, prices: &Prices) -> f32 {
        self.costs[rule] + prices.missed * self.missed[rule] + prices.wasted * self.wasted[rule]
    }

    /// The same per step; 0 before the first.
    pub fn mean(&self, rule: usize, prices: &Prices) -> f32 {
        if self.weight > 0.0 { self.sum(rule, prices) / self.weight } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_fade_and_are_priced() {
        let prices = Prices { missed: 2.0, wasted: 3.0 };
        let mut costs = Costs::NONE;
        // Need begins: rule 0 was there, rule 1 not.
        let mut outcome = Outcome::new(0.25, 0.5, true, true);
        outcome.add(0, true, true, false);
        outcome.add(1, false, false, false);
        costs.add(&outcome, 0.5);
        assert_eq!((costs.sum(0, &prices), costs.sum(1, &prices)), (0.0, 3.0));
        // No need: rule 0 stays idle, rule 1 unloads what was never needed.
        let mut outcome = Outcome::new(0.25, 0.5, false, false);
        outcome.add(0, true, true, false);
        outcome.add(1, true, false, true);
        costs.add(&outcome, 0.5);
        assert_eq!((costs.sum(0, &prices), costs.sum(1, &prices)), (0.25, 5.0));
        assert_eq!((costs.weight(), costs.mean(1, &prices)), (1.5, 5.0 / 1.5));
    }

    #[test]
    fn prices_rise_while_their_targets_are_missed() {
        let (mut missing, mut meeting) = (Prices::default(), Prices::default());
        for event in 0..10_000 {
            missing.begun(event % 2 == 0, 0.9);
            meeting.begun(event % 20 != 0, 0.9);
            missing.unloaded(event % 2 == 0, 0.3);
            meeting.unloaded(event % 5 == 0, 0.3);
        }
        assert!(missing.missed > 1.0 && missing.wasted > 1.0);
        assert!(meeting.missed < 0.1 && meeting.wasted < 0.1);
    }
}
