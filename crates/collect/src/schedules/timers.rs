//! systemd timers: `OnCalendar=` of every enabled one, and the unit that it starts.

use jiff::tz::TimeZone;

use super::{Entry, NotUnderstood, oncalendar, units, zone};
use crate::Roots;

pub(super) fn entries(roots: &Roots, host_zone: &TimeZone, not_understood: &mut Vec<NotUnderstood>) -> Vec<Entry> {
    let mut entries = Vec::new();
    // The folder is there only where systemd runs, sd_booted(3); elsewhere its timers are files that nobody reads.
    if !roots.run.join("systemd/system").is_dir() {
        return entries;
    }
    for timer in units::enabled(roots, ".timer") {
        let started = units::values(roots, &timer, "Timer", "Unit").pop();
        let service = started.unwrap_or_else(|| timer.replace(".timer", ".service"));
        let unit = service.ends_with(".service").then(|| units::group_of(roots, &service));
        let command = units::values(roots, &service, "Service", "ExecStart").pop();
        for text in units::values(roots, &timer, "Timer", "OnCalendar") {
            let source = format!("timer:{timer}");
            let times = oncalendar::parse(&text).and_then(|calendar| {
                let zone = match &calendar.zone {
                    None => host_zone.clone(),
                    Some(name) => zone::named(roots, name).ok_or_else(|| format!("no time zone {name} on this host"))?,
                };
                Ok((calendar.times, zone))
            });
            match times {
                Ok((times, zone)) => {
                    entries.push(Entry { source, times, zone, unit: unit.clone(), command: command.clone() });
                }
                Err(reason) => not_understood.push(NotUnderstood { source, text, reason }),
            }
        }
    }
    entries
}
