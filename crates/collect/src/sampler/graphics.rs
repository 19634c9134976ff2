//! GPU use per target: each process that a GPU names is looked up in its innermost target.

use std::collections::BTreeMap;

use model::{Metric, TargetSample};

use super::target::Target;
use crate::Roots;
use crate::gpu::{self, GpuState, Gpus};

#[derive(Debug)]
pub(super) struct Graphics {
    gpus: Gpus,
    /// The target of each process that was looked up since the last refresh.
    targets: BTreeMap<u32, Option<u32>>,
    used: BTreeMap<u32, (f32, u64)>,
}

impl Graphics {
    pub(super) fn open() -> (Option<Graphics>, GpuState) {
        let (gpus, state) = Gpus::open();
        (gpus.map(|gpus| Graphics { gpus, targets: BTreeMap::new(), used: BTreeMap::new() }), state)
    }

    /// Forgets which process belongs to which target.
    pub(super) fn forget(&mut self) {
        self.targets.clear();
    }

    /// Adds GPU use to the samples of the targets that have any, and zero to those that had.
    pub(super) fn add(
        &mut self,
        roots: &Roots,
        by_path: &BTreeMap<String, u32>,
        targets: &mut [Option<Target>],
        samples: &mut [TargetSample],
    ) {
        self.used.clear();
        for process in self.gpus.read() {
            let find = || innermost(by_path, &gpu::groups_of(roots, process.pid));
            if let Some(ordinal) = *self.targets.entry(process.pid).or_insert_with(find) {
                let (gpus, memory) = self.used.entry(ordinal).or_default();
                *gpus += process.gpus;
                *memory += process.memory;
            }
        }
        for sample in samples {
            let Some(target) = &mut targets[sample.target.0 as usize] else { continue };
            let used = self.used.get(&sample.target.0).copied();
            target.on_gpu |= used.is_some();
            if target.on_gpu {
                let (gpus, memory) = used.unwrap_or_default();
                sample.usage.set(Metric::Gpu, gpus);
                sample.usage.set(Metric::GpuMemory, memory as f32);
            }
        }
    }
}

/// The target with the longest path that holds one of the groups.
fn innermost(by_path: &BTreeMap<String, u32>, groups: &[String]) -> Option<u32> {
    let holders = groups.iter().flat_map(|group| {
        let ends = group.match_indices('/').map(|(at, _)| at).skip(1).chain([group.len()]);
        ends.filter_map(|end| by_path.get_key_value(&group[..end]))
    });
    holders.max_by_key(|(path, _)| path.len()).map(|(_, ordinal)| *ordinal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_target_is_found() {
        let by_path = BTreeMap::from([("/pods".to_owned(), 1), ("/pods/a".to_owned(), 2), ("/po".to_owned(), 3)]);
        for (groups, expected) in [
            (vec!["/", "/pods/a/inner"], Some(2)),
            (vec!["/pods/b"], Some(1)),
            (vec!["/pods"], Some(1)),
            (vec!["/", "/other"], None),
            (vec![], None),
        ] {
            let groups: Vec<String> = groups.into_iter().map(str::to_owned).collect();
            assert_eq!(innermost(&by_path, &groups), expected, "{groups:?}");
        }
    }
}
