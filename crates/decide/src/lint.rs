//! What every decision must satisfy, whoever planned it. Asserted in tests and, in debug builds, on every decision.

use model::{Action, Decision, Resource, Setting};

use crate::knob::least;
use crate::load::{floor_of, within_rails};
use crate::settings::Settings;
use crate::target::Target;

/// The broken rule, if any. Undoing is exempt from bounds: what was there before is what a person gets back.
pub fn broken(settings: &Settings, target: &Target, decision: &Decision) -> Option<&'static str> {
    let (resource, before, after) = (decision.action.resource(), decision.action.before(), decision.action.after());
    if before == after {
        return Some("a decision changes something");
    }
    if !fits(resource, before) || !fits(resource, after) {
        return Some("a setting is of its resource's kind");
    }
    if matches!(decision.action, Action::Restore { .. }) {
        return None;
    }
    let amount = after.amount()?;
    if amount < least(resource) {
        return Some("nothing is set below the least");
    }
    let in_use = decision.because.in_use;
    if amount < floor_of(&settings.rails, resource, in_use) {
        return Some("a memory limit is never below use and margin");
    }
    let (fitted, _) = within_rails(&settings.rails, target, resource, in_use, amount);
    let raised = before.amount().is_some_and(|before| amount >= before);
    // Coming down from above the upper bound may take several windows, and so may coming up when capacity is short.
    let past = if raised { fitted < amount } else { fitted > amount };
    if past {
        return Some("every decision stays within its target's bounds");
    }
    None
}

fn fits(resource: Resource, setting: Setting) -> bool {
    Setting::of(resource, setting.amount()) == setting
}
