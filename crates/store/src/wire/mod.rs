//! The wire types of the journal and the ledger: what the words of `model` look like on disk. They mirror `model`
//! one to one, so that its types carry no serialisation. Enum variants are only ever added at the end; any other
//! change raises the version of the file that holds them.

mod decision;
mod observation;
mod words;

pub(crate) use decision::{WireDecision, WireOutcome};
pub(crate) use observation::WireObservation;
