//! Reactive: the highest use of the last window plus a margin.

use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};

/// The default margin on top of the last window's peak.
const MARGIN_FACTOR: f32 = 1.15;
/// Floors, as shares of the highest reading so far; the first is the default. Without a floor, a window of zeros allocates
/// nothing, which no margin mends.
const FLOOR_SHARES: [f32; 5] = [0.0, 0.01, 0.05, 0.2, 0.5];

/// Allocates the last window's peak times 1.15; a window without readings keeps the one before. Variants never go below a
/// share of the highest reading so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastWindow;

impl Policy for LastWindow {
    fn name(&self) -> &'static str {
        "last_window"
    }
    fn variants(&self, _kind: Kind) -> Vec<Variant> {
        FLOOR_SHARES.map(|share| Variant::named(format!("floor {share}"))).into()
    }
    fn begin(&self, _about: &About<'_>) -> Box<dyn Recommender> {
        Box::new(State { peak: f32::NAN, current: f32::NAN, highest: f32::NAN })
    }
}

struct State {
    peak: f32,
    current: f32,
    highest: f32,
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
            self.highest = self.highest.max(self.current);
        }
        self.current = f32::NAN;
        if !self.peak.is_nan() {
            for (allocation, share) in allocations.iter_mut().zip(FLOOR_SHARES) {
                *allocation = self.peak.max(self.highest * share) * MARGIN_FACTOR;
            }
        }
    }
}
