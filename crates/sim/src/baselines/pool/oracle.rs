//! Knows what comes: ready exactly where it is needed. No cold start, nothing idle.

use crate::backtest::pool::{Keeper, PoolOptions, PoolPolicy, Seen, Workload};

/// Ready iff used.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolOracle;

impl PoolPolicy for PoolOracle {
    fn name(&self) -> &'static str {
        "oracle"
    }
    fn points(&self) -> Vec<String> {
        vec!["knows".to_owned()]
    }
    fn begin<'w>(&self, workload: &'w Workload, _options: &PoolOptions) -> Box<dyn Keeper + 'w> {
        Box::new(Knowing { next: vec![false; workload.slots.len()] })
    }
}

struct Knowing {
    next: Vec<bool>,
}

impl Keeper for Knowing {
    fn step(&mut self, _seen: &Seen<'_>, ready: &mut [Vec<bool>]) {
        ready[0].clone_from(&self.next);
    }
    fn foresee(&mut self, next: &[bool]) {
        self.next.clear();
        self.next.extend_from_slice(next);
    }
}
