//! The recurrent member: one GRU shared by all series, stepped once per window, with a small state per series.
//!
//! It sees each series in scale-free form (`features`), so that weights trained on some series serve every other, and
//! says the quantiles of the next window's peak. Training is `learn`'s; here are the weights' form and the inference.

mod activation;
mod features;
mod kernel;
mod weights;

pub use features::{Calendar, FEATURES, Normaliser, Pace, WindowUse};
pub use kernel::{step_batch, step_one};
pub use weights::{HIDDEN_MAX, HIDDEN_STEP, INPUTS_MAX, Sections, Weights, WeightsError, section_lengths};

/// Quantiles per forecast.
pub const QUANTILES: usize = model::LEVELS.len();
/// The place of the median in [`model::LEVELS`]: the head is anchored there.
pub const MEDIAN: usize = 1;
