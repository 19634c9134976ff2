//! Text for people: tables and paragraphs from the API's own types.

pub mod amounts;
pub mod decisions;
pub mod explain;
pub mod forecast;
pub mod pools;
pub mod status;
mod table;
pub mod top;

#[cfg(test)]
mod samples;
