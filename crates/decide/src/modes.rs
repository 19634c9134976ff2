//! What forerun may do: the strictest of all scopes holds.

use std::collections::BTreeMap;

use model::{Mode, Ordinal, Planner, Scope};

/// Modes of all scopes and the kill switch.
#[derive(Clone, Debug, PartialEq)]
pub struct Modes {
    all: Mode,
    planners: BTreeMap<Planner, Mode>,
    targets: BTreeMap<Ordinal, Mode>,
    killed: bool,
}

impl Modes {
    /// `all` for everything.
    pub fn new(all: Mode) -> Self {
        Modes { all, planners: BTreeMap::new(), targets: BTreeMap::new(), killed: false }
    }

    /// Sets the mode of a scope.
    pub fn set(&mut self, scope: &Scope, mode: Mode) {
        match scope {
            Scope::All => self.all = mode,
            Scope::Planner(planner) => {
                self.planners.insert(*planner, mode);
            }
            Scope::Target(target) => {
                self.targets.insert(*target, mode);
            }
        }
    }

    /// Throws or releases the kill switch.
    pub fn kill(&mut self, killed: bool) {
        self.killed = killed;
    }

    /// Whether the kill switch is thrown.
    pub fn killed(&self) -> bool {
        self.killed
    }

    /// The mode of everything.
    pub fn all(&self) -> Mode {
        self.all
    }

    /// Forgets a target that ended.
    pub fn forget(&mut self, target: Ordinal) {
        self.targets.remove(&target);
    }

    /// What `planner` may do with `target`. The kill switch leaves observation only. Pools are forerun's own, made because somebody
    /// asked for them: mode `recommend` of everything concerns what belongs to others, and does not hold them back.
    pub fn of(&self, asked: Planner, target: Ordinal) -> Mode {
        if self.killed {
            return Mode::Observe;
        }
        let planner = self.planners.get(&asked).copied().unwrap_or(Mode::Act);
        let target = self.targets.get(&target).copied().unwrap_or(Mode::Act);
        let own = Planner::Warm == asked && self.all == Mode::Recommend;
        let all = if own { Mode::Act } else { self.all };
        all.min(planner).min(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_holds() {
        let mut modes = Modes::new(Mode::Act);
        let target = Ordinal(3);
        assert_eq!(modes.of(Planner::Load, target), Mode::Act);
        modes.set(&Scope::Target(target), Mode::Recommend);
        assert_eq!(modes.of(Planner::Load, target), Mode::Recommend);
        modes.set(&Scope::Planner(Planner::Load), Mode::Observe);
        assert_eq!(modes.of(Planner::Load, target), Mode::Observe);
        modes.set(&Scope::Planner(Planner::Load), Mode::Act);
        modes.kill(true);
        assert_eq!(modes.of(Planner::Load, Ordinal(9)), Mode::Observe);
    }
}
