//! systemd's unit files, as far as schedules need them: where they are, which are enabled, what a section sets, and in
//! which group a service runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::Roots;

/// The folders of system units, the strongest first.
fn folders(roots: &Roots) -> [PathBuf; 4] {
    [
        roots.etc.join("systemd/system"),
        roots.run.join("systemd/system"),
        roots.usr.join("local/lib/systemd/system"),
        roots.usr.join("lib/systemd/system"),
    ]
}

/// The file of the unit, or of its template.
pub(super) fn find(roots: &Roots, name: &str) -> Option<PathBuf> {
    let template = name.split_once('@').and_then(|(stem, rest)| Some(format!("{stem}@.{}", rest.rsplit_once('.')?.1)));
    [Some(name.to_owned()), template]
        .into_iter()
        .flatten()
        .flat_map(|name| folders(roots).map(|folder| folder.join(&name)))
        .find(|path| path.is_file())
}

/// The units with `suffix` that something wants, and that are therefore enabled.
pub(super) fn enabled(roots: &Roots, suffix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in folders(roots) {
        for wants in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let is_wants =
                wants.file_name().to_str().is_some_and(|name| name.ends_with(".wants") || name.ends_with(".requires"));
            if !is_wants {
                continue;
            }
            let wanted = fs::read_dir(wants.path()).into_iter().flatten().flatten();
            names
                .extend(wanted.filter_map(|link| link.file_name().into_string().ok()).filter(|name| name.ends_with(suffix)));
        }
    }
    names
}

/// The values of `key` in `section` of the unit and its drop-ins, in order; an empty one clears those before. `%i` and
/// `%p` stand for the instance and the prefix of its name.
pub(super) fn values(roots: &Roots, name: &str, section: &str, key: &str) -> Vec<String> {
    let mut values = Vec::new();
    for text in texts(roots, name) {
        let mut inside = false;
        for line in joined(&text) {
            let line = line.trim();
            if let Some(header) = line.strip_prefix('[') {
                inside = header.strip_suffix(']') == Some(section);
            } else if let Some((found, value)) = line.split_once('=')
                && inside
                && found.trim() == key
            {
                match value.trim() {
                    "" => values.clear(),
                    value => values.push(specified(value, name)),
                }
            }
        }
    }
    values
}

/// The unit's file, then its drop-ins by name.
fn texts(roots: &Roots, name: &str) -> Vec<String> {
    let mut drop_ins: Vec<(std::ffi::OsString, PathBuf)> = Vec::new();
    for folder in folders(roots) {
        for entry in fs::read_dir(folder.join(format!("{name}.d"))).into_iter().flatten().flatten() {
            let is_new = drop_ins.iter().all(|(known, _)| *known != entry.file_name());
            if is_new && entry.path().extension().is_some_and(|extension| extension == "conf") {
                drop_ins.push((entry.file_name(), entry.path()));
            }
        }
    }
    drop_ins.sort();
    let paths = find(roots, name).into_iter().chain(drop_ins.into_iter().map(|(_, path)| path));
    paths.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// Lines without comments, those that end in a backslash joined with the next.
fn joined(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut continues = false;
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        let (line, more) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        match lines.last_mut() {
            Some(last) if continues => last.push_str(line.trim_start()),
            _ => lines.push(line.to_owned()),
        }
        continues = more;
    }
    lines
}

fn specified(value: &str, name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    value.replace("%i", instance).replace("%I", instance).replace("%p", prefix)
}

/// The group of a system service, in the form of a target's id.
pub(super) fn group_of(roots: &Roots, service: &str) -> String {
    let set = values(roots, service, "Service", "Slice").pop();
    let slice = set.unwrap_or_else(|| match service.split_once('@') {
        Some((prefix, _)) => format!("system-{}.slice", prefix.replace('-', "\\x2d")),
        None => "system.slice".to_owned(),
    });
    format!("cgroup:{}/{service}", slice_path(&slice))
}

/// `a-b.slice` lies inside `a.slice`.
fn slice_path(slice: &str) -> String {
    let stem = slice.strip_suffix(".slice").unwrap_or(slice);
    if stem == "-" {
        return String::new();
    }
    let ends = stem.match_indices('-').map(|(at, _)| at).chain([stem.len()]);
    ends.map(|end| format!("/{}.slice", &stem[..end])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_nest_by_name() {
        assert_eq!(slice_path("system.slice"), "/system.slice");
        assert_eq!(slice_path("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
        assert_eq!(slice_path("-.slice"), "");
    }
}
