//! The rule that every change follows: done if it is so already, hands off if it is neither so nor as expected, and believed only
//! when it reads back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Outcome, Setting};

use crate::error::Trouble;

/// The outcome when nothing is to be written.
pub(crate) fn settled(found: Setting, before: Setting, after: Setting) -> Option<Outcome> {
    match found {
        found if found == after => Some(Outcome::Applied),
        found if found != before => Some(Outcome::ChangedElsewhere { found }),
        _ => None,
    }
}

/// The outcome after a write, judged by what reads back.
///
/// # Errors
/// [`Trouble::Refused`] when something else holds.
pub(crate) fn confirm(now: Setting, after: Setting) -> Result<Outcome, Trouble> {
    if now == after {
        return Ok(Outcome::Applied);
    }
    Err(Trouble::Refused(format!("wrote {after}, but {now} is what holds").into()))
}

/// Locks a table of independent entries. Whoever panicked while holding it left none of them half written.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
