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

/// Every rule that is tried; the first is followed until others have shown what they are worth.
pub(super) const RULES: [Rule; 22] = [
    Rule::Ahead { load: 1.0, keep: 1.0 },
    Rule::Ahead { load: 0.5, keep: 0.5 },
    Rule::Ahead { load: 0.5, keep: 1.0 },
    Rule::Ahead { load: 0.7, keep: 0.7 },
    Rule::Ahead { load: 1.0, keep: 0.7 },
    Rule::Ahead { load: 1.0, keep: 0.5 },
    Rule::Ahead { load: 1.5, keep: 1.0 },
    Rule::Ahead { load: 2.0, keep: 0.7 },
    Rule::Ahead { load: 2.0, keep: 1.5 },
    Rule::Ahead { load: 3.0, keep: 1.0 },
    Rule::Ahead { load: 5.0, keep: 1.0 },
    Rule::React { keep: 0.7 },
    Rule::React { keep: 1.0 },
    Rule::React { keep: 1.5 },
    Rule::React { keep: 3.0 },
    Rule::Linger { steps: 0 },
    Rule::Linger { steps: 1 },
    Rule::Linger { steps: 3 },
    Rule::Linger { steps: 8 },
    Rule::Linger { steps: 20 },
    Rule::Stay,
    Rule::Never,
];

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
            Rule::React { .. } if !loaded => at.needed && at.odds >= at.load_odds,
            Rule::Ahead { keep, .. } | Rule::React { keep } => at.odds >= keep * at.keep_odds,
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
        let react = Rule::React { keep: 1.0 };
        assert!(!react.holds(false, &at(false, 9, 0.9)) && react.holds(false, &at(true, 0, 0.9)));
        let linger = Rule::Linger { steps: 1 };
        assert!(linger.holds(false, &at(true, 0, 0.0)) && linger.holds(true, &at(false, 1, 0.0)));
        assert!(!linger.holds(true, &at(false, 2, 0.0)) && !linger.holds(false, &at(false, 1, 0.0)));
        assert!(Rule::Stay.holds(false, &at(false, 9, 0.0)) && !Rule::Never.holds(true, &at(true, 0, 9.0)));
        assert!(ahead.is_ahead() && Rule::Stay.is_ahead() && !react.is_ahead() && !linger.is_ahead());
    }
}
