//! Users come back: whoever asked a moment ago is likely to ask again, and for the same unit.
//!
//! For every user seen lately, the chance of another request in the coming step is learned over all users, by how long ago and how
//! often in a row they asked. A unit's chance is that any of the users who asked for it last comes back.

use super::counter::{Counter, coarse, join};

/// Users are followed for so many steps after their last request.
const FOLLOWED: u32 = 90;
const AGES: usize = 12;
const RUNS: usize = 8;
/// Outcomes that a chance remembers.
const MEMORY: f32 = 2_000.0;

/// A user who asked lately.
#[derive(Clone, Copy, Debug)]
struct Visitor {
    user: u32,
    unit: u32,
    last: u32,
    /// Steps with requests in this sitting.
    run: u32,
}

/// Who is around, and how those come back.
#[derive(Clone, Debug)]
pub(super) struct Visitors {
    around: Vec<Visitor>,
    returns: Vec<Counter>,
}

impl Visitors {
    pub fn new() -> Visitors {
        Visitors { around: Vec::new(), returns: vec![Counter::NEW; AGES * RUNS] }
    }

    fn context(visitor: &Visitor, coming: u32) -> usize {
        join(&[(coarse(coming - visitor.last - 1, AGES), AGES), (coarse(visitor.run, RUNS), RUNS)])
    }

    /// Takes in who asked for what in `step`, as (unit, user), sorted.
    pub fn push(&mut self, step: u32, visits: &[(u32, u32)]) {
        for visitor in &self.around {
            let came = visits.binary_search(&(visitor.unit, visitor.user)).is_ok();
            self.returns[Visitors::context(visitor, step)].learn(came, MEMORY);
        }
        for &(unit, user) in visits {
            match self.around.iter_mut().find(|one| one.user == user) {
                Some(one) if one.last == step => one.unit = unit,
                Some(one) => {
                    let run = if one.unit == unit { one.run + 1 } else { 1 };
                    *one = Visitor { user, unit, last: step, run };
                }
                None => self.around.push(Visitor { user, unit, last: step, run: 1 }),
            }
        }
        self.around.retain(|one| one.last + FOLLOWED > step);
    }

    /// Per unit, the chance that one of those around asks for it in `coming`, and how many are around.
    pub fn chances(&self, coming: u32, chances: &mut [f32], around: &mut [u32]) {
        chances.fill(0.0);
        around.fill(0);
        for visitor in &self.around {
            let chance = self.returns[Visitors::context(visitor, coming)].chance(0.05, 4.0);
            let unit = visitor.unit as usize;
            chances[unit] = 1.0 - (1.0 - chances[unit]) * (1.0 - chance);
            around[unit] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_keeps_asking_is_expected() {
        let mut visitors = Visitors::new();
        // User 7 asks for unit 1 in nine steps in a row, then rests.
        for step in 0..400u32 {
            let visits: &[(u32, u32)] = if step % 40 < 9 { &[(1, 7)] } else { &[] };
            visitors.push(step, visits);
        }
        let mut chances = [0.0; 2];
        let mut around = [0; 2];
        visitors.push(400, &[(1, 7)]);
        visitors.chances(401, &mut chances, &mut around);
        assert!(chances[1] > 0.6 && chances[0] == 0.0, "{chances:?}");
        assert_eq!(around, [0, 1]);
        (401..420).for_each(|step| visitors.push(step, &[]));
        visitors.chances(420, &mut chances, &mut around);
        assert!(chances[1] < 0.1, "{chances:?}");
    }
}
