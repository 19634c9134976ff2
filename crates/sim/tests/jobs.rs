//! The jobs backtest on real traces: what is promised of it, where the traces are at hand.

use std::path::PathBuf;

use sim::backtest::jobs::{JobOptions, JobScorecard, SUBJECT, run};
use sim::trace::{Job, TraceError, read_jobs};

/// The jobs of a trace, or `None` where it is not at hand.
fn trace(name: &str) -> Option<Vec<Job>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(format!("{name}.jobs.csv.gz"));
    match read_jobs(&path) {
        Err(TraceError::Open { .. }) => {
            eprintln!("skipped: {} is not there", path.display());
            None
        }
        jobs => Some(jobs.expect("a trace that is there is whole")),
    }
}

fn wastage(card: &JobScorecard, policy: &str) -> f64 {
    card.policies[policy].wastage_gb_hours.expect("the trace has memory")
}

#[test]
fn wastes_a_quarter_less_than_the_best_peer_at_no_more_failures() {
    for name in ["sizey", "lotaru"] {
        let Some(jobs) = trace(name) else { continue };
        let card = run(&[jobs], &JobOptions::default(), &|_, _| {});
        let (peer, theirs) = card.best_peer().unwrap();
        let ours = &card.policies[SUBJECT];
        assert!(wastage(&card, SUBJECT) <= 0.75 * wastage(&card, peer), "{name}: {}", card.table());
        assert!(ours.failures_percent <= theirs.failures_percent, "{name}: {}", card.table());
        assert_eq!(wastage(&card, "oracle"), 0.0);
    }
}

#[test]
fn knows_run_times_better_than_the_request_and_the_last_two() {
    // The first months: the whole log takes long without optimisation.
    let Some(mut jobs) = trace("swf_kth_sp2") else { return };
    jobs.truncate(6_000);
    let card = run(&[jobs], &JobOptions::default(), &|_, _| {});
    let accuracy = |policy: &str| card.policies[policy].runtime_accuracy.unwrap();
    assert!(accuracy(SUBJECT) > accuracy("request") && accuracy(SUBJECT) > accuracy("last_two"), "{}", card.table());
    assert_eq!(card.policies[SUBJECT].wastage_gb_hours, None);
}

#[test]
fn the_same_trace_gives_the_same_scores_and_the_promised_json() {
    let Some(mut jobs) = trace("lotaru") else { return };
    jobs.truncate(300);
    let score = || serde_json::to_value(run(&[jobs.clone(), jobs.clone()], &JobOptions::default(), &|_, _| {})).unwrap();
    let (first, second) = (score(), score());
    assert_eq!(first, second);
    assert_eq!(first["kind"], "jobs");
    for name in ["forerun", "request", "max_seen", "witt", "sizey", "k_segments", "last_two", "oracle"] {
        let policy = first["policies"][name].as_object().unwrap();
        assert_eq!(policy.keys().collect::<Vec<_>>(), ["failures_percent", "runtime_accuracy", "wastage_gb_hours"]);
    }
    assert!(first["policies"]["last_two"]["wastage_gb_hours"].is_null());
}
