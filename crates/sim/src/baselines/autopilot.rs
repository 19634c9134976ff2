//! Autopilot's moving window recommender (Rzadca et al., EuroSys 2020, section 3.2.1): a percentile of the load-adjusted
//! histogram (weight times value) with a half-life of 12 h, for memory a percentile of the plain one with 48 h; a margin of
//! 15 %; of the recommendations of the last hour the highest holds.

use std::collections::VecDeque;

use model::Span;

use super::adaptive::{Adaptive, Shares, moment, share_name};
use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};

const FACTOR: f64 = 1.15;
const HOUR: Span = Span::from_secs(3_600);

/// Percentile of a decayed, load-adjusted histogram. Variants are other percentiles, each with the highest of the last hour
/// and without.
#[derive(Clone, Copy, Debug, Default)]
pub struct Autopilot;

/// The default first.
fn shares(kind: Kind) -> [f64; 6] {
    match kind {
        Kind::Rate => [0.95, 0.50, 0.80, 0.90, 0.98, 1.0],
        Kind::Memory => [0.98, 0.50, 0.80, 0.90, 0.95, 1.0],
    }
}

impl Policy for Autopilot {
    fn name(&self) -> &'static str {
        "autopilot"
    }
    fn variants(&self, kind: Kind) -> Vec<Variant> {
        let held = shares(kind).map(share_name);
        let plain = held.clone().map(|name| format!("{name} at once"));
        held.into_iter().chain(plain).map(Variant::named).collect()
    }
    fn begin(&self, about: &About<'_>) -> Box<dyn Recommender> {
        let kind = about.kind();
        let hours = match kind {
            Kind::Rate => 12,
            Kind::Memory => 48,
        };
        let window = about.step.times(about.window as u64).as_nanos().max(1);
        Box::new(State {
            readings: Adaptive::new(about, HOUR.times(hours)),
            shares: Shares::new(&shares(kind)),
            by_value: kind == Kind::Rate,
            held: VecDeque::new(),
            held_max: HOUR.as_nanos().div_ceil(window) as usize,
            step: about.step,
            index: 0,
        })
    }
}

struct State {
    readings: Adaptive,
    shares: Shares,
    by_value: bool,
    /// The recommendations of the last hour, the newest last.
    held: VecDeque<[f32; 6]>,
    held_max: usize,
    step: Span,
    index: u64,
}

impl Recommender for State {
    fn observe(&mut self, use_: Option<f32>) {
        if let Some(value) = use_ {
            self.readings.add(value, self.by_value, moment(self.step, self.index));
        }
        self.index += 1;
    }
    fn allocate(&mut self, allocations: &mut [f32]) {
        let mut now = [f32::NAN; 6];
        self.shares.fill(&self.readings, FACTOR, &mut now);
        if self.held.len() == self.held_max {
            self.held.pop_front();
        }
        self.held.push_back(now);
        for (place, &amount) in now.iter().enumerate() {
            // `max` passes over NaN.
            allocations[place] = self.held.iter().map(|row| row[place]).fold(f32::NAN, f32::max);
            allocations[place + now.len()] = amount;
        }
    }
}
