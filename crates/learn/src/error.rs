//! Why a training gives no weights.

use predict::recurrent::WeightsError;
use thiserror::Error;

/// Why there are no weights.
#[derive(Debug, PartialEq, Error)]
pub enum LearnError {
    /// There is too little to learn from.
    #[error("training the recurrent member needs {need} windows with a known next window, the history has {have}")]
    TooFew {
        /// The least number of windows.
        need: usize,
        /// What there is.
        have: usize,
    },
    /// An option is outside its range.
    #[error("training option {option} is {value}, which is not {allowed}")]
    Option {
        /// Which.
        option: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        allowed: &'static str,
    },
    /// The caller asked for an end and wants nothing.
    #[error("training was cancelled after {steps} steps")]
    Cancelled {
        /// Steps done.
        steps: usize,
    },
    /// The result is not usable as weights.
    #[error("training ended in unusable weights")]
    Weights(#[from] WeightsError),
    /// The training thread did not start, or broke down.
    #[error("the training thread failed: {0}")]
    Thread(String),
}
