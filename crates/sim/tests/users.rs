//! What the backtest of users promises: rules that hold for every policy, exact small cases, and the figures on traces where
//! these are at hand.

use std::path::{Path, PathBuf};

use model::{Span, WallTime};
use sim::backtest::users::{PointTally, Population, SUBJECT, UserOptions, UserPolicy, run, tally};
use sim::baselines::users::{AzureSql, FixedTimeout, HourOfWeek, SameHour, UserOracle, all};
use sim::trace::{Arrival, read_arrivals};

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;

fn population(acts: &[(f64, u64)]) -> Population {
    let arrivals = acts.iter().map(|&(at_s, user)| Arrival {
        at_s,
        unit: Some(format!("u{user}")),
        user: None,
        duration: None,
        memory: None,
    });
    Population::from_arrivals(&arrivals.collect::<Vec<_>>())
}

/// A reproducible number below `range`.
fn mixed(seed: u64, range: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) % range
}

/// Users with office hours of their own over some days; what happens from second `from` on depends on `salt`.
fn office(users: u64, days: u64, from: f64, salt: u64) -> Population {
    let mut acts = Vec::new();
    for user in 0..users {
        for half in 0..days * 48 {
            let at_s = half as f64 * 1_800.0 + mixed(user << 32 | half, 1_800) as f64;
            let seed = user << 40 | half << 8 | if at_s >= from { salt } else { 0 };
            let hour = half / 2 % 24;
            let works = (8 + user % 3..17).contains(&hour) && half / 48 % 7 < 5;
            if mixed(seed, if works { 3 } else { 200 }) == 0 {
                acts.push((at_s, user));
            }
        }
    }
    acts.sort_by(|a, b| a.0.total_cmp(&b.0));
    population(&acts)
}

fn only(policy: &dyn UserPolicy, population: &Population, label: &str) -> PointTally {
    let options = UserOptions::default();
    let place = policy.points(&options).iter().position(|one| one == label).expect("the label is one of the policy's");
    tally(policy, population, &options)[place]
}

fn idle_hours(tally: PointTally) -> f64 {
    tally.idle_ms as f64 / 3_600_000.0
}

#[test]
fn a_timeout_holds_so_long_and_no_longer() {
    // Scored from hour 50: returns after 10 h, 40 min and the rest, of which an hour's timeout reaches the second.
    let acts = population(&[(0.0, 0), (60.0 * HOUR, 0), (60.0 * HOUR + 2_400.0, 0), (100.0 * HOUR, 0)]);
    let got = only(&FixedTimeout { name: "fixed_1h", seconds: 3_600 }, &acts, "60 min");
    // 35 minutes until the return, then 55 of the hour; the first five are the sitting's.
    assert_eq!(got, PointTally { returns: 3, ready: 1, resumes: 0, used: 0, idle_ms: (35 + 55) * 60_000 });
}

#[test]
fn the_same_hour_last_week_is_held() {
    // At ten on day 0, 7 and 14, and then not on day 21; the end is on day 22.
    let acts = population(&[(10.5 * HOUR, 0), (7.0 * DAY + 10.5 * HOUR, 0), (14.0 * DAY + 10.5 * HOUR, 0), (22.0 * DAY, 1)]);
    let got = only(&SameHour, &acts, "within 0 h, timeout 0 ms");
    // Scored from about day 11: resumed at ten on day 14 and used after half an hour, resumed on day 21 in vain for an hour.
    assert_eq!((got.returns, got.ready, got.resumes, got.used), (1, 1, 2, 1));
    // On day 14 what is left of the hour after the sitting belongs to last week's hour as well.
    assert!((idle_hours(got) - (0.5 + 25.0 / 60.0 + 1.0)).abs() < 1e-6, "{}", idle_hours(got));
}

#[test]
fn hours_of_the_week_are_held_by_frequency() {
    let mut acts: Vec<(f64, u64)> = (0..8).map(|week| (week as f64 * 7.0 * DAY + 10.5 * HOUR, 0)).collect();
    acts.push((8.0 * 7.0 * DAY, 1));
    let got = only(&HourOfWeek, &population(&acts), "share 0.75, timeout 0 ms");
    // Weeks 4 to 7 are scored; each time the hour was active in all weeks before.
    assert_eq!((got.returns, got.ready, got.resumes, got.used), (4, 4, 4, 4));
}

#[test]
fn azure_resumes_when_enough_of_four_weeks_had_a_login_in_the_window() {
    let mut acts: Vec<(f64, u64)> = (0..12).map(|week| (week as f64 * 7.0 * DAY + 10.5 * HOUR, 0)).collect();
    acts.push((12.0 * 7.0 * DAY, 1));
    let acts = population(&acts);
    let got = only(&AzureSql, &acts, "4 of 4, window 60 min, timeout 0 ms");
    // The window reaches half past ten from half past nine on: resumed an hour ahead, and used, in each of weeks 6 to 11. The
    // slide that covers the login itself is held on to its end.
    assert_eq!((got.returns, got.ready, got.resumes, got.used), (6, 6, 6, 6));
    assert!((idle_hours(got) / 6.0 - 55.0 / 60.0).abs() < 0.1, "{}", idle_hours(got));
    // One week without a login among four is one too many: week 5 has none, so that of weeks 4, 6 and 7 only the first is ready.
    let mut gap: Vec<(f64, u64)> = [0, 1, 2, 3, 4, 6, 7].map(|week| (f64::from(week) * 7.0 * DAY + 10.5 * HOUR, 0)).to_vec();
    gap.push((8.0 * 7.0 * DAY, 1));
    assert_eq!(only(&AzureSql, &population(&gap), "4 of 4, window 60 min, timeout 0 ms").ready, 1);
    assert_eq!(only(&AzureSql, &population(&gap), "3 of 4, window 60 min, timeout 0 ms").ready, 3);
}

#[test]
fn the_oracle_is_always_ready_and_never_idle() {
    let acts = office(5, 30, f64::INFINITY, 0);
    let got = only(&UserOracle, &acts, "knows");
    assert!(got.returns > 100 && got.ready == got.returns && got.used == got.resumes && got.resumes == got.returns);
    assert!(idle_hours(got) < 0.001);
}

#[test]
fn nobody_looks_ahead_but_the_oracle() {
    let from = 40.0 * DAY;
    let (one, other) = (office(6, 60, from, 0), office(6, 60, from, 77));
    let options = UserOptions::default();
    for policy in all().iter().filter(|policy| policy.name() != "oracle") {
        let points = policy.points(&options).len();
        let mut watchers = [policy.begin(&one, &options), policy.begin(&other, &options)];
        let mut held = [vec![true; points], vec![true; points]];
        let common = one.acts.iter().take_while(|act| (act.0.unix_secs() as f64) < from);
        for &(at, user) in common {
            for (watcher, held) in watchers.iter_mut().zip(&mut held) {
                watcher.acted(user, at);
                held.fill(true);
                let mut due = Some(at.plus(Span::from_secs(300)));
                let until = at.plus(Span::from_secs(400));
                while let Some(now) = due.filter(|&now| now < until) {
                    due = watcher.look(user, now, held);
                }
            }
            assert!(held[0] == held[1], "{} differs after {at:?}", policy.name());
        }
    }
}

#[test]
fn ours_beats_every_peer_where_there_are_habits_and_is_deterministic() {
    let acts = office(30, 120, f64::INFINITY, 0);
    let options = UserOptions::default();
    let card = run(&acts, &options, &|_, _| {});
    assert_eq!(card, run(&acts, &options, &|_, _| {}));
    for one in card.comparisons() {
        assert!(one.mean_ratio < 1.0, "{one:?}");
    }
    let ours = &card.policies[SUBJECT];
    for name in ["fixed_7h", "azure_sql", "same_hour_last_week"] {
        let ready = card.policies[name].points[0].ready_percent;
        assert!(ours.used_at(ready).is_some_and(|used| used >= 75.0), "{name}: {:?}", ours.used_at(ready));
    }
}

#[test]
fn the_document_has_the_promised_form() {
    let card = run(&office(3, 20, f64::INFINITY, 0), &UserOptions::default(), &|_, _| {});
    let document: serde_json::Value = serde_json::to_value(&card).unwrap();
    assert_eq!(document["kind"], "users");
    assert_eq!(document.as_object().unwrap().len(), 2);
    for (name, policy) in document["policies"].as_object().unwrap() {
        let points = policy["points"].as_array().unwrap();
        assert!(!points.is_empty(), "{name}");
        for point in points {
            let fields: Vec<&str> = point.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["idle_hours_per_user_day", "ready_percent", "used_percent"], "{name}");
            assert!(point.as_object().unwrap().values().all(serde_json::Value::is_f64), "{name}: {point}");
        }
    }
    let page = sim::report::users::html("a<b", &card);
    assert!(page.contains("Backtest: a&lt;b") && page.ends_with("</html>\n") && !page.contains("NaN"));
}

#[test]
fn nobody_and_a_single_act_are_scored_without_fuss() {
    for acts in [population(&[]), population(&[(5.0, 0)])] {
        let card = run(&acts, &UserOptions::default(), &|_, _| {});
        let points = card.policies.values().flat_map(|card| &card.points);
        assert!(points.clone().count() > 100);
        assert!(points.clone().all(|point| point.ready_percent == 0.0 && point.idle_hours_per_user_day == 0.0));
    }
    assert_eq!(population(&[]).scored_from(), WallTime::default());
}

#[expect(clippy::disallowed_methods, reason = "the traces are files")]
fn trace(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn the_small_traces_keep_the_promise() {
    for name in ["gentd26_requests.arrivals.csv.gz", "surf_lisa.arrivals.csv.gz"] {
        let Some(path) = trace(name) else { continue };
        let card = run(&Population::from_arrivals(&read_arrivals(&path).unwrap()), &UserOptions::default(), &|_, _| {});
        for one in card.comparisons() {
            assert!(one.mean_ratio < 1.0 + 1e-9 && one.worst.is_none_or(|worst| worst.0 < 1.15), "{name}: {one:?}");
        }
        let best = |name: &str| card.policies[name].points[0].ready_percent;
        let best =
            ["azure_sql", "hour_of_week", "same_hour_last_week", "fixed_7h"].into_iter().map(best).fold(0.0, f64::max);
        assert!(card.policies[SUBJECT].used_at(best).is_some_and(|used| used >= 80.0), "{name} at {best}");
    }
}
