//! `forerun status`: the daemon in a few lines, then a row per workload.

use std::fmt::Write as _;

use serve::view::{ResourceName, ResourceView, StatusView, TargetPage, TargetView};

use super::amounts::{amount, clock, maybe, name, now, percent, setting, time};
use super::table::Rows;

/// The widest a workload's name is shown.
const NAME_WIDTH: usize = 44;

/// The daemon and its workloads.
pub fn text(status: &StatusView, page: &TargetPage) -> String {
    let mut text = head(status);
    text.push('\n');
    if page.targets.is_empty() {
        text.push_str("no workloads yet: the first appear after the first round of samples\n");
        return text;
    }
    let mut rows = Rows::of(&[
        ("WORKLOAD", false),
        ("MODE", false),
        ("CPU", true),
        ("LIMIT", true),
        ("P99 AHEAD", true),
        ("MEMORY", true),
        ("LIMIT", true),
        ("P99 AHEAD", true),
        ("WAITS FOR", false),
    ]);
    for target in &page.targets {
        rows.add(row(target));
    }
    text.push_str(&rows.text());
    let hidden = page.total.saturating_sub(page.targets.len() as u64);
    if hidden > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "... and {hidden} more: name a part to filter by, or give --limit");
    }
    text
}

/// The daemon in a few lines.
pub fn head(status: &StatusView) -> String {
    let capacity = &status.capacity;
    let mut text = String::new();
    let switch = if status.kill_switch { ", KILL SWITCH ON: nothing is changed" } else { "" };
    let _ = writeln!(
        text,
        "forerun {} on {}, up since {} UTC, mode {}{switch}",
        status.version,
        status.host,
        clock(status.started_at, now()),
        status.mode,
    );
    let _ = writeln!(
        text,
        "cpu     {} of {} cores in use, {} allotted",
        amount(capacity.cpu_cores_in_use, "cores"),
        amount(capacity.cpu_cores, "cores"),
        amount(capacity.cpu_cores_allotted, "cores"),
    );
    let bytes = |bytes: u64| amount(bytes as f64, "bytes");
    let _ = writeln!(
        text,
        "memory  {} of {} in use, {} allotted",
        bytes(capacity.memory_bytes_in_use),
        bytes(capacity.memory_bytes),
        bytes(capacity.memory_bytes_allotted),
    );
    let _ = writeln!(
        text,
        "today   {} decisions; given back: {:.1} core-hours, {:.1} GiB-hours",
        status.decisions_today, status.saved_today.cpu_core_hours, status.saved_today.memory_gib_hours,
    );
    let age = status.last_sample_age_seconds.map_or_else(|| "none yet".into(), |age| format!("{} ago", time(age)));
    let step = status.engine_step_ms.map_or_else(String::new, |ms| format!(", engine step {ms:.1} ms"));
    let _ =
        writeln!(text, "samples {} taken, newest {age}; store {}{step}", status.samples_total, bytes(status.store.bytes));
    for part in &status.degraded {
        let _ = writeln!(text, "note    {}: {}; {}", part.what, part.why, part.remedy);
    }
    text
}

fn row(target: &TargetView) -> [String; 9] {
    let (cpu, memory) = (knob(target, ResourceName::CpuQuota), knob(target, ResourceName::MemoryLimit));
    let limit = |knob: Option<&ResourceView>| knob.map_or_else(|| "-".into(), |knob| setting(knob.limit, &knob.unit));
    let throttled = target.throttled_share.filter(|share| *share >= 0.005);
    let waits = throttled.map(|share| format!("THROTTLED {}", percent(share))).unwrap_or_else(|| waits(target));
    [
        name(&target.id, NAME_WIDTH),
        target.mode.to_string(),
        maybe(used(target, "cpu"), "cores"),
        limit(cpu),
        maybe(ahead(target, "cpu"), "cores"),
        maybe(used(target, "mem"), "bytes"),
        limit(memory),
        maybe(ahead(target, "mem"), "bytes"),
        waits,
    ]
}

/// A knob of a target.
pub fn knob(target: &TargetView, resource: ResourceName) -> Option<&ResourceView> {
    target.resources.iter().find(|knob| knob.resource == resource)
}

/// The newest reading of a metric.
pub fn used(target: &TargetView, metric: &str) -> Option<f64> {
    target.metrics.iter().find(|entry| entry.metric.word() == metric)?.current
}

/// The 99 % quantile of a metric's coming peak.
pub fn ahead(target: &TargetView, metric: &str) -> Option<f64> {
    let entry = target.metrics.iter().find(|entry| entry.metric.word() == metric)?;
    entry.forecast.map(|forecast| forecast.quantiles.p99)
}

/// What its knobs wait for, each reason once; that all fits needs no words.
pub fn waits(target: &TargetView) -> String {
    let mut waits: Vec<&str> = target
        .resources
        .iter()
        .filter(|knob| knob.wait.as_deref().is_some_and(|wait| wait != "fits" && wait != "unsupported"))
        .filter_map(|knob| knob.wait_detail.as_deref().or(knob.wait.as_deref()))
        .collect();
    waits.dedup();
    waits.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_host_at_a_glance() {
        let page = TargetPage { targets: vec![samples::target()], total: 3, next: Some("x".into()) };
        let text = text(&samples::status(), &page);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_empty_host_says_what_comes() {
        let page = TargetPage { targets: Vec::new(), total: 0, next: None };
        assert!(text(&samples::status(), &page).ends_with("the first appear after the first round of samples\n"));
    }
}
