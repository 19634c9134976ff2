//! Keeps a pool at its targets: one step at a time, on threads of its own, and not while jobs are being started one after another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::instance::Instance;
use crate::key::Key;
use crate::pool::{Inner, PoolEvent};
use crate::shelf::{Shelf, Shelves};

/// After a claim making waits for this long, so that it does not take the CPU from what was claimed.
const QUIET: Duration = Duration::from_millis(5);
/// The same when nothing is left of a key: the next claim of it would find nothing.
const QUIET_WHEN_EMPTY: Duration = Duration::from_millis(1);
/// The longest that one claim after another may put making off.
const PUT_OFF_MAX: Duration = Duration::from_millis(250);
/// The first pause after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What is to be done next.
enum Step {
    Make {
        key: Arc<Key>,
        frozen: bool,
    },
    /// Thaws one of the frozen ones: more are to wait, fewer to stand still.
    Thaw {
        key: Arc<Key>,
        instance: Instance,
    },
    Freeze {
        key: Arc<Key>,
        instance: Instance,
    },
    Discard(Instance),
}

/// Does what is to be done until the pool is closed.
pub(crate) fn make_forever(inner: &Inner) {
    let mut shelves = inner.shelves();
    let mut put_off_since: Option<Instant> = None;
    while !shelves.closed {
        let now = Instant::now();
        let pause = if anything_empty(&shelves) { QUIET_WHEN_EMPTY } else { QUIET };
        let quiet = shelves.claimed_last.and_then(|last| (last + pause).checked_duration_since(now));
        let quiet = quiet.filter(|left| !left.is_zero());
        put_off_since = quiet.and(put_off_since.or(Some(now)));
        let quiet = quiet.filter(|_| put_off_since.is_some_and(|since| now < since + PUT_OFF_MAX));
        let step = if quiet.is_some() { None } else { next(&mut shelves, now) };
        let Some(step) = step else {
            let retry = shelves.by_key.values().filter_map(|shelf| shelf.retry_at).min();
            let pause = retry.map(|at| at.saturating_duration_since(now)).into_iter().chain(quiet).min();
            let pause = pause.unwrap_or(Duration::from_secs(60)).max(Duration::from_millis(1));
            shelves = match inner.changed.wait_timeout(shelves, pause) {
                Ok((shelves, _)) => shelves,
                Err(poisoned) => poisoned.into_inner().0,
            };
            continue;
        };
        drop(shelves);
        take(inner, step);
        shelves = inner.shelves();
    }
}

/// Whether a key that is planned for has nothing at all.
fn anything_empty(shelves: &Shelves) -> bool {
    let empty = |shelf: &Shelf| shelf.target.waiting > 0 && shelf.waiting.is_empty() && shelf.frozen.is_empty();
    shelves.by_key.values().any(empty)
}

fn next(shelves: &mut Shelves, now: Instant) -> Option<Step> {
    for (key, shelf) in &mut shelves.by_key {
        let (target, making) = (shelf.target, shelf.making);
        if shelf.waiting.len() > target.waiting {
            let instance = shelf.waiting.pop_front()?;
            if shelf.frozen.len() + making.frozen < target.frozen {
                shelf.making.frozen += 1;
                return Some(Step::Freeze { key: key.clone(), instance });
            }
            shelf.counts.idle_byte_seconds += instance.bytes as f64 * instance.since.elapsed().as_secs_f64();
            return Some(Step::Discard(instance));
        }
        let wants_waiting = shelf.waiting.len() + making.waiting < target.waiting;
        if shelf.frozen.len() > target.frozen {
            let instance = shelf.frozen.pop_front()?;
            if wants_waiting {
                shelf.making.waiting += 1;
                return Some(Step::Thaw { key: key.clone(), instance });
            }
            shelf.counts.idle_byte_seconds += instance.bytes as f64 * instance.since.elapsed().as_secs_f64();
            return Some(Step::Discard(instance));
        }
        if shelf.retry_at.is_some_and(|at| at > now) {
            continue;
        }
        if wants_waiting {
            shelf.making.waiting += 1;
            return Some(Step::Make { key: key.clone(), frozen: false });
        }
        if shelf.frozen.len() + making.frozen < target.frozen {
            shelf.making.frozen += 1;
            return Some(Step::Make { key: key.clone(), frozen: true });
        }
    }
    None
}

fn take(inner: &Inner, step: Step) {
    let (key, frozen, made, is_new) = match step {
        Step::Discard(instance) => return inner.host.discard(instance),
        Step::Make { key, frozen } => {
            let made = inner.host.make(&key);
            (key, frozen, made, true)
        }
        Step::Thaw { key, instance } => (key, false, Ok(instance), false),
        Step::Freeze { key, instance } => (key, true, Ok(instance), false),
    };
    let made = made.and_then(|mut instance| {
        match (frozen, instance.frozen) {
            (true, false) => instance.freeze()?,
            (false, true) => instance.thaw()?,
            _ => {}
        }
        Ok(instance)
    });
    let event = {
        let mut shelves = inner.shelves();
        let closed = shelves.closed;
        let shelf = shelves.by_key.entry(key.clone()).or_default();
        let making = if frozen { &mut shelf.making.frozen } else { &mut shelf.making.waiting };
        *making = making.saturating_sub(1);
        match made {
            Ok(instance) if closed => {
                drop(shelves);
                return inner.host.discard(instance);
            }
            Ok(instance) => {
                let took = instance.took();
                (shelf.retry_at, shelf.failures) = (None, 0);
                shelf.counts.made += u64::from(is_new);
                let list = if frozen { &mut shelf.frozen } else { &mut shelf.waiting };
                list.push_back(instance);
                PoolEvent::Ready { key, took, frozen }
            }
            Err(error) => {
                shelf.counts.failed += 1;
                shelf.failures = shelf.failures.saturating_add(1);
                let pause = PAUSE_MIN.saturating_mul(1 << shelf.failures.min(10)).min(PAUSE_MAX);
                shelf.retry_at = Some(Instant::now() + pause);
                PoolEvent::Failed { key, error }
            }
        }
    };
    inner.tell(event);
}
