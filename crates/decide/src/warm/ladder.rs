//! The rungs on which an instance can stand, what each costs, and the choice among them.

use model::{OfferFigures, Span};

/// One level of readiness.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// Its name: `nothing`, `paged out`, `frozen`, `zygote`, `warm`.
    pub name: &'static str,
    /// How much of a cold start is still waited for from here: 1 = all, 0 = none.
    pub wait_share: f64,
    /// How much of an instance's memory is held here, 0 to 1.
    pub hold_share: f64,
    /// What getting here costs in seconds of work, for each second of a cold start.
    pub make_share: f64,
}

/// Rungs from nothing to fully ready; at least one, each with no longer wait than the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    rungs: Vec<Rung>,
}

/// What was chosen for an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The rung's place in the ladder.
    pub rung: usize,
    /// The four figures: the costs of the chosen rung, or of the one above where nothing is chosen.
    pub figures: OfferFigures,
    /// The expected cost of the chosen rung, in seconds of waiting.
    pub cost_s: f64,
    /// The cheapest other rung and its expected cost; itself where the ladder has one rung.
    pub refused: (usize, f64),
}

/// What an instance is worth and what holding it costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stakes {
    /// The chance that it is used in the coming step.
    pub chance: f64,
    /// A cold start.
    pub cold: Span,
    /// Holding all of it throughout a step in vain, in seconds of waiting.
    pub idle_s: f64,
    /// What a second of waiting is worth against a second's price of memory.
    pub lambda: f64,
}

impl Ladder {
    /// Warm or nothing; making is free. What platforms that start instances on demand choose between.
    pub fn two() -> Ladder {
        Ladder {
            rungs: vec![
                Rung { name: "nothing", wait_share: 1.0, hold_share: 0.0, make_share: 0.0 },
                Rung { name: "warm", wait_share: 0.0, hold_share: 1.0, make_share: 0.0 },
            ],
        }
    }

    /// Rungs with costs of their own; `None` unless there is one and waits do not grow on the way up.
    pub fn of(rungs: Vec<Rung>) -> Option<Ladder> {
        let falling = rungs.windows(2).all(|pair| pair[1].wait_share <= pair[0].wait_share);
        (falling && !rungs.is_empty()).then_some(Ladder { rungs })
    }

    /// The rungs, from nothing up.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The cheapest rung for an instance that stands on rung `from`. Going up from `from` costs the making; staying and going
    /// down cost nothing, so that what exists is kept a little longer than it would be made. On a tie the lower rung.
    pub fn choose(&self, stakes: &Stakes, from: usize) -> Choice {
        let cold_s = stakes.cold.as_secs_f64();
        let cost = |place: usize| {
            let rung = &self.rungs[place];
            let make = if place > from { (rung.make_share - self.rungs[from].make_share).max(0.0) * cold_s } else { 0.0 };
            let wait = stakes.lambda * stakes.chance * rung.wait_share * cold_s;
            wait + (1.0 - stakes.chance) * rung.hold_share * stakes.idle_s + make
        };
        let mut best = (0, cost(0));
        let mut second = best;
        for place in 1..self.rungs.len() {
            let one = (place, cost(place));
            if one.1 < best.1 {
                (best, second) = (one, best);
            } else if one.1 < second.1 || second.0 == best.0 {
                second = one;
            }
        }
        let shown = &self.rungs[best.0.max(1).min(self.rungs.len() - 1)];
        let figures = OfferFigures {
            chance: stakes.chance as f32,
            seconds_saved: ((self.rungs[0].wait_share - shown.wait_share) * cold_s) as f32,
            make_cost: (shown.make_share * cold_s) as f32,
            hold_cost: ((1.0 - stakes.chance) * shown.hold_share * stakes.idle_s) as f32,
        };
        Choice { rung: best.0, figures, cost_s: best.1, refused: second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stakes(chance: f64, lambda: f64) -> Stakes {
        Stakes { chance, cold: Span::from_millis(800), idle_s: 0.1, lambda }
    }

    #[test]
    fn two_rungs_are_the_hazard_rule() {
        let ladder = Ladder::two();
        // Ready iff 0.8 p > 0.1 (1 - p), so from p = 1/9.
        for (chance, lambda, rung) in [(0.12, 1.0, 1), (0.10, 1.0, 0), (0.10, 2.0, 1), (0.0, 1e9, 0), (1.0, 0.01, 1)] {
            assert_eq!(ladder.choose(&stakes(chance, lambda), 0).rung, rung, "chance {chance}, lambda {lambda}");
        }
        let choice = ladder.choose(&stakes(0.5, 1.0), 0);
        assert!((choice.cost_s - 0.05).abs() < 1e-9 && choice.refused.0 == 0 && (choice.refused.1 - 0.4).abs() < 1e-9);
    }

    #[test]
    fn middle_rungs_serve_middling_chances_and_what_exists_is_kept() {
        let rung = |name, wait_share, hold_share, make_share| Rung { name, wait_share, hold_share, make_share };
        let ladder =
            Ladder::of(vec![rung("nothing", 1.0, 0.0, 0.0), rung("frozen", 0.3, 0.2, 0.02), rung("warm", 0.0, 1.0, 0.02)])
                .unwrap();
        let chosen = [0.01, 0.1, 0.6].map(|chance| ladder.choose(&stakes(chance, 1.0), 0).rung);
        assert_eq!(chosen, [0, 1, 2]);
        // Making costs 16 ms: not worth it at 4 %, but worth keeping.
        assert_eq!([0, 1].map(|from| ladder.choose(&stakes(0.04, 1.0), from).rung), [0, 1]);
        assert!(Ladder::of(vec![rung("a", 0.0, 0.0, 0.0), rung("b", 1.0, 0.0, 0.0)]).is_none());
    }

    #[test]
    fn a_higher_lambda_never_makes_less_ready() {
        let ladder = Ladder::two();
        for chance in [0.001, 0.05, 0.3, 0.9] {
            let rungs: Vec<usize> =
                (0..60).map(|step| ladder.choose(&stakes(chance, 1.2_f64.powi(step - 30)), 0).rung).collect();
            assert!(rungs.is_sorted());
        }
    }
}
