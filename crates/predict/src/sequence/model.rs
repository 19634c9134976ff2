//! Context mixing over keys: contexts of several lengths, strides, repeats, recency and frequency name the keys that may come
//! next; a mixer that learns online makes one distribution of what they say.
//!
//! Problem: on one stream the next key follows from the last three, on another from the stride, on a third from where it stood
//! in the last run; and that changes. Idea: let every such view name keys with a state (how often, how lately, how surely) and
//! weigh the views by how they have done. Steps: (1) each predictor puts its keys and states on a board; (2) the mixer
//! turns states into chances (see [`super::mixer`]); (3) when the key is known, states, weights and tables learn.
//! New streams start with the weights that the others have earned; tables hold all streams, each with its own hash.

use super::board::{Board, PREDICTORS};
use super::contexts::{ContextTable, Known};
use super::index::hash;
use super::mixer::Mixer;
use super::stream::{Stream, Touch};

/// Bounds of the memory that a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceSettings {
    /// Contexts per table; there are about 20 tables of 4 to 12 followers each.
    pub contexts_max: usize,
    /// Keys of its own past that a stream can look back to.
    pub history_max: usize,
}

impl Default for SequenceSettings {
    fn default() -> Self {
        SequenceSettings { contexts_max: 1 << 20, history_max: 1 << 20 }
    }
}

/// What comes next: keys with their chances, likeliest first; the rest of the chance belongs to keys that are not listed.
pub type Distribution = Vec<(u64, f32)>;

/// A model of many streams.
#[derive(Clone, Debug)]
pub struct SequenceModel {
    settings: SequenceSettings,
    streams: Vec<Stream>,
    tables: Vec<ContextTable>,
    mixer: Mixer,
    board: Board,
    /// Per table, the context's hash and the base of its values; 0 = no context.
    places: Vec<(u64, u64)>,
    /// Whose board it is.
    ready: Option<usize>,
    distribution: Distribution,
}

/// What the values of a table mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Keys.
    Key,
    /// Distances from a base, wrapping.
    Distance,
    /// Keys for a base of 0; for a base of 1 or 2 neighbourhoods of that scale and distances in them.
    Place,
}

/// A predictor that keeps a table: its followers per context, and how many of them may bring in new keys.
struct Tabled {
    meaning: Meaning,
    width: usize,
    naming: usize,
}

const fn keys(width: usize, naming: usize) -> Tabled {
    Tabled { meaning: Meaning::Key, width, naming }
}
const fn places(width: usize, naming: usize) -> Tabled {
    Tabled { meaning: Meaning::Place, width, naming }
}
const fn distances(width: usize, naming: usize) -> Tabled {
    Tabled { meaning: Meaning::Distance, width, naming }
}

/// The predictors that keep tables, those with the sharpest contexts first, so that their keys are sure of room.
const TABLED: [Tabled; 17] = [
    keys(4, 4),
    keys(4, 4),
    keys(4, 4),
    keys(8, 6),
    keys(12, 10),
    keys(4, 3),
    keys(8, 3),
    places(4, 4),
    places(8, 4),
    places(12, 4),
    distances(4, 3),
    distances(4, 3),
    distances(6, 4),
    distances(8, 5),
    distances(4, 2),
    distances(4, 2),
    distances(4, 3),
];
const FOUND: usize = TABLED.len();
const REPLAY: usize = FOUND + 1;
const ENDS: usize = FOUND + 2;
const READAHEAD: usize = FOUND + 3;
const FRONTIER: usize = FOUND + 4;
const RECENT: usize = FOUND + 5;
const FREQUENT: usize = FOUND + 6;
const _: () = assert!(FREQUENT < PREDICTORS);

/// Contexts that choose weights: longest known order and match length; what is new and sequential; none.
const SETS: [usize; 3] = [1, 6 * 4, 9 * 3];

impl SequenceModel {
    /// A model without streams.
    pub fn new(settings: SequenceSettings) -> SequenceModel {
        SequenceModel {
            settings,
            streams: Vec::new(),
            tables: TABLED.iter().map(|tabled| ContextTable::new(tabled.width, settings.contexts_max)).collect(),
            mixer: Mixer::new(&SETS, prior),
            board: Board::default(),
            places: vec![(0, 0); TABLED.len()],
            ready: None,
            distribution: Vec::new(),
        }
    }

    /// Adds a stream and returns its number, counted from 0. `ordered`: whether neighbours of a key mean something, as with
    /// blocks; keys that are names may mean the same in other streams.
    pub fn add_stream(&mut self, ordered: bool) -> usize {
        self.streams.push(Stream::new(ordered, self.settings.history_max));
        self.streams.len() - 1
    }

    /// What comes next in `stream`. Empty before its first touch.
    pub fn predict(&mut self, stream: usize) -> &Distribution {
        if self.ready != Some(stream) {
            self.prepare(stream);
        }
        &self.distribution
    }

    /// What the last [`SequenceModel::predict`] said.
    pub fn predicted(&self) -> &[(u64, f32)] {
        &self.distribution
    }

    /// The length that `key` had when it last came in `stream`; `None` where it never did.
    pub fn length_of(&self, stream: usize, key: u64) -> Option<u32> {
        self.streams.get(stream)?.length_of(key)
    }

    /// Whether keys of `stream` are numbers by first appearance, so that a key that never came cannot be brought in.
    pub fn numbered_by_appearance(&self, stream: usize) -> bool {
        self.streams.get(stream).is_some_and(Stream::numbered_by_appearance)
    }

    /// Learns what came next in `stream`.
    pub fn observe(&mut self, stream: usize, touch: &Touch) {
        if self.ready != Some(stream) {
            self.prepare(stream);
        }
        self.ready = None;
        if !self.streams[stream].past.is_empty() {
            let keys = self.board.keys();
            let came = keys.iter().position(|&key| key == touch.key).unwrap_or(keys.len());
            self.mixer.learn(self.board.states(), came);
            for ((table, tabled), &(context, base)) in self.tables.iter_mut().zip(&TABLED).zip(&self.places) {
                if context != 0 {
                    let value = match tabled.meaning {
                        Meaning::Key => Some(touch.key),
                        Meaning::Distance => Some(touch.key.wrapping_sub(base)),
                        Meaning::Place if base == 0 => Some(touch.key),
                        Meaning::Place => self.streams[stream].regions[base as usize - 1].encode(touch.key),
                    };
                    if let Some(value) = value {
                        table.count(context, value);
                    }
                }
            }
        }
        self.streams[stream].observe(touch);
    }

    fn prepare(&mut self, at: usize) {
        self.ready = Some(at);
        self.board.clear();
        self.distribution.clear();
        let stream = &self.streams[at];
        if stream.past.is_empty() {
            return;
        }
        place_contexts(at, stream, &mut self.places);
        let mut longest = 0;
        for (predictor, ((table, tabled), &(context, base))) in self.tables.iter().zip(&TABLED).zip(&self.places).enumerate()
        {
            let known = if context == 0 { None } else { table.get(context) };
            if let Some(known) = known {
                longest = longest.max(5usize.saturating_sub(predictor));
                speak(&mut self.board, stream, predictor, tabled, base, &known);
            }
            if predictor == 1 {
                speak_of_past(&mut self.board, stream);
            }
        }
        speak_of_places(&mut self.board, stream);
        self.board.close();
        let contexts = [0, longest * 4 + (stream.found.length as usize).div_ceil(8).min(3), habit(stream)];
        let shares = self.mixer.mix(self.board.states(), &contexts);
        self.distribution.extend(self.board.keys().iter().copied().zip(shares.iter().copied()));
        self.distribution.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
}

/// The contexts of all tables at the present end of a stream.
fn place_contexts(at: usize, stream: &Stream, places: &mut [(u64, u64)]) {
    places.fill((0, 0));
    let past = &stream.past;
    let own = at as u64 + 1;
    let key = |back: usize| past[back].key;
    let mut set = |table: usize, needs: usize, base: u64, parts: &dyn Fn() -> u64| {
        if past.len() >= needs {
            places[table] = (parts().max(1), base);
        }
    };
    let last = |tag: u64, count: usize| past[..count].iter().fold(tag, |seed, touch| hash(seed, &[touch.key]));
    for (table, order) in [(0, 6), (1, 4), (2, 3), (3, 2), (4, 1)] {
        set(table, order, 0, &|| last(hash(own, &[order as u64]), order));
    }
    set(5, 3, 0, &|| hash(own, &[100, key(1), key(2)]));
    set(6, 2, 0, &|| hash(own, &[101, key(1)]));
    if !stream.ordered {
        // Names mean the same everywhere: what follows them in all streams.
        for (table, order) in [(7, 3), (8, 2), (9, 1)] {
            set(table, order, 0, &|| last(hash(0, &[order as u64]), order));
        }
        return;
    }
    let [near, far] = [&stream.regions[0].past, &stream.regions[1].past];
    set(7, 2, 1, &|| hash(own, &[201, near[0], near[1]]));
    set(8, 2, 2, &|| hash(own, &[202, far[0], far[1], far[2]]));
    set(9, 2, 2, &|| hash(own, &[203, far[0], key(0).wrapping_sub(key(1))]));
    let gap = |back: usize| past[back].key.wrapping_sub(past[back + 1].key);
    let shape = u64::from(past[0].length) << 8 | u64::from(past[0].kind);
    set(10, 4, key(0), &|| hash(own, &[103, gap(0), gap(1), gap(2)]));
    set(11, 3, key(0), &|| hash(own, &[102, gap(0), gap(1)]));
    set(12, 2, key(0), &|| hash(own, &[104, gap(0), shape]));
    set(13, 1, key(0), &|| hash(own, &[105, shape]));
    if past.len() > 3 {
        set(14, 4, key(1), &|| hash(own, &[106, key(1).wrapping_sub(key(3))]));
    }
    if past.len() > 5 {
        set(15, 6, key(2), &|| hash(own, &[107, key(2).wrapping_sub(key(5))]));
    }
    // What lies near, whatever came before: distances by the neighbourhood of the last key.
    set(16, 1, key(0), &|| hash(own, &[108, key(0) >> 6]));
}

/// A table's followers on the board.
fn speak(board: &mut Board, stream: &Stream, predictor: usize, tabled: &Tabled, base: u64, known: &Known<'_>) {
    let size = bucket(known.total);
    board.speak(predictor, 200 + size * 4 + (known.values.len() as u16 - 1).min(3));
    for (place, (&value, &count)) in known.values.iter().zip(known.counts).enumerate() {
        let state = (bucket(u16::from(count)) * 6 + size.min(5)) * 3 + (place as u16).min(2);
        let key = match tabled.meaning {
            Meaning::Key => value,
            Meaning::Distance => base.wrapping_add(value),
            Meaning::Place if base == 0 => value,
            Meaning::Place => stream.regions[base as usize - 1].decode(value),
        };
        board.name(predictor, key, state, place < tabled.naming);
    }
}

/// 0 for 1, then by powers of two up to 5.
fn bucket(count: u16) -> u16 {
    (15 - count.max(1).leading_zeros() as u16).min(5)
}

/// Earlier places that look like the present: what stood there.
fn speak_of_past(board: &mut Board, stream: &Stream) {
    for (predictor, found) in [(FOUND, &stream.found), (REPLAY, &stream.replay)] {
        let Some(at) = found.at else { continue };
        let length = (32 - found.length.leading_zeros()).min(6) as u16;
        let sure = length * 3 + found.misses.min(2) as u16;
        board.speak(predictor, 150 + sure);
        for ahead in 0..5 {
            if let Some(key) = stream.at(at + ahead) {
                board.name(predictor, key, sure * 5 + ahead as u16, true);
            }
        }
    }
}

/// Where sequences go on, and what came lately and often.
fn speak_of_places(board: &mut Board, stream: &Stream) {
    if stream.ordered {
        board.speak(ENDS, 100);
        for (place, end) in stream.ends.iter().enumerate() {
            board.name(ENDS, end.key, place as u16 * 4 + end.run.min(3) as u16, place < 8);
        }
        let (last, run) = (&stream.past[0], stream.ends.first().map_or(0, |end| end.run.min(3)) as u16);
        board.speak(READAHEAD, 100 + run);
        for step in 1..=5u64 {
            let key = last.key.saturating_add(step * u64::from(last.length));
            board.name(READAHEAD, key, (step as u16 - 1) * 4 + run, true);
        }
        let news = (stream.fresh & 0xff).count_ones() as u16;
        board.speak(FRONTIER, 100 + news);
        board.name(FRONTIER, stream.frontier, news * 2 + (stream.fresh & 1) as u16, true);
    }
    board.speak(RECENT, 100);
    for (place, &key) in stream.recent.iter().enumerate() {
        board.name(RECENT, key, place as u16, place < 8);
    }
    let total = stream.frequencies.total().max(1);
    board.speak(FREQUENT, 100);
    for (place, leader) in stream.frequencies.leaders().iter().take(16).enumerate() {
        let share = (u64::from(leader.count) * 1_024 / total).max(1);
        let state = share.ilog2().min(9) as u16 * 4 + (place as u16 / 2).min(3);
        board.name(FREQUENT, stream.keys[leader.symbol as usize], state, place < 8);
    }
}

/// How the stream has been lately: how many of the last keys were new, and whether it runs on in sequence.
fn habit(stream: &Stream) -> usize {
    let news = (stream.fresh & 0xff).count_ones() as usize;
    let run = stream.ends.first().map_or(0, |end| end.run.min(2)) as usize;
    news * 3 + run
}

/// What a state is taken to be worth before anything was seen of it.
fn prior(predictor: usize, state: usize) -> f32 {
    match (predictor, state) {
        (..TABLED_LEN, 200..) => 0.005,
        (..TABLED_LEN, _) => {
            let (count, size) = (1 << (state / 18), 1 << ((state / 3) % 6));
            count.min(size) as f32 / (size as f32 + 2.0)
        }
        (FOUND | REPLAY, ..150) => {
            let (ahead, length) = (state % 5, state / 15);
            if ahead == 0 { 0.3 + 0.1 * length as f32 } else { 0.05 }
        }
        (ENDS, ..100) => {
            if state < 4 {
                0.3
            } else {
                0.05
            }
        }
        (READAHEAD, ..100) => {
            if state < 4 {
                0.3
            } else {
                0.02
            }
        }
        (_, 100..) => 0.005,
        _ => 0.03,
    }
}
const TABLED_LEN: usize = TABLED.len();
