//! The load planner: sizes each knob for the coming window, and between windows answers what hurts.
//!
//! The amount wanted is the forecast's quantile at the tier's tail plus head room, or what was announced where that is more.
//! Raise at once; release at once when the prediction is below the 80 % rule and the day's large changes are not spent;
//! otherwise go down in small steps. A memory limit stays above use by a margin.

mod offer;
mod urgent;

pub use offer::{Offer, Plan, WindowView, figures, floor_of, look, within_rails};
pub use urgent::answer;
