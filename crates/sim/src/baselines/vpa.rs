//! The Kubernetes Vertical Pod Autoscaler: recommender and updater.
//!
//! The container's state in [`container`] equals the real recommender in every cell (see `tests/vpa_golden.rs`). On a trace
//! the recommender runs without its floors (25 millicores, 250 MiB) and without cutting to whole millicores, in the series'
//! own unit: both only help it.

pub mod container;

use model::{Moment, Span};

use super::adaptive::{Shares, buckets, first_max, moment, share_name};
use crate::backtest::load::{About, Kind, Policy, Recommender, Variant};
use crate::trace::Unit;
use container::{Confidence, Peaks, Recommendation, Samples, Scale, recommend};

const FACTOR: f64 = 1.15;
/// A kill this soon after a start calls the updater.
const QUICK_KILL: Span = Span::from_secs(600);
/// A pod that has lived this long may be updated for a smaller difference.
const LONG_LIVED: Span = Span::from_secs(12 * 3_600);
/// That smaller difference, as a share of the request.
const DIFFERENCE_MIN: f64 = 0.1;
/// What is added to the memory of a killed container at least, in bytes.
const BUMP_BYTES: f64 = 100.0 * 1_048_576.0;

/// The request that recommender and updater together would have set; for memory with bumps after kills. Variants are
/// percentiles times 1.15, applied before every window and without bumps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vpa;

const SHARES: [f64; 6] = [0.90, 0.50, 0.80, 0.95, 0.98, 1.0];

impl Policy for Vpa {
    fn name(&self) -> &'static str {
        "vpa"
    }
    fn variants(&self, _kind: Kind) -> Vec<Variant> {
        let plain = SHARES.into_iter().map(share_name);
        ["p90 with updater".to_owned()].into_iter().chain(plain).map(Variant::named).collect()
    }
    fn begin(&self, about: &About<'_>) -> Box<dyn Recommender> {
        Box::new(State {
            kind: about.kind(),
            unit: about.unit,
            step: about.step,
            index: 0,
            pending: Vec::new(),
            memory: None,
            shares: Shares::new(&SHARES),
            confidence: Confidence::default(),
            updater: Updater::default(),
        })
    }
}

struct State {
    kind: Kind,
    unit: Unit,
    step: Span,
    index: u64,
    /// Readings before the first one above zero.
    pending: Vec<(f64, Moment)>,
    memory: Option<Histograms>,
    shares: Shares,
    confidence: Confidence,
    updater: Updater,
}

/// What the recommender keeps, once the first reading above zero has told the scale.
enum Histograms {
    Rate(Samples),
    /// With and without the bumps after kills.
    Memory(Peaks, Peaks),
}

impl Histograms {
    fn new(kind: Kind, unit: Unit, value: f64) -> Histograms {
        let buckets = buckets(value, first_max(unit));
        match kind {
            Kind::Rate => Histograms::Rate(Samples::new(buckets, Scale::PLAIN)),
            Kind::Memory => Histograms::Memory(Peaks::new(buckets, Scale::PLAIN), Peaks::new(buckets, Scale::PLAIN)),
        }
    }
    fn add(&mut self, value: f64, at: Moment) {
        match self {
            Histograms::Rate(samples) => samples.add(value, at),
            Histograms::Memory(bumped, plain) => {
                bumped.add(value, at);
                plain.add(value, at);
            }
        }
    }
}

impl Recommender for State {
    fn observe(&mut self, use_: Option<f32>) {
        let at = moment(self.step, self.index);
        self.index += 1;
        let Some(value) = use_.map(f64::from) else { return };
        self.confidence.count(at, self.step);
        if self.memory.is_none() && value > 0.0 {
            let mut histograms = Histograms::new(self.kind, self.unit, value);
            for (value, at) in self.pending.drain(..) {
                histograms.add(value, at);
            }
            self.memory = Some(histograms);
        }
        match &mut self.memory {
            None => self.pending.push((value, at)),
            Some(histograms) => {
                histograms.add(value, at);
                if let Histograms::Memory(bumped, _) = histograms
                    && self.updater.killed(value, at)
                {
                    let bump = if self.unit == Unit::Bytes { BUMP_BYTES } else { 0.0 };
                    bumped.add_out_of_memory(self.updater.request.unwrap_or(0.0), bump, at);
                }
            }
        }
    }

    fn allocate(&mut self, allocations: &mut [f32]) {
        let Some(histograms) = &self.memory else {
            if !self.pending.is_empty() {
                allocations.fill(0.0);
            }
            return;
        };
        let (bumped, plain) = match histograms {
            Histograms::Rate(samples) => (samples.histogram(), samples.histogram()),
            Histograms::Memory(bumped, plain) => (bumped.histogram(), plain.histogram()),
        };
        if let Some(recommendation) = recommend(bumped, &Scale::PLAIN, self.confidence.days()) {
            let request = self.updater.update(&recommendation, moment(self.step, self.index));
            allocations[0] = request as f32;
        }
        self.shares.fill_from(plain, FACTOR, &mut allocations[1..]);
    }
}

/// Decides when the recommendation becomes the request.
#[derive(Default)]
struct Updater {
    request: Option<f64>,
    started: Moment,
    killed_early: bool,
}

impl Updater {
    /// Whether a container with this use is killed.
    fn killed(&mut self, value: f64, at: Moment) -> bool {
        let killed = self.request.is_some_and(|request| value > request);
        self.killed_early |= killed && at.since(self.started) <= QUICK_KILL;
        killed
    }

    /// The request from `now` on.
    fn update(&mut self, recommended: &Recommendation, now: Moment) -> f64 {
        let target = recommended.target;
        let act = match self.request {
            None => true,
            Some(request) => {
                let outside = request < recommended.lower || request > recommended.upper;
                let difference = (request - target).abs() / request.max(f64::MIN_POSITIVE);
                let aged = now.since(self.started) >= LONG_LIVED && difference >= DIFFERENCE_MIN;
                outside || self.killed_early || aged
            }
        };
        if act {
            (self.request, self.started, self.killed_early) = (Some(target), now, false);
        }
        self.request.unwrap_or(target)
    }
}
