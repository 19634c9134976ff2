//! Koordinator's prediction: decayed histograms, p95 with a half-life of 12 h (memory: p98 with 24 h), plus 10 %.

use model::Span;

use super::adaptive::{Adaptive, Shares, moment, share_name};
use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};

const FACTOR: f64 = 1.10;

/// Percentile of a decayed histogram plus 10 %. Variants are other percentiles. (Its rule to count a pod's request in the
/// first 24 hours has no part here: traces carry no requests, and the cold start is scored apart.)
#[derive(Clone, Copy, Debug, Default)]
pub struct Koordinator;

/// The default first.
fn shares(kind: Kind) -> [f64; 6] {
    match kind {
        Kind::Rate => [0.95, 0.50, 0.80, 0.90, 0.98, 1.0],
        Kind::Memory => [0.98, 0.50, 0.80, 0.90, 0.95, 1.0],
    }
}

impl Policy for Koordinator {
    fn name(&self) -> &'static str {
        "koordinator"
    }
    fn variants(&self, kind: Kind) -> Vec<Variant> {
        shares(kind).map(share_name).map(Variant::named).into()
    }
    fn begin(&self, about: &About<'_>) -> Box<dyn Recommender> {
        let hours = match about.kind() {
            Kind::Rate => 12,
            Kind::Memory => 24,
        };
        Box::new(State {
            readings: Adaptive::new(about, Span::from_secs(hours * 3_600)),
            shares: Shares::new(&shares(about.kind())),
            step: about.step,
            index: 0,
        })
    }
}

struct State {
    readings: Adaptive,
    shares: Shares,
    step: Span,
    index: u64,
}

impl Recommender for State {
    fn observe(&mut self, use_: Option<f32>) {
        if let Some(value) = use_ {
            self.readings.add(value, false, moment(self.step, self.index));
        }
        self.index += 1;
    }
    fn allocate(&mut self, allocations: &mut [f32]) {
        self.shares.fill(&self.readings, FACTOR, allocations);
    }
}
