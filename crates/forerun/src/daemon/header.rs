//! The engine's settings in a journal's header, so that a replay decides alike.

use decide::warm::{Ladder, Rung, WarmSettings};
use decide::{ArbiterSettings, LoadSettings, PoolSettings, Rails, Settings, TierSettings};
use model::{Bytes, Mode, Permille, Resource, Span};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    mode: u8,
    first_ticket: u64,
    window_ns: u64,
    sample_interval_ns: u64,
    manage: Vec<String>,
    /// Tail, head room and price per tier.
    tiers: [[f32; 3]; 3],
    hysteresis: f32,
    release_below: f32,
    lower_step: f32,
    changes_per_day: f32,
    react: bool,
    reserve_permille: u32,
    cpu_overcommit_permille: u32,
    changes_per_minute: u32,
    stale_after_ns: u64,
    rest_after_raise_ns: u64,
    rest_after_lower_ns: u64,
    probation_ns: u64,
    rest_after_rollback_ns: u64,
    memory_margin: f32,
    memory_margin_min_bytes: u64,
    harm: f32,
    ledger_entries: usize,
    pools: PoolHeader,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolHeader {
    memory_permille: u32,
    step_ns: u64,
    lambda: f64,
    gb_seconds_per_second: f64,
    instances_max: usize,
    silence_max: u32,
    /// Name, share of the wait, share of the memory, share of the work, from nothing up.
    rungs: Vec<(String, f64, f64, f64)>,
}

const MODES: [Mode; 3] = [Mode::Observe, Mode::Recommend, Mode::Act];

/// The settings as bytes.
pub fn encode(settings: &Settings) -> Vec<u8> {
    let (load, rails) = (&settings.load, &settings.rails);
    let header = Header {
        mode: MODES.iter().position(|mode| *mode == settings.mode).unwrap_or(0) as u8,
        first_ticket: settings.first_ticket,
        window_ns: load.window.as_nanos(),
        sample_interval_ns: load.sample_interval.as_nanos(),
        manage: load.manage.iter().map(|resource| resource.name().to_owned()).collect(),
        tiers: load.tiers.map(|tier| [tier.tail, tier.head_room, tier.price]),
        hysteresis: load.hysteresis,
        release_below: load.release_below,
        lower_step: load.lower_step,
        changes_per_day: load.changes_per_day,
        react: load.react,
        reserve_permille: settings.arbiter.reserve.0,
        cpu_overcommit_permille: settings.arbiter.cpu_overcommit.0,
        changes_per_minute: rails.changes_per_minute,
        stale_after_ns: rails.stale_after.as_nanos(),
        rest_after_raise_ns: rails.rest_after_raise.as_nanos(),
        rest_after_lower_ns: rails.rest_after_lower.as_nanos(),
        probation_ns: rails.probation.as_nanos(),
        rest_after_rollback_ns: rails.rest_after_rollback.as_nanos(),
        memory_margin: rails.memory_margin,
        memory_margin_min_bytes: rails.memory_margin_min.0,
        harm: rails.harm,
        ledger_entries: rails.ledger_entries,
        pools: pool_header(&settings.warm),
    };
    // A struct of numbers and texts always has a JSON form.
    serde_json::to_vec(&header).unwrap_or_default()
}

/// The settings of bytes that [`encode`] made.
///
/// # Errors
/// Says what is wrong with them.
pub fn decode(bytes: &[u8]) -> Result<Settings, String> {
    let header: Header = serde_json::from_slice(bytes).map_err(|error| format!("the journal's settings: {error}"))?;
    let mode = MODES.get(usize::from(header.mode)).copied().ok_or("the journal's settings: unknown mode")?;
    let manage = header.manage.iter().map(|name| Resource::from_name(name).ok_or(format!("unknown resource {name}")));
    Ok(Settings {
        mode,
        first_ticket: header.first_ticket,
        load: LoadSettings {
            window: Span::from_nanos(header.window_ns),
            sample_interval: Span::from_nanos(header.sample_interval_ns),
            manage: manage.collect::<Result<_, _>>()?,
            tiers: header.tiers.map(|[tail, head_room, price]| TierSettings { tail, head_room, price }),
            hysteresis: header.hysteresis,
            release_below: header.release_below,
            lower_step: header.lower_step,
            changes_per_day: header.changes_per_day,
            react: header.react,
        },
        arbiter: ArbiterSettings {
            reserve: Permille(header.reserve_permille),
            cpu_overcommit: Permille(header.cpu_overcommit_permille),
        },
        rails: Rails {
            changes_per_minute: header.changes_per_minute,
            stale_after: Span::from_nanos(header.stale_after_ns),
            rest_after_raise: Span::from_nanos(header.rest_after_raise_ns),
            rest_after_lower: Span::from_nanos(header.rest_after_lower_ns),
            probation: Span::from_nanos(header.probation_ns),
            rest_after_rollback: Span::from_nanos(header.rest_after_rollback_ns),
            memory_margin: header.memory_margin,
            memory_margin_min: Bytes(header.memory_margin_min_bytes),
            harm: header.harm,
            ledger_entries: header.ledger_entries,
        },
        warm: pool_settings(header.pools)?,
    })
}

fn pool_header(pools: &PoolSettings) -> PoolHeader {
    let planner = &pools.planner;
    let rungs = planner.ladder.rungs().iter();
    PoolHeader {
        memory_permille: pools.memory.0,
        step_ns: planner.step.as_nanos(),
        lambda: planner.lambda,
        gb_seconds_per_second: planner.gb_seconds_per_second,
        instances_max: planner.instances_max,
        silence_max: planner.silence_max,
        rungs: rungs.map(|rung| (rung.name.to_owned(), rung.wait_share, rung.hold_share, rung.make_share)).collect(),
    }
}

fn pool_settings(header: PoolHeader) -> Result<PoolSettings, String> {
    let rung = |(name, wait_share, hold_share, make_share): (String, f64, f64, f64)| {
        let name =
            RUNGS.into_iter().find(|known| *known == name).ok_or(format!("the journal's settings: unknown rung {name}"))?;
        Ok(Rung { name, wait_share, hold_share, make_share })
    };
    let rungs = header.rungs.into_iter().map(rung).collect::<Result<_, String>>()?;
    Ok(PoolSettings {
        memory: Permille(header.memory_permille),
        planner: WarmSettings {
            step: Span::from_nanos(header.step_ns),
            ladder: Ladder::of(rungs).ok_or("the journal's settings: waits grow on the way up the ladder")?,
            lambda: header.lambda,
            gb_seconds_per_second: header.gb_seconds_per_second,
            instances_max: header.instances_max,
            silence_max: header.silence_max,
        },
    })
}

/// The rungs that there are.
const RUNGS: [&str; 5] = ["nothing", "paged out", "frozen", "zygote", "warm"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back() {
        let mut settings = Settings { mode: Mode::Act, first_ticket: 17, ..Settings::default() };
        settings.load.manage.push(Resource::NetworkTransmitBandwidth);
        assert_eq!(decode(&encode(&settings)), Ok(settings));
        assert!(decode(b"{}").unwrap_err().contains("missing field"));
    }
}
