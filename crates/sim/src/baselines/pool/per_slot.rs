//! For peers that look at one instance at a time: runs one rule per slot and setting.

use crate::backtest::pool::{Keeper, Seen};

/// A peer's rule for one instance.
pub(super) trait Rule {
    /// Told whether it was in use in the step that ended, says whether it shall be ready in the next.
    fn step(&mut self, active: bool) -> bool;
}

/// One rule per setting and slot.
pub(super) struct PerSlot<R> {
    /// By setting, then by slot.
    rules: Vec<Vec<R>>,
}

impl<R: Rule> PerSlot<R> {
    /// `rule` makes the rule for a setting and a slot.
    pub fn new(points: usize, slots: usize, rule: impl Fn(usize, usize) -> R) -> PerSlot<R> {
        PerSlot { rules: (0..points).map(|point| (0..slots).map(|slot| rule(point, slot)).collect()).collect() }
    }
}

impl<R: Rule> Keeper for PerSlot<R> {
    fn step(&mut self, seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        for (rules, ready) in self.rules.iter_mut().zip(ready) {
            for ((rule, ready), &active) in rules.iter_mut().zip(ready).zip(seen.active) {
                *ready = rule.step(active);
            }
        }
    }
}

/// What `rule` says after each step of `uses` (1 = in use).
#[cfg(test)]
pub(super) fn answers(rule: &mut dyn Rule, uses: &str) -> String {
    uses.chars().map(|c| if rule.step(c == '1') { '1' } else { '0' }).collect()
}
