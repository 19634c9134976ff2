//! Knows what comes: the highest use of the coming window. No policy with constant windows can need less and never violate.

use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};

/// Allocates the coming window's peak.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oracle;

impl Policy for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }
    fn variants(&self, _kind: Kind) -> Vec<Variant> {
        vec![Variant::named("peak")]
    }
    fn begin(&self, _about: &About<'_>) -> Box<dyn Recommender> {
        Box::new(State { peak: 0.0 })
    }
}

struct State {
    peak: f32,
}

impl Recommender for State {
    fn observe(&mut self, _use: Option<f32>) {}
    fn allocate(&mut self, allocations: &mut [f32]) {
        allocations[0] = self.peak;
    }
    fn foresee(&mut self, window: &[f32]) {
        // A window without readings keeps the allocation: it is not scored.
        let peak = window.iter().copied().fold(f32::NAN, f32::max);
        if !peak.is_nan() {
            self.peak = peak;
        }
    }
}
