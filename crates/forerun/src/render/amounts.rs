//! Figures for people: in the unit that fits, with the digits that matter.

use serve::view::{Amount, Timestamp};

/// What stands where nothing is known.
pub const UNKNOWN: &str = "-";

/// An amount in one of the API's units: `cores`, `bytes`, `bytes_per_second`, `gpus`, `weight`, `instances`, or an application's own.
pub fn amount(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => scaled(value, ""),
        "bytes_per_second" => scaled(value, "/s"),
        "cores" | "gpus" => figure(value),
        "weight" | "instances" => format!("{value:.0}"),
        _ => figure(value),
    }
}

/// The same, where it may be unknown.
pub fn maybe(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| UNKNOWN.into(), |value| amount(value, unit))
}

/// What a knob holds.
pub fn setting(value: Amount, unit: &str) -> String {
    value.at().map_or_else(|| "unlimited".into(), |value| amount(value, unit))
}

/// The same with the unit spelled out where the figure alone does not say it.
pub fn spelled(value: Amount, unit: &str) -> String {
    match (value.at(), unit) {
        (Some(value), "cores") => format!("{} cores", amount(value, unit)),
        (Some(value), "weight") => format!("weight {}", amount(value, unit)),
        _ => setting(value, unit),
    }
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    let digits = usize::from(share > 0.0 && share < 0.1);
    format!("{:.digits$} %", share * 100.0)
}

/// A length of time in seconds.
pub fn time(seconds: f64) -> String {
    model::Span::from_secs_f64(seconds).to_string()
}

/// Hour, minute and second in UTC of a point in time; with the date when it is not that of `now`.
pub fn clock(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_string(), now.to_string());
    match (at.get(..10), at.get(11..19)) {
        (Some(date), Some(clock)) if now.starts_with(date) => clock.to_owned(),
        (Some(date), Some(clock)) => format!("{date} {clock}"),
        _ => at,
    }
}

/// The present, for [`clock`].
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(model::WallTime::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// The name of a target without its prefix, shortened from the left to `width` characters.
pub fn name(id: &str, width: usize) -> String {
    let bare = id.strip_prefix("cgroup:").unwrap_or(id);
    let count = bare.chars().count();
    if count <= width {
        return bare.to_owned();
    }
    let kept: String = bare.chars().skip(count - width.saturating_sub(1)).collect();
    format!("…{kept}")
}

fn scaled(value: f64, suffix: &str) -> String {
    const STEPS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut scaled, mut step) = (value, 0);
    while scaled >= 999.5 && step + 1 < STEPS.len() {
        scaled /= 1_024.0;
        step += 1;
    }
    let digits = usize::from(step > 0 && scaled < 99.95);
    format!("{scaled:.digits$} {}{suffix}", STEPS[step])
}

fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_fit_their_unit() {
        let cases = [
            (1.2345, "cores", "1.23"),
            (12.345, "cores", "12.3"),
            (123.45, "", "123"),
            (100.0, "weight", "100"),
            (0.0, "bytes", "0 B"),
            (1_023.0, "bytes", "1.0 KiB"),
            (536_870_912.0, "bytes", "512 MiB"),
            (1.5 * 1_073_741_824.0, "bytes", "1.5 GiB"),
            (20_971_520.0, "bytes_per_second", "20.0 MiB/s"),
        ];
        for (value, unit, expected) in cases {
            assert_eq!(amount(value, unit), expected);
        }
        assert_eq!(setting(Amount::UNLIMITED, "bytes"), "unlimited");
        assert_eq!(spelled(Amount::At(1.5), "cores"), "1.50 cores");
        assert_eq!(percent(0.012), "1.2 %");
        assert_eq!(percent(0.95), "95 %");
    }

    #[test]
    fn today_needs_no_date() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let now = at("2026-01-31T10:00:00Z");
        assert_eq!(clock(at("2026-01-31T08:09:10.5Z"), now), "08:09:10");
        assert_eq!(clock(at("2026-01-30T08:09:10.5Z"), now), "2026-01-30 08:09:10");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(name("cgroup:/system.slice/nginx.service", 40), "/system.slice/nginx.service");
        assert_eq!(name("cgroup:/system.slice/nginx.service", 14), "…nginx.service");
    }
}
