//! What the access backtest promises: rules that hold for every policy, and the figures on traces where these are at hand.

use std::path::{Path, PathBuf};

use sim::backtest::access::{AccessScorecard, PLACES, SUBJECT, run};
use sim::baselines::access::all;
use sim::trace::{Access, AccessTrace, read_access};

/// A reproducible number below `range`.
fn mixed(seed: u64, range: u64) -> u64 {
    predict::sequence::spread(seed) % range
}

/// Two streams with loops, sequences and noise; `salt` decides what happens from row `from` on.
fn made_up(rows: u64, from: u64, salt: u64) -> AccessTrace {
    let access = |row: u64| {
        let seed = row | if row >= from { salt << 40 } else { 0 };
        let key = match mixed(seed, 10) {
            0..4 => 1_000 + row % 37,
            4..7 => 5_000 + row / 2,
            7..9 => mixed(seed + 1, 20),
            _ => mixed(seed + 2, 1 << 30),
        };
        Access { at_s: None, stream: u32::from(mixed(seed + 3, 3) == 0), key, blocks: 1 + mixed(key, 4) as u32, op: None }
    };
    AccessTrace { streams: vec!["a".to_owned(), "b".to_owned()], numbered: true, accesses: (0..rows).map(access).collect() }
}

#[test]
fn nobody_looks_ahead_and_every_guess_stands_once() {
    let (rows, from) = (3_000, 2_500);
    let (one, other) = (made_up(rows, from, 0), made_up(rows, from, 77));
    assert_ne!(one, other);
    for policy in all() {
        let mut guessers = [policy.begin(&one), policy.begin(&other)];
        for row in 0..=from as usize {
            let stream = one.accesses[row.min(from as usize - 1)].stream;
            let guesses = guessers.each_mut().map(|guesser| {
                let mut guess = Vec::new();
                guesser.guess(stream, &mut guess);
                guess
            });
            assert_eq!(guesses[0], guesses[1], "{} at row {row}", policy.name());
            let first = &guesses[0][..guesses[0].len().min(PLACES)];
            assert!((1..first.len()).all(|place| !first[..place].contains(&first[place])), "{}: {first:?}", policy.name());
            if row < from as usize {
                guessers.iter_mut().for_each(|guesser| guesser.observe(&one.accesses[row]));
            }
        }
    }
}

#[test]
fn the_same_trace_gives_the_same_card_beside_any_other() {
    let (one, other) = (made_up(2_000, 2_000, 0), made_up(1_000, 0, 5));
    let alone = run(&[("one".to_owned(), one.clone())], &|_, _| {});
    let together = run(&[("other".to_owned(), other), ("one".to_owned(), one)], &|_, _| {});
    assert_eq!(alone.traces["one"], together.traces["one"]);
}

#[test]
fn the_json_is_what_programs_expect() {
    let card = run(&[("t".to_owned(), made_up(500, 500, 0))], &|_, _| {});
    let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&card).unwrap()).unwrap();
    let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&json), ["kind", "traces"]);
    assert_eq!(json["kind"], "access");
    assert_eq!(names(&json["traces"]["t"]), ["abstained", "policies"]);
    assert!(json["traces"]["t"]["abstained"].is_boolean());
    let peers = ["forerun", "frequency", "last_run", "order_0", "order_1", "order_3", "ppm_3", "readahead"];
    assert_eq!(names(&json["traces"]["t"]["policies"]), peers);
    for peer in peers {
        let figures = &json["traces"]["t"]["policies"][peer];
        assert_eq!(names(figures), ["top1", "top5"]);
        assert!(figures["top1"].as_f64().unwrap() <= figures["top5"].as_f64().unwrap());
    }
}

#[test]
fn a_trace_without_rows_is_no_failure() {
    let empty = AccessTrace { streams: Vec::new(), numbered: true, accesses: Vec::new() };
    let card = run(&[("e".to_owned(), empty)], &|_, _| {});
    assert!(card.traces["e"].policies.values().all(|figures| figures.top1 == 0.0 && figures.top5 == 0.0));
}

#[expect(clippy::disallowed_methods, reason = "the traces are files")]
fn trace(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(format!("{name}.access.csv.gz"));
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// The card of those of `names` that are there, each cut after `most` rows.
fn card(names: &[&str], most: usize) -> Option<AccessScorecard> {
    let mut traces = Vec::new();
    for name in names {
        let Some(path) = trace(name) else { continue };
        let mut trace = read_access(&path).expect("the trace is as promised");
        trace.accesses.truncate(most);
        traces.push(((*name).to_owned(), trace));
    }
    (!traces.is_empty()).then(|| run(&traces, &|_, _| {}))
}

#[test]
fn ours_is_the_best_on_every_trace() {
    let names =
        ["lirs", "cloudphysics_2h", "shell_purdue", "shell_schonlau", "spec_pages", "arc_workstations", "cache2k_orm"];
    let Some(card) = card(&names, 60_000) else { return };
    assert_eq!(card.losses(), Vec::<String>::new());
    for (name, trace) in &card.traces {
        assert!(!trace.abstained, "{name} can be predicted");
        let (ours, ppm) = (trace.policies[SUBJECT], trace.policies["ppm_3"]);
        assert!(ours.top1 >= ppm.top1 + 0.02, "{name}: {ours:?} against {ppm:?}");
        let outcome = trace.outcome;
        assert!(outcome.used > 0 && outcome.used <= outcome.staged && outcome.used_bytes <= outcome.staged_bytes);
    }
}

#[test]
fn what_cannot_be_predicted_is_left_alone() {
    let Some(card) = card(&["corda_vault", "cache2k_web"], usize::MAX) else { return };
    assert_eq!(card.losses(), Vec::<String>::new());
    for (name, trace) in &card.traces {
        assert!(trace.abstained && trace.outcome.staged == 0, "{name}: {:?}", trace.outcome);
    }
}
