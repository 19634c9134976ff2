//! The load backtest at its border: nobody but the oracle sees ahead, equal violations are equal, the outputs have the
//! promised shape.

use model::Span;
use sim::backtest::load::{
    CURVE, Entrant, Grid, LEVELS, LoadOptions, Policy, Scorecard, SweptPolicy, allocations_at, run, score_series,
};
use sim::baselines::{LastWindow, peers};
use sim::report::{Sample, html};
use sim::trace::{Unit, UsageSeries};

/// A daily wave with seeded noise and bursts; one reading in a hundred is missing.
fn series(name: &str, metric: &str, days: usize, seed: u64) -> UsageSeries {
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    let values = (0..days * 288)
        .map(|step| {
            let day = (step as f32 / 288.0 * std::f32::consts::TAU).sin();
            let burst = if random() < 0.01 { 4.0 } else { 0.0 };
            let value = 3.0 + day + random() + burst;
            if random() < 0.01 { f32::NAN } else { value }
        })
        .collect();
    UsageSeries {
        series: name.to_owned(),
        metric: metric.to_owned(),
        unit: Unit::Cores,
        capacity: None,
        start: None,
        step: Span::from_secs(300),
        values,
    }
}

/// The last window's peak times the knob, as a policy with a knob of its own.
struct Reactive;

impl SweptPolicy for Reactive {
    fn name(&self) -> &'static str {
        "forerun"
    }
    fn knobs(&self) -> Vec<f64> {
        (0..600).map(|step| 1.0 + f64::from(step) * 0.005).collect()
    }
    fn default_knob(&self) -> f64 {
        1.15
    }
    fn run(&self, series: &UsageSeries, window: usize, knob: f64) -> Vec<f32> {
        let mut peak = f32::NAN;
        let windows = series.values.chunks(window).map(|steps| {
            let allocation = peak * knob as f32;
            let highest = steps.iter().copied().fold(f32::NAN, f32::max);
            if !highest.is_nan() {
                peak = highest;
            }
            allocation
        });
        windows.collect()
    }
}

#[test]
fn no_peer_sees_ahead() {
    let options = LoadOptions::default();
    for metric in ["cpu", "mem"] {
        let whole = series("a", metric, 20, 1);
        let mut changed = whole.clone();
        let cut_window = 2_000;
        let grid = Grid::of(&whole, options.window);
        for value in &mut changed.values[grid.steps_of(cut_window).start..] {
            *value = 50.0;
        }
        for peer in peers() {
            if peer.name() == "oracle" {
                continue;
            }
            let before = bases(peer.as_ref(), &whole, &grid);
            let after = bases(peer.as_ref(), &changed, &grid);
            for (variant, (before, after)) in before.iter().zip(&after).enumerate() {
                let differs = (0..=cut_window).find(|&window| before[window].to_bits() != after[window].to_bits());
                assert_eq!(differs, None, "{} {metric} variant {variant}", peer.name());
            }
            let learns = (cut_window + 1..grid.windows).any(|window| before[0][window] != after[0][window]);
            assert!(learns, "{} {metric} does not learn", peer.name());
        }
    }
}

/// Runs a policy the way the backtest does.
fn bases(policy: &dyn Policy, series: &UsageSeries, grid: &Grid) -> Vec<Vec<f32>> {
    let about = series.about(grid);
    let mut state = policy.begin(&about);
    let mut row = vec![f32::NAN; policy.variants(about.kind()).len()];
    let mut bases = vec![Vec::new(); row.len()];
    for window in 0..grid.windows {
        let steps = &series.values[grid.steps_of(window)];
        row.fill(f32::NAN);
        state.allocate(&mut row);
        bases.iter_mut().zip(&row).for_each(|(base, &amount)| base.push(amount));
        steps.iter().for_each(|&value| state.observe((!value.is_nan()).then_some(value)));
    }
    bases
}

#[test]
fn exact_factors_violate_no_more_than_the_level() {
    let options = LoadOptions::default();
    let one = series("a", "cpu", 12, 7);
    let grid = Grid::of(&one, options.window);
    for peer in peers() {
        let allocations = allocations_at(&one, &Entrant::Scaled(peer.as_ref()), &options, 1.0).expect("reached");
        let (mut over, mut all) = (0, 0);
        for (window, allocation) in allocations.iter().enumerate().skip(grid.cold_windows) {
            for &value in one.values[grid.steps_of(window)].iter().filter(|value| !value.is_nan()) {
                all += 1;
                // The factor is exact in f64; the allocation is rounded to f32.
                over += usize::from(value > allocation * 1.000_001);
            }
        }
        let percent = 100.0 * over as f64 / all as f64;
        assert!(percent <= 1.0 && (percent > 0.5 || peer.name() == "oracle"), "{}: {percent}", peer.name());
    }
}

#[test]
fn a_swept_knob_and_an_exact_factor_agree() {
    let one = series("a", "cpu", 12, 3);
    let entrants = [Entrant::Scaled(&LastWindow), Entrant::Swept(&Reactive)];
    let outcomes = score_series(&one, &entrants, &LoadOptions::default()).expect("long enough");
    for (level, _) in LEVELS.iter().enumerate() {
        // LastWindow may choose a variant with a floor, which can only be better.
        let (exact, swept) = (outcomes[0].at[level].expect("reached"), outcomes[1].at[level].expect("reached"));
        assert!(exact.slack <= swept.slack + 2e-3, "{exact:?} {swept:?}");
        assert!(exact.variant != 0 || (exact.slack - swept.slack).abs() < 2e-3, "{exact:?} {swept:?}");
    }
    assert_eq!(outcomes[0].default.violated_steps, outcomes[1].default.violated_steps);
}

#[test]
fn the_scorecard_has_the_promised_shape() {
    let mut all: Vec<UsageSeries> =
        (0..6).map(|n| series(&format!("s{n}"), if n % 2 == 0 { "cpu" } else { "mem" }, 10, n)).collect();
    all.push(series("short", "cpu", 1, 9));
    all[6].values.truncate(20);
    all.push(series("idle", "cpu", 10, 9));
    all[7].values.fill(0.0);
    let peers = peers();
    let mut entrants: Vec<Entrant<'_>> = peers.iter().map(|peer| Entrant::Scaled(peer.as_ref())).collect();
    entrants.push(Entrant::Swept(&Reactive));
    let options = LoadOptions::default();
    let result = run(&all, &entrants, &options, &|done, total| assert!(done <= total && total == 8));
    let card = Scorecard::of(&result, "forerun");
    let again = Scorecard::of(&run(&all, &entrants, &options, &|_, _| {}), "forerun");
    assert_eq!(card, again, "the same input gives the same scorecard");

    let json = card.to_json();
    assert_eq!((&json["kind"], &json["series"]), (&"load".into(), &6.into()));
    assert_eq!(json["skipped"], serde_json::json!({"no_use": 1, "too_short": 1}));
    for name in ["forerun", "vpa", "autopilot", "autopilot_ml", "crane", "koordinator", "krr", "last_window", "oracle"] {
        for level in ["1.0", "0.3", "0.1"] {
            let at = &json["policies"][name]["at"][level];
            assert!(at["slack_percent"].is_number() && at["changes_per_day"].is_number(), "{name} {level}: {at}");
            if name != "forerun" {
                let pair = &json["paired"][name]["at"][level];
                assert!(pair["slack_points_saved_mean"].is_number(), "{name} {level}: {pair}");
                assert!(pair["wins"].as_u64() <= pair["of"].as_u64() && pair["of"] == 6, "{name} {level}: {pair}");
            }
        }
        let default = &json["policies"][name]["default"];
        for key in ["violation_percent", "slack_percent", "changes_per_day"] {
            assert!(default[key].is_number(), "{name}: {default}");
        }
    }
    assert_eq!(json["by_metric"]["mem"]["series"], 3);
    assert_eq!(json["policies"]["oracle"]["default"]["violation_percent"], 0.0);
    for (place, level) in CURVE.into_iter().enumerate().filter(|(_, level)| *level <= 3.0) {
        let slack = |name: &str| card.all.policies[name].curve[place].slack_percent.expect("reached");
        let least = card.all.policies.keys().map(|name| slack(name)).fold(f64::INFINITY, f64::min);
        assert_eq!(slack("oracle"), least, "the oracle needs the least at {level} %");
    }

    let text = card.to_text();
    assert!(text.contains("6 series scored, 2 left out"), "{text}");
    assert!(text.contains("forerun loses to"), "a reactive policy loses somewhere: {text}");

    let sample = Sample::of(&all[0], &[entrants[0], entrants[8]], &options, 1.0);
    assert_eq!(sample.lines.len(), 2);
    let page = html("a < b", &card, &result, &[sample]);
    assert!(page.contains("a &lt; b") && !page.contains("NaN") && !page.contains("inf"), "escaped, finite");
    assert_eq!(page.matches("<svg").count(), 5, "three sections, pairs, one sample");
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}
