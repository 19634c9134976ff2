//! How long an action takes, printed; the bounds are wide, because a shared machine is slow at times.

use std::time::{Duration, Instant};

use model::{Action, Bytes, BytesPerSecond, Limit, MilliCores, Outcome, Resource, Setting};

use crate::groups::{TestGroup, Tree, actuator, skipped};

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn actions_take_microseconds() {
    let Some(group) = TestGroup::new(&[Tree::Cpu, Tree::Memory]) else { return };
    let actuator = actuator();
    for (resource, low, high) in [
        (Resource::CpuQuota, Setting::Cpu(Limit::At(MilliCores(500))), Setting::Cpu(Limit::At(MilliCores(600)))),
        (Resource::MemoryLimit, Setting::Memory(Limit::At(Bytes(1 << 30))), Setting::Memory(Limit::At(Bytes(2 << 30)))),
    ] {
        let start = actuator.read(&group.target, resource).unwrap().unwrap();
        assert_eq!(actuator.apply(&group.target, &Action::Set { resource, before: start, after: low }), Outcome::Applied);
        let (mut raise, mut lower, mut read) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..300 {
            for (times, before, after) in [(&mut raise, low, high), (&mut lower, high, low)] {
                let start = Instant::now();
                let outcome = actuator.apply(&group.target, &Action::Set { resource, before, after });
                times.push(start.elapsed());
                assert_eq!(outcome, Outcome::Applied);
            }
            let start = Instant::now();
            assert!(actuator.read(&group.target, resource).unwrap().is_some());
            read.push(start.elapsed());
        }
        let (raise, lower, read) = (median(raise), median(lower), median(read));
        println!("{}: raise {raise:?}, lower {lower:?}, read {read:?} (medians)", resource.name());
        assert!(raise < Duration::from_millis(2) && lower < Duration::from_millis(2) && read < Duration::from_millis(1));
    }
}

#[test]
fn network_limits_take_milliseconds_to_attach_and_microseconds_to_change() {
    let Some(group) = TestGroup::new(&[Tree::Unified]) else { return };
    let actuator = actuator();
    let resource = Resource::NetworkTransmitBandwidth;
    let rate = |rate| Setting::Bandwidth(Limit::At(BytesPerSecond(rate)));
    let free = Setting::Bandwidth(Limit::Unlimited);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..50 {
        let steps = [(free, rate(1 << 20)), (rate(1 << 20), rate(2 << 20)), (rate(2 << 20), free)];
        for (times, (before, after)) in times.iter_mut().zip(steps) {
            let start = Instant::now();
            let outcome = actuator.apply(&group.target, &Action::Set { resource, before, after });
            times.push(start.elapsed());
            if let Outcome::Failed { reason } | Outcome::Unsupported { reason } = outcome {
                return skipped(&reason);
            }
        }
    }
    let [attach, change, detach] = times.map(median);
    println!("network limit: attach {attach:?}, change {change:?}, detach {detach:?} (medians)");
    assert!(attach < Duration::from_millis(100) && change < Duration::from_millis(2));
}
