//! The file layout of cgroup v1.

mod cpu;
mod disk;
mod memory;

use model::{Bytes, BytesPerSecond, Limit, Permille, Weight};

use crate::cpu::CpuTime;
use crate::devices::Device;
use crate::error::Trouble;
use crate::files::{Direction, Files};
use crate::group::Group;

/// `cpu.cfs_quota_us`, `cpu.shares`, `memory.limit_in_bytes`, `blkio.throttle.*`.
pub(crate) struct V1;

impl Files for V1 {
    fn cpu_time(&self, group: &Group<'_>) -> Result<CpuTime, Trouble> {
        cpu::time(group)
    }
    fn set_cpu_time(
        &self,
        group: &Group<'_>,
        held: CpuTime,
        wanted: CpuTime,
        burst: Option<Permille>,
    ) -> Result<(), Trouble> {
        cpu::set_time(group, held, wanted, burst)
    }
    fn cpu_weight(&self, group: &Group<'_>) -> Result<u64, Trouble> {
        cpu::weight(group)
    }
    fn set_cpu_weight(&self, group: &Group<'_>, figure: u64) -> Result<(), Trouble> {
        cpu::set_weight(group, figure)
    }
    fn weight_of(&self, figure: u64) -> Weight {
        cpu::weight_of(figure)
    }
    fn figure_of(&self, weight: Weight) -> u64 {
        cpu::shares_of(weight)
    }
    fn memory_limit(&self, group: &Group<'_>) -> Result<Limit<Bytes>, Trouble> {
        memory::limit(group)
    }
    fn memory_in_use(&self, group: &Group<'_>) -> Result<Bytes, Trouble> {
        memory::in_use(group)
    }
    fn set_memory_limit(&self, group: &Group<'_>, limit: Limit<Bytes>) -> Result<(), Trouble> {
        memory::set_limit(group, limit)
    }
    fn disk_limits(&self, group: &Group<'_>, direction: Direction) -> Result<Vec<(Device, BytesPerSecond)>, Trouble> {
        disk::limits(group, direction)
    }
    fn set_disk_limit(
        &self,
        group: &Group<'_>,
        direction: Direction,
        device: Device,
        limit: Limit<BytesPerSecond>,
    ) -> Result<(), Trouble> {
        disk::set_limit(group, direction, device, limit)
    }
}
