//! Pools in the engine: what is used regularly is ready when it is due, decisions have reasons, and can be undone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use decide::{Engine, Settings};
use model::{
    Action, Bounds, Bytes, Capacity, Decision, MilliCores, Mode, Moment, Observation, Ordinal, Outcome, Resource, RunEvent,
    Scope, Setting, Span, TargetId, TargetKind, TargetSpec, Tier, Trigger, WallTime,
};

const POOL: Ordinal = Ordinal(0);

struct World {
    engine: Engine,
    second: u64,
    warm: u32,
    runs: u64,
}

impl World {
    fn new(at_least: u32, mode: Mode) -> World {
        let mut settings = Settings { mode, ..Settings::default() };
        settings.load.manage.extend([Resource::WarmInstances, Resource::FrozenInstances]);
        let mut world = World { engine: Engine::new(settings), second: 0, warm: 0, runs: 0 };
        world.tell(&Observation::Capacity(Capacity { cpu: MilliCores(2_000), memory: Bytes(4_000_000_000) }));
        let spec = TargetSpec {
            id: TargetId::new("pool:python"),
            kind: TargetKind::Pool,
            tier: Tier::Standard,
            bounds: Bounds::default(),
            application: None,
        };
        world.tell(&Observation::TargetAppeared { target: POOL, spec });
        let settings =
            [Resource::WarmInstances, Resource::FrozenInstances].map(|resource| (resource, Setting::Instances(0)));
        world.tell(&Observation::Settings { target: POOL, settings: settings.to_vec() });
        let (memory, cold) = (Bytes(170_000_000), Span::from_millis(808));
        world.tell(&Observation::PoolPriced { target: POOL, memory, cold, at_least, at_most: 8 });
        world
    }

    fn wall(&self) -> WallTime {
        WallTime::from_unix_secs(1_704_067_200 + self.second as i64)
    }

    fn tell(&mut self, observation: &Observation) -> Vec<Decision> {
        self.engine.step(Moment::after_start(Span::from_secs(self.second)), observation).to_vec()
    }

    /// Ten seconds pass; what is decided is applied.
    fn pass(&mut self) -> Vec<Decision> {
        self.second += 10;
        let wall = self.wall();
        let decisions = self.tell(&Observation::Samples { wall, samples: Vec::new() });
        for decision in &decisions {
            if decision.action.resource() == Resource::WarmInstances && decision.mode == Mode::Act {
                self.warm = decision.action.after().amount().unwrap() as u32;
            }
            self.tell(&Observation::Done { ticket: decision.ticket, outcome: Outcome::Applied });
        }
        decisions
    }

    fn run(&mut self) {
        self.runs += 1;
        let event = |ended, at| RunEvent { target: POOL, run: self.runs, at, ended };
        let (began, ended) = (event(false, self.wall()), event(true, self.wall().plus(Span::from_millis(200))));
        self.tell(&Observation::Runs(vec![began, ended]));
    }
}

#[test]
fn a_timer_finds_an_instance_ready_and_nobody_else_pays_for_it() {
    let mut world = World::new(0, Mode::Recommend);
    let (mut hits, mut due, mut ready, mut seen_habit) = (0, 0, 0, false);
    for tick in 0..6 * 60 * 12 {
        let decisions = world.pass();
        for decision in decisions {
            assert_eq!(decision.mode, Mode::Act, "pools are forerun's own");
            seen_habit |= decision
                .because
                .habit
                .and_then(|habit| habit.period)
                .is_some_and(|(period, _)| period == Span::from_secs(900));
        }
        let late = tick > 6 * 60 * 6;
        ready += u32::from(late && world.warm > 0);
        // Every fifteen minutes, in the middle of a minute.
        if tick % 90 == 45 {
            (hits, due) = (hits + u32::from(late && world.warm > 0), due + u32::from(late));
            world.run();
        }
    }
    assert!(due >= 23 && hits == due, "{hits} of {due}");
    assert!(ready < 6 * 60 * 6 / 5, "ready in {ready} of 2,160 rounds");
    assert!(seen_habit, "the reasons name the period");
}

#[test]
fn what_is_asked_for_at_least_is_ready_at_once_within_the_bound_on_memory() {
    let mut world = World::new(2, Mode::Recommend);
    let decisions = world.pass();
    assert_eq!(decisions.len(), 1);
    let Action::Set { before, after, .. } = decisions[0].action else { panic!("{decisions:?}") };
    assert_eq!((before, after), (Setting::Instances(0), Setting::Instances(2)));
    assert_eq!(decisions[0].because.trigger, Trigger::Predicted);
    assert!(world.pass().is_empty());
}

#[test]
fn observing_makes_nothing_and_undo_puts_back() {
    let mut world = World::new(2, Mode::Observe);
    assert!(world.pass().is_empty());
    world.tell(&Observation::ModeSet { scope: Scope::All, mode: Mode::Act });
    world.second += 60;
    let decisions = world.pass();
    assert_eq!(decisions.len(), 1);
    let undone = world.tell(&Observation::UndoAsked(decisions[0].ticket));
    assert_eq!(undone.len(), 1);
    assert_eq!(undone[0].action.after(), Setting::Instances(0));
    world.tell(&Observation::Done { ticket: undone[0].ticket, outcome: Outcome::Applied });
    // What a person took back rests.
    world.second += 60;
    assert!(world.pass().is_empty());
}
