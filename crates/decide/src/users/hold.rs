//! Hold, give up, or resume: the choice with the least expected cost over what is foreseen.
//!
//! Problem: while a user is away, every hour that the session is held costs, a return to a session that is not there costs a
//! wait, and sessions that are resumed in vain cost trust: a resume shall be used with a given share.
//! Idea: the rate of return is known cell by cell, so the best course is found backwards from the last cell (R. Bellman, Dynamic
//! Programming, 1957) for three standings: held since the user left, resumed, and given up. A return that finds its session
//! earns 1, an hour held costs `price`. So that enough resumes are used, each leaves a stake that comes back with its user; it
//! earns nothing beyond that, so that no session is given up for the sake of resuming it.
//! Steps: [`HoldRule::plan`] chooses; [`HoldRule::settle`] tells how a resume ended and moves the stake until `share` of the
//! resumes are used (dual ascent on that constraint).

/// A stretch of a foreseen absence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Returns per hour in it, if the user has not come before.
    pub per_hour: f32,
    /// Its length.
    pub hours: f32,
    /// The chance that the user comes in it.
    comes: f32,
    /// How long the user is waited for in it, in hours.
    waited: f32,
}

impl Cell {
    /// A cell of `hours` with `per_hour` returns per hour.
    pub fn new(hours: f32, per_hour: f32) -> Cell {
        let comes = -(-per_hour * hours).exp_m1();
        // Nobody is waited for once the user has come.
        let waited = if comes > 1e-5 { comes / per_hour } else { hours };
        Cell { per_hour, hours, comes, waited }
    }
}

/// How a session stands while its user is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Held since the user left.
    Kept,
    /// Given up, and resumed ahead of the user.
    Resumed,
    /// Given up.
    Released,
}

impl Standing {
    /// Whether the session is there.
    pub fn held(self) -> bool {
        self != Standing::Released
    }
}

/// A plan reaches over so many cells at most.
pub const LOOKS_MAX: usize = 16;

/// What to do at the beginning of each of the first cells, by how the session stands then: a bit per cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HoldPlan {
    keep: u16,
    keep_resumed: u16,
    resume: u16,
}

impl HoldPlan {
    /// How a session that stands as `standing` shall stand from the beginning of cell `place` on.
    pub fn next(&self, place: usize, standing: Standing) -> Standing {
        let set = |bits: u16| place < LOOKS_MAX && bits >> place & 1 == 1;
        match standing {
            Standing::Kept if set(self.keep) => Standing::Kept,
            Standing::Resumed if set(self.keep_resumed) => Standing::Resumed,
            Standing::Released if set(self.resume) => Standing::Resumed,
            _ => Standing::Released,
        }
    }
}

/// The rule at one price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldRule {
    /// What an hour of holding costs, in ready returns.
    price: f32,
    /// The share of resumes that shall be used.
    share: f32,
    /// What a resume in vain costs beside the hours, in ready returns.
    stake: f32,
}

/// A new rule is careful.
const STAKE_FIRST: f32 = 10.0;
/// The stake stays within these, and moves by this factor's logarithm with each resume.
const STAKE_LEAST: f32 = 0.02;
const STAKE_MOST: f32 = 200.0;
const STAKE_PACE: f32 = 0.05;

impl HoldRule {
    /// A rule at `price` ready returns per hour held, whose resumes shall be used in `share` of cases.
    pub fn new(price: f32, share: f32) -> HoldRule {
        HoldRule { price: price.max(0.0), share: share.clamp(0.0, 0.99), stake: STAKE_FIRST }
    }

    /// What an hour of holding costs, in ready returns.
    pub fn price(&self) -> f32 {
        self.price
    }

    /// Sets what an hour of holding costs.
    pub fn set_price(&mut self, price: f32) {
        self.price = price.max(0.0);
    }

    /// What a resume in vain costs at present beside the hours, in ready returns.
    pub fn stake(&self) -> f32 {
        self.stake
    }

    /// Learns whether a resume was used: too many in vain and the next must be surer.
    pub fn settle(&mut self, used: bool) {
        let surprise = self.share - f32::from(u8::from(used));
        self.stake = (self.stake * (STAKE_PACE * surprise).exp()).clamp(STAKE_LEAST, STAKE_MOST);
    }

    /// The best course over `cells`; what lies behind the last is worth nothing.
    pub fn plan(&self, cells: &[Cell]) -> HoldPlan {
        let mut plan = HoldPlan::default();
        let (mut kept, mut resumed, mut released) = (0.0_f32, 0.0_f32, 0.0_f32);
        for (place, cell) in cells.iter().enumerate().rev() {
            let stays = 1.0 - cell.comes;
            let gain = cell.comes - self.price * cell.waited;
            let keep = gain + stays * kept;
            let keep_resumed = gain + cell.comes * self.stake + stays * resumed;
            let wait = stays * released;
            let resume = keep_resumed - self.stake;
            if place < LOOKS_MAX {
                plan.keep |= u16::from(keep >= wait) << place;
                plan.keep_resumed |= u16::from(keep_resumed >= wait) << place;
                plan.resume |= u16::from(resume > wait) << place;
            }
            (kept, resumed, released) = (keep.max(wait), keep_resumed.max(wait), wait.max(resume));
        }
        plan
    }

    /// Whether nothing can be worth holding where no cell has more than `per_hour` returns: the plan is then empty.
    pub fn gives_up(&self, per_hour: f32) -> bool {
        per_hour * (1.0 + self.stake) < self.price
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(rates: &[f32]) -> Vec<Cell> {
        rates.iter().map(|&per_hour| Cell::new(1.0, per_hour)).collect()
    }

    fn course(rule: &HoldRule, rates: &[f32], mut standing: Standing) -> String {
        let plan = rule.plan(&cells(rates));
        let mut text = String::new();
        for place in 0..rates.len() {
            standing = plan.next(place, standing);
            text.push(match standing {
                Standing::Kept => 'k',
                Standing::Resumed => 'r',
                Standing::Released => '.',
            });
        }
        text
    }

    #[test]
    fn without_a_stake_it_is_the_hazard_rule() {
        let rule = HoldRule { price: 0.5, share: 0.8, stake: 0.0 };
        assert_eq!(course(&rule, &[2.0, 0.6, 0.4, 0.1, 0.7, 0.3], Standing::Kept), "kk..r.");
    }

    #[test]
    fn a_stake_makes_resumes_sure_and_long() {
        let rule = HoldRule { price: 0.5, share: 0.8, stake: 2.0 };
        // A single likely hour, half of whose resumes would be in vain, is not worth one.
        assert_eq!(course(&rule, &[2.0, 0.1, 0.1, 0.7, 0.1, 0.1], Standing::Kept), "k.....");
        // Surely within two hours: resumed for both.
        assert_eq!(course(&rule, &[2.0, 0.1, 0.1, 3.0, 3.0, 0.1], Standing::Kept), "k..rr.");
        // What was resumed is held on at rates at which nothing else would be.
        assert_eq!(course(&rule, &[0.3, 0.3, 0.1], Standing::Resumed), "rr.");
        assert_eq!(course(&rule, &[0.3, 0.3, 0.1], Standing::Kept), "...");
    }

    #[test]
    fn a_short_lull_is_held_through_rather_than_resumed_after() {
        let rule = HoldRule { price: 0.5, share: 0.8, stake: 10.0 };
        assert_eq!(course(&rule, &[1.0, 0.3, 2.0, 0.1], Standing::Kept), "kkk.");
    }

    #[test]
    fn the_stake_follows_what_became_of_resumes() {
        let mut rule = HoldRule::new(0.5, 0.8);
        (0..40).for_each(|_| rule.settle(false));
        assert!(rule.stake() > 3.0);
        // At four used of five it stays where it is.
        let stake = rule.stake();
        (0..50).for_each(|resume| rule.settle(resume % 5 > 0));
        assert!((rule.stake() / stake - 1.0).abs() < 0.01);
        (0..4_000).for_each(|_| rule.settle(true));
        assert_eq!(rule.stake(), STAKE_LEAST);
    }

    #[test]
    fn free_holding_holds_always_and_dear_holding_never() {
        assert_eq!(course(&HoldRule::new(0.0, 0.8), &[0.1, 0.0001, 0.1], Standing::Kept), "kkk");
        assert_eq!(course(&HoldRule::new(1e9, 0.8), &[5.0, 5.0], Standing::Kept), "..");
    }
}
