//! What forerun remembers: time series, decisions, models and settings in one SQLite file, and the journal of
//! everything the engine was told. Every stored record carries a checksum; damage is named, never skipped.
//!
//! The store reads no clock: callers pass the time. It makes no thread but the one of [`StoreHandle`].
#![forbid(unsafe_code)]

mod checked;
mod database;
mod error;
mod handle;
mod journal;
mod ledger;
mod limits;
mod load;
mod open;
mod salvage;
mod schema;
mod series;
mod settings;
mod store;
mod wire;

pub use error::{JournalError, StoreError};
pub use handle::StoreHandle;
pub use journal::{Epoch, Journal, JournalLimits, JournalReader, Record, Recovered, TailLoss};
pub use ledger::{AppliedKnob, LedgerEntry, OutcomeEntry};
pub use limits::Limits;
pub use open::Recovery;
pub use series::{Aggregate, Appended, Point, Sample, SeriesId, SeriesKey};
pub use store::{Maintained, Reader, Store};
