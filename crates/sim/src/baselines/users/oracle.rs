//! Knows when each user comes back, and resumes the session at that very moment.

use model::{Span, WallTime};

use crate::backtest::users::{Population, UserOptions, UserPolicy, Watcher};

/// The bound that nobody passes: every return finds its session, nothing is held in vain.
#[derive(Clone, Copy, Debug)]
pub struct UserOracle;

impl UserPolicy for UserOracle {
    fn name(&self) -> &'static str {
        "oracle"
    }
    fn points(&self, _options: &UserOptions) -> Vec<String> {
        vec!["knows".to_owned()]
    }
    fn begin<'p>(&self, population: &'p Population, _options: &UserOptions) -> Box<dyn Watcher + 'p> {
        Box::new(Knowing(population))
    }
}

struct Knowing<'p>(&'p Population);

impl Watcher for Knowing<'_> {
    fn acted(&mut self, _user: usize, _at: WallTime) {}
    fn look(&mut self, user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime> {
        let acts = &self.0.users[user].acts;
        held[0] = false;
        let next = *acts.get(acts.partition_point(|&act| act < now))?;
        // A millisecond ahead, so that it is a resume like any other.
        let resume = next.minus(Span::from_millis(1));
        held[0] = now >= resume;
        (now < resume).then_some(resume)
    }
}
