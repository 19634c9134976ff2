//! A dry run: what would be decided if the window turned now. Changes nothing.

use model::{Because, Mode, Moment, Ordinal, Resource, Setting, Wait};

use crate::engine::Engine;
use crate::load::{Offer, Plan, look};

/// A change that would be made now.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Whose knob.
    pub target: Ordinal,
    /// Which knob.
    pub resource: Resource,
    /// What it holds.
    pub before: Setting,
    /// What it would hold, before the host's capacity is shared out.
    pub after: Setting,
    /// Whether it would be applied or only recommended.
    pub mode: Mode,
    /// Why.
    pub because: Because,
}

/// What would be done now, and what is waited for where nothing would.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DryRun {
    /// The changes, by target and knob.
    pub changes: Vec<Preview>,
    /// The waits, by target and knob.
    pub waits: Vec<(Ordinal, Resource, Wait)>,
}

impl Engine {
    /// Asks the planner about every knob at `now`, as at a window's turn.
    pub fn dry_run(&self, now: Moment) -> DryRun {
        let view = self.view(now);
        let mut run = DryRun::default();
        for (ordinal, target) in self.targets() {
            let mode = self.mode_for(ordinal);
            for (place, resource) in self.settings().load.manage.iter().copied().enumerate() {
                let (plan, _) = look(&view, ordinal, target, place);
                match plan {
                    Plan::Wait(wait) => run.waits.push((ordinal, resource, wait)),
                    Plan::Change(offer) => {
                        let Offer { to, because, .. } = *offer;
                        let Some(before) = target.knobs[place].base() else { continue };
                        let after = Setting::of(resource, Some(to));
                        run.changes.push(Preview { target: ordinal, resource, before, after, mode, because });
                    }
                }
            }
        }
        run
    }
}
