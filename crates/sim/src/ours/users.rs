//! The users planner as a contestant: the very model and rule that the daemon runs, at several prices of waiting at once.
//!
//! What is learned of returns does not depend on the price, so one model serves all points of the curve.

use decide::users::{Foreseer, HoldPlan, HoldRule, Standing, UserSettings, UserSpec};
use model::{Bytes, WallTime};

use crate::backtest::users::{Population, SUBJECT, UserOptions, UserPolicy, Watcher};

/// Prices of holding that are tried, in ready returns per hour: from where hardly anything is held to where nearly all is.
const PRICES: usize = 80;
const DEAREST: f32 = 20.0;
const RATIO: f32 = 0.84;

/// The prices that are tried; that of lambda 1 first, nothing last.
fn prices(options: &UserOptions) -> Vec<f32> {
    let memory = Bytes((options.memory_gb * 1e9) as u64);
    let spec = UserSpec { memory, wait: options.wait_saved, price: 1.0, role: 0 };
    let plain = UserSettings::default().price_per_hour(&spec);
    let swept = (0..PRICES).map(|step| DEAREST * RATIO.powi(step as i32));
    std::iter::once(plain).chain(swept).chain([0.0]).collect()
}

/// The users planner; its knob is lambda.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForerunUsers;

impl UserPolicy for ForerunUsers {
    fn name(&self) -> &'static str {
        SUBJECT
    }
    fn points(&self, options: &UserOptions) -> Vec<String> {
        let prices = prices(options);
        prices.iter().map(|price| format!("lambda {:.4}", prices[0] / price)).collect()
    }
    fn begin<'p>(&self, population: &'p Population, options: &UserOptions) -> Box<dyn Watcher + 'p> {
        let mut foreseer = Foreseer::new();
        population.users.iter().for_each(|_| {
            foreseer.add(0);
        });
        let share = UserSettings::default().used_share;
        let rules: Vec<HoldRule> = prices(options).into_iter().map(|price| HoldRule::new(price, share)).collect();
        let user = vec![(Standing::Kept, HoldPlan::default()); rules.len()];
        Box::new(Planning { foreseer, users: vec![user; population.users.len()], rules })
    }
}

struct Planning {
    foreseer: Foreseer,
    rules: Vec<HoldRule>,
    /// Per user and rule: how the session stands, and the plan.
    users: Vec<Vec<(Standing, HoldPlan)>>,
}

impl Watcher for Planning {
    fn acted(&mut self, user: usize, at: WallTime) {
        self.foreseer.act(user, at);
        for (rule, (standing, _)) in self.rules.iter_mut().zip(&mut self.users[user]) {
            if *standing == Standing::Resumed {
                rule.settle(true);
            }
            *standing = Standing::Kept;
        }
    }
    fn look(&mut self, user: usize, now: WallTime, held: &mut [bool]) -> Option<WallTime> {
        let look = self.foreseer.look(user, now)?;
        let highest = if look.fresh { self.foreseer.highest() } else { 0.0 };
        for ((held, rule), (standing, plan)) in held.iter_mut().zip(&mut self.rules).zip(&mut self.users[user]) {
            if look.fresh {
                // Most prices are too dear for most absences: their plan is empty, and not worth finding.
                *plan = if rule.gives_up(highest) { HoldPlan::default() } else { rule.plan(self.foreseer.cells()) };
            }
            let next = plan.next(look.place, *standing);
            if *standing == Standing::Resumed && next == Standing::Released {
                rule.settle(false);
            }
            *standing = next;
            *held = next.held();
        }
        Some(look.next)
    }
}
