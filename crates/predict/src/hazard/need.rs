//! The chance that a resource profile is needed in the coming step, learned online from all instances.
//!
//! Problem: need comes in episodes; some follow the clock, some another metric of the same instance, some an event that hits many
//! instances, some the level that creeps up to the threshold, and many nothing at all.
//! Idea: as in the arrival model, count outcomes in many situations at once and mix them. To the tables by age, recent steps and
//! rhythm come those by level and trend, by the same time on earlier days, by the instance's other profiles (who began now, who
//! is needed), and by how many instances began in this step. Own counts are drawn to what other instances do in the same
//! situation, so that a new instance is predicted from its first steps.
//! Steps, each time: [`NeedModel::step`] learns from the step that ended, then says the chances of the coming one.
//! Source: context mixing, as the parent module.

mod contexts;
mod past;

use model::{Span, WallTime};

use super::counter::Counter;
use super::mixer::{Correction, Layer, squash, stretch};
use contexts::{Around, CHOICES, OWN, OWN_SIZES, SHARED, SHARED_SIZE};
use past::Past;

/// Inputs of the mixer: all tables, a constant, the rate of a life, the share of earlier days, and the level.
const INPUTS: usize = OWN + SHARED + 4;
/// A slot's own counts are drawn to their parent as if that had been seen so often.
const STRENGTH: f32 = 4.0;
/// Outcomes that a slot's own and a shared count remember.
const OWN_MEMORY: f32 = 250.0;
const SHARED_MEMORY: f32 = 20_000.0;
/// Kinds of profiles that are told apart.
pub(super) const KINDS: usize = 8;

/// What was seen of a slot in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Needed {
    /// The profile was needed.
    pub needed: bool,
    /// The reading over the threshold of need: at least 1 where needed.
    pub level: f32,
}

/// Learns and predicts need. A slot is one profile of one instance.
#[derive(Clone, Debug)]
pub struct NeedModel {
    slots: Vec<SlotState>,
    /// Slots of each instance.
    instances: Vec<Vec<usize>>,
    shared: Vec<Counter>,
    layers: Vec<Layer>,
    last: Layer,
    correction: Correction,
    /// Per kind: shares of known slots that began need in the latest step, and in the long run.
    tides: [[f32; 2]; KINDS],
    /// Steps of a day.
    day: usize,
    step: u32,
}

#[derive(Clone, Debug)]
struct SlotState {
    instance: usize,
    kind: usize,
    past: Past,
    own: Vec<Counter>,
    standing: Option<Standing>,
}

/// A prediction that has not met its outcome yet.
#[derive(Clone, Debug)]
struct Standing {
    own: [u32; OWN],
    shared: [u32; SHARED],
    inputs: [f32; INPUTS],
    choices: [usize; CHOICES.len()],
    layers: [f32; CHOICES.len()],
    odds: f32,
}

impl NeedModel {
    /// A model without slots for steps of the given width.
    pub fn new(step: Span) -> NeedModel {
        NeedModel {
            slots: Vec::new(),
            instances: Vec::new(),
            shared: vec![Counter::NEW; SHARED * SHARED_SIZE],
            layers: CHOICES.iter().map(|&contexts| Layer::new(INPUTS, contexts, 0.15)).collect(),
            last: Layer::new(CHOICES.len(), CHOICES[0], 1.0 / CHOICES.len() as f32),
            correction: Correction::new(CHOICES[0]),
            tides: [[0.0; 2]; KINDS],
            day: (86_400.0 / step.as_secs_f64().max(1e-3)).round().max(1.0) as usize,
            step: 0,
        }
    }

    /// Adds a slot and returns its ordinal, counted from 0. Slots of one `instance` (counted from 0) inform each other; slots of one
    /// `kind` (a profile; below 8, what lies above is folded in) start from each other's experience.
    pub fn add(&mut self, instance: usize, kind: usize) -> usize {
        let own = vec![Counter::NEW; OWN_SIZES.iter().sum()];
        if self.instances.len() <= instance {
            self.instances.resize(instance + 1, Vec::new());
        }
        self.instances[instance].push(self.slots.len());
        self.slots.push(SlotState { instance, kind: kind.min(KINDS - 1), past: Past::new(), own, standing: None });
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

    /// Learns from the step that ended (`None` where nothing was read) and writes, per slot, the chance of need in the coming one,
    /// which begins at `coming`; the chance of a slot without a reading stays as it was. Both slices are as long as there are slots.
    pub fn step(&mut self, seen: &[Option<Needed>], coming: WallTime, chances: &mut [f32]) {
        for (slot, seen) in seen.iter().enumerate() {
            if let Some(seen) = seen {
                self.learn(slot, seen.needed);
            }
            let state = &mut self.slots[slot];
            state.past.push(self.step, *seen, self.day);
        }
        self.turn_tides(seen);
        self.step += 1;
        for (slot, chance) in chances.iter_mut().enumerate() {
            if seen[slot].is_none() {
                self.slots[slot].standing = None;
                continue;
            }
            let around = self.around(slot, coming);
            let (standing, likely) = self.foresee(slot, &around);
            self.slots[slot].standing = Some(standing);
            *chance = likely;
        }
    }

    fn turn_tides(&mut self, seen: &[Option<Needed>]) {
        let mut counts = [[0.0_f32; 2]; KINDS];
        for (state, _) in self.slots.iter().zip(seen).filter(|(_, seen)| seen.is_some()) {
            counts[state.kind][0] += f32::from(u8::from(state.past.track.just_started()));
            counts[state.kind][1] += 1.0;
        }
        for (tide, [begun, known]) in self.tides.iter_mut().zip(counts).filter(|(_, counts)| counts[1] > 0.0) {
            let share = begun / known;
            tide[0] = share;
            tide[1] += 0.002_f32.max(1.0 / (self.step as f32 + 1.0)) * (share - tide[1]);
        }
    }

    fn around(&self, slot: usize, coming: WallTime) -> Around {
        let state = &self.slots[slot];
        let seconds = coming.second_of_day() as usize;
        let [now, long] = self.tides[state.kind];
        let mut around = Around {
            kind: state.kind,
            minute: seconds / 60 % 60,
            ten_minutes: seconds / 600,
            hour_of_week: usize::from(coming.hour_of_week()),
            tide: ((now + 0.01) / (long + 0.01)).log2().mul_add(1.5, 3.0).clamp(0.0, 7.0) as usize,
            days: state.past.days(self.day),
            ..Around::default()
        };
        for &other in self.instances[state.instance].iter().filter(|&&other| other != slot) {
            let (past, kind) = (&self.slots[other].past, self.slots[other].kind);
            if past.needed() {
                around.others |= 1 << kind;
            }
            if past.track.just_started() {
                around.begun |= 1 << kind;
            }
            around.other_level = around.other_level.max(past.level_bin());
        }
        around
    }

    fn learn(&mut self, slot: usize, needed: bool) {
        let state = &mut self.slots[slot];
        let Some(standing) = state.standing.take() else { return };
        let happened = f32::from(u8::from(needed));
        let mut offset = 0;
        for (&context, size) in standing.own.iter().zip(OWN_SIZES) {
            state.own[offset + context as usize].learn(needed, OWN_MEMORY);
            offset += size;
        }
        for (table, &context) in standing.shared.iter().enumerate() {
            self.shared[table * SHARED_SIZE + context as usize].learn(needed, SHARED_MEMORY);
        }
        for (layer, &choice) in self.layers.iter_mut().zip(&standing.choices) {
            layer.learn(&standing.inputs, choice, happened, 0.0015);
        }
        self.last.learn(&standing.layers, standing.choices[0], happened, 0.0003);
        self.correction.learn(standing.odds, standing.choices[0], happened, 0.002);
    }

    fn foresee(&self, slot: usize, around: &Around) -> (Standing, f32) {
        let SlotState { past, own: table, .. } = &self.slots[slot];
        let beat = past.track.rhythm.beat(self.step);
        let own = contexts::own(past, around, &beat);
        let long = past.track.life_rate().clamp(1e-4, 1.0 - 1e-4);
        let mut offset = 0;
        let mut counts = [Counter::NEW; OWN];
        for ((count, &context), size) in counts.iter_mut().zip(&own).zip(OWN_SIZES) {
            *count = table[offset + context as usize];
            offset += size;
        }
        let own_chance = |place: usize| (counts[place].chance(long, STRENGTH), counts[place].seen());
        let shared = contexts::shared(past, around, &beat, own_chance(0), own_chance(4));
        let mut inputs = [0.0; INPUTS];
        let mut said = [0.0; SHARED];
        for (table, &context) in shared.iter().enumerate() {
            said[table] = self.shared[table * SHARED_SIZE + context as usize].chance(long, 1.0);
            inputs[OWN + table] = stretch(said[table]);
        }
        // What other instances do in the same situation is what a slot's own counts are drawn to.
        for ((input, count), parent) in inputs.iter_mut().zip(&counts).zip(contexts::PARENTS) {
            *input = stretch(count.chance(said[parent], STRENGTH));
        }
        inputs[OWN + SHARED] = 0.5;
        inputs[OWN + SHARED + 1] = stretch(long);
        inputs[OWN + SHARED + 2] = stretch(around.days.share(long));
        inputs[OWN + SHARED + 3] = past.log_level();
        let choices = contexts::choices(past, around, &beat);
        let mut layers = [0.0; CHOICES.len()];
        for ((said, layer), &choice) in layers.iter_mut().zip(&self.layers).zip(&choices) {
            *said = layer.mix(&inputs, choice);
        }
        let odds = self.last.mix(&layers, choices[0]);
        let chance = (squash(odds) + self.correction.chance(odds, choices[0])) / 2.0;
        (Standing { own, shared, inputs, choices, layers, odds }, chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `steps` steps of five minutes over slots (instance, kind) and returns, per slot, the chance before each step and what
    /// came.
    fn run(slots: &[(usize, usize)], steps: u32, used: impl Fn(usize, u32) -> Option<f32>) -> Vec<Vec<(f32, bool)>> {
        let mut model = NeedModel::new(Span::from_secs(300));
        for &(instance, kind) in slots {
            model.add(instance, kind);
        }
        let mut chances = vec![0.0; slots.len()];
        let mut said = vec![Vec::new(); slots.len()];
        for step in 0..steps {
            let levels: Vec<Option<f32>> = (0..slots.len()).map(|slot| used(slot, step)).collect();
            let seen: Vec<Option<Needed>> =
                levels.iter().map(|level| level.map(|level| Needed { needed: level >= 1.0, level })).collect();
            for ((said, &chance), seen) in said.iter_mut().zip(&chances).zip(&seen) {
                if let Some(seen) = seen {
                    said.push((chance, seen.needed));
                }
            }
            model.step(&seen, WallTime::from_unix_secs(i64::from(step + 1) * 300), &mut chances);
        }
        said
    }

    fn mean(said: &[(f32, bool)], needed: bool) -> f32 {
        let chosen: Vec<f32> = said.iter().filter(|one| one.1 == needed).map(|one| one.0).collect();
        chosen.iter().sum::<f32>() / chosen.len() as f32
    }

    /// A reproducible number below `range`.
    fn mixed(slot: usize, step: u32, range: u64) -> u64 {
        let mut bits = ((slot as u64) << 40 | u64::from(step)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        for _ in 0..3 {
            bits = (bits ^ bits >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        (bits >> 20) % range
    }

    #[test]
    fn the_clock_is_learned_and_chance_is_calibrated() {
        // A backup of an hour at night on slot 0, chance of one in twenty on slot 1.
        let said = run(&[(0, 2), (1, 3)], 288 * 12, |slot, step| {
            let on = if slot == 0 { (24..36).contains(&(step % 288)) } else { mixed(slot, step, 20) == 0 };
            Some(if on { 1.5 } else { 0.1 })
        });
        let late = &said[0][288 * 6..];
        let begins: Vec<f32> = late.windows(2).filter(|pair| !pair[0].1 && pair[1].1).map(|pair| pair[1].0).collect();
        assert!(begins.len() >= 5 && begins.iter().sum::<f32>() / begins.len() as f32 > 0.4, "{begins:?}");
        assert!(mean(late, false) < 0.02);
        let chance = said[1][288 * 6..].iter().map(|one| one.0).sum::<f32>() / (288.0 * 6.0);
        assert!((chance - 0.05).abs() < 0.02, "{chance}");
    }

    #[test]
    fn another_profile_of_the_instance_foretells_need() {
        // Disk traffic begins at random; two steps later the network carries it away. The other instance has its disk alone.
        let slots = [(0, 2), (0, 3), (1, 2), (1, 3)];
        let said = run(&slots, 4_000, |slot, step| {
            let disk = |slot, step: u32| mixed(slot, step, 40) == 0;
            let on = match slot {
                1 => step > 0 && disk(0, step - 1),
                3 => false,
                _ => disk(slot, step),
            };
            Some(if on { 1.5 } else { 0.1 })
        });
        assert!(mean(&said[1][2_000..], true) > 0.7);
        assert!(mean(&said[1][2_000..], false) < 0.02 && mean(&said[3][2_000..], false) < 0.02);
    }

    #[test]
    fn steps_without_a_reading_change_no_chance() {
        let mut model = NeedModel::new(Span::from_secs(300));
        model.add(0, 0);
        let mut chances = [0.0];
        for step in 0..50 {
            let level = if step % 3 == 0 { 2.0 } else { 0.2 };
            model.step(&[Some(Needed { needed: level >= 1.0, level })], WallTime::from_unix_secs(step * 300), &mut chances);
        }
        let before = chances;
        model.step(&[None], WallTime::from_unix_secs(15_300), &mut chances);
        assert_eq!(before, chances);
        assert!(chances[0] > 0.0 && chances[0] < 1.0);
    }
}
