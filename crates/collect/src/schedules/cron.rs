//! Crontabs: `/etc/crontab`, `/etc/cron.d/*` and the users' own below `/var/spool/cron`.

use std::fs;
use std::path::{Path, PathBuf};

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;

use super::{Entry, NotUnderstood, units, zone};
use crate::Roots;

/// Bytes of one crontab that are read, at most.
const CRONTAB_BYTES_MAX: u64 = 1 << 20;

/// A crontab, and whether its lines name the user.
struct Crontab {
    path: PathBuf,
    names_user: bool,
}

pub(super) fn entries(roots: &Roots, zone: &TimeZone, not_understood: &mut Vec<NotUnderstood>) -> Vec<Entry> {
    // Cron runs its jobs in its own group.
    let services = ["cron.service", "crond.service", "cronie.service"];
    let service = services.into_iter().find(|name| units::find(roots, name).is_some());
    let unit = service.map(|name| units::group_of(roots, name));
    let mut entries = Vec::new();
    for crontab in crontabs(roots) {
        let is_small = fs::metadata(&crontab.path).is_ok_and(|data| data.is_file() && data.len() <= CRONTAB_BYTES_MAX);
        let Some(text) = is_small.then(|| fs::read_to_string(&crontab.path).ok()).flatten() else { continue };
        read(roots, &crontab, &text, zone, &unit, &mut entries, not_understood);
    }
    entries
}

fn crontabs(roots: &Roots) -> Vec<Crontab> {
    let system = Crontab { path: roots.etc.join("crontab"), names_user: true };
    let mut crontabs = vec![system];
    let spool = roots.var.join("spool/cron");
    for (folder, names_user) in [(roots.etc.join("cron.d"), true), (spool.join("crontabs"), false), (spool, false)] {
        crontabs.extend(files(&folder).into_iter().map(|path| Crontab { path, names_user }));
    }
    crontabs
}

/// The files of a folder, in order; leftovers of editors and package managers are not read by cron either.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_leftover = |name: &str| {
        let endings = ["~", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".rpmsave", ".rpmnew", ".rpmorig"];
        name.starts_with(['.', '#']) || endings.iter().any(|ending| name.ends_with(ending))
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.path().is_file() && entry.file_name().to_str().is_some_and(|name| !is_leftover(name)))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

fn read(
    roots: &Roots,
    crontab: &Crontab,
    text: &str,
    zone: &TimeZone,
    unit: &Option<String>,
    entries: &mut Vec<Entry>,
    not_understood: &mut Vec<NotUnderstood>,
) {
    let mut zone = Ok(zone.clone());
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((name, value)) = assignment(line) {
            if name == "CRON_TZ" {
                let named = zone::named(roots, value);
                zone = named.ok_or_else(|| format!("no time zone {value} on this host"));
            }
            continue;
        }
        let source = format!("cron:{}:{}", shown(roots, &crontab.path), index + 1);
        let entry = zone.clone().and_then(|zone| match split(line, crontab.names_user)? {
            None => Ok(None),
            Some((times, command)) => {
                let times = times_of(&times)?;
                let command = Some(command.to_owned());
                Ok(Some(Entry { source: source.clone(), times, zone, unit: unit.clone(), command }))
            }
        });
        match entry {
            Ok(entry) => entries.extend(entry),
            Err(reason) => not_understood.push(NotUnderstood { source, text: line.to_owned(), reason }),
        }
    }
}

/// The path as the host itself would name it.
fn shown(roots: &Roots, path: &Path) -> String {
    let below = |root: &Path, name: &str| path.strip_prefix(root).ok().map(|rest| format!("{name}/{}", rest.display()));
    below(&roots.etc, "/etc").or_else(|| below(&roots.var, "/var")).unwrap_or_else(|| path.display().to_string())
}

/// `NAME=value`, quotes taken off.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    (is_name && !name.starts_with(|letter: char| letter.is_ascii_digit()))
        .then(|| (name, value.trim().trim_matches(['"', '\''])))
}

/// The time fields and the command; `None` for `@reboot`, which has no time.
fn split(line: &str, names_user: bool) -> Result<Option<(String, &str)>, String> {
    // A dash in front keeps some crons from logging.
    let line = line.strip_prefix('-').unwrap_or(line);
    let time_words = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line;
    let mut times = Vec::new();
    for index in 0..time_words + usize::from(names_user) {
        let (word, after) = rest.split_once([' ', '\t']).ok_or("too few fields")?;
        if index < time_words {
            times.push(word);
        }
        rest = after.trim_start();
    }
    if rest.is_empty() {
        return Err("no command".to_owned());
    }
    let times = match times[0] {
        "@reboot" => return Ok(None),
        "@midnight" => "@daily".to_owned(),
        _ => times.join(" "),
    };
    Ok(Some((times, rest)))
}

/// Five fields or a nickname. Where day of month and day of week are both restricted, either is enough, as cron has it.
fn times_of(text: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| error.to_string())
}
