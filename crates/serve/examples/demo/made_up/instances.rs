//! The made-up pools and the runs that they have seen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serve::view::{ExitView, PoolView, RunLimits, RunOutput, RunState, RunView, StageView, StartView, Timestamp};

use super::later;

/// Ends a run.
pub(super) fn end(run: &mut RunView, kind: &str, code: Option<u8>, now: Timestamp) {
    run.state = RunState::Finished;
    run.exit = Some(ExitView { kind: kind.into(), code });
    (run.peak_memory_bytes, run.cpu_seconds, run.ended_at) = (Some(6_815_744), Some(0.018), Some(now));
}

/// The id of a pool.
pub(super) fn pool_id(tenant: &str, runtime: &str, imports: &[String]) -> String {
    let imports = if imports.is_empty() { String::new() } else { format!("[{}]", imports.join(",")) };
    format!("{tenant}/host/{runtime}{imports}")
}

/// Stages with their milliseconds.
pub(super) fn stages(of: &[(&str, f64)]) -> Vec<StageView> {
    of.iter().map(|(stage, ms)| StageView { stage: (*stage).into(), ms: *ms }).collect()
}

/// Four pools that have been in use for a while.
pub(super) fn pools() -> Vec<PoolView> {
    let pool = |tenant: &str, runtime: &str, imports: &[&str]| {
        let imports: Vec<String> = imports.iter().map(|&import| import.into()).collect();
        let limits =
            RunLimits { cpu_cores: Some(1.0), memory_bytes: Some(256 << 20), pids: Some(64), disk_bytes: Some(64 << 20) };
        let (id, image) = (pool_id(tenant, runtime, &imports), "host".into());
        PoolView {
            id,
            tenant: tenant.into(),
            image,
            runtime: runtime.into(),
            imports,
            limits,
            at_most: 16,
            ..PoolView::default()
        }
    };
    vec![
        PoolView {
            waiting: 4,
            frozen: 2,
            wanted_waiting: 5,
            wanted_frozen: 2,
            at_least: 1,
            running: 3,
            hits_warm: 4_812,
            hits_thawed: 307,
            misses: 96,
            made: 5_241,
            evicted: 23,
            idle_gb_hours: 0.22,
            idle_bytes: 6 * 2_900_000,
            instance_bytes: 2_900_000,
            cold_ms: 186.0,
            chance: Some(0.93),
            keep_alive_seconds: Some(340.0),
            why: Some("A use is expected: an instance is used within the coming step with 93 % probability and then saves 0.186 s.".into()),
            ..pool("default", "python", &["json", "numpy"])
        },
        PoolView {
            frozen: 2,
            wanted_frozen: 2,
            running: 0,
            hits_warm: 40,
            hits_thawed: 211,
            misses: 38,
            made: 291,
            failed: 2,
            evicted: 4,
            idle_gb_hours: 0.61,
            idle_bytes: 2 * 21_400_000,
            instance_bytes: 21_400_000,
            cold_ms: 74.0,
            chance: Some(0.22),
            keep_alive_seconds: Some(1_320.0),
            why: Some("The next use is likely at 09:00, as on the last four weekdays; frozen until then.".into()),
            ..pool("team-billing", "node", &[])
        },
        PoolView {
            waiting: 8,
            wanted_waiting: 8,
            running: 1,
            hits_warm: 19_204,
            misses: 311,
            made: 19_524,
            idle_gb_hours: 0.08,
            idle_bytes: 8 * 410_000,
            instance_bytes: 410_000,
            cold_ms: 8.4,
            chance: Some(0.99),
            keep_alive_seconds: Some(60.0),
            why: Some("An instance costs 0.4 MiB: eight cover every burst of the last hour.".into()),
            ..pool("default", "exec", &[])
        },
        PoolView {
            hits_warm: 2,
            misses: 3,
            made: 5,
            evicted: 2,
            idle_gb_hours: 0.001,
            instance_bytes: 620_000,
            cold_ms: 9.1,
            why: Some("The last use was 3 h ago, and the gaps are longer than holding is worth.".into()),
            ..pool("default", "sh", &[])
        },
    ]
}

/// A run of the last minutes: most were warm, some thawed, few cold or faulty.
pub(super) fn past_run(id: u64, now: Timestamp) -> RunView {
    let (path, why, of): (_, Option<&str>, &[(&str, f64)]) = match id % 8 {
        3 => ("thawed", None, &[("claim", 0.03), ("thaw", 0.11), ("deliver", 0.08)]),
        6 => ("cold", Some("all 4 were taken by a burst of 9"), &[("claim", 0.02), ("make", 183.6), ("deliver", 0.1)]),
        _ => ("warm", None, &[("claim", 0.02), ("deliver", 0.09)]),
    };
    let (pool, runtime, name) = match id % 3 {
        0 => ("default/host/python[json,numpy]", "python", "score.py"),
        1 => ("default/host/exec", "exec", "resize"),
        _ => ("team-billing/host/node", "node", "invoice.js"),
    };
    let exit = match id {
        22 => ExitView { kind: "out_of_memory".into(), code: None },
        19 => ExitView { kind: "deadline".into(), code: None },
        13 => ExitView { kind: "signal".into(), code: Some(11) },
        9 => ExitView { kind: "code".into(), code: Some(1) },
        _ => ExitView { kind: "code".into(), code: Some(0) },
    };
    let began_at = later(now, (id as i64 - 25) * 17);
    let failed = id == 16;
    let mut run = RunView {
        id,
        pool: pool.into(),
        runtime: runtime.into(),
        name: name.into(),
        state: RunState::Running,
        start: Some(StartView { path: path.into(), why: why.map(Into::into) }),
        stages: stages(of),
        exit: None,
        error: None,
        peak_memory_bytes: None,
        cpu_seconds: None,
        began_at,
        ended_at: None,
        output: Some(RunOutput {
            stdout_base64: STANDARD.encode(format!("{name}: {} rows in, {} out\n<b>done</b>\n", id * 411, id * 397)),
            stderr_base64: if id.is_multiple_of(8) {
                STANDARD.encode("warning: 14 rows had no price\n")
            } else {
                String::new()
            },
            truncated: false,
        }),
    };
    if id == 24 {
        run.stages.clear();
        return run;
    }
    end(&mut run, "", None, later(began_at, 1 + (id % 4) as i64));
    run.exit = Some(exit);
    run.stages.extend(stages(&[("run", 42.0 + 611.3 * (id % 4) as f64), ("collect", 0.2)]));
    if failed {
        (run.state, run.start, run.exit, run.stages) = (RunState::Failed, None, None, Vec::new());
        run.error = Some("the host has no memory left for another instance".into());
    }
    run
}
