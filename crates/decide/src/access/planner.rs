//! Accesses in, what to bring in out: sources, what is held for them, and the reasons.

use std::collections::VecDeque;

use model::{Bytes, OfferFigures};
use predict::sequence::{SequenceModel, SequenceSettings, Touch};

use super::book::Book;
use super::storage::Storage;

/// How the planner works and what things cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccessSettings {
    /// What a second of waiting is worth: the operator's knob; 1 by default.
    pub lambda: f64,
    /// What a second in which speculation keeps a device busy costs, in seconds of waiting. Speculation yields to everything
    /// else, so that this is less than 1.
    pub busy_price: f64,
    /// GB seconds of memory that cost as much as a second of waiting.
    pub gb_seconds_per_second: f64,
    /// At most so many keys are brought in before one access.
    pub keys_max: usize,
    /// What was brought in and not used is dropped after so many accesses of its source.
    pub hold_accesses: u64,
    /// How long an access takes on average, in seconds: turns `hold_accesses` into the price of memory.
    pub access_s: f64,
    /// The odds of use of what is brought in must be so many times those at which a key pays; nine tenths of the share are enough
    /// to go on. More than 1, since a source that can be predicted does far better than the rule asks, and what nobody uses
    /// costs others more than is counted. At a threshold of a quarter, 7 asks for a share of 0.7.
    pub odds_min: f64,
    /// Accesses of all sources before anything is brought in.
    pub learn_min: u64,
    /// Accesses over which gains fade.
    pub memory: f64,
    /// Bounds of the model.
    pub sequence: SequenceSettings,
}

impl Default for AccessSettings {
    fn default() -> Self {
        AccessSettings {
            lambda: 1.0,
            busy_price: 0.25,
            gb_seconds_per_second: 99.69,
            keys_max: 5,
            hold_accesses: 32,
            access_s: 0.01,
            odds_min: 7.0,
            learn_min: 200,
            memory: 20_000.0,
            sequence: SequenceSettings::default(),
        }
    }
}

/// A source of accesses: a program's files, a device's blocks, a user's commands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceSpec {
    /// Whether neighbours of a key mean something, as with blocks.
    pub ordered: bool,
    /// Bytes per key.
    pub block: Bytes,
    /// Where it lies.
    pub storage: Storage,
    /// The tier's factor on lambda; 1 = standard.
    pub price: f64,
}

/// Why a key is brought in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccessBecause {
    /// The four figures, costs in seconds of waiting.
    pub figures: OfferFigures,
    /// Lambda times the source's price.
    pub lambda: f64,
    /// The chance from which on it pays.
    pub threshold: f64,
    /// The share of its waiting that the source has saved of late, after costs.
    pub gain: f64,
}

/// A key to bring in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prestage {
    /// Which.
    pub key: u64,
    /// How many keys from there on: its length when it last came, or that of the last access.
    pub length: u32,
    /// The chance that it is the next.
    pub chance: f32,
    /// Why.
    pub because: AccessBecause,
}

/// Why nothing is brought in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AccessWaiting {
    /// Too few accesses yet.
    Learning {
        /// So many came.
        have: u64,
        /// So many are needed.
        need: u64,
    },
    /// The source cannot be predicted well enough: too little of what would be brought in would be used.
    Uncertain {
        /// The share that would be used, taken to be low as long as little was tried.
        used: f64,
        /// The share that is needed.
        need: f64,
    },
    /// No key is likely enough, or all that are are there already.
    NothingPays {
        /// The likeliest key's chance.
        chance: f32,
    },
}

/// What to do before the next access of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessPlan {
    /// What to bring in, likeliest first.
    pub stage: Vec<Prestage>,
    /// Why nothing, where that is so.
    pub waiting: Option<AccessWaiting>,
}

impl AccessPlan {
    /// Whether the source cannot be predicted, now or yet.
    pub fn abstains(&self) -> bool {
        matches!(self.waiting, Some(AccessWaiting::Learning { .. } | AccessWaiting::Uncertain { .. }))
    }
}

/// What was really brought in, and what of it was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessTotals {
    /// Keys.
    pub staged: u64,
    /// Keys that were asked for while they were held.
    pub used: u64,
    /// Bytes.
    pub staged_bytes: u64,
    /// Bytes that were asked for while they were held.
    pub used_bytes: u64,
}

/// Brings in what is likely to be asked for; learns online.
#[derive(Clone, Debug)]
pub struct AccessPlanner {
    settings: AccessSettings,
    model: SequenceModel,
    sources: Vec<Source>,
    /// The book of all sources together: what a new one is judged by.
    all: Book,
    totals: AccessTotals,
}

#[derive(Clone, Debug)]
struct Source {
    spec: SourceSpec,
    book: Book,
    /// What is held, oldest first.
    held: VecDeque<Held>,
    last_length: u32,
    /// The access before which the source was last planned for.
    planned: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    key: u64,
    bytes: u64,
    /// The access at which it was brought in.
    since: u64,
    /// Brought in for real, not on paper.
    real: bool,
}

impl AccessPlanner {
    /// A planner that knows no source yet.
    pub fn new(settings: AccessSettings) -> AccessPlanner {
        let model = SequenceModel::new(settings.sequence);
        AccessPlanner { settings, model, sources: Vec::new(), all: Book::default(), totals: AccessTotals::default() }
    }

    /// Adds a source and returns its number, counted from 0.
    pub fn add(&mut self, spec: SourceSpec) -> usize {
        let book = Book::default();
        self.sources.push(Source { spec, book, held: VecDeque::new(), last_length: 1, planned: None });
        self.model.add_stream(spec.ordered)
    }

    /// What comes next in `source`: keys with their chances, likeliest first. Empty for a source that is not there.
    pub fn likely(&mut self, source: usize) -> &[(u64, f32)] {
        if source < self.sources.len() { self.model.predict(source) } else { &[] }
    }

    /// Takes up an access. A source that was not planned for since its last access is planned for on paper, so that its book is
    /// complete.
    pub fn observe(&mut self, source: usize, touch: &Touch) {
        if source >= self.sources.len() {
            return;
        }
        self.plan(source);
        let Source { spec, book, held, last_length, .. } = &mut self.sources[source];
        let there = held.iter().position(|held| held.key == touch.key).and_then(|place| held.remove(place));
        if let Some(used) = there.filter(|held| held.real) {
            self.totals.used += 1;
            self.totals.used_bytes += used.bytes;
        }
        let wait_s = spec.storage.wait_s(bytes(spec, touch.length));
        let wait_s = wait_s * self.settings.lambda * spec.price;
        book.access(wait_s, there.is_some(), self.settings.memory);
        self.all.access(wait_s, there.is_some(), self.settings.memory);
        while held.front().is_some_and(|held| held.since + self.settings.hold_accesses <= book.accesses) {
            held.pop_front();
        }
        *last_length = touch.length;
        self.model.observe(source, touch);
    }

    /// What to bring in before the next access of `source`. Asked again before that access, it says what is left to bring in:
    /// nothing.
    pub fn plan(&mut self, source: usize) -> AccessPlan {
        let settings = self.settings;
        let Some(Source { spec, book, held, last_length, planned }) = self.sources.get_mut(source) else {
            return AccessPlan::default();
        };
        let now = book.accesses;
        let first = planned.replace(now) != Some(now);
        let (gain, used) = (book.gain(), book.used_beside(&self.all));
        let lambda = settings.lambda * spec.price;
        let need = used_min(&settings, threshold(&figures(&settings, spec, *last_length, 1.0), lambda));
        let trusted = book.trust(used, need, self.all.accesses >= settings.learn_min);
        let unnamed = self.model.numbered_by_appearance(source);
        self.model.predict(source);
        let mut plan = AccessPlan::default();
        for &(key, chance) in self.model.predicted().iter().take(if first { settings.keys_max } else { 0 }) {
            let known = self.model.length_of(source, key);
            if known.is_none() && unnamed {
                continue;
            }
            let length = known.unwrap_or(*last_length);
            let figures = figures(&settings, spec, length, chance);
            let threshold = threshold(&figures, lambda);
            if f64::from(chance) < threshold || held.iter().any(|held| held.key == key) {
                continue;
            }
            let cost_s = f64::from(figures.make_cost) + f64::from(figures.hold_cost);
            book.cost(cost_s);
            self.all.cost(cost_s);
            let amount = bytes(spec, length);
            held.push_back(Held { key, bytes: amount.0, since: now, real: trusted });
            if trusted {
                self.totals.staged += 1;
                self.totals.staged_bytes += amount.0;
                let because = AccessBecause { figures, lambda, threshold, gain };
                plan.stage.push(Prestage { key, length, chance, because });
            }
        }
        let likeliest = self.model.predicted().first().map_or(0.0, |one| one.1);
        plan.waiting = match (trusted, plan.stage.is_empty()) {
            (true, false) => None,
            (true, true) => Some(AccessWaiting::NothingPays { chance: likeliest }),
            (false, _) if self.all.accesses < settings.learn_min => {
                Some(AccessWaiting::Learning { have: self.all.accesses, need: settings.learn_min })
            }
            (false, _) => Some(AccessWaiting::Uncertain { used, need }),
        };
        plan
    }

    /// The share of the waiting of `source` that is saved after costs, or would be.
    pub fn gain(&self, source: usize) -> f64 {
        self.sources.get(source).map_or(0.0, |source| source.book.gain())
    }

    /// The share of keys brought in for `source` that are used, or would be.
    pub fn used(&self, source: usize) -> f64 {
        self.sources.get(source).map_or(0.0, |source| source.book.used_beside(&self.all))
    }

    /// What was brought in over all sources.
    pub fn totals(&self) -> AccessTotals {
        self.totals
    }
}

fn bytes(spec: &SourceSpec, length: u32) -> Bytes {
    Bytes(spec.block.0.saturating_mul(u64::from(length)))
}

/// The chance from which on an offer pays.
pub(super) fn threshold(figures: &OfferFigures, lambda: f64) -> f64 {
    (f64::from(figures.make_cost) + f64::from(figures.hold_cost)) / (f64::from(figures.seconds_saved) * lambda)
}

/// The share of what is brought in that must be used where a key pays from `threshold` on.
fn used_min(settings: &AccessSettings, threshold: f64) -> f64 {
    let paying = threshold.clamp(0.0, 0.999);
    let odds = settings.odds_min * paying / (1.0 - paying);
    odds / (1.0 + odds)
}

/// The four figures of bringing in `length` keys, costs in seconds of waiting.
pub(super) fn figures(settings: &AccessSettings, spec: &SourceSpec, length: u32, chance: f32) -> OfferFigures {
    let amount = bytes(spec, length);
    let hold_s = settings.hold_accesses as f64 * settings.access_s;
    OfferFigures {
        chance,
        seconds_saved: spec.storage.wait_s(amount) as f32,
        make_cost: (spec.storage.busy_s(amount) * settings.busy_price) as f32,
        hold_cost: (amount.0 as f64 / 1e9 * hold_s / settings.gb_seconds_per_second) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: SourceSpec = SourceSpec { ordered: true, block: Bytes(4_096), storage: Storage::DISK, price: 1.0 };

    fn touch(key: u64) -> Touch {
        Touch { key, length: 1, kind: 0 }
    }

    fn scattered(step: u64) -> u64 {
        predict::sequence::spread(step) >> 20
    }

    #[test]
    fn a_repeated_start_is_brought_in_and_the_reason_adds_up() {
        let mut planner = AccessPlanner::new(AccessSettings::default());
        let source = planner.add(DISK);
        (0..600).for_each(|step| planner.observe(source, &touch(scattered(step % 40))));
        let plan = planner.plan(source);
        let [stage] = plan.stage.as_slice() else { panic!("{plan:?}") };
        assert_eq!((stage.key, plan.waiting), (scattered(600 % 40), None));
        let (because, figures) = (stage.because, stage.because.figures);
        assert!(stage.chance > 0.9 && f64::from(figures.chance) >= because.threshold && because.gain > 0.5);
        assert!(figures.chance * figures.seconds_saved >= figures.make_cost + figures.hold_cost);
        // What is held is not brought in twice.
        assert!(planner.plan(source).stage.is_empty());
        planner.observe(source, &touch(scattered(0)));
        assert!(planner.totals().used > 0 && planner.totals().used <= planner.totals().staged);
    }

    #[test]
    fn noise_is_left_alone_and_says_so() {
        let mut planner = AccessPlanner::new(AccessSettings::default());
        let source = planner.add(DISK);
        assert_eq!(planner.plan(source).waiting, Some(AccessWaiting::Learning { have: 0, need: 200 }));
        (0..2_000).for_each(|step| planner.observe(source, &touch(scattered(step))));
        let plan = planner.plan(source);
        assert!(plan.stage.is_empty() && plan.abstains());
        assert!(
            matches!(plan.waiting, Some(AccessWaiting::Uncertain { used, need }) if used < need && (need - 0.7).abs() < 1e-3),
            "{plan:?}"
        );
        assert_eq!(planner.totals(), AccessTotals::default());
    }

    #[test]
    fn waiting_that_is_worth_little_brings_in_less() {
        let staged = |lambda| {
            let mut planner = AccessPlanner::new(AccessSettings { lambda, ..AccessSettings::default() });
            let source = planner.add(DISK);
            (0..4_000).for_each(|step| {
                // One of four follows each of ten.
                let key = if step % 2 == 0 { step / 2 % 10 } else { 100 + scattered(step) % 4 + 10 * (step / 2 % 10) };
                planner.observe(source, &touch(scattered(key)));
            });
            planner.totals().staged
        };
        let counts = [staged(4.0), staged(1.0), staged(0.3)];
        assert!(counts[0] > counts[1] && counts[1] > counts[2] && counts[2] > 0, "{counts:?}");
        assert_eq!(staged(0.1), 0);
    }
}
