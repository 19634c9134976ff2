//! The access planner: which keys (extents, files, connections, programs) are brought in before they are asked for.
//!
//! It follows each source's accesses with [`predict::sequence::SequenceModel`] and weighs every likely key by the one rule: bring it
//! in iff `chance * seconds saved * lambda >= what bringing and holding it costs`, all in seconds of waiting. Whether that rule
//! is any good on a source it learns from a book that it keeps of what it would have brought in, acting or not: where the book
//! says that too little of it would be used, it abstains, says why, and goes on learning. Pure: nothing is read or brought
//! in here.

mod book;
mod planner;
mod start;
mod storage;

pub use book::Book;
pub use planner::{
    AccessBecause, AccessPlan, AccessPlanner, AccessSettings, AccessTotals, AccessWaiting, Prestage, SourceSpec,
};
pub use start::plan_start;
pub use storage::Storage;
