//! One target: its open files, what they said last, and the sample that follows from both.

use model::{Bytes, Metric, Moment, Ordinal, Pressure, Span, TargetSample};

use crate::cgroup::discover::Found;
use crate::cgroup::layout::Layout;
use crate::cgroup::{CpuCounters, Devices, IoCounters, MemoryReading, Place, v1, v2};
use crate::kept::Descriptors;
use crate::network::counter::Counting;
use crate::network::{self, NetworkCounters};
use crate::{Roots, pressure};

/// The kernel renews its ten-second averages every two seconds; reading them more often tells nothing new.
const PRESSURE_EVERY: Span = Span::from_millis(1_900);

#[derive(Debug)]
pub(super) struct Target {
    pub(super) found: Found,
    sources: Sources,
    previous: Option<(Moment, Counters)>,
    pressure: Option<(Moment, Option<Pressure>)>,
    network: network::Source,
    refreshes: u32,
    /// Whether it was ever seen on a GPU: from then on its use is known to be zero when it is not seen.
    pub(super) on_gpu: bool,
}

/// Refreshes after which a target's network namespace is looked at again, for one that has just begun: container
/// engines start a process outside before they move it in.
const NEW_FOR_REFRESHES: u32 = 3;

/// Refreshes between such looks later on.
const NAMESPACE_EVERY: u32 = 8;

/// Per figure the v1 and the v2 source; v2 is opened only where v1 has none.
#[derive(Debug)]
struct Sources {
    cpu_v1: Option<v1::cpu::Reader>,
    cpu_v2: Option<v2::cpu::Reader>,
    memory_v1: Option<v1::memory::Reader>,
    memory_v2: Option<v2::memory::Reader>,
    io_v1: Option<v1::io::Reader>,
    io_v2: Option<v2::io::Reader>,
    pressure: Option<pressure::Reader>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    cpu: CpuCounters,
    io: Option<IoCounters>,
    oom_kills: Option<u64>,
    network: Option<NetworkCounters>,
}

impl Target {
    pub(super) fn open(found: Found, layout: &Layout, descriptors: &Descriptors) -> Target {
        let sources = Sources::open(&found, layout, descriptors);
        let network = network::Source::default();
        Target { found, sources, previous: None, pressure: None, network, refreshes: 0, on_gpu: false }
    }

    /// Has the next refresh look for the target's network namespace.
    pub(super) fn look_again(&mut self) {
        self.refreshes = 0;
    }

    /// Looks for the target's network namespace: at its first refreshes, then now and then.
    pub(super) fn follow_network(
        &mut self,
        layout: &Layout,
        roots: &Roots,
        descriptors: &Descriptors,
        counting: Option<&Counting>,
    ) {
        let due = self.refreshes < NEW_FOR_REFRESHES
            || self.refreshes.is_multiple_of(NAMESPACE_EVERY)
            || matches!(self.network, network::Source::Unknown);
        self.refreshes = self.refreshes.wrapping_add(1).max(1);
        if due {
            let place = Place { layout, path: &self.found.path, present: self.found.present };
            self.network.resolve(&place, roots, descriptors, counting);
        }
    }

    /// Whether `now` is the same group: wherever both exist they have the same inode, and there is such a place.
    pub(super) fn is_same(&self, now: &Found) -> bool {
        let both = || self.found.present.iter().zip(&now.present).filter_map(|pair| pair.0.zip(*pair.1));
        both().all(|(then, now)| then == now) && both().next().is_some()
    }

    /// Follows the group into hierarchies that it joined or left since; tries files that were missing again.
    pub(super) fn attach(&mut self, now: &Found, layout: &Layout, descriptors: &Descriptors) {
        if self.found.present == now.present {
            self.sources.retry();
            return;
        }
        self.found.present = now.present;
        self.sources = Sources::open(&self.found, layout, descriptors);
        self.previous = None;
        self.pressure = None;
    }

    /// `None` when nothing of the group can be read any more.
    pub(super) fn sample(
        &mut self,
        ordinal: Ordinal,
        now: Moment,
        buffer: &mut [u8],
        devices: &mut Devices,
    ) -> Option<TargetSample> {
        let (mut counters, memory) = self.sources.read(buffer, devices);
        if counters.cpu == CpuCounters::default() && counters.io.is_none() && memory == MemoryReading::default() {
            self.previous = None;
            self.network = network::Source::Unknown;
            return None;
        }
        counters.network = self.network.read(buffer);
        let mut sample = TargetSample::new(ordinal);
        if let Some(usage) = memory.usage {
            let working_set = usage.saturating_sub(memory.inactive_file.unwrap_or(0));
            sample.usage.set(Metric::Memory, working_set as f32);
        }
        sample.memory_anon = memory.anon.map(Bytes);
        sample.memory_file = memory.file.map(Bytes);
        if let Some((then, before)) = &self.previous {
            add_rates(&mut sample, now.since(*then), before, &counters);
        }
        self.previous = Some((now, counters));
        sample.pressure = self.pressure(now, buffer);
        Some(sample)
    }

    fn pressure(&mut self, now: Moment, buffer: &mut [u8]) -> Option<Pressure> {
        let reader = self.sources.pressure.as_mut()?;
        match self.pressure {
            Some((then, known)) if now.since(then) < PRESSURE_EVERY => known,
            _ => {
                let read = reader.read(buffer);
                self.pressure = Some((now, read));
                read
            }
        }
    }
}

/// Rates from two readings of the counters. The throttled time is summed over CPUs by the kernel, so over `span` it may
/// pass `span`: a group held back on two CPUs for half of it counts as held back all the time.
fn add_rates(sample: &mut TargetSample, span: Span, before: &Counters, after: &Counters) {
    let seconds = span.as_secs_f64();
    if seconds <= 0.0 {
        return;
    }
    let grown = |before: Option<u64>, after: Option<u64>| after?.checked_sub(before?).map(|by| by as f64);
    if let Some(nanos) = grown(before.cpu.usage_ns, after.cpu.usage_ns) {
        sample.usage.set(Metric::Cpu, (nanos / 1e9 / seconds) as f32);
    }
    let throttled = grown(before.cpu.throttled_ns, after.cpu.throttled_ns);
    sample.throttled = throttled.map(|nanos| (nanos / 1e9 / seconds).clamp(0.0, 1.0) as f32);
    let io = |of: fn(&IoCounters) -> u64| (before.io.as_ref().map(of), after.io.as_ref().map(of));
    let network = |of: fn(&NetworkCounters) -> u64| (before.network.as_ref().map(of), after.network.as_ref().map(of));
    for (metric, (before, after)) in [
        (Metric::DiskRead, io(|io| io.read)),
        (Metric::DiskWrite, io(|io| io.written)),
        (Metric::NetworkReceive, network(|network| network.received)),
        (Metric::NetworkTransmit, network(|network| network.transmitted)),
    ] {
        if let Some(bytes) = grown(before, after) {
            sample.usage.set(metric, (bytes / seconds) as f32);
        }
    }
    let kills = grown(before.oom_kills, after.oom_kills).unwrap_or(0.0);
    sample.out_of_memory_kills = kills as u32;
}

impl Sources {
    fn open(found: &Found, layout: &Layout, descriptors: &Descriptors) -> Sources {
        let place = Place { layout, path: &found.path, present: found.present };
        let cpu_v1 = v1::cpu::Reader::open(&place, descriptors);
        let memory_v1 = v1::memory::Reader::open(&place, descriptors);
        let io_v1 = v1::io::Reader::open(&place, descriptors);
        let counted = cpu_v1.as_ref().is_some_and(v1::cpu::Reader::counts_usage);
        Sources {
            cpu_v2: (!counted).then(|| v2::cpu::Reader::open(&place, descriptors)).flatten(),
            memory_v2: memory_v1.is_none().then(|| v2::memory::Reader::open(&place, descriptors)).flatten(),
            io_v2: io_v1.is_none().then(|| v2::io::Reader::open(&place, descriptors)).flatten(),
            pressure: v2::pressure::open(&place, descriptors).or_else(|| v1::pressure::open(&place, descriptors)),
            cpu_v1,
            memory_v1,
            io_v1,
        }
    }

    fn retry(&mut self) {
        self.cpu_v1.iter_mut().for_each(v1::cpu::Reader::retry);
        self.cpu_v2.iter_mut().for_each(v2::cpu::Reader::retry);
        self.memory_v1.iter_mut().for_each(v1::memory::Reader::retry);
        self.memory_v2.iter_mut().for_each(v2::memory::Reader::retry);
        self.io_v1.iter_mut().for_each(v1::io::Reader::retry);
        self.io_v2.iter_mut().for_each(v2::io::Reader::retry);
        self.pressure.iter_mut().for_each(pressure::Reader::retry);
    }

    fn read(&mut self, buffer: &mut [u8], devices: &mut Devices) -> (Counters, MemoryReading) {
        let mut cpu = self.cpu_v1.as_mut().map(|reader| reader.read(buffer)).unwrap_or_default();
        if let Some(reader) = &mut self.cpu_v2 {
            let v2 = reader.read(buffer);
            cpu.usage_ns = cpu.usage_ns.or(v2.usage_ns);
            cpu.throttled_ns = cpu.throttled_ns.or(v2.throttled_ns);
        }
        let memory = match (&mut self.memory_v1, &mut self.memory_v2) {
            (Some(reader), _) => reader.read(buffer),
            (None, Some(reader)) => reader.read(buffer),
            (None, None) => MemoryReading::default(),
        };
        let io = match (&mut self.io_v1, &mut self.io_v2) {
            (Some(reader), _) => reader.read(buffer, devices),
            (None, Some(reader)) => reader.read(buffer, devices),
            (None, None) => None,
        };
        (Counters { cpu, io, oom_kills: memory.oom_kills, network: None }, memory)
    }
}
