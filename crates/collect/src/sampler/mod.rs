//! Turns the counters of every target into samples. New and ended groups are looked for in [`Sampler::refresh`], every few
//! seconds; [`Sampler::sample`] only reads files that are open already and allocates nothing once its buffers have grown.

mod graphics;
mod naming;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use model::{Bounds, Moment, Ordinal, Resource, Setting, TargetKind, TargetSample, TargetSpec, Tier};

use crate::cgroup::discover::{self, Found, Selectors};
use crate::cgroup::layout::{Layout, Version};
use crate::cgroup::{Devices, Place, v1, v2};
use crate::gpu::GpuState;
use crate::host::{self, HostSample};
use crate::kept::Descriptors;
use crate::network::counter::{CounterError, Counting};
use crate::{CollectError, Roots};
use graphics::Graphics;
use target::Target;

/// Room for the longest file that is read at each sample.
const BUFFER_BYTES: usize = 64 << 10;

/// What came and went since the last [`Sampler::refresh`]. An ordinal in `gone` may be in `appeared` again: go through
/// `gone` first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New targets, by ordinal.
    pub appeared: Vec<(Ordinal, TargetSpec)>,
    /// Ended targets, by ordinal.
    pub gone: Vec<Ordinal>,
    /// Groups that the selectors choose and that found no room under `targets_max`.
    pub over_limit: usize,
}

/// Samples every target of one host.
#[derive(Debug)]
pub struct Sampler {
    layout: Layout,
    roots: Roots,
    selectors: Selectors,
    descriptors: Descriptors,
    devices: Devices,
    buffer: Vec<u8>,
    host: host::Reader,
    targets: Vec<Option<Target>>,
    free: BTreeSet<u32>,
    by_path: BTreeMap<String, u32>,
    counting: Option<Counting>,
    graphics: Option<Graphics>,
}

impl Sampler {
    /// A sampler without targets, with default selectors; [`Sampler::refresh`] finds them. Raises this process's limit of
    /// open files as far as it may, for it keeps up to nine open per target.
    pub fn new(layout: Layout, roots: Roots) -> Sampler {
        let descriptors = Descriptors::of_this_process();
        Sampler {
            host: host::Reader::open(&roots, &descriptors),
            devices: Devices::new(&roots.sys),
            buffer: vec![0; BUFFER_BYTES],
            selectors: Selectors::default(),
            targets: Vec::new(),
            free: BTreeSet::new(),
            by_path: BTreeMap::new(),
            counting: None,
            graphics: None,
            layout,
            roots,
            descriptors,
        }
    }

    /// From the next refresh on, counts the network bytes of targets that share our network namespace, with eBPF. Needs a
    /// v2 hierarchy that holds their processes; a target without one stays without network figures.
    ///
    /// # Errors
    /// When bpf(2) is not allowed here. Targets with a namespace of their own are read all the same.
    pub fn count_network(&mut self) -> Result<(), CounterError> {
        self.counting = Some(Counting::start()?);
        self.targets.iter_mut().flatten().for_each(Target::look_again);
        Ok(())
    }

    /// Opens NVML and from now on samples GPU use; says what it found.
    pub fn watch_gpus(&mut self) -> GpuState {
        let (graphics, state) = Graphics::open();
        self.graphics = graphics;
        state
    }

    /// Sets which groups are chosen, from the next refresh on.
    pub fn select(&mut self, selectors: Selectors) {
        self.selectors = selectors;
    }

    /// The layout that it reads.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many targets there are.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether there are no targets.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// The path of a target's group, relative to each hierarchy's root.
    pub fn path(&self, target: Ordinal) -> Option<&str> {
        self.target(target).map(|target| target.found.path.as_str())
    }

    fn target(&self, ordinal: Ordinal) -> Option<&Target> {
        self.targets.get(ordinal.0 as usize)?.as_ref()
    }

    /// Looks for new and ended groups. A group that was removed and made again under the same name is another target.
    /// Ordinals are dense; the lowest free one is given out first.
    pub fn refresh(&mut self) -> Changes {
        let mut changes = Changes::default();
        self.devices.forget();
        let found = discover::all(&self.layout, &self.selectors);
        let mut wanted: BTreeMap<&str, &Found> = found.iter().map(|found| (found.path.as_str(), found)).collect();
        for ordinal in self.by_path.values().copied().collect::<BTreeSet<_>>() {
            let Some(target) = self.targets[ordinal as usize].as_mut() else { continue };
            match wanted.get(target.found.path.as_str()) {
                Some(now) if target.is_same(now) => {
                    target.attach(now, &self.layout, &self.descriptors);
                    wanted.remove(now.path.as_str());
                }
                _ => {
                    self.by_path.remove(&target.found.path);
                    self.targets[ordinal as usize] = None;
                    self.free.insert(ordinal);
                    changes.gone.push(Ordinal(ordinal));
                }
            }
        }
        for found in wanted.into_values() {
            if self.by_path.len() >= self.selectors.targets_max {
                changes.over_limit += 1;
                continue;
            }
            changes.appeared.push(self.add(found.clone()));
        }
        changes.appeared.sort_by_key(|(ordinal, _)| *ordinal);
        for target in self.targets.iter_mut().flatten() {
            target.follow_network(&self.layout, &self.roots, &self.descriptors, self.counting.as_ref());
        }
        self.graphics.iter_mut().for_each(Graphics::forget);
        changes
    }

    /// A free ordinal for a target that somebody else measures; no group is given it until [`Sampler::free`].
    pub fn reserve(&mut self) -> Ordinal {
        let ordinal = self.free.pop_first().unwrap_or(self.targets.len() as u32);
        if ordinal as usize == self.targets.len() {
            self.targets.push(None);
        }
        Ordinal(ordinal)
    }

    /// Gives an ordinal of [`Sampler::reserve`] back.
    pub fn free(&mut self, ordinal: Ordinal) {
        if self.targets.get(ordinal.0 as usize).is_some_and(Option::is_none) {
            self.free.insert(ordinal.0);
        }
    }

    fn add(&mut self, found: Found) -> (Ordinal, TargetSpec) {
        let ordinal = self.free.pop_first().unwrap_or(self.targets.len() as u32);
        if ordinal as usize == self.targets.len() {
            self.targets.push(None);
        }
        let place = Place { layout: &self.layout, path: &found.path, present: found.present };
        let application = match found.kind {
            TargetKind::Container => naming::application(&place, &self.roots),
            _ => found.application.clone(),
        };
        let spec = TargetSpec {
            id: found.id.clone(),
            kind: found.kind,
            tier: Tier::default(),
            bounds: Bounds::default(),
            application: application.map(Into::into),
        };
        self.by_path.insert(found.path.clone(), ordinal);
        self.targets[ordinal as usize] = Some(Target::open(found, &self.layout, &self.descriptors));
        (Ordinal(ordinal), spec)
    }

    /// Replaces `out` by one sample per target that can be read, ordered by ordinal. Rates are over the time since the
    /// last call; the first sample of a target has none, nor has one whose counter went backwards. A group that is
    /// gone gives no sample.
    pub fn sample(&mut self, now: Moment, out: &mut Vec<TargetSample>) {
        out.clear();
        for (ordinal, slot) in self.targets.iter_mut().enumerate() {
            if let Some(target) = slot {
                out.extend(target.sample(Ordinal(ordinal as u32), now, &mut self.buffer, &mut self.devices));
            }
        }
        if let Some(graphics) = &mut self.graphics {
            graphics.add(&self.roots, &self.by_path, &mut self.targets, out);
        }
    }

    /// The host as a whole, over the time since the last call.
    pub fn host(&mut self, now: Moment) -> HostSample {
        self.host.sample(now, &mut self.buffer)
    }

    /// What the host has to give.
    ///
    /// # Errors
    /// As [`host::capacity`].
    pub fn capacity(&self) -> Result<model::Capacity, CollectError> {
        host::capacity(&self.layout, &self.roots)
    }

    /// What the target's knobs hold now, ordered by resource. A knob that is not there is left out; so are the network
    /// bandwidths, which no cgroup file holds. Where devices differ, a disk bandwidth is the lowest of them.
    pub fn settings(&self, target: Ordinal) -> Vec<(Resource, Setting)> {
        let Some(target) = self.target(target) else { return Vec::new() };
        let place = Place { layout: &self.layout, path: &target.found.path, present: target.found.present };
        let mut held = Vec::new();
        for (version, cpu, memory, io) in [
            (Version::V1, v1::cpu::settings as Read, v1::memory::settings as Read, v1::io::settings as Read),
            (Version::V2, v2::cpu::settings as Read, v2::memory::settings as Read, v2::io::settings as Read),
        ] {
            let readers: [(Option<std::path::PathBuf>, Read); 3] = [
                (place.folder(version, |has| has.cpu), cpu),
                (place.folder(version, |has| has.memory), memory),
                (place.folder(version, |has| has.io), io),
            ];
            for (folder, read) in readers {
                if let Some(folder) = folder {
                    read(&folder, &mut held);
                }
            }
        }
        held.sort_by_key(|(resource, _)| *resource);
        held.dedup_by_key(|(resource, _)| *resource);
        held
    }
}

/// Adds what the knobs in a group's folder hold.
type Read = fn(&std::path::Path, &mut Vec<(Resource, Setting)>);
