//! Trains the recurrent models on a thread of its own; weights out, nothing else.
//! Only this crate knows burn: what it hands over is [`predict::recurrent::Weights`], read without it.
#![forbid(unsafe_code)]

mod adam;
mod baseline;
mod error;
mod history;
mod loss;
mod network;
mod random;
mod sequence;
mod train;
mod trainer;

pub use error::LearnError;
pub use loss::{HeldOut, Losses};
pub use sequence::Sequence;
pub use train::{Progress, Stop, TrainOptions, Trained, train};
pub use trainer::{Finished, Trainer};
