//! `forerun forecast`: the coming window of one workload with its quantiles and methods, or one line per workload.

use std::fmt::Write as _;

use serve::view::{ForecastReport, MetricView, TargetPage};

use super::amounts::{UNKNOWN, amount, maybe, name, percent, time};
use super::table::Rows;

/// The forecasts of one workload.
pub fn one(report: &ForecastReport) -> String {
    let mut text = format!("{}\n", name(&report.target, 200));
    let known = report.metrics.iter().find_map(|metric| metric.forecast);
    let Some(horizon) = known.map(|forecast| time(forecast.horizon_seconds)) else {
        text.push_str("no forecast yet: too little is known\n");
        return text;
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "peak within the next {horizon}, with the chance that it stays below:\n");
    let mut rows = Rows::of(&[
        ("METRIC", false),
        ("NOW", true),
        ("50 %", true),
        ("90 %", true),
        ("95 %", true),
        ("99 %", true),
        ("99.9 %", true),
        ("HELD LATELY", true),
        ("BY", false),
    ]);
    for metric in &report.metrics {
        rows.add(row(metric));
    }
    text.push_str(&rows.text());
    for metric in report.metrics.iter().filter(|metric| !metric.members.is_empty()) {
        let _ = writeln!(text, "{}", methods(metric));
    }
    text
}

fn row(metric: &MetricView) -> [String; 9] {
    let unit = metric.unit.as_str();
    let quantile = |pick: fn(&serve::view::QuantilesView) -> f64| {
        maybe(metric.forecast.map(|forecast| pick(&forecast.quantiles)), unit)
    };
    let coverage = metric.forecast.and_then(|forecast| forecast.coverage);
    [
        metric.metric.to_string(),
        maybe(metric.current, unit),
        quantile(|levels| levels.p50),
        quantile(|levels| levels.p90),
        quantile(|levels| levels.p95),
        quantile(|levels| levels.p99),
        quantile(|levels| levels.p999),
        coverage.map_or_else(|| UNKNOWN.into(), percent),
        metric.forecast.map_or_else(|| "too little known".into(), |forecast| forecast.member.to_string()),
    ]
}

/// The methods that compete, the heaviest first.
fn methods(metric: &MetricView) -> String {
    let mut members = metric.members.clone();
    members.sort_by(|left, right| right.weight.total_cmp(&left.weight));
    let shown = members.iter().map(|member| {
        let loss = member.loss.map_or_else(String::new, |loss| format!(", loss {}", amount(loss, &metric.unit)));
        format!("{} {}{loss}", member.member, percent(member.weight))
    });
    format!("  {}: {}", metric.metric, shown.collect::<Vec<_>>().join("; "))
}

/// One line per workload: present use and the coming peak of CPU and memory.
pub fn all(page: &TargetPage) -> String {
    let mut rows = Rows::of(&[
        ("WORKLOAD", false),
        ("METRIC", false),
        ("NOW", true),
        ("50 %", true),
        ("90 %", true),
        ("99 %", true),
        ("WITHIN", true),
        ("BY", false),
    ]);
    for target in &page.targets {
        for metric in target.metrics.iter().filter(|metric| matches!(metric.metric.word(), "cpu" | "mem" | "app")) {
            let Some(forecast) = metric.forecast else { continue };
            let value = |value| amount(value, &metric.unit);
            rows.add([
                name(&target.id, 48),
                metric.metric.to_string(),
                maybe(metric.current, &metric.unit),
                value(forecast.quantiles.p50),
                value(forecast.quantiles.p90),
                value(forecast.quantiles.p99),
                time(forecast.horizon_seconds),
                forecast.member.to_string(),
            ]);
        }
    }
    rows.text()
}

#[cfg(test)]
mod tests {
    use serve::view::Timestamp;

    use super::super::samples;
    use super::*;

    #[test]
    fn a_forecast_shows_quantiles_and_methods() {
        let target = samples::target();
        let at = Timestamp::parse("2026-01-31T08:00:00Z").unwrap();
        let report = ForecastReport { target: target.id, at, metrics: target.metrics };
        insta::assert_snapshot!(one(&report));
    }

    #[test]
    fn without_a_forecast_it_says_so() {
        let at = Timestamp::parse("2026-01-31T08:00:00Z").unwrap();
        let report = ForecastReport { target: "cgroup:/a".into(), at, metrics: Vec::new() };
        assert_eq!(one(&report), "/a\nno forecast yet: too little is known\n");
    }

    #[test]
    fn all_workloads_have_a_line_per_metric() {
        let page = TargetPage { targets: vec![samples::target()], total: 1, next: None };
        let text = all(&page);
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
