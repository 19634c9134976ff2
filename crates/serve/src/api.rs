//! The handlers, a file per kind of thing: they check what comes in, ask the backend, and answer.

pub(crate) mod announcements;
pub(crate) mod control;
pub(crate) mod decisions;
pub(crate) mod events;
mod instance_check;
pub(crate) mod operation;
pub(crate) mod pools;
pub(crate) mod runs;
pub(crate) mod samples;
pub(crate) mod status;
pub(crate) mod targets;

use axum::Json;

use crate::ApiError;

/// What a handler of JSON returns.
pub(crate) type Reply<T> = Result<Json<T>, ApiError>;

/// How many entries a page has when nothing is asked.
const PAGE_DEFAULT: u32 = 100;
/// The longest page.
const PAGE_MAX: u32 = 1_000;

/// The length of a page within its bounds.
fn page(limit: Option<u32>) -> Result<Option<u32>, ApiError> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(Some(limit)),
        limit => Err(ApiError::invalid(
            format!("limit is {limit}"),
            format!("use 1 to {PAGE_MAX}; follow `next` for the pages after"),
        )),
    }
}
