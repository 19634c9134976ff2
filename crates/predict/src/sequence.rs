//! What comes next in a sequence of keys: files, blocks, connections, programs.
//!
//! [`SequenceModel`] is ours: context mixing over many streams, learned online. [`Ppm`] is prediction by partial matching, the
//! plain model that it is measured against. [`WorkingSet`] is what a program touches when it starts. Pure: no clock, no files, the same answers in every run.

mod board;
mod contexts;
mod index;
mod mixer;
mod model;
mod ppm;
mod regions;
mod stream;
mod successors;
mod working_set;

pub use contexts::{ContextTable, Known};
pub use index::{Index, hash, spread};
pub use model::{Distribution, SequenceModel, SequenceSettings};
pub use ppm::{Counting, Escape, Ppm};
pub use stream::Touch;
pub use successors::{Follower, Frequencies, Successors};
pub use working_set::{EXTENTS_MAX, Extent, RUNS_MAX, WorkingSet};
