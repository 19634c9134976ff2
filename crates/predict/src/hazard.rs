//! The chance that a unit is used in the coming step, learned online from all units.
//!
//! Problem: most units are rare, so that their own history alone says little; yet a timer's next call is certain, and a burst's next
//! call likely.
//! Idea: count outcomes in many situations at once. Some tables are the unit's own (its hazard by age, by the last eight steps, by
//! minute of the hour, by hour of the week, by its period), each drawn towards what similar units do (empirical Bayes); others are
//! shared by all units (by rate and age, by regularity, by burst, by predecessor, by users who are around). A small network
//! with shared weights mixes their log odds, and a last table corrects the result to what turned out.
//! Steps, each time: [`ArrivalModel::step`] learns from the step that ended, then says the chances of the coming one.
//! Source: context mixing (Mahoney 2005, Mattern 2012), which is how the best compressors predict a bit from its past.

mod chain;
mod contexts;
mod counter;
mod mixer;
mod need;
pub mod returns;
mod rhythm;
mod track;
mod visitors;

pub use need::{NeedModel, Needed};

use model::{Span, WallTime};

use chain::Chains;
use contexts::{Around, CHOICES, OWN, OWN_SIZES, SHARED, SHARED_SIZE};
use counter::Counter;
use mixer::{Correction, Layer, squash, stretch};
use track::Track;
use visitors::Visitors;

/// Inputs of the mixer: all tables, users, a constant, and two plain guesses.
const INPUTS: usize = OWN + SHARED + 4;
/// A unit's own counts are drawn to their parent as if that had been seen so often.
const STRENGTH: f32 = 3.0;
/// The chance of a use right after one, for a unit of which nothing else is known; it falls with one over the age.
const YOUNG_CHANCE: f32 = 0.4;
/// So many steps of its own outweigh that.
const YOUNG_STEPS: f32 = 20.0;
/// Outcomes that a unit's own and a shared count remember.
const OWN_MEMORY: f32 = 120.0;
const SHARED_MEMORY: f32 = 20_000.0;

/// What happened in a step.
#[derive(Clone, Copy, Debug)]
pub struct Happened<'a> {
    /// Per slot: in use at any time of it.
    pub active: &'a [bool],
    /// Per slot: still busy at its end, so that the coming step needs no readiness.
    pub busy: &'a [bool],
    /// Per slot: requests to its unit.
    pub counts: &'a [u32],
    /// (slot, user) of requests whose user is known, sorted; the slot is the unit's first.
    pub visits: &'a [(u32, u32)],
}

/// Learns and predicts the use of many units, called slots here: a unit that runs several instances has one slot for each,
/// the next being in use when those below are.
#[derive(Clone, Debug)]
pub struct ArrivalModel {
    slots: Vec<SlotState>,
    shared: Vec<Counter>,
    layers: Vec<Layer>,
    last: Layer,
    correction: Correction,
    chains: Chains,
    visitors: Visitors,
    /// Steps so far.
    step: u32,
    /// Mean uses per step, over a short and the long run.
    tides: [f32; 2],
}

#[derive(Clone, Debug)]
struct SlotState {
    /// The slot that is claimed before this one.
    below: Option<usize>,
    track: Track,
    /// Busy when the running step began.
    busy: bool,
    own: Vec<Counter>,
    /// What the standing prediction rests on; `None` when none was made.
    standing: Option<Standing>,
}

/// A prediction that has not met its outcome yet.
#[derive(Clone, Debug)]
struct Standing {
    own: [u32; OWN],
    shared: [u32; SHARED],
    inputs: [f32; INPUTS],
    choices: [usize; CHOICES.len()],
    /// What the layers said, and what was made of it, as log odds.
    layers: [f32; CHOICES.len()],
    odds: f32,
}

impl Default for ArrivalModel {
    fn default() -> Self {
        ArrivalModel::new()
    }
}

impl ArrivalModel {
    /// A model without slots that knows nothing.
    pub fn new() -> ArrivalModel {
        ArrivalModel {
            slots: Vec::new(),
            shared: vec![Counter::NEW; SHARED * SHARED_SIZE],
            layers: CHOICES.iter().map(|&contexts| Layer::new(INPUTS, contexts, 0.15)).collect(),
            last: Layer::new(CHOICES.len(), CHOICES[0], 1.0 / CHOICES.len() as f32),
            correction: Correction::new(CHOICES[0]),
            chains: Chains::default(),
            visitors: Visitors::new(),
            step: 0,
            tides: [0.0; 2],
        }
    }

    /// Adds a slot and returns its ordinal, counted from 0. `below` is the slot that is claimed before it, of the same unit.
    pub fn add(&mut self, below: Option<usize>) -> usize {
        let own = vec![Counter::NEW; OWN_SIZES.iter().sum()];
        self.slots.push(SlotState { below, track: Track::new(), busy: false, own, standing: None });
        self.chains.add();
        self.slots.len() - 1
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Learns from the step that ended and writes, per slot, the chance that the coming step begins a use of it. All slices
    /// are as long as there are slots. `coming` is when the coming step begins.
    pub fn step(&mut self, happened: &Happened<'_>, coming: WallTime, chances: &mut [f32]) {
        for (slot, &active) in happened.active.iter().enumerate() {
            self.learn(slot, active);
        }
        self.remember(happened);
        self.step += 1;
        let mut returns = vec![0.0; self.slots.len()];
        let mut guests = vec![0; self.slots.len()];
        self.visitors.chances(self.step, &mut returns, &mut guests);
        let base = Around { tide: self.tide(), ..clock(coming) };
        for (slot, chance) in chances.iter_mut().enumerate() {
            if happened.busy[slot] {
                // It is running on: nothing to predict, and nothing to learn from.
                self.slots[slot].standing = None;
                *chance = 1.0;
                continue;
            }
            let first = self.first_of(slot);
            let mut around = Around { visit_chance: returns[first], visitors: guests[first], ..base };
            around.lag = self.chains.lag(slot, self.step);
            around.below = self.slots[slot].below.map(|below| {
                let track = &self.slots[below].track;
                (track.recent(4), track.age, happened.busy[below])
            });
            let state = &self.slots[slot];
            let (standing, likely) = self.foresee(&state.track, &state.own, &around, self.step);
            self.slots[slot].standing = Some(standing);
            *chance = likely;
        }
    }

    /// What stands out in the past of a slot, for people: its period in steps, and the slot it follows.
    pub fn habits(&self, slot: usize) -> Habits {
        let period = self.slots[slot].track.rhythm.period().map(|period| (period.steps, period.share));
        Habits { period, follows: self.chains.predecessor(slot).map(|slot| slot as usize) }
    }

    fn first_of(&self, slot: usize) -> usize {
        let mut first = slot;
        while let Some(below) = self.slots[first].below {
            first = below;
        }
        first
    }

    fn learn(&mut self, slot: usize, active: bool) {
        let state = &mut self.slots[slot];
        let Some(standing) = state.standing.take() else { return };
        let happened = f32::from(u8::from(active));
        let mut offset = 0;
        for (&context, size) in standing.own.iter().zip(OWN_SIZES) {
            state.own[offset + context as usize].learn(active, OWN_MEMORY);
            offset += size;
        }
        for (table, &context) in standing.shared.iter().enumerate() {
            self.shared[table * SHARED_SIZE + context as usize].learn(active, SHARED_MEMORY);
        }
        for (layer, &choice) in self.layers.iter_mut().zip(&standing.choices) {
            layer.learn(&standing.inputs, choice, happened, 0.0015);
        }
        self.last.learn(&standing.layers, standing.choices[0], happened, 0.0001);
        self.correction.learn(standing.odds, standing.choices[0], happened, 0.002);
    }

    fn remember(&mut self, happened: &Happened<'_>) {
        let mut begun = Vec::new();
        for (slot, state) in self.slots.iter_mut().enumerate() {
            state.track.push(self.step, happened.active[slot], happened.counts[slot], state.busy);
            state.busy = happened.busy[slot];
            if state.below.is_none() && state.track.just_started() {
                begun.push(slot as u32);
            }
        }
        self.chains.push(self.step, &begun);
        self.visitors.push(self.step, happened.visits);
        let uses = happened.active.iter().filter(|&&active| active).count() as f32;
        for (tide, half_life) in self.tides.iter_mut().zip([0.1_f32, 0.002]) {
            *tide += half_life.max(1.0 / (self.step as f32 + 1.0)) * (uses - *tide);
        }
    }

    fn tide(&self) -> usize {
        let ratio = (self.tides[0] + 0.1) / (self.tides[1] + 0.1);
        (ratio.log2() * 3.0 + 4.0).clamp(0.0, 7.0) as usize
    }

    /// The chances of `slot` in the steps from `coming` on, each if those before it saw no use; users, chains and slots below
    /// are left out.
    pub fn if_unused(&self, slot: usize, coming: WallTime, step: Span, steps: u32) -> Vec<f32> {
        let state = &self.slots[slot];
        let mut track = state.track.clone();
        let mut chances = Vec::with_capacity(steps as usize);
        for ahead in 0..steps {
            let around = Around { tide: self.tide(), ..clock(coming.plus(step.times(u64::from(ahead)))) };
            chances.push(self.foresee(&track, &state.own, &around, self.step + ahead).1);
            track.push(self.step + ahead, false, 0, false);
        }
        chances
    }

    fn foresee(&self, track: &Track, table: &[Counter], around: &Around, coming: u32) -> (Standing, f32) {
        let beat = track.rhythm.beat(coming);
        let own = contexts::own(track, around, &beat);
        let long = prior(track);
        let mut offset = 0;
        let mut counts = [Counter::NEW; OWN];
        for ((count, &context), size) in counts.iter_mut().zip(&own).zip(OWN_SIZES) {
            *count = table[offset + context as usize];
            offset += size;
        }
        let own_chance = |place: usize| (counts[place].chance(long, STRENGTH), counts[place].seen());
        let shared = contexts::shared(track, around, &beat, own_chance(0), own_chance(2));
        let mut inputs = [0.0; INPUTS];
        let mut said = [0.0; SHARED];
        for (table, &context) in shared.iter().enumerate() {
            said[table] = self.shared[table * SHARED_SIZE + context as usize].chance(long, 1.0);
            inputs[OWN + table] = stretch(said[table]);
        }
        // What similar units do in the same situation is what a unit's own counts are drawn to.
        let parents = [said[0], said[1], long, said[17], long, long, said[8], long];
        for ((input, count), parent) in inputs.iter_mut().zip(&counts).zip(parents) {
            *input = stretch(count.chance(parent, STRENGTH));
        }
        inputs[OWN + SHARED] = stretch(around.visit_chance) * f32::from(u8::from(around.visitors > 0));
        inputs[OWN + SHARED + 1] = 0.5;
        inputs[OWN + SHARED + 2] = stretch(track.life_rate());
        // With no scale of its own, the next gap outlasts the present one with even chance.
        inputs[OWN + SHARED + 3] = stretch(0.5 / (track.age as f32 + 1.5));
        let choices = contexts::choices(track, around, &beat);
        let mut layers = [0.0; CHOICES.len()];
        for ((said, layer), &choice) in layers.iter_mut().zip(&self.layers).zip(&choices) {
            *said = layer.mix(&inputs, choice);
        }
        let odds = self.last.mix(&layers, choices[0]);
        let chance = (squash(odds) + self.correction.chance(odds, choices[0])) / 2.0;
        (Standing { own, shared, inputs, choices, layers, odds }, chance)
    }
}

/// What is thought of a unit before anything is counted: its rate, and while it is young and was used, that a use is likelier soon
/// after a use.
fn prior(track: &Track) -> f32 {
    let rate = track.rates[4].clamp(1e-6, 1.0 - 1e-4);
    if track.uses == 0 {
        return rate;
    }
    let soon = YOUNG_CHANCE / (1.0 + track.age as f32);
    let steps = track.steps as f32;
    (soon * YOUNG_STEPS + rate * steps) / (YOUNG_STEPS + steps)
}

fn clock(coming: WallTime) -> Around {
    let seconds = coming.second_of_day();
    Around {
        minute: (seconds / 60 % 60) as usize,
        hour_of_week: usize::from(coming.hour_of_week()),
        ten_minutes: seconds as usize / 600,
        ..Around::default()
    }
}

/// What stands out in a slot's past.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Habits {
    /// Its period in steps, and the share of uses that fit it.
    pub period: Option<(u32, f32)>,
    /// The slot that it follows.
    pub follows: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets `model` see the steps of `range` and adds to `said`, per slot, the chance before each and whether it was used.
    fn advance(
        model: &mut ArrivalModel,
        range: std::ops::Range<u32>,
        used: &dyn Fn(usize, u32) -> bool,
        said: &mut Vec<Vec<(f32, bool)>>,
    ) {
        let slots = model.len();
        said.resize(slots, Vec::new());
        let mut chances: Vec<f32> = vec![0.0; slots];
        let busy = vec![false; slots];
        for step in range {
            let active: Vec<bool> = (0..slots).map(|slot| used(slot, step)).collect();
            for ((said, &chance), &active) in said.iter_mut().zip(&chances).zip(&active) {
                said.push((chance, active));
            }
            let counts: Vec<u32> = active.iter().map(|&active| u32::from(active)).collect();
            let happened = Happened { active: &active, busy: &busy, counts: &counts, visits: &[] };
            model.step(&happened, WallTime::from_unix_secs(i64::from(step + 1) * 60), &mut chances);
        }
    }

    fn run(slots: usize, steps: u32, used: impl Fn(usize, u32) -> bool) -> (ArrivalModel, Vec<Vec<(f32, bool)>>) {
        let mut model = ArrivalModel::new();
        (0..slots).for_each(|_| {
            model.add(None);
        });
        let mut said = Vec::new();
        advance(&mut model, 0..steps, &used, &mut said);
        (model, said)
    }

    /// A reproducible coin with chance `share`.
    fn coin(slot: usize, step: u32, share: f64) -> bool {
        let mut bits = (slot as u64) << 32 | u64::from(step);
        for _ in 0..3 {
            bits = (bits ^ bits >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        (bits >> 11) as f64 / (1u64 << 53) as f64 <= share
    }

    fn mean(values: impl Iterator<Item = f32>) -> f32 {
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / count
    }

    #[test]
    fn a_timer_is_certain_and_chance_is_calibrated() {
        let (model, said) = run(6, 1_400, |slot, step| match slot {
            0 => step % 13 == 4,
            1 => coin(1, step, 0.3),
            _ => coin(slot, step, 0.05),
        });
        let late = |slot: usize| said[slot][700..].iter().copied();
        assert!(mean(late(0).filter(|one| one.1).map(|one| one.0)) > 0.9);
        assert!(mean(late(0).filter(|one| !one.1).map(|one| one.0)) < 0.02);
        assert!((mean(late(1).map(|one| one.0)) - 0.3).abs() < 0.05);
        for slot in 2..6 {
            assert!((mean(late(slot).map(|one| one.0)) - 0.05).abs() < 0.025);
        }
        assert_eq!(model.habits(0).period.map(|period| period.0), Some(13));
    }

    #[test]
    fn a_new_unit_starts_from_what_others_taught() {
        // Bursts of eight steps, again and again; the last unit appears late and has its first.
        let burst = |slot: usize, step: u32| (step / 8 + slot as u32 * 7).is_multiple_of(20);
        let (mut model, _) = run(11, 2_000, burst);
        model.add(None);
        let mut said = Vec::new();
        advance(&mut model, 2_000..2_160, &burst, &mut said);
        let first = said[11].iter().position(|one| one.1).unwrap();
        let within = &said[11][first + 1..first + 7];
        assert!(within.iter().all(|one| one.1) && mean(within.iter().map(|one| one.0)) > 0.5, "{within:?}");
        assert!(said[11][first].0 < 0.2, "{}", said[11][first].0);
    }

    #[test]
    fn the_same_history_gives_the_same_chances() {
        let used = |slot: usize, step: u32| coin(slot, step, 0.1);
        let ((_, first), (_, second)) = (run(3, 500, used), run(3, 500, used));
        assert_eq!(first, second);
    }

    #[test]
    fn without_uses_the_chance_falls() {
        let (model, _) = run(3, 1_000, |slot, step| step % 100 < 10 && coin(slot, step, 0.6));
        let chances = model.if_unused(0, WallTime::from_unix_secs(60_060), Span::from_secs(60), 30);
        assert_eq!(chances.len(), 30);
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        assert_eq!(model.len(), 3);
    }
}
