//! What comes next in a sequence of keys: files, blocks, connections, programs.

mod index;
mod ppm;
mod successors;

pub use index::{Index, hash, spread};
pub use ppm::{Counting, Escape, Ppm};
pub use successors::{Follower, Frequencies, Successors};
