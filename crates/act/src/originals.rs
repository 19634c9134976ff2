//! What a file held before it was first changed, where the setting that it is read as is coarser: so that an undo restores the
//! file's figure and not its rounding.

use std::collections::BTreeMap;

use model::{Resource, Setting, TargetId};

/// The most figures remembered. Only those that do not lie on their setting's grid are; beyond this many, an undo restores the
/// rounded figure.
const ORIGINALS_MAX: usize = 16_384;

/// Figures by target and knob.
#[derive(Debug, Default)]
pub(crate) struct Originals {
    figures: BTreeMap<(TargetId, Resource), (Setting, u64)>,
}

impl Originals {
    /// Remembers that `figure` was read as `setting`.
    pub(crate) fn remember(&mut self, target: &TargetId, resource: Resource, setting: Setting, figure: u64) {
        if self.figures.len() < ORIGINALS_MAX {
            self.figures.insert((target.clone(), resource), (setting, figure));
        }
    }

    /// The figure to write for `setting`, if the remembered one was read so; it is forgotten then, being in the file again.
    pub(crate) fn take(&mut self, target: &TargetId, resource: Resource, setting: Setting) -> Option<u64> {
        if self.figures.is_empty() {
            return None;
        }
        let key = (target.clone(), resource);
        let (known, figure) = *self.figures.get(&key)?;
        (known == setting).then(|| {
            self.figures.remove(&key);
            figure
        })
    }

    /// Forgets a target.
    pub(crate) fn forget(&mut self, target: &TargetId) {
        for resource in Resource::ALL {
            self.figures.remove(&(target.clone(), resource));
        }
    }
}
