//! Reactive: the highest use of the last window plus a margin.

use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};

/// The default margin on top of the last window's peak.
const MARGIN_FACTOR: f32 = 1.15;

/// Allocates the last window's peak times 1.15; a window without readings keeps the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastWindow;

impl Policy for LastWindow {
    fn name(&self) -> &'static str {
        "last_window"
    }
    fn variants(&self, _kind: Kind) -> Vec<Variant> {
        vec![Variant::named("margin")]
    }
    fn begin(&self, _about: &About<'_>) -> Box<dyn Recommender> {
        Box::new(State { peak: f32::NAN, current: f32::NAN })
    }
}

struct State {
    peak: f32,
    current: f32,
}

impl Recommender for State {
    fn observe(&mut self, use_: Option<f32>) {
        if let Some(value) = use_ {
            self.current = self.current.max(value);
        }
    }
    fn allocate(&mut self, allocations: &mut [f32]) {
        if !self.current.is_nan() {
            self.peak = self.current;
        }
        self.current = f32::NAN;
        allocations[0] = self.peak * MARGIN_FACTOR;
    }
}
