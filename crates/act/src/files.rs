//! The knobs that both file layouts have, so that an action is carried out the same way on v1 and v2.

use model::{Bytes, BytesPerSecond, Limit, Permille, Weight};

use crate::cpu::CpuTime;
use crate::devices::Device;
use crate::error::Trouble;
use crate::group::Group;
use crate::hierarchy::Version;

/// Reading or writing a block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// Room for the limits of all devices: 1,024 lines of 64 bytes.
pub(crate) const DISK_BUFFER: usize = 65_536;

/// One file layout.
pub(crate) trait Files: Sync {
    /// The CPU quota and its period.
    fn cpu_time(&self, group: &Group<'_>) -> Result<CpuTime, Trouble>;
    /// Goes from `held` to `wanted` (the period is the same), and saves up `burst` of the quota where that is asked for and the
    /// kernel can.
    fn set_cpu_time(
        &self,
        group: &Group<'_>,
        held: CpuTime,
        wanted: CpuTime,
        burst: Option<Permille>,
    ) -> Result<(), Trouble>;
    /// The weight on the layout's own scale.
    fn cpu_weight(&self, group: &Group<'_>) -> Result<u64, Trouble>;
    /// Sets the weight on the layout's own scale.
    fn set_cpu_weight(&self, group: &Group<'_>, figure: u64) -> Result<(), Trouble>;
    /// From the layout's own scale.
    fn weight_of(&self, figure: u64) -> Weight;
    /// To the layout's own scale.
    fn figure_of(&self, weight: Weight) -> u64;
    /// The memory limit, on the grid of pages.
    fn memory_limit(&self, group: &Group<'_>) -> Result<Limit<Bytes>, Trouble>;
    /// Memory in use (see [`crate::memory`]).
    fn memory_in_use(&self, group: &Group<'_>) -> Result<Bytes, Trouble>;
    /// Sets the memory limit; kills nothing.
    fn set_memory_limit(&self, group: &Group<'_>, limit: Limit<Bytes>) -> Result<(), Trouble>;
    /// The devices that have a limit in that direction, and how much.
    fn disk_limits(&self, group: &Group<'_>, direction: Direction) -> Result<Vec<(Device, BytesPerSecond)>, Trouble>;
    /// Sets the limit of one device in that direction.
    fn set_disk_limit(
        &self,
        group: &Group<'_>,
        direction: Direction,
        device: Device,
        limit: Limit<BytesPerSecond>,
    ) -> Result<(), Trouble>;
}

/// A group and the layout of its files.
pub(crate) struct Knob<'a> {
    pub(crate) files: &'static dyn Files,
    pub(crate) group: Group<'a>,
}

impl<'a> Knob<'a> {
    /// The files of `group`, whose tree has that layout.
    pub(crate) fn new(version: Version, group: Group<'a>) -> Knob<'a> {
        let files: &'static dyn Files = match version {
            Version::V1 => &crate::v1::V1,
            Version::V2 => &crate::v2::V2,
        };
        Knob { files, group }
    }
}
