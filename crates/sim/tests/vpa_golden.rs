//! The VPA recommender equals the real one in every cell of the golden vectors: 1,536 rows of six figures.

use std::path::PathBuf;

use model::{Moment, Span};
use predict::Buckets;
use sim::baselines::vpa::container::{Confidence, Peaks, Samples, Scale, recommend};

const ROW_SAMPLES: usize = 60;

#[test]
#[expect(clippy::disallowed_methods, reason = "the golden vectors are files")]
fn every_cell_equals_the_real_recommender() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    if !folder.is_dir() {
        eprintln!("skipped: no golden vectors at {}", folder.display());
        return;
    }
    let mut rows = 0;
    for name in ["crane1", "crane6", "crane11", "crane14"] {
        let input = std::fs::read_to_string(folder.join(format!("in_{name}.csv"))).expect("input");
        let golden = std::fs::read_to_string(folder.join(format!("vpa_{name}.csv"))).expect("golden");
        let ours = recommendations(&input);
        assert_eq!(ours.len(), golden.lines().count(), "{name}");
        let different: Vec<(&String, &str)> = ours.iter().zip(golden.lines()).filter(|(ours, real)| ours != real).collect();
        assert!(different.is_empty(), "{name}: {} rows differ, first {:?}", different.len(), different.first());
        rows += ours.len();
    }
    assert_eq!(rows, 1_536);
}

/// `n,lowCPUm,targetCPUm,upCPUm,lowMemB,targetMemB,upMemB` after every 60 samples.
fn recommendations(input: &str) -> Vec<String> {
    let minute = Span::from_secs(60);
    let mut cpu = Samples::new(Buckets::cpu_cores(), Scale::CPU);
    let mut memory = Peaks::new(Buckets::memory_bytes(), Scale::MEMORY);
    let mut confidence = Confidence::default();
    let mut rows = Vec::new();
    for (index, line) in input.lines().enumerate() {
        let (seconds, value) = line.split_once(',').expect("two cells");
        let at = Moment::after_start(Span::from_secs(seconds.parse().expect("seconds")));
        let value: f64 = value.parse().expect("a number");
        cpu.add(value, at);
        memory.add((value * f64::from(1 << 30)).floor(), at);
        confidence.count(at, minute);
        if (index + 1) % ROW_SAMPLES == 0 {
            let days = confidence.days();
            let c = recommend(cpu.histogram(), &Scale::CPU, days).expect("samples");
            let m = recommend(memory.histogram(), &Scale::MEMORY, days).expect("peaks");
            let n = index + 1;
            rows.push(format!("{n},{},{},{},{},{},{}", c.lower, c.target, c.upper, m.lower, m.target, m.upper));
        }
    }
    rows
}
