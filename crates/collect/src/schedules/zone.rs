//! Time zones from the host's own files, so that a made-up host has its own.

use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;

use crate::Roots;

/// The host's time zone: what `/etc/localtime` leads to or holds; UTC where there is none.
pub(super) fn of_host(roots: &Roots) -> TimeZone {
    let localtime = roots.etc.join("localtime");
    // An absolute link would lead out of a host that is mounted elsewhere: its name is looked up below our roots.
    let linked = fs::read_link(&localtime).ok();
    let name = linked.as_deref().and_then(Path::to_str).and_then(|target| target.split_once("zoneinfo/"));
    name.and_then(|(_, name)| named(roots, name))
        .or_else(|| TimeZone::tzif("localtime", &fs::read(&localtime).ok()?).ok())
        .unwrap_or(TimeZone::UTC)
}

/// The zone of that name in the host's own database.
pub(super) fn named(roots: &Roots, name: &str) -> Option<TimeZone> {
    if matches!(name, "UTC" | "Etc/UTC") {
        return Some(TimeZone::UTC);
    }
    let is_inside = name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    let data = is_inside.then(|| fs::read(roots.usr.join("share/zoneinfo").join(name)).ok()).flatten()?;
    TimeZone::tzif(name, &data).ok()
}
