//! What every decision must satisfy, whoever planned it. Asserted in tests and, in debug builds, on every decision.

use model::{Action, Decision, Mode};

use crate::knob::{is_of, least};
use crate::load::{floor_of, within_rails};
use crate::settings::Settings;
use crate::target::Target;

/// The broken rule, if any, for a decision that `target` gets. Undoing is exempt from bounds: what was there before is what
/// a person gets back. It is not exempt from use.
pub fn broken(settings: &Settings, target: &Target, decision: &Decision) -> Option<&'static str> {
    let (resource, before, after) = (decision.action.resource(), decision.action.before(), decision.action.after());
    if before == after {
        return Some("a decision changes something");
    }
    if !is_of(resource, before) || !is_of(resource, after) {
        return Some("a setting is of its resource's kind");
    }
    if decision.mode == Mode::Observe {
        return Some("observing decides nothing");
    }
    let in_use = decision.because.in_use;
    if after.amount().is_some_and(|amount| amount < floor_of(&settings.rails, resource, in_use)) {
        return Some("a memory limit is never below use and margin");
    }
    if matches!(decision.action, Action::Restore { .. }) {
        return None;
    }
    let Some(amount) = after.amount() else { return Some("the planner never takes a limit away") };
    if amount < least(resource) {
        return Some("nothing is set below the least");
    }
    let (fitted, _) = within_rails(&settings.rails, target, resource, in_use, amount);
    // Coming down from above the upper bound may take several windows, and so may coming up when capacity is short.
    let past = match before.amount() {
        Some(before) if amount > before => fitted < amount,
        Some(_) => fitted > amount,
        None => fitted != amount,
    };
    if past {
        return Some("every decision stays within its target's bounds");
    }
    None
}
