//! What the pool backtest promises: rules that hold for every policy, and the figures on traces where these are at hand.

use std::path::{Path, PathBuf};

use model::{Span, WallTime};
use sim::backtest::pool::{PoolOptions, PoolPoint, PoolScorecard, SUBJECT, Workload, run};
use sim::baselines::pool::all;
use sim::trace::{Arrival, CountSeries, read_arrivals, read_counts};

/// A reproducible number below `range`.
fn mixed(seed: u64, range: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) % range
}

/// Timers, bursts and rare units over some hours; `salt` decides what happens from step `from` on.
fn made_up(steps: usize, from: usize, salt: u64) -> Workload {
    let units = (0..14u64).map(|unit| {
        let counts = (0..steps as u64).map(|step| {
            let seed = unit << 40 | step | if step >= from as u64 { salt << 50 } else { 0 };
            u32::from(match unit % 4 {
                0 => step % (5 + unit) == unit % 5 && mixed(seed, 50) > 0,
                1 => step / 15 % 9 == unit % 9 && mixed(seed, 3) == 0,
                2 => mixed(seed, 90) == 0,
                _ => mixed(seed, 3 + unit) == 0,
            })
        });
        let counts = counts.collect();
        CountSeries { unit: format!("u{unit}"), weight: 1.0, start: WallTime::default(), step: Span::from_secs(60), counts }
    });
    Workload::from_counts(&units.collect::<Vec<_>>(), &PoolOptions::default())
}

fn points<'a>(card: &'a PoolScorecard, name: &str) -> &'a [PoolPoint] {
    &card.policies[name].points
}

#[test]
fn nobody_looks_ahead_but_the_oracle() {
    let (steps, from) = (1_400, 1_000);
    let (one, other) = (made_up(steps, from, 0), made_up(steps, from, 77));
    let options = PoolOptions::default();
    for policy in all().iter().filter(|policy| policy.name() != "oracle") {
        let points = policy.points().len();
        let mut keepers = [policy.begin(&one, &options), policy.begin(&other, &options)];
        let mut ready = [vec![vec![false; one.slots.len()]; points], vec![vec![false; one.slots.len()]; points]];
        for step in 0..from {
            for ((keeper, workload), ready) in keepers.iter_mut().zip([&one, &other]).zip(&mut ready) {
                keeper.step(&workload.seen(step), ready);
            }
            assert!(ready[0] == ready[1], "{} differs after step {step}", policy.name());
        }
    }
}

#[test]
fn rules_that_hold_for_all() {
    let options = PoolOptions::default();
    let workload = made_up(1_400, 0, 1);
    let card = run(&workload, &options, &|_, _| {});
    let oracle = &points(&card, "oracle")[0];
    assert_eq!((oracle.cold_percent, oracle.idle_gb_hours, oracle.rum), (0.0, 0.0, 0.0));
    // Longer keep-alive: no more cold starts, no less idle.
    for pair in ["fixed_1m", "fixed_5m", "fixed_10m", "fixed_60m"].windows(2) {
        let (short, long) = (&points(&card, pair[0])[0], &points(&card, pair[1])[0]);
        assert!(long.cold_percent <= short.cold_percent && long.idle_gb_hours >= short.idle_gb_hours);
    }
    // A higher price of waiting: the same. Nothing is kept at 0.
    let ours = &points(&card, SUBJECT)[1..];
    assert!(ours.len() >= 20);
    assert!(ours.windows(2).all(|pair| pair[1].cold_percent <= pair[0].cold_percent));
    assert!(ours.windows(2).all(|pair| pair[1].idle_gb_hours >= pair[0].idle_gb_hours));
    assert_eq!(ours[0].idle_gb_hours, 0.0);
    for (name, policy) in &card.policies {
        for point in &policy.points {
            let rum = point.idle_gb_hours * 3_600.0 / options.gb_s_per_s;
            assert!((0.0..=100.0).contains(&point.cold_percent) && point.rum + 1e-9 >= rum, "{name}");
            assert!(policy.best_rum <= point.rum);
        }
    }
    assert!(!card.dominated["oracle"] && card.policies.len() == 13);
    assert_eq!(run(&workload, &options, &|_, _| {}), card, "the same trace gives the same scorecard");
}

#[test]
fn the_json_has_the_promised_shape() {
    let card = run(&made_up(200, 0, 2), &PoolOptions::default(), &|_, _| {});
    let json = serde_json::to_value(&card).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["dominated", "kind", "policies", "units"]);
    assert_eq!((json["kind"].as_str(), json["units"].as_u64()), (Some("pool"), Some(14)));
    let names = [
        "femux",
        "fixed_10m",
        "fixed_1m",
        "fixed_5m",
        "fixed_60m",
        "forerun",
        "greedy_dual",
        "hybrid_histogram",
        "icebreaker",
        "oracle",
        "rainbowcake",
        "ski_rental",
        "spes",
    ];
    assert_eq!(keys(&json["policies"]), names);
    assert_eq!(keys(&json["policies"]["spes"]), ["best_rum", "points"]);
    assert_eq!(
        keys(&json["policies"]["spes"]["points"][0]),
        ["cold_percent", "cold_percent_unit_p75", "idle_gb_hours", "rum"]
    );
    assert!(json["dominated"]["spes"].is_boolean() && json["dominated"].get(SUBJECT).is_none());
}

#[test]
fn traces_that_say_next_to_nothing() {
    let options = PoolOptions::default();
    let arrival = |at_s: f64| Arrival { at_s, unit: Some("f".to_owned()), user: None, duration: None, memory: None };
    for workload in [
        Workload::from_counts(&[], &options),
        Workload::from_arrivals(&[], &options),
        Workload::from_arrivals(&[arrival(5.0)], &options),
        Workload::from_arrivals(&[arrival(5.0), arrival(70.0)], &options),
    ] {
        let card = run(&workload, &options, &|_, _| {});
        let finite = |point: &PoolPoint| point.rum.is_finite() && point.cold_percent.is_finite();
        assert!(card.policies.values().all(|policy| policy.points.iter().all(finite)));
    }
}

#[expect(clippy::disallowed_methods, reason = "the traces are files")]
fn trace(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// RUM at most 0.82 of a 10-minute keep-alive and below every peer, every peer dominated, and at 99 % hits at least 43 % less
/// idle than the cheapest pool of fixed size.
fn holds_what_is_promised(card: &PoolScorecard) {
    let ours = &points(card, SUBJECT)[0];
    assert!(ours.rum <= 0.82 * points(card, "fixed_10m")[0].rum, "{}", card.table());
    assert!(card.losses().is_empty(), "{:?}\n{}", card.losses(), card.table());
    let pool = card.static_pool;
    assert!(pool.ours_gb_hours.is_some_and(|ours| ours <= 0.57 * pool.idle_gb_hours), "{pool:?}");
}

#[test]
fn functions_of_a_day() {
    let Some(path) = trace("azure2019_1day.counts.csv.gz") else { return };
    let options = PoolOptions::default();
    let workload = Workload::from_counts(&read_counts(&path).unwrap(), &options);
    holds_what_is_promised(&run(&workload, &options, &|_, _| {}));
}

#[test]
fn image_models_of_two_weeks() {
    let Some(path) = trace("gentd26_requests.arrivals.csv.gz") else { return };
    let options = PoolOptions::default();
    let workload = Workload::from_arrivals(&read_arrivals(&path).unwrap(), &options);
    holds_what_is_promised(&run(&workload, &options, &|_, _| {}));
}
