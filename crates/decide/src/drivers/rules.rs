//! The rules among which the planner chooses for each slot, by what each would have cost.
//!
//! A need that nothing foretells is best served on demand, with the module kept for a while; one that follows the clock is best
//! served ahead. Which it is shows only in hindsight, but since need does not depend on what is loaded, hindsight is complete: every
//! rule is followed on paper, and its cost counted.

/// When a module is loaded and when it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Ahead of need, by the chance of need in the coming step: loaded from `load` times the break-even odds of a load, kept
    /// down to `keep` times those of a module that stands loaded.
    Ahead {
        /// Factor of the odds from which it is loaded.
        load: f32,
        /// Factor of the odds below which it goes.
        keep: f32,
    },
    /// On demand, never ahead: loaded once it is needed, kept down to `keep` times the break-even odds.
    React {
        /// Factor of the odds from which it is loaded, once needed.
        load: f32,
        /// Factor of the odds below which it goes.
        keep: f32,
    },
    /// On demand, kept for so many steps without need.
    Linger {
        /// How many.
        steps: u16,
    },
    /// Always loaded.
    Stay,
    /// Never loaded.
    Never,
}

/// Factors of the break-even odds that are tried.
const LOADS: [f32; 6] = [0.3, 1.0, 2.0, 5.0, 12.0, 30.0];
const KEEPS: [f32; 6] = [1.0, 0.5, 0.25, 0.1, 0.03, 0.01];
const REACTS: [f32; 2] = [1.0, 20.0];
const LINGERS: [u16; 7] = [0, 1, 3, 8, 20, 60, 200];
/// How many rules are tried.
pub(super) const RULE_COUNT: usize = (LOADS.len() + REACTS.len()) * KEEPS.len() + LINGERS.len() + 2;

/// Every rule that is tried.
pub(super) const RULES: [Rule; RULE_COUNT] = rules();

const fn rules() -> [Rule; RULE_COUNT] {
    let mut rules = [Rule::Never; RULE_COUNT];
    let mut place = 0;
    while place < LOADS.len() * KEEPS.len() {
        rules[place] = Rule::Ahead { load: LOADS[place / KEEPS.len()], keep: KEEPS[place % KEEPS.len()] };
        place += 1;
    }
    let ahead = place;
    while place < ahead + REACTS.len() * KEEPS.len() {
        let which = place - ahead;
        rules[place] = Rule::React { load: REACTS[which / KEEPS.len()], keep: KEEPS[which % KEEPS.len()] };
        place += 1;
    }
    let react = place;
    while place < react + LINGERS.len() {
        rules[place] = Rule::Linger { steps: LINGERS[place - react] };
        place += 1;
    }
    rules[place] = Rule::Stay;
    rules
}

/// The rule that is followed until others have shown what they are worth: load and keep at break-even.
pub(super) const FIRST: usize = KEEPS.len();

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// Needed in the step that ended.
    pub needed: bool,
    /// Known steps since the last need.
    pub idle: u32,
    /// The odds of need in the coming step.
    pub odds: f32,
    /// The odds from which a load breaks even, and a stay.
    pub load_odds: f32,
    pub keep_odds: f32,
}

impl Rule {
    /// Whether the module stands loaded in the coming step.
    pub(super) fn holds(self, loaded: bool, at: &Situation) -> bool {
        match self {
            Rule::Ahead { load, .. } if !loaded => at.odds >= load * at.load_odds,
            Rule::React { load, .. } if !loaded => at.needed && at.odds >= load * at.load_odds,
            Rule::Ahead { keep, .. } | Rule::React { keep, .. } => at.odds >= keep * at.keep_odds,
            Rule::Linger { steps } => (loaded || at.needed) && at.idle <= u32::from(steps),
            Rule::Stay => true,
            Rule::Never => false,
        }
    }

    /// Whether it loads before need is seen.
    pub fn is_ahead(self) -> bool {
        matches!(self, Rule::Ahead { .. } | Rule::Stay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_do_as_they_say() {
        let at = |needed, idle, odds| Situation { needed, idle, odds, load_odds: 0.1, keep_odds: 0.05 };
        let ahead = Rule::Ahead { load: 2.0, keep: 0.5 };
        assert!(ahead.holds(false, &at(false, 9, 0.2)) && !ahead.holds(false, &at(false, 9, 0.19)));
        assert!(ahead.holds(true, &at(false, 9, 0.025)) && !ahead.holds(true, &at(false, 9, 0.024)));
        let react = Rule::React { load: 1.0, keep: 1.0 };
        assert!(!react.holds(false, &at(false, 9, 0.9)) && react.holds(false, &at(true, 0, 0.9)));
        let linger = Rule::Linger { steps: 1 };
        assert!(linger.holds(false, &at(true, 0, 0.0)) && linger.holds(true, &at(false, 1, 0.0)));
        assert!(!linger.holds(true, &at(false, 2, 0.0)) && !linger.holds(false, &at(false, 1, 0.0)));
        assert!(Rule::Stay.holds(false, &at(false, 9, 0.0)) && !Rule::Never.holds(true, &at(true, 0, 9.0)));
        assert!(ahead.is_ahead() && Rule::Stay.is_ahead() && !react.is_ahead() && !linger.is_ahead());
    }
}
