//! Why a unit's instances stand where they stand, for programs and, as text, for people.

use std::fmt;

use predict::hazard::Habits;

use super::ladder::{Choice, Ladder};

/// The reasons of a [`super::Readiness`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmBecause {
    /// What was chosen for the last instance at this rung, its four figures, and what was refused.
    pub choice: Choice,
    /// Lambda times the unit's price.
    pub lambda: f64,
    /// Its period and predecessor, where they stand out.
    pub habits: Habits,
    /// Whether an announcement set the chance.
    pub announced: bool,
}

impl WarmBecause {
    /// One sentence; `ladder` names the rungs.
    pub fn text<'a>(&'a self, ladder: &'a Ladder) -> impl fmt::Display + 'a {
        Text { because: self, ladder }
    }
}

struct Text<'a> {
    because: &'a WarmBecause,
    ladder: &'a Ladder,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WarmBecause { choice, lambda, habits, announced } = self.because;
        let name = |place: usize| self.ladder.rungs().get(place).map_or("?", |rung| rung.name);
        let figures = choice.figures;
        write!(f, "{}: used in the next step with {:.1} % chance", name(choice.rung), 100.0 * f64::from(figures.chance))?;
        match (announced, habits.period, habits.follows) {
            (true, _, _) => write!(f, " (announced)")?,
            (false, Some((steps, share)), _) => write!(f, " (every {steps} steps in {:.0} % of uses)", 100.0 * share)?,
            (false, None, Some(slot)) => write!(f, " (follows slot {slot})")?,
            (false, None, None) => {}
        }
        write!(
            f,
            ", saves {:.3} s worth {lambda:.2} each, making costs {:.3} s, holding {:.3} s; costs {:.3} s, {} would cost {:.3} s",
            figures.seconds_saved,
            figures.make_cost,
            figures.hold_cost,
            choice.cost_s,
            name(choice.refused.0),
            choice.refused.1
        )
    }
}

#[cfg(test)]
mod tests {
    use model::Span;

    use super::super::ladder::Stakes;
    use super::*;

    #[test]
    fn the_reason_reads_as_a_sentence() {
        let ladder = Ladder::two();
        let stakes = Stakes { chance: 0.5, cold: Span::from_millis(800), idle_s: 0.1, lambda: 2.0 };
        let because = WarmBecause {
            choice: ladder.choose(&stakes, 0),
            lambda: 2.0,
            habits: Habits { period: Some((15, 0.97)), follows: None },
            announced: false,
        };
        assert_eq!(
            because.text(&ladder).to_string(),
            "warm: used in the next step with 50.0 % chance (every 15 steps in 97 % of uses), saves 0.800 s worth 2.00 each, \
             making costs 0.000 s, holding 0.050 s; costs 0.050 s, nothing would cost 0.800 s"
        );
    }
}
