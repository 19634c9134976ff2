//! Upcoming runs of a made-up host's crontabs and timers, in its own time zone.
#![allow(clippy::unwrap_used, reason = "a fault ends the test")]

mod support;

use collect::schedules::{self, Schedule};
use jiff::Timestamp;
use model::WallTime;
use support::Tree;

/// A time zone file without transitions of its own, only a rule: TZif version 2 and its footer.
fn zone(rule: &str) -> Vec<u8> {
    let mut block = b"TZif2".to_vec();
    block.extend([0; 15]);
    for count in [0u32, 0, 0, 0, 1, 4] {
        block.extend(count.to_be_bytes());
    }
    block.extend([0, 0, 0, 0, 0, 0]);
    block.extend(b"LMT\0");
    let mut file = block.clone();
    file.extend(block);
    file.extend(format!("\n{rule}\n").bytes());
    file
}

fn wall(text: &str) -> WallTime {
    WallTime::from_unix_millis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

fn lines(schedule: &Schedule) -> Vec<String> {
    let line = |run: &schedules::Upcoming| {
        let at = Timestamp::from_millisecond(run.at.unix_millis()).unwrap();
        let (unit, command) = (run.unit.as_deref().unwrap_or("-"), run.command.as_deref().unwrap_or("-"));
        format!("{at} {} {unit} {command}", run.source)
    };
    schedule.upcoming.iter().map(line).collect()
}

fn berlin() -> Tree {
    let tree = Tree::new();
    std::fs::create_dir_all(tree.path().join("usr/share/zoneinfo/Europe")).unwrap();
    std::fs::write(tree.path().join("usr/share/zoneinfo/Europe/Berlin"), zone("CET-1CEST,M3.5.0,M10.5.0/3")).unwrap();
    std::fs::create_dir_all(&tree.roots.etc).unwrap();
    std::os::unix::fs::symlink("/usr/share/zoneinfo/Europe/Berlin", tree.roots.etc.join("localtime")).unwrap();
    tree
}

#[test]
fn crontabs_are_read_in_the_host_s_zone() {
    let tree = berlin();
    tree.file("usr/lib/systemd/system/cron.service", "[Service]\nExecStart=/usr/sbin/cron\n");
    tree.file(
        "etc/crontab",
        "# comment\nSHELL=/bin/sh\nPATH=/bin\n17 *\t* * *\troot\tcd / && hourly\n25 6 1 * 1 root either day\n",
    );
    tree.file("etc/cron.d/backup", "@daily backup run it\n@reboot root never\n61 * * * * root bad\n1 2 3\n");
    tree.file("etc/cron.d/old.dpkg-old", "* * * * * root leftover\n");
    tree.file("etc/cron.d/zoned", "CRON_TZ=UTC\n30 22 * * * root utc\nCRON_TZ=Mars/Base\n0 0 * * * root lost\n");
    tree.file("var/spool/cron/crontabs/ann", "*/30 5 * jan-dec mon-fri ann's job\n");
    // Monday, 2026-03-02, 22:00 UTC to 05:00 UTC: Berlin is one hour ahead.
    let schedule = schedules::upcoming(&tree.roots, wall("2026-03-02T22:17:00Z"), wall("2026-03-03T05:17:00Z"));
    let cron = "cgroup:/system.slice/cron.service";
    let mut expected: Vec<String> = (22..=23)
        .map(|hour| format!("2026-03-02T{hour}:17:00Z cron:/etc/crontab:4 {cron} cd / && hourly"))
        .chain((0..=4).map(|hour| format!("2026-03-03T0{hour}:17:00Z cron:/etc/crontab:4 {cron} cd / && hourly")))
        .collect();
    expected.insert(1, format!("2026-03-02T22:30:00Z cron:/etc/cron.d/zoned:2 {cron} utc"));
    expected.insert(2, format!("2026-03-02T23:00:00Z cron:/etc/cron.d/backup:1 {cron} run it"));
    expected.insert(8, format!("2026-03-03T04:00:00Z cron:/var/spool/cron/crontabs/ann:1 {cron} ann's job"));
    expected.insert(10, format!("2026-03-03T04:30:00Z cron:/var/spool/cron/crontabs/ann:1 {cron} ann's job"));
    assert_eq!(lines(&schedule), expected);
    let named: Vec<&str> = schedule.not_understood.iter().map(|entry| entry.source.as_str()).collect();
    assert_eq!(named, ["cron:/etc/cron.d/backup:3", "cron:/etc/cron.d/backup:4", "cron:/etc/cron.d/zoned:4"]);
    assert_eq!(schedule.not_understood[2].reason, "no time zone Mars/Base on this host");
    // Day of month and day of week: either will do. 2026-06-01 is a Monday and a first; Berlin is two hours ahead.
    let schedule = schedules::upcoming(&tree.roots, wall("2026-06-01T04:25:00Z"), wall("2026-07-02T00:00:00Z"));
    let either: Vec<_> = lines(&schedule).into_iter().filter(|line| line.ends_with("either day")).collect();
    let days: Vec<&str> = either.iter().map(|line| &line[..16]).collect();
    assert_eq!(
        days,
        [
            "2026-06-01T04:25",
            "2026-06-08T04:25",
            "2026-06-15T04:25",
            "2026-06-22T04:25",
            "2026-06-29T04:25",
            "2026-07-01T04:25"
        ]
    );
}

#[test]
fn daylight_saving_moves_and_does_not_repeat() {
    let tree = berlin();
    tree.file("etc/crontab", "30 2 * * * root nightly\n");
    // 02:30 does not exist on 2026-03-29, and exists twice on 2026-10-25.
    for (from, until, expected) in [
        ("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", ["2026-03-29T01", "2026-03-30T00"]),
        ("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", ["2026-10-25T00", "2026-10-26T01"]),
    ] {
        let schedule = schedules::upcoming(&tree.roots, wall(from), wall(until));
        let hours: Vec<String> = lines(&schedule).iter().map(|line| line[..13].to_owned()).collect();
        assert_eq!(hours, expected);
    }
}

#[test]
fn enabled_timers_are_read() {
    let tree = berlin();
    let system = "usr/lib/systemd/system";
    tree.file(&format!("{system}/rotate.timer"), "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\n");
    tree.file(
        &format!("{system}/rotate.service"),
        "[Service]\nExecStart=/usr/sbin/rotate \\\n  --all\nSlice=batch-logs.slice\n",
    );
    tree.file("etc/systemd/system/rotate.timer.d/night.conf", "[Timer]\nOnCalendar=\nOnCalendar=*-*-* 03:00 UTC\n");
    tree.file(&format!("{system}/scan@.timer"), "[Timer]\nOnCalendar=*:0/30\nUnit=check@%i.service\n");
    tree.file(&format!("{system}/odd.timer"), "[Timer]\nOnCalendar=*-*~03\nOnUnitActiveSec=1d\n");
    tree.file(&format!("{system}/disabled.timer"), "[Timer]\nOnCalendar=minutely\n");
    tree.file(&format!("{system}/timers.target.wants/rotate.timer"), "");
    tree.file("etc/systemd/system/timers.target.wants/scan@disk.timer", "");
    tree.file("etc/systemd/system/timers.target.wants/odd.timer", "");
    let upcoming = || schedules::upcoming(&tree.roots, wall("2026-05-05T02:45:00Z"), wall("2026-05-05T03:30:00Z"));
    assert_eq!(upcoming(), Schedule::default(), "without systemd its timers do nothing");
    std::fs::create_dir_all(tree.roots.run.join("systemd/system")).unwrap();
    let schedule = upcoming();
    let rotate = "timer:rotate.timer cgroup:/batch.slice/batch-logs.slice/rotate.service /usr/sbin/rotate --all";
    let scan = "timer:scan@disk.timer cgroup:/system.slice/system-check.slice/check@disk.service -";
    assert_eq!(lines(&schedule), [format!("2026-05-05T03:00:00Z {rotate}"), format!("2026-05-05T03:00:00Z {scan}")]);
    assert_eq!(schedule.not_understood.len(), 1);
    let odd = &schedule.not_understood[0];
    assert_eq!((odd.source.as_str(), odd.text.as_str()), ("timer:odd.timer", "*-*~03"));
}

#[test]
fn a_bare_host_announces_nothing() {
    let tree = Tree::new();
    let schedule = schedules::upcoming(&tree.roots, wall("2026-05-05T00:00:00Z"), wall("2027-05-05T00:00:00Z"));
    assert_eq!(schedule, Schedule::default());
    tree.file("etc/crontab", "* * * * * root often\n");
    let schedule = schedules::upcoming(&tree.roots, wall("2026-05-05T00:00:00Z"), wall("2027-05-05T00:00:00Z"));
    assert_eq!(schedule.upcoming.len(), schedules::RUNS_PER_ENTRY_MAX);
}
