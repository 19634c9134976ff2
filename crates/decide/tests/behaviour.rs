//! What the load planner and the rails do, one behaviour at a time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use decide::{Engine, Settings};
use model::{
    Action, Announcement, AnnouncementId, Bounds, Bytes, Capacity, Decision, History, Metric, MilliCores, Mode, Observation,
    Ordinal, Outcome, Resource, Scope, Setting, Span, TargetSample, Ticket, Tier, Trigger, Wait,
};
use support::{Chance, MIB, appears, at, cpu, memory, sample, settings, spec, wall};

/// Minutes are the samples, ten of them a window.
const WINDOW: u64 = 600;

/// An engine and a host that does at once what it decides.
struct Host {
    engine: Engine,
    second: u64,
    /// How actions end.
    outcome: fn(&Decision) -> Outcome,
}

impl Host {
    fn new(change: impl FnOnce(&mut Settings)) -> Host {
        let mut with = Settings { mode: Mode::Act, ..Settings::default() };
        with.load.window = Span::from_secs(WINDOW);
        with.load.sample_interval = Span::from_secs(60);
        with.rails.stale_after = Span::from_secs(150);
        change(&mut with);
        Host { engine: Engine::new(with), second: 0, outcome: |_| Outcome::Applied }
    }

    fn tell(&mut self, observation: &Observation) -> Vec<Decision> {
        let now = at(self.second);
        let decisions = self.engine.step(now, observation).to_vec();
        for decision in decisions.iter().filter(|decision| decision.mode == Mode::Act) {
            let outcome = (self.outcome)(decision);
            self.engine.step(now, &Observation::Done { ticket: decision.ticket, outcome });
        }
        decisions
    }

    /// A minute passes, then these samples come in.
    fn minute(&mut self, samples: Vec<TargetSample>) -> Vec<Decision> {
        self.second += 60;
        let wall = wall(self.second);
        self.tell(&Observation::Samples { wall, samples })
    }

    /// `minutes` of one target at `cores` and 100 MiB, a little unsteady.
    fn minutes(&mut self, minutes: u64, cores: impl Fn(u64) -> f32) -> Vec<Decision> {
        (0..minutes).flat_map(|_| self.minute(vec![sample(0, cores(self.second + 60), 100.0)])).collect()
    }

    fn holds(&self, target: u32, resource: Resource) -> u64 {
        let place = self.engine.settings().load.manage.iter().position(|managed| *managed == resource).unwrap();
        self.engine.target(Ordinal(target)).unwrap().knobs[place].holds.unwrap().amount().unwrap_or(u64::MAX)
    }

    fn wait(&self, target: u32, resource: Resource) -> Option<Wait> {
        let view = self.engine.target_view(Ordinal(target)).unwrap();
        view.knobs.iter().find(|knob| knob.resource == resource).unwrap().wait
    }
}

/// A host with one target of `tier` whose knobs hold 4 cores and 1 GiB.
fn one(tier: Tier, change: impl FnOnce(&mut Settings)) -> Host {
    let mut host = Host::new(change);
    host.tell(&appears(0, tier));
    host.tell(&settings(0, cpu(4_000), memory(1_024)));
    host
}

/// Around `level`, by the minute.
fn unsteady(level: f32, second: u64) -> f32 {
    level * (1.0 + 0.05 * Chance(second).below(100) as f32 / 100.0)
}

/// Half a core, and two cores from 9:00 to 10:00.
fn daily(second: u64) -> f32 {
    unsteady(if (9 * 3_600..10 * 3_600).contains(&(second % 86_400)) { 2.0 } else { 0.5 }, second)
}

fn only(decisions: &[Decision], resource: Resource) -> Vec<&Decision> {
    decisions.iter().filter(|decision| decision.action.resource() == resource).collect()
}

#[test]
fn raises_before_a_daily_peak_that_it_has_learned() {
    let mut host = one(Tier::Standard, |_| {});
    host.minutes(14 * 1_440 + 530, daily);
    // 8:50 is over: the window that starts at 8:50 holds less than the peak, the one at 9:00 all of it.
    let before = host.holds(0, Resource::CpuQuota);
    assert!(before < 1_800, "{before} before the peak");
    let decisions = host.minutes(10, |second| if second % 86_400 < 9 * 3_600 { daily(second) } else { 0.5 });
    let raised = only(&decisions, Resource::CpuQuota);
    assert_eq!(raised.len(), 1, "{decisions:?}");
    assert_eq!(raised[0].because.trigger, Trigger::Predicted);
    // No sample of the peak has been seen today.
    assert!(raised[0].because.in_use < 0.6);
    assert!(host.holds(0, Resource::CpuQuota) >= 1_600, "{}", host.holds(0, Resource::CpuQuota));
}

#[test]
fn releases_at_once_below_four_fifths_and_in_steps_when_changes_are_spent() {
    for (changes_per_day, first) in [(12.0, 0..1_000), (0.5, 3_620..3_630)] {
        let mut host = one(Tier::Standard, |settings| settings.load.changes_per_day = changes_per_day);
        let decisions = host.minutes(40, |second| unsteady(0.5, second));
        let lowered = only(&decisions, Resource::CpuQuota);
        assert_eq!(lowered[0].because.trigger, Trigger::Released);
        assert!(first.contains(&lowered[0].action.after().amount().unwrap()), "{changes_per_day}: {:?}", lowered[0].action);
        // Either way it gets there, and then leaves it.
        host.minutes(400, |second| unsteady(0.5, second));
        assert!(host.holds(0, Resource::CpuQuota) < 700, "{}", host.holds(0, Resource::CpuQuota));
        assert_eq!(host.wait(0, Resource::CpuQuota), Some(Wait::Fits));
    }
}

#[test]
fn throttling_and_kills_are_answered_at_once() {
    let mut host = one(Tier::Standard, |_| {});
    host.minutes(60, |second| unsteady(0.5, second));
    let held = host.holds(0, Resource::CpuQuota);
    let throttled = TargetSample { throttled: Some(0.4), ..sample(0, 0.6, 100.0) };
    let decisions = host.minute(vec![throttled]);
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!(decisions[0].because.trigger, Trigger::Pressure);
    assert!(decisions[0].action.after().amount() >= Some(held * 3 / 2));

    let held = host.holds(0, Resource::MemoryLimit);
    let killed = TargetSample { out_of_memory_kills: 1, ..sample(0, 0.5, 100.0) };
    let decisions = host.minute(vec![killed]);
    assert_eq!(decisions[0].because.trigger, Trigger::OutOfMemory);
    // The larger of a fifth more and 100 MiB more.
    assert_eq!(decisions[0].action.after(), Setting::of(Resource::MemoryLimit, Some(held + 100 * MIB)));
}

#[test]
fn an_alarm_in_the_samples_that_turn_the_window_is_answered_too() {
    let mut host = one(Tier::Standard, |_| {});
    host.minutes(59, |second| unsteady(0.5, second));
    let held = host.holds(0, Resource::MemoryLimit);
    let decisions = host.minute(vec![TargetSample { out_of_memory_kills: 1, ..sample(0, 0.5, 100.0) }]);
    let decisions = only(&decisions, Resource::MemoryLimit);
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].because.trigger, Trigger::OutOfMemory);
    assert_eq!(decisions[0].action.after().amount(), Some(held + 100 * MIB));
}

#[test]
fn advice_to_an_alarm_is_given_once() {
    let mut host = one(Tier::Standard, |settings| settings.mode = Mode::Recommend);
    host.tell(&settings(0, cpu(600), memory(1_024)));
    let throttled = |second| TargetSample { throttled: Some(0.4), ..sample(0, unsteady(0.59, second), 100.0) };
    let decisions: Vec<Decision> = (0..120).flat_map(|_| host.minute(vec![throttled(host.second)])).collect();
    let advised = only(&decisions, Resource::CpuQuota);
    // One answer to the throttling; the forecast may add to it, never the same again.
    assert!(!advised.is_empty() && advised.len() <= 3, "{advised:?}");
    assert!(advised.iter().all(|decision| decision.mode == Mode::Recommend));
    let amounts: Vec<_> = advised.iter().map(|decision| decision.action.after().amount()).collect();
    assert!(amounts.windows(2).all(|pair| pair[0] != pair[1]), "{amounts:?}");
}

#[test]
fn recommends_once_and_is_quiet_while_nothing_changes() {
    let mut host = one(Tier::Standard, |settings| settings.mode = Mode::Recommend);
    let decisions = host.minutes(1_440, |second| unsteady(0.5, second));
    let early = decisions.iter().filter(|decision| decision.at < at(12 * 3_600)).count();
    assert!((2..=12).contains(&early), "{early}");
    assert!(decisions.len() - early <= 1, "{:?}", &decisions[early..]);
    assert!(decisions.iter().all(|decision| decision.mode == Mode::Recommend));
    assert_eq!(host.holds(0, Resource::CpuQuota), 4_000);
    let outcomes = host.engine.outcomes();
    assert_eq!(outcomes.get("recommended"), Some(&(decisions.len() as u64)));
}

/// Two targets on a host of two cores: the first wants more than is left.
fn short_host(first: Tier, second: Tier) -> (Host, Vec<Decision>) {
    let mut host = Host::new(|settings| {
        settings.load.hysteresis = 0.1;
        settings.arbiter.cpu_overcommit = model::Permille(1_000);
    });
    let capacity = Capacity { cpu: MilliCores(2_000), memory: Bytes(8 << 30) };
    host.tell(&Observation::Capacity(capacity));
    for (target, tier, held) in [(0, first, 500), (1, second, 1_400)] {
        host.tell(&appears(target, tier));
        host.tell(&settings(target, cpu(held), memory(256)));
    }
    let mut decisions = Vec::new();
    host.tell(&Observation::ModeSet { scope: Scope::All, mode: Mode::Observe });
    for minute in 0..1_480_u64 {
        if minute == 1_440 {
            host.tell(&Observation::ModeSet { scope: Scope::All, mode: Mode::Act });
        }
        // The other one needs all it holds now and then, and half of it mostly.
        let other = if minute % 10 == 3 { 1.35 } else { 0.5 };
        decisions.extend(host.minute(vec![sample(0, 0.9, 100.0), sample(1, other, 100.0)]));
    }
    (host, decisions)
}

#[test]
fn a_higher_tier_squeezes_a_lower_one_and_not_the_other_way_round() {
    let (host, decisions) = short_host(Tier::Critical, Tier::BestEffort);
    let (high, low) = (host.holds(0, Resource::CpuQuota), host.holds(1, Resource::CpuQuota));
    assert!(high >= 750 && low < 1_400 && high + low <= 1_900, "{high} {low}");
    let cut = decisions
        .iter()
        .find(|decision| decision.target == Ordinal(1) && decision.action.resource() == Resource::CpuQuota)
        .unwrap();
    assert!(cut.because.caps.contains(&model::Cap::Capacity), "{cut:?}");

    for other in [Tier::Standard, Tier::Critical] {
        let (host, decisions) = short_host(Tier::Standard, other);
        assert_eq!(host.holds(0, Resource::CpuQuota), 500, "{decisions:?}");
        assert_eq!(host.wait(0, Resource::CpuQuota), Some(Wait::NoCapacity));
    }
}

#[test]
fn a_higher_tier_gets_more_head_room_on_the_same_series() {
    let mut host = Host::new(|_| {});
    for (target, tier) in [(0, Tier::BestEffort), (1, Tier::Standard), (2, Tier::Critical)] {
        host.tell(&appears(target, tier));
        host.tell(&settings(target, cpu(4_000), memory(1_024)));
    }
    for minute in 0..2_880_u64 {
        let cores = 0.5 + 0.5 * Chance(minute).below(1_000) as f32 / 1_000.0;
        host.minute((0..3).map(|target| sample(target, cores, 100.0)).collect());
    }
    let held = [0, 1, 2].map(|target| host.holds(target, Resource::CpuQuota));
    assert!(held[0] < held[1] && held[1] < held[2], "{held:?}");
}

#[test]
fn stale_samples_stop_action() {
    let mut host = one(Tier::Standard, |_| {});
    host.minutes(25, |second| unsteady(0.5, second));
    // Nothing comes from the target any more; the clock goes on.
    let decisions: Vec<Decision> = (0..60).flat_map(|_| host.minute(Vec::new())).collect();
    assert!(decisions.is_empty(), "{decisions:?}");
    assert!(matches!(host.wait(0, Resource::CpuQuota), Some(Wait::Stale { .. } | Wait::Learning { .. })));
    host.minutes(60, |second| unsteady(0.5, second));
    host.minutes(3, |second| unsteady(0.5, second));
    (0..20).for_each(|_| assert!(host.minute(Vec::new()).is_empty()));
    assert!(matches!(host.wait(0, Resource::CpuQuota), Some(Wait::Stale { .. })), "{:?}", host.wait(0, Resource::CpuQuota));
}

#[test]
fn history_alone_moves_nothing() {
    let mut host = one(Tier::Standard, |_| {});
    let values = (0..300).map(|step| Some(unsteady(0.5, step))).collect();
    let (step, start) = (Span::from_secs(60), wall(0).minus(Span::from_secs(300 * 60)));
    let history = History { target: Ordinal(0), metric: Metric::Cpu, start, step, values };
    host.tell(&Observation::History(history));
    assert!((0..30).all(|_| host.minute(Vec::new()).is_empty()));
    assert!(matches!(host.wait(0, Resource::CpuQuota), Some(Wait::Stale { .. })));
    // With the first sample it counts.
    let decisions = host.minutes(10, |second| unsteady(0.5, second));
    assert_eq!(only(&decisions, Resource::CpuQuota).len(), 1);
}

#[test]
fn the_budget_holds_changes_back_and_lets_them_through_later() {
    let mut host = Host::new(|settings| settings.rails.changes_per_minute = 3);
    for target in 0..10 {
        host.tell(&appears(target, Tier::Standard));
        host.tell(&settings(target, cpu(4_000), memory(110)));
    }
    let mut counts = Vec::new();
    for _ in 0..40 {
        let samples = (0..10).map(|target| sample(target, 0.5, 100.0)).collect();
        counts.push(host.minute(samples).len());
    }
    assert!(counts.iter().all(|count| *count <= 3), "{counts:?}");
    // Those that had to wait did not wait for the next window.
    assert!(counts.iter().filter(|count| **count > 0).count() >= 4, "{counts:?}");
    assert!((0..10).all(|target| host.holds(target, Resource::CpuQuota) < 1_000));
}

#[test]
fn a_lowering_that_hurts_is_rolled_back_by_itself() {
    let mut host = one(Tier::Standard, |settings| {
        settings.load.react = false;
        settings.rails.probation = Span::from_secs(300);
    });
    let mut lowered = Vec::new();
    while lowered.is_empty() {
        lowered = host.minutes(1, |second| unsteady(0.5, second));
    }
    let first = only(&lowered, Resource::CpuQuota)[0].clone();
    let decisions = host.minute(vec![TargetSample { throttled: Some(0.3), ..sample(0, 0.7, 100.0) }]);
    let back = only(&decisions, Resource::CpuQuota);
    assert_eq!(back.len(), 1, "{decisions:?}");
    assert_eq!(back[0].because.trigger, Trigger::HurtAfter(first.ticket));
    assert_eq!(back[0].action.after(), cpu(4_000));
    assert_eq!(host.engine.ledger().get(first.ticket).unwrap().undone_by, Some(back[0].ticket));
    // It rests.
    let rest = host.minutes(14, |second| unsteady(0.5, second));
    assert!(only(&rest, Resource::CpuQuota).is_empty(), "{rest:?}");
    assert!(matches!(host.wait(0, Resource::CpuQuota), Some(Wait::Probation { .. })));
}

#[test]
fn what_was_measured_before_a_lowering_does_not_count_against_it() {
    let mut host = one(Tier::Standard, |settings| settings.load.react = false);
    host.minutes(29, |second| unsteady(0.5, second));
    let lowered = host.minute(vec![TargetSample { throttled: Some(0.3), ..sample(0, 0.5, 100.0) }]);
    assert!(!only(&lowered, Resource::CpuQuota).is_empty());
    assert!(host.minute(Vec::new()).is_empty());
}

#[test]
fn somebody_elses_value_is_left_alone_until_the_target_is_handed_over_again() {
    let mut host = one(Tier::Standard, |_| {});
    host.minutes(60, |second| unsteady(0.5, second));
    host.tell(&settings(0, cpu(3_000), memory(1_024)));
    let decisions = host.minutes(60, |second| unsteady(0.5, second));
    assert!(only(&decisions, Resource::CpuQuota).is_empty());
    assert_eq!(host.wait(0, Resource::CpuQuota), Some(Wait::HeldElsewhere));
    assert_eq!(host.holds(0, Resource::CpuQuota), 3_000);
    // Not even throttling changes that.
    assert!(host.minute(vec![TargetSample { throttled: Some(0.9), ..sample(0, 0.6, 100.0) }]).is_empty());

    host.tell(&Observation::ModeSet { scope: Scope::Target(Ordinal(0)), mode: Mode::Act });
    let decisions = host.minutes(2, |second| unsteady(0.5, second));
    assert!(!only(&decisions, Resource::CpuQuota).is_empty(), "not only at the next window");
}

#[test]
fn an_actuator_that_finds_another_value_hands_the_knob_over() {
    let mut host = one(Tier::Standard, |_| {});
    host.outcome = |decision| match decision.action.resource() {
        Resource::CpuQuota => Outcome::ChangedElsewhere { found: cpu(1_234) },
        _ => Outcome::Applied,
    };
    let decisions = host.minutes(120, |second| unsteady(0.5, second));
    assert_eq!(only(&decisions, Resource::CpuQuota).len(), 1);
    assert_eq!(host.holds(0, Resource::CpuQuota), 1_234);
    assert_eq!(host.wait(0, Resource::CpuQuota), Some(Wait::HeldElsewhere));
}

#[test]
fn following_advice_by_hand_does_not_lock_forerun_out() {
    let mut host = one(Tier::Standard, |settings| settings.mode = Mode::Recommend);
    host.minutes(60, |second| unsteady(0.5, second));
    host.tell(&settings(0, cpu(700), memory(160)));
    host.tell(&Observation::ModeSet { scope: Scope::All, mode: Mode::Act });
    host.minutes(20, |second| unsteady(1.5, second));
    assert!(host.holds(0, Resource::CpuQuota) > 1_000);
}

#[test]
fn undo_restores_what_was_there_rests_and_works_once() {
    let mut host = one(Tier::Standard, |_| {});
    let lowered = host.minutes(40, |second| unsteady(0.5, second));
    let tickets: Vec<Ticket> = only(&lowered, Resource::CpuQuota).iter().map(|decision| decision.ticket).collect();
    let last = *tickets.last().unwrap();
    let before = host.engine.ledger().get(last).unwrap().decision.action.before();
    if tickets.len() > 1 {
        assert!(host.tell(&Observation::UndoAsked(tickets[0])).is_empty(), "the knob holds something else by now");
    }
    // Also while the kill switch is thrown: it is a person's wish.
    host.tell(&Observation::KillSwitch(true));
    let undone = host.tell(&Observation::UndoAsked(last));
    assert_eq!(undone.len(), 1);
    assert_eq!((undone[0].because.trigger, undone[0].action.after()), (Trigger::Asked, before));
    assert!(matches!(undone[0].action, Action::Restore { undoes, .. } if undoes == last));
    assert!(host.tell(&Observation::UndoAsked(last)).is_empty(), "twice");
    host.tell(&Observation::KillSwitch(false));
    let resting = host.minutes(12, |second| unsteady(0.5, second));
    assert!(only(&resting, Resource::CpuQuota).is_empty(), "{resting:?}");
    assert!(matches!(host.wait(0, Resource::CpuQuota), Some(Wait::Probation { .. })));
    // Nor does throttling overrule a person.
    assert!(host.minute(vec![TargetSample { throttled: Some(0.9), ..sample(0, 0.6, 100.0) }]).is_empty());
}

#[test]
fn an_undo_that_failed_can_be_asked_again() {
    let mut host = one(Tier::Standard, |_| {});
    let lowered = host.minutes(40, |second| unsteady(0.5, second));
    let last = only(&lowered, Resource::CpuQuota).last().unwrap().ticket;
    host.outcome = |_| Outcome::Failed { reason: "write: EIO".into() };
    assert_eq!(host.tell(&Observation::UndoAsked(last)).len(), 1);
    host.outcome = |_| Outcome::Applied;
    assert_eq!(host.tell(&Observation::UndoAsked(last)).len(), 1);
}

#[test]
fn an_announcement_raises_ahead() {
    let announced = |expected, until| Announcement {
        id: AnnouncementId(1),
        target: Ordinal(0),
        metric: Metric::Cpu,
        from: wall(8_000),
        until: wall(until),
        expected,
        source: "cron:/etc/cron.d/backup:3".into(),
    };
    let mut host = one(Tier::Standard, |_| {});
    host.minutes(120, |second| unsteady(0.5, second));
    assert!(host.holds(0, Resource::CpuQuota) < 700);
    host.tell(&Observation::Announced(announced(Some(3.0), 9_000)));
    // 7,260 s: the announced load begins within a window's length from 7,400 s on.
    let decisions = host.minutes(10, |second| unsteady(0.5, second));
    let raised = only(&decisions, Resource::CpuQuota);
    assert_eq!(raised.len(), 1, "{decisions:?}");
    assert_eq!(raised[0].because.trigger, Trigger::Announced(AnnouncementId(1)));
    assert_eq!(raised[0].action.after(), cpu(3_000));
    assert!(raised[0].at < at(8_000));
    // When it is over the room is given back.
    host.minutes(60, |second| unsteady(0.5, second));
    assert!(host.holds(0, Resource::CpuQuota) < 1_000);
}

#[test]
fn an_announcement_without_a_figure_brings_what_earlier_ones_brought() {
    let mut host = one(Tier::Standard, |settings| settings.load.react = false);
    let run = |second: u64| unsteady(if (10_000..11_000).contains(&second) { 2.5 } else { 0.5 }, second);
    let announced = |id, from| Announcement {
        id: AnnouncementId(id),
        target: Ordinal(0),
        metric: Metric::Cpu,
        from: wall(from),
        until: wall(from + 1_000),
        expected: None,
        source: "timer:backup".into(),
    };
    host.tell(&Observation::Announced(announced(1, 10_000)));
    // Three days later, at another time of the day.
    host.minutes(4_500, run);
    assert!(host.holds(0, Resource::CpuQuota) < 2_400, "{}", host.holds(0, Resource::CpuQuota));
    host.tell(&Observation::Announced(announced(2, 270_200)));
    let decisions = host.minutes(2, run);
    let raised = only(&decisions, Resource::CpuQuota);
    assert_eq!(raised.len(), 1, "at once: it begins within the window");
    assert_eq!(raised[0].because.trigger, Trigger::Announced(AnnouncementId(2)));
    assert!(host.holds(0, Resource::CpuQuota) >= 2_500);
}

#[test]
fn a_reused_ordinal_is_a_new_target() {
    let mut host = one(Tier::Standard, |_| {});
    host.outcome = |_| Outcome::Applied;
    let lowered = host.minutes(40, |second| unsteady(0.5, second));
    let old = only(&lowered, Resource::CpuQuota).last().unwrap().ticket;
    host.tell(&Observation::ModeSet { scope: Scope::Target(Ordinal(0)), mode: Mode::Observe });
    host.tell(&Observation::TargetGone { target: Ordinal(0) });
    // Said of nobody.
    host.tell(&Observation::ModeSet { scope: Scope::Target(Ordinal(0)), mode: Mode::Observe });
    host.tell(&appears(0, Tier::Critical));
    host.tell(&settings(0, cpu(700), memory(1_024)));
    assert_eq!(host.engine.mode_for(Ordinal(0)), Mode::Act);
    assert!(host.tell(&Observation::UndoAsked(old)).is_empty(), "the decision was another target's");
    assert!(host.engine.forecast(Ordinal(0), Metric::Cpu).is_none());
}

#[test]
fn an_outcome_of_a_target_that_is_gone_does_not_touch_its_successor() {
    let mut host = one(Tier::Standard, |_| {});
    let mut ticket = None;
    for second in 0..2_500 {
        let samples = vec![sample(0, 0.5, 100.0)];
        let decisions = host.engine.step(at(second), &Observation::Samples { wall: wall(second), samples });
        ticket = ticket.or(decisions.first().map(|decision| decision.ticket));
    }
    let ticket = ticket.expect("something was decided and is under way");
    host.second = 2_500;
    host.tell(&Observation::TargetGone { target: Ordinal(0) });
    host.tell(&appears(0, Tier::Standard));
    host.tell(&settings(0, cpu(700), memory(512)));
    let before = host.engine.target(Ordinal(0)).unwrap().knobs.clone();
    host.engine.step(at(2_501), &Observation::Done { ticket, outcome: Outcome::Applied });
    assert_eq!(host.engine.target(Ordinal(0)).unwrap().knobs, before);
    assert_eq!(host.engine.ledger().get(ticket).unwrap().outcome, Some(Outcome::TargetGone));
}

#[test]
fn the_kill_switch_and_observe_decide_nothing() {
    for quiet in [Observation::KillSwitch(true), Observation::ModeSet { scope: Scope::All, mode: Mode::Observe }] {
        let mut host = one(Tier::Standard, |_| {});
        host.tell(&quiet);
        let mut decisions = host.minutes(60, |second| unsteady(0.5, second));
        decisions.extend(host.minute(vec![TargetSample {
            throttled: Some(0.9),
            out_of_memory_kills: 3,
            ..sample(0, 4.0, 100.0)
        }]));
        assert!(decisions.is_empty(), "{decisions:?}");
        assert_eq!(host.wait(0, Resource::CpuQuota), Some(Wait::Paused));
    }
}

#[test]
fn bounds_hold_and_use_wins_over_them() {
    let bounds = Bounds { cpu_max: Some(MilliCores(300)), memory_max: Some(Bytes(50 * MIB)), ..Bounds::default() };
    let mut host = Host::new(|_| {});
    host.tell(&Observation::TargetAppeared { target: Ordinal(0), spec: spec("cgroup:/bound", Tier::Standard, bounds) });
    host.tell(&settings(0, cpu(4_000), memory(1_024)));
    host.minutes(100, |second| unsteady(0.5, second));
    assert_eq!(host.holds(0, Resource::CpuQuota), 300);
    assert!(host.holds(0, Resource::MemoryLimit) >= 103 * MIB);
}

#[test]
fn what_is_under_way_is_never_forgotten() {
    let mut host = Host::new(|settings| settings.rails.ledger_entries = 1);
    for target in 0..20 {
        host.tell(&appears(target, Tier::Standard));
        host.tell(&settings(target, cpu(4_000), memory(1_024)));
    }
    for _ in 0..40 {
        let samples = (0..20).map(|target| sample(target, 0.5, 100.0)).collect();
        host.minute(samples);
    }
    assert!(host.engine.targets().all(|(_, target)| target.knobs.iter().all(|knob| knob.in_flight.is_none())));
    assert!((0..20).all(|target| host.holds(target, Resource::CpuQuota) < 1_000));
    assert_eq!(host.engine.ledger().iter().count(), 1);
}
