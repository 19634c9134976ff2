//! What the driver backtest promises: rules that hold for every policy, and the figures on traces where these are at hand.

use std::path::{Path, PathBuf};

use decide::drivers::Profile;
use model::{Span, WallTime};
use sim::backtest::drivers::{DriverCard, DriverOptions, DriverScorecard, SUBJECT, Workload, run, tally};
use sim::baselines::drivers::{OnDemand, Persistence, all};
use sim::ours::drivers::ForerunDrivers;
use sim::trace::{Unit, UsageSeries, read_usage};

/// A reproducible number below `range`.
fn mixed(seed: u64, range: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) % range
}

/// Percent of the capacity in five-minute steps; `on` says when a series is busy.
fn series(name: &str, metric: &str, steps: u64, on: impl Fn(u64) -> bool) -> UsageSeries {
    UsageSeries {
        series: name.to_owned(),
        metric: metric.to_owned(),
        unit: Unit::Percent,
        capacity: Some(100.0),
        start: Some(WallTime::from_unix_secs(0)),
        step: Span::from_secs(300),
        values: (0..steps).map(|step| if on(step) { 80.0 } else { 2.0 }).collect(),
    }
}

/// Instances with nightly backups, bursts that the network follows, and chance; `salt` decides what happens from step `from` on.
fn made_up(steps: u64, from: u64, salt: u64) -> Vec<Workload> {
    let chance = move |instance: u64, step: u64, range: u64| {
        mixed(instance << 40 | step | if step >= from { salt << 50 } else { 0 }, range) == 0
    };
    let rows = (0..6u64).flat_map(|instance| {
        let name = format!("vm{instance}");
        let burst = move |step: u64| chance(instance, step / 4, 12);
        [
            series(&name, "cpu", steps, move |step| chance(instance + 100, step, 30)),
            series(&name, "disk_read", steps, move |step| burst(step) || (20..26).contains(&(step % 288))),
            series(&name, "net_tx", steps, move |step| step > 0 && burst(step - 1)),
        ]
    });
    Workload::all(&rows.collect::<Vec<_>>())
}

#[test]
fn nobody_looks_ahead_but_the_oracle() {
    let (steps, from) = (900, 700);
    let (one, other) = (made_up(steps, from, 0), made_up(steps, from, 77));
    let options = DriverOptions::default();
    for policy in all().iter().filter(|policy| policy.name() != "oracle") {
        let mut loaders = [policy.begin(&one[0], &options), policy.begin(&other[0], &options)];
        let mut loaded = [vec![false; one[0].slots.len()], vec![false; one[0].slots.len()]];
        // A burst lasts four steps and is drawn at its start; the network lags by one.
        for step in 0..from as usize {
            for ((loader, workload), loaded) in loaders.iter_mut().zip([&one[0], &other[0]]).zip(&mut loaded) {
                loader.step(&workload.seen(step), loaded);
            }
            assert!(loaded[0] == loaded[1], "{} differs after step {step}", policy.name());
        }
    }
}

#[test]
fn rules_that_hold_for_all() {
    let options = DriverOptions::default();
    let workloads = made_up(288 * 8, 0, 1);
    let card = run(&workloads, &options, &|_, _| {});
    let oracle = &card.policies["oracle"];
    assert_eq!((oracle.ready_before_use_percent, oracle.wasted_load_percent), (100.0, 0.0));
    let always = &card.policies["always"];
    assert_eq!((always.ready_before_use_percent, always.switches_per_day, always.loaded_percent), (100.0, 0.0, 100.0));
    // Who only repeats the last state is never there before need begins.
    assert_eq!(card.policies["persistence"].ready_before_use_percent, 0.0);
    for (name, policy) in &card.policies {
        assert!(policy.combined_cost >= oracle.combined_cost - 1e-9, "{name}");
        assert!((0.0..=100.0).contains(&policy.wasted_load_percent) && policy.lead_seconds_median >= 0.0, "{name}");
    }
    assert!(card.losses().is_empty(), "{:?}\n{}", card.losses(), card.table());
    assert_eq!(card.policies.len(), 6);
    assert_eq!(run(&workloads, &options, &|_, _| {}), card, "the same trace gives the same scorecard");
}

#[test]
fn the_json_has_the_promised_shape() {
    let card = run(&made_up(100, 0, 2), &DriverOptions::default(), &|_, _| {});
    let json = serde_json::to_value(&card).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["kind", "policies"]);
    assert_eq!(json["kind"], "drivers");
    assert_eq!(keys(&json["policies"]), ["always", "forerun", "on_demand", "oracle", "persistence", "same_time_yesterday"]);
    let figures = ["lead_seconds_median", "ready_before_use_percent", "switches_per_day", "wasted_load_percent"];
    assert_eq!(keys(&json["policies"]["on_demand"]), figures);
}

#[test]
fn on_need_that_nothing_foretells_it_abstains() {
    // Each step is busy with a chance of one in 400: keeping a module for the next time costs more than it saves.
    let rows: Vec<UsageSeries> = (0..20u64)
        .map(|vm| series(&format!("vm{vm}"), "net_rx", 288 * 14, move |step| mixed(vm << 40 | step, 400) == 0))
        .collect();
    let workloads = Workload::all(&rows);
    let options = DriverOptions::default();
    let card = run(&workloads, &options, &|_, _| {});
    let (ours, reacting) = (&card.policies[SUBJECT], &card.policies["persistence"]);
    assert!(ours.loaded_percent < 25.0, "{}", card.table());
    assert!(ours.switches_per_day < 0.5 * reacting.switches_per_day, "{}", card.table());
    assert!(ours.combined_cost < 1.05 * reacting.combined_cost, "{}", card.table());
}

#[test]
fn need_by_the_clock_is_served_ahead() {
    // A backup of half an hour a day, at another time on each instance.
    let rows: Vec<UsageSeries> = (0..10u64)
        .map(|vm| series(&format!("vm{vm}"), "disk_write", 288 * 21, move |step| (step + 300 - 20 * vm) % 288 < 6))
        .collect();
    let workload = &Workload::all(&rows)[0];
    let options = DriverOptions::default();
    let sum = |tallies: Vec<sim::backtest::drivers::SlotTally>| {
        tallies.iter().fold((0, 0, 0), |sum, one| (sum.0 + one.episodes, sum.1 + one.ready, sum.2 + one.idle))
    };
    let (episodes, ready, idle) = sum(tally(&ForerunDrivers, workload, &options));
    let (_, on_demand, lingering) = sum(tally(&OnDemand, workload, &options));
    assert!(ready * 10 >= episodes * 8, "{ready} of {episodes}");
    assert!(on_demand == 0 && idle * 4 < lingering, "{on_demand} {idle} {lingering}");
    assert_eq!(sum(tally(&Persistence, workload, &options)).1, 0);
    assert_eq!(workload.slots[0].profile, Profile::StorageHighThroughput);
}

#[test]
fn traces_that_say_next_to_nothing() {
    let finite = |policy: &DriverCard| policy.combined_cost.is_finite() && policy.ready_before_use_percent.is_finite();
    let lone = series("a", "cpu", 1, |_| true);
    let unknown = UsageSeries { values: vec![f32::NAN; 5], ..lone.clone() };
    let silent = UsageSeries { metric: "queue_time".to_owned(), ..lone.clone() };
    for rows in [vec![], vec![lone], vec![unknown], vec![silent]] {
        let card = run(&Workload::all(&rows), &DriverOptions::default(), &|_, _| {});
        assert!(card.policies.len() == 6 && card.policies.values().all(finite));
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

/// At least 90 % ready before use, at most 30 % of loads in vain, and cheaper than every peer.
fn holds_what_is_promised(card: &DriverScorecard) {
    let ours = &card.policies[SUBJECT];
    assert!(ours.ready_before_use_percent >= 90.0, "{}", card.table());
    assert!(ours.wasted_load_percent <= 30.0, "{}", card.table());
    assert!(card.losses().is_empty(), "{:?}\n{}", card.losses(), card.table());
}

#[test]
fn business_machines_of_three_months() {
    let Some(path) = trace("bitbrains_rnd.usage.csv.gz") else { return };
    let workloads = Workload::all(&read_usage(&path).unwrap());
    holds_what_is_promised(&run(&workloads, &DriverOptions::default(), &|_, _| {}));
}

#[test]
fn image_pods_of_a_day() {
    let Some(path) = trace("gentd26_pods.usage.csv.gz") else { return };
    let workloads = Workload::all(&read_usage(&path).unwrap());
    holds_what_is_promised(&run(&workloads, &DriverOptions::default(), &|_, _| {}));
}
