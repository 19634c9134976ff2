//! Pressure of a v2 group: `cpu.pressure`, `memory.pressure`, `io.pressure`.

use crate::cgroup::Place;
use crate::cgroup::layout::Version;
use crate::kept::Descriptors;
use crate::pressure::Reader;

pub(crate) fn open(place: &Place<'_>, descriptors: &Descriptors) -> Option<Reader> {
    let folder = place.folder(Version::V2, |has| has.pressure)?;
    Some(Reader::open(&folder, ".pressure", descriptors))
}
