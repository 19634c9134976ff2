//! Pressure of a v1 group: only some vendors' kernels have it, as `cpu.pressure` and so on beside `cpuacct.usage`.

use crate::cgroup::Place;
use crate::cgroup::layout::Version;
use crate::kept::Descriptors;
use crate::pressure::Reader;

pub(crate) fn open(place: &Place<'_>, descriptors: &Descriptors) -> Option<Reader> {
    let folder = place.folder(Version::V1, |has| has.pressure)?;
    Some(Reader::open(&folder, ".pressure", descriptors))
}
