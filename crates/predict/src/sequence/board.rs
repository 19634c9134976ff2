//! The keys that may come next, and what each predictor says of each.

/// The most keys that are weighed at once.
pub(super) const KEYS_MAX: usize = 48;
/// The most predictors.
pub(super) const PREDICTORS: usize = 24;
/// A predictor that knows nothing here.
pub(super) const SILENT: u16 = u16::MAX;
const UNSET: u16 = u16::MAX - 1;

/// Keys in the order in which they were first named, with a state per predictor.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    keys: Vec<u64>,
    states: Vec<[u16; PREDICTORS]>,
    /// Per predictor, the state of keys that it did not name.
    absent: [u16; PREDICTORS],
}

impl Board {
    /// Empty again.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.states.clear();
        self.absent = [SILENT; PREDICTORS];
    }

    /// `predictor` knows this place; what it does not name from here on gets `state`.
    pub fn speak(&mut self, predictor: usize, state: u16) {
        self.absent[predictor] = state;
    }

    /// `predictor` names `key`; a key that nobody named before is taken up only if `new` allows it and there is room. The first
    /// state that a predictor gives to a key stands.
    pub fn name(&mut self, predictor: usize, key: u64, state: u16, new: bool) {
        let place = match self.keys.iter().position(|&held| held == key) {
            Some(place) => place,
            None if new && self.keys.len() < KEYS_MAX => {
                self.keys.push(key);
                self.states.push([UNSET; PREDICTORS]);
                self.keys.len() - 1
            }
            None => return,
        };
        let held = &mut self.states[place][predictor];
        if *held == UNSET {
            *held = state;
        }
    }

    /// All have spoken: whoever was not named by a predictor has its state for that. A last row stands for all other keys.
    pub fn close(&mut self) {
        self.states.push([UNSET; PREDICTORS]);
        for states in &mut self.states {
            for (state, absent) in states.iter_mut().zip(self.absent) {
                if *state == UNSET {
                    *state = absent;
                }
            }
        }
    }

    /// The keys.
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// A row of states per key, and one for all others.
    pub fn states(&self) -> &[[u16; PREDICTORS]] {
        &self.states
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unnamed_keys_get_the_state_for_that() {
        let mut board = Board::default();
        board.clear();
        board.speak(0, 3);
        board.name(0, 77, 5, true);
        board.name(1, 78, 6, true);
        board.name(1, 77, 7, false);
        board.name(1, 77, 9, false);
        board.name(1, 79, 6, false);
        board.close();
        assert_eq!(board.keys(), [77, 78]);
        let of = |row: usize| (board.states()[row][0], board.states()[row][1], board.states()[row][2]);
        assert_eq!([of(0), of(1), of(2)], [(5, 7, SILENT), (3, 6, SILENT), (3, SILENT, SILENT)]);
    }
}
