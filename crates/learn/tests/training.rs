//! Training at the crate's border: it learns a daily pattern, repeats itself, and ends when asked.

use std::ops::ControlFlow;

use learn::{LearnError, Sequence, Stop, TrainOptions, Trainer, train};
use model::{Span, WallTime};
use predict::recurrent::{Pace, Weights, WindowUse};

const WINDOWS_PER_DAY: usize = 24;

/// Series with a daily wave, a shift of their own, and a little noise.
fn waves(series: usize, days: usize) -> Vec<Sequence> {
    let mut word = 1u32;
    let mut noise = move || {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (word >> 8) as f32 / 16_777_216.0
    };
    (0..series)
        .map(|series| {
            let size = 10f32.powi(series as i32 % 5);
            let mut window = |at: usize| {
                let phase = at as f32 / WINDOWS_PER_DAY as f32 * std::f32::consts::TAU;
                let mean = size * (2.0 + phase.sin() + 0.1 * noise());
                WindowUse { peak: mean * (1.1 + 0.1 * noise()), mean, expected: None }
            };
            Sequence {
                windows: (0..days * WINDOWS_PER_DAY).map(|at| Some(window(at))).collect(),
                start: Some(WallTime::from_unix_secs(1_704_067_200)),
                pace: Pace { memory_windows: WINDOWS_PER_DAY as f32, grain: 0.01 },
            }
        })
        .collect()
}

fn options() -> TrainOptions {
    TrainOptions { window: Span::from_secs(3_600), hidden: 8, stretch: 16, steps_max: 300, ..TrainOptions::default() }
}

#[test]
fn learns_a_daily_pattern_better_than_persistence() {
    let trained = train(&waves(12, 20), &options(), &mut |_| ControlFlow::Continue(())).unwrap();
    let (own, persistence) = (trained.held_out.recurrent.mean(), trained.held_out.persistence.mean());
    assert!(own < 0.6 * persistence, "network {own}, persistence {persistence}");
    assert_eq!(trained.held_out.series, 12);
    assert_eq!(Weights::from_bytes(&trained.weights.to_bytes()), Ok(trained.weights));
}

#[test]
fn the_same_seed_gives_the_same_weights() {
    let few = TrainOptions { steps_max: 20, ..options() };
    let run =
        |seed| train(&waves(5, 12), &TrainOptions { seed, ..few.clone() }, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).weights, run(8).weights);
}

#[test]
fn the_caller_ends_it_with_or_without_a_result() {
    let stop_at = |last: usize, stop| {
        train(&waves(5, 12), &options(), &mut |told| match told.steps >= last {
            true => ControlFlow::Break(stop),
            false => ControlFlow::Continue(()),
        })
    };
    assert_eq!(stop_at(3, Stop::Discard), Err(LearnError::Cancelled { steps: 3 }));
    assert_eq!(stop_at(3, Stop::KeepBest).map(|trained| trained.steps), Ok(3));
}

#[test]
fn too_little_history_is_refused_and_too_much_is_cut() {
    let refused = train(&waves(1, 10), &options(), &mut |_| ControlFlow::Continue(()));
    assert_eq!(refused, Err(LearnError::TooFew { need: 1_000, have: 239 }));
    let tight = TrainOptions { memory_bytes_max: 300_000, steps_max: 2, ..options() };
    let trained = train(&waves(50, 20), &tight, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!((1..10).contains(&trained.series), "{} of 50 series fit into the budget", trained.series);
}

#[test]
fn the_thread_delivers_bytes_and_can_be_cancelled() {
    let ticking = || {
        let ticks = std::cell::Cell::new(0);
        move || {
            ticks.set(ticks.get() + 1);
            Span::from_secs(ticks.get())
        }
    };
    // The clock moves one second per look, once at the start and once per step.
    let trainer = Trainer::start(waves(5, 12), options(), Span::from_secs(5), ticking()).unwrap();
    let finished = trainer.wait().unwrap().unwrap();
    assert_eq!(finished.steps, 5);
    assert!(Weights::from_bytes(&finished.weights).is_ok());

    let endless = TrainOptions { steps_max: usize::MAX, patience: usize::MAX, ..options() };
    let mut trainer = Trainer::start(waves(5, 12), endless, Span::from_secs(u64::MAX), || Span::ZERO).unwrap();
    assert_eq!(trainer.poll(), None);
    trainer.cancel();
    assert!(matches!(trainer.wait(), Some(Err(LearnError::Cancelled { .. }))));
}
