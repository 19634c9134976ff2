//! The weights of the GRU and their file form: a short header, little-endian `f32`, a checksum.

use model::LEVELS;
use thiserror::Error;

use super::QUANTILES;

/// The first bytes of the file form.
const MAGIC: [u8; 8] = *b"FORERGRU";
/// The version of the file form and of the arithmetic it feeds: both change together.
const SCHEMA: u32 = 1;
/// Magic, schema, inputs, hidden, count of levels, levels, count of parameters.
const HEADER: usize = 8 + 4 * 4 + 4 * QUANTILES + 4;
/// The checksum at the end.
const TRAILER: usize = 8;
/// No model has more input features.
pub const INPUTS_MAX: usize = 32;
/// No model has a wider state, in numbers per series.
pub const HIDDEN_MAX: usize = 64;
/// Hidden sizes are multiples of this.
pub const HIDDEN_STEP: usize = 8;

/// Why weights were refused.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WeightsError {
    /// The sizes are outside what this program computes.
    #[error(
        "recurrent weights of {inputs} inputs and {hidden} hidden units: at most {INPUTS_MAX} inputs, and {HIDDEN_STEP} to {HIDDEN_MAX} hidden units in steps of {HIDDEN_STEP}, are supported"
    )]
    Shape {
        /// Input features.
        inputs: usize,
        /// Numbers of state.
        hidden: usize,
    },
    /// The number of parameters does not fit the sizes.
    #[error("recurrent weights need {need} parameters for their sizes, not {got}")]
    Count {
        /// What the sizes ask for.
        need: usize,
        /// What was there.
        got: usize,
    },
    /// A parameter is infinite or not a number.
    #[error("recurrent weights: parameter {index} is not finite")]
    NotFinite {
        /// Its place in the parameter list.
        index: usize,
    },
    /// The bytes do not begin like recurrent weights.
    #[error("recurrent weights: the first bytes are not those of a weights file")]
    Magic,
    /// Written by another version of this program.
    #[error("recurrent weights of schema {found}, this program reads schema {SCHEMA}")]
    Schema {
        /// The version in the file.
        found: u32,
    },
    /// Trained for other quantile levels.
    #[error("recurrent weights are for other quantile levels than this program's")]
    Levels,
    /// Too short or too long.
    #[error("recurrent weights of {got} bytes where {need} were expected")]
    Length {
        /// What the header asks for, or the least a header takes.
        need: usize,
        /// What was there.
        got: usize,
    },
    /// The bytes were changed after they were written.
    #[error("recurrent weights: checksum {found:016x} where {computed:016x} was computed")]
    Checksum {
        /// The checksum in the file.
        found: u64,
        /// The checksum of the bytes.
        computed: u64,
    },
}

/// A GRU with one quantile head per level of [`model::LEVELS`], shared by all series.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    inputs: usize,
    hidden: usize,
    parameters: Vec<f32>,
}

/// The parts of the parameter list. Matrices are row-major with one row per output; gates stand in the order
/// reset, update, fresh.
#[derive(Clone, Copy, Debug)]
pub struct Sections<'a> {
    /// Input features.
    pub inputs: usize,
    /// Numbers of state per series.
    pub hidden: usize,
    /// `3 hidden` rows of `inputs`.
    pub gates_input: &'a [f32],
    /// `3 hidden` rows of `hidden`.
    pub gates_state: &'a [f32],
    /// `3 hidden`.
    pub gates_bias: &'a [f32],
    /// `hidden`: the bias of the fresh gate's state product, inside the reset.
    pub carried_bias: &'a [f32],
    /// One row of `inputs` per level.
    pub head_input: &'a [f32],
    /// One row of `hidden` per level.
    pub head_state: &'a [f32],
    /// One per level.
    pub head_bias: &'a [f32],
}

/// The lengths of the sections, in the order of [`Sections`].
pub const fn section_lengths(inputs: usize, hidden: usize) -> [usize; 7] {
    [3 * hidden * inputs, 3 * hidden * hidden, 3 * hidden, hidden, QUANTILES * inputs, QUANTILES * hidden, QUANTILES]
}

impl Weights {
    /// Weights from a parameter list in the order of [`Sections`].
    ///
    /// # Errors
    /// [`WeightsError::Shape`], [`WeightsError::Count`] or [`WeightsError::NotFinite`].
    pub fn new(inputs: usize, hidden: usize, parameters: Vec<f32>) -> Result<Self, WeightsError> {
        let need = Self::count(inputs, hidden)?;
        if parameters.len() != need {
            return Err(WeightsError::Count { need, got: parameters.len() });
        }
        if let Some(index) = parameters.iter().position(|value| !value.is_finite()) {
            return Err(WeightsError::NotFinite { index });
        }
        Ok(Weights { inputs, hidden, parameters })
    }

    /// The number of parameters of a model of these sizes.
    ///
    /// # Errors
    /// [`WeightsError::Shape`] when the sizes are not supported.
    pub fn count(inputs: usize, hidden: usize) -> Result<usize, WeightsError> {
        let fits = (1..=INPUTS_MAX).contains(&inputs)
            && (HIDDEN_STEP..=HIDDEN_MAX).contains(&hidden)
            && hidden.is_multiple_of(HIDDEN_STEP);
        match fits {
            true => Ok(section_lengths(inputs, hidden).iter().sum()),
            false => Err(WeightsError::Shape { inputs, hidden }),
        }
    }

    /// Input features per series and window.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Numbers of state per series.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// All parameters in the order of [`Sections`].
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The parameters by name.
    pub fn sections(&self) -> Sections<'_> {
        let mut rest = self.parameters.as_slice();
        let [gates_input, gates_state, gates_bias, carried_bias, head_input, head_state, head_bias] =
            section_lengths(self.inputs, self.hidden).map(|length| {
                let (part, after) = rest.split_at(length);
                rest = after;
                part
            });
        let (inputs, hidden) = (self.inputs, self.hidden);
        Sections { inputs, hidden, gates_input, gates_state, gates_bias, carried_bias, head_input, head_state, head_bias }
    }

    /// The file form; equal weights give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + 4 * self.parameters.len() + TRAILER);
        bytes.extend_from_slice(&MAGIC);
        for word in [SCHEMA, self.inputs as u32, self.hidden as u32, QUANTILES as u32] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        LEVELS.iter().for_each(|level| bytes.extend_from_slice(&level.to_le_bytes()));
        bytes.extend_from_slice(&(self.parameters.len() as u32).to_le_bytes());
        self.parameters.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the file form. Allocates no more than the bytes' own size.
    ///
    /// # Errors
    /// Any [`WeightsError`]: foreign or damaged bytes never give weights.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(WeightsError::Magic);
        }
        let (header, rest) =
            bytes.split_at_checked(HEADER).ok_or(WeightsError::Length { need: HEADER, got: bytes.len() })?;
        let words: Vec<u32> = words(&header[MAGIC.len()..]).map(u32::from_le_bytes).collect();
        let (schema, inputs, hidden, levels, got) =
            (words[0], words[1] as usize, words[2] as usize, &words[3..words.len() - 1], words[words.len() - 1] as usize);
        if schema != SCHEMA {
            return Err(WeightsError::Schema { found: schema });
        }
        if levels[0] as usize != QUANTILES || levels[1..].iter().zip(LEVELS).any(|(bits, level)| *bits != level.to_bits()) {
            return Err(WeightsError::Levels);
        }
        let need = Self::count(inputs, hidden)?;
        if got != need {
            return Err(WeightsError::Count { need, got });
        }
        let (values, trailer) = rest.split_at_checked(4 * need).unwrap_or((rest, &[]));
        let trailer: [u8; TRAILER] =
            trailer.try_into().map_err(|_| WeightsError::Length { need: HEADER + 4 * need + TRAILER, got: bytes.len() })?;
        let (found, computed) = (u64::from_le_bytes(trailer), checksum(&bytes[..HEADER + 4 * need]));
        if found != computed {
            return Err(WeightsError::Checksum { found, computed });
        }
        Weights::new(inputs, hidden, words_of(values))
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    bytes.as_chunks::<4>().0.iter().copied()
}

fn words_of(bytes: &[u8]) -> Vec<f32> {
    words(bytes).map(f32::from_le_bytes).collect()
}

/// FNV-1a, 64 bits: every change of one byte is seen, others all but surely. Guards against damage, not against forgery.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_weights() -> impl Strategy<Value = Weights> {
        (1..=INPUTS_MAX, 1..=2usize).prop_flat_map(|(inputs, steps)| {
            let hidden = steps * HIDDEN_STEP;
            let count = Weights::count(inputs, hidden).unwrap();
            prop::collection::vec(-1e6f32..1e6, count).prop_map(move |values| Weights::new(inputs, hidden, values).unwrap())
        })
    }

    fn small() -> Vec<u8> {
        Weights::new(1, 8, vec![0.25; Weights::count(1, 8).unwrap()]).unwrap().to_bytes()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_return_the_weights(weights in any_weights()) {
            prop_assert_eq!(Weights::from_bytes(&weights.to_bytes()), Ok(weights));
        }

        #[test]
        fn a_changed_byte_is_refused(at in any::<prop::sample::Index>(), change in 1u8..) {
            let mut bytes = small();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert!(Weights::from_bytes(&bytes).is_err(), "byte {} changed by {}", at, change);
        }

        #[test]
        fn a_cut_or_longer_file_is_refused(length in 0usize..3_000, filler in any::<u8>()) {
            let mut bytes = small();
            prop_assume!(length != bytes.len());
            bytes.resize(length, filler);
            prop_assert!(Weights::from_bytes(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Weights::from_bytes(&[&MAGIC[..], &SCHEMA.to_le_bytes(), &tail].concat()).is_err());
        }
    }

    #[test]
    fn refusals_name_what_is_wrong() {
        let changed = |at: usize, value: u8| {
            let mut bytes = small();
            bytes[at] = value;
            Weights::from_bytes(&bytes).unwrap_err().to_string()
        };
        let need = Weights::count(1, 8).unwrap();
        let table = [
            (changed(0, b'X'), "recurrent weights: the first bytes are not those of a weights file"),
            (changed(8, 9), "recurrent weights of schema 9, this program reads schema 1"),
            (
                changed(16, 9),
                "recurrent weights of 1 inputs and 9 hidden units: at most 32 inputs, and 8 to 64 hidden units in steps of 8, are supported",
            ),
            (changed(24, 1), "recurrent weights are for other quantile levels than this program's"),
            (Weights::from_bytes(&MAGIC).unwrap_err().to_string(), "recurrent weights of 8 bytes where 56 were expected"),
            (
                Weights::new(1, 8, vec![]).unwrap_err().to_string(),
                &*format!("recurrent weights need {need} parameters for their sizes, not 0"),
            ),
            (
                Weights::new(1, 8, vec![f32::NAN; need]).unwrap_err().to_string(),
                "recurrent weights: parameter 0 is not finite",
            ),
        ];
        for (got, expected) in table {
            assert_eq!(got, expected);
        }
        let last = small().len() - 1;
        assert!(changed(last, 0xAA).starts_with("recurrent weights: checksum "));
    }
}
