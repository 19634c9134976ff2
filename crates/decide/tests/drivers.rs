//! How the planner of driver modules behaves on needs that are made up.

use decide::drivers::{DriverPlanner, DriverSettings, Intensity, Profile};
use model::{Span, WallTime};
use predict::hazard::Needed;

const STEP: Span = Span::from_secs(300);

fn settings() -> DriverSettings {
    DriverSettings { step: STEP, ..DriverSettings::default() }
}

/// Runs one slot over `steps` and returns, per step, whether its module stood loaded in it.
fn run(settings: DriverSettings, steps: u32, level: impl Fn(u32) -> Option<f32>) -> (DriverPlanner, Vec<bool>) {
    let mut planner = DriverPlanner::new(settings);
    planner.add(0, Profile::NetworkHighThroughput);
    let mut loaded = Vec::new();
    for step in 0..steps {
        loaded.push(planner.loaded()[0]);
        let seen = level(step).map(|level| Needed { needed: level >= 1.0, level });
        planner.step(&[seen], WallTime::from_unix_secs(300 * i64::from(step + 1)));
    }
    (planner, loaded)
}

fn loads(loaded: &[bool]) -> usize {
    loaded.windows(2).filter(|pair| !pair[0] && pair[1]).count()
}

#[test]
fn what_is_always_needed_stays_and_what_never_is_stays_away() {
    let (planner, loaded) = run(settings(), 400, |_| Some(2.0));
    assert!(loaded[1..].iter().all(|&loaded| loaded));
    let because = planner.predicted(0);
    assert_eq!((because.len(), because[0].profile), (1, Profile::NetworkHighThroughput));
    assert!(because[0].chance > 0.9 && because[0].intensity == Intensity::High && !because[0].capped);
    let (planner, loaded) = run(settings(), 400, |_| Some(0.1));
    assert!(loaded[100..].iter().all(|&loaded| !loaded) && planner.predicted(0).is_empty());
    assert!(planner.chances()[0] < planner.because(0).load_from);
}

#[test]
fn a_timer_is_met_ahead_and_its_module_shed_afterwards() {
    // Half an hour of need every ten hours: keeping the module through the gap costs more than switching.
    let (_, loaded) = run(settings(), 120 * 40, |step| Some(if step % 120 < 6 { 1.2 } else { 0.1 }));
    let late = 120 * 30..120 * 40;
    let begins = late.clone().filter(|step| step % 120 == 0);
    assert!(begins.filter(|&step| loaded[step]).count() >= 8);
    let idle = late.filter(|&step| step % 120 >= 6 && loaded[step]).count();
    assert!(idle < 114 * 10 / 4, "{idle}");
}

#[test]
fn residence_time_and_load_budget_hold() {
    let flicker = |step: u32| Some(if step.is_multiple_of(40) { 2.0 } else { 0.1 });
    let longest = DriverSettings { residence: Span::from_secs(3_600), ..settings() };
    let (_, loaded) = run(longest, 2_000, flicker);
    let mut since = None;
    for (step, pair) in loaded.windows(2).enumerate() {
        match pair {
            [false, true] => since = Some(step),
            [true, false] => assert!(step - since.unwrap() >= 12, "unloaded after {} steps", step - since.unwrap()),
            _ => {}
        }
    }
    // A load a day: over a week at most seven and the burst of one.
    let rarely = DriverSettings { loads_per_hour: 1.0 / 24.0, ..settings() };
    let (_, loaded) = run(rarely, 288 * 7, flicker);
    assert!(loads(&loaded) <= 8, "{}", loads(&loaded));
}

#[test]
fn without_readings_nothing_moves() {
    let (_, loaded) = run(settings(), 300, |step| (step < 100).then_some(2.0));
    assert!(loaded[1..].iter().all(|&loaded| loaded));
}

#[test]
fn a_new_instance_starts_from_what_others_taught() {
    // Ten instances need their disk for three steps whenever it begins; the eleventh appears late.
    let mut planner = DriverPlanner::new(settings());
    (0..11).for_each(|instance| {
        planner.add(instance, Profile::StorageHighThroughput);
    });
    let needed = |instance: u32, step: u32| (step + 11 * instance) % 150 < 30;
    let mut seen = vec![None; 11];
    for step in 0..3_000 {
        for (instance, seen) in seen.iter_mut().enumerate().take(10) {
            let on = needed(instance as u32, step);
            *seen = Some(Needed { needed: on, level: if on { 1.5 } else { 0.1 } });
        }
        planner.step(&seen, WallTime::from_unix_secs(300 * i64::from(step + 1)));
    }
    // It is quiet, then begins: from its first needed step it is expected to go on, as it does with others.
    for step in 3_000..3_010 {
        let on = step == 3_009;
        seen[10] = Some(Needed { needed: on, level: if on { 1.5 } else { 0.1 } });
        planner.step(&seen, WallTime::from_unix_secs(300 * i64::from(step + 1)));
    }
    assert!(planner.chances()[10] > 0.5 && planner.loaded()[10], "{}", planner.chances()[10]);
}
