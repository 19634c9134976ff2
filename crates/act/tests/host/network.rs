//! Network bandwidth on this host: real TCP between network namespaces of the test's own.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use model::{Action, BytesPerSecond, Limit, Outcome, Resource, Setting, Ticket};

use crate::groups::{TestGroup, Tree, actuator, set, skipped};
use crate::roles::{start, wait_for};

const TRANSMIT: Resource = Resource::NetworkTransmitBandwidth;
const RECEIVE: Resource = Resource::NetworkReceiveBandwidth;

fn rate(kilobytes: u64) -> Setting {
    Setting::Bandwidth(Limit::At(BytesPerSecond(kilobytes * 1_000)))
}

/// Two network namespaces joined by a veth pair; they end with the processes that hold them.
struct Network {
    holders: [Child; 2],
}

impl Network {
    fn new() -> Option<Network> {
        let hold = || Command::new("unshare").args(["-n", "sleep", "600"]).stdout(Stdio::null()).spawn();
        let (Ok(left), Ok(right)) = (hold(), hold()) else {
            skipped("needs unshare (util-linux)");
            return None;
        };
        let network = Network { holders: [left, right] };
        let [left, right] = network.processes();
        std::thread::sleep(Duration::from_millis(100));
        let steps = [
            format!("nsenter -t {left} -n ip link set lo up"),
            format!("nsenter -t {left} -n ip link add test0 type veth peer name test1 netns {right}"),
            format!("nsenter -t {left} -n ip address add 10.77.0.1/24 dev test0"),
            format!("nsenter -t {left} -n ip link set test0 up"),
            format!("nsenter -t {right} -n ip address add 10.77.0.2/24 dev test1"),
            format!("nsenter -t {right} -n ip link set test1 up"),
        ];
        for step in steps {
            let mut words = step.split(' ');
            let done = Command::new(words.next().unwrap()).args(words).stderr(Stdio::null()).status();
            if !done.is_ok_and(|status| status.success()) {
                skipped(&format!("needs root, iproute2 and veth: {step:?} failed"));
                return None;
            }
        }
        Some(network)
    }

    fn processes(&self) -> [u32; 2] {
        [self.holders[0].id(), self.holders[1].id()]
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for holder in &mut self.holders {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// Bytes per second that arrive while `group` sends (or receives): from one second after the start on.
fn transfer(network: &Network, group: &TestGroup, resource: Resource, streams: u64, local: bool, seconds: u64) -> f64 {
    let [left, right] = network.processes();
    let (sender, receiver) = if resource == TRANSMIT { (Some(group), None) } else { (None, Some(group)) };
    let (address, right) = if local { ("127.0.0.1", left) } else { ("10.77.0.2", right) };
    let mut sink = start(receiver, Some(right), "sink");
    let mut source = start(sender, Some(left), &format!("source {address} {streams} {}", (seconds + 1) * 1_000));
    let mut points = Vec::new();
    loop {
        let line = wait_for(&mut sink, "received");
        let (micros, bytes) = line.split_once(' ').unwrap();
        points.push((micros.parse::<f64>().unwrap() / 1e6, bytes.parse::<f64>().unwrap()));
        if points.len() as u64 > (seconds + 1) * 10 {
            break;
        }
    }
    for child in [&mut source, &mut sink] {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (first, last) = (points[10], points[points.len() - 1]);
    (last.1 - first.1) / (last.0 - first.0)
}

fn ready() -> Option<(TestGroup, Network)> {
    let group = TestGroup::new(&[Tree::Unified])?;
    let network = Network::new()?;
    let wrong = actuator().probe().into_iter().find(|one| one.name == "act.network_bandwidth" && !one.available);
    if let Some(wrong) = wrong {
        skipped(&wrong.detail);
        return None;
    }
    Some((group, network))
}

#[test]
fn tcp_is_held_to_within_ten_percent_of_the_limit() {
    let Some((group, network)) = ready() else { return };
    let actuator = actuator();
    for resource in [TRANSMIT, RECEIVE] {
        for local in [true, false] {
            for (kilobytes, streams) in [(500, 1), (5_000, 1), (5_000, 8), (50_000, 1), (50_000, 8)] {
                let before = set(&actuator, &group.target, resource, rate(kilobytes));
                let achieved = transfer(&network, &group, resource, streams, local, 4) / 1_000.0;
                let share = achieved / kilobytes as f64;
                let path = if local { "loopback" } else { "veth" };
                println!("{} {path}: limit {kilobytes} kB/s, {streams} streams: {achieved:.0} kB/s, {share:.3}", resource.name());
                set(&actuator, &group.target, resource, before);
            }
        }
    }
}

#[test]
fn a_limit_is_changed_in_place_and_an_undo_frees_the_group() {
    let Some((group, network)) = ready() else { return };
    let actuator = actuator();
    let before = set(&actuator, &group.target, TRANSMIT, rate(2_000));
    assert_eq!(before, Setting::Bandwidth(Limit::Unlimited));
    set(&actuator, &group.target, TRANSMIT, rate(4_000));
    let again = Action::Set { resource: TRANSMIT, before: rate(2_000), after: rate(4_000) };
    assert_eq!(actuator.apply(&group.target, &again), Outcome::Applied);
    let stale = Action::Set { resource: TRANSMIT, before: rate(2_000), after: rate(8_000) };
    assert_eq!(actuator.apply(&group.target, &stale), Outcome::ChangedElsewhere { found: rate(4_000) });
    let undo = Action::Restore { undoes: Ticket(1), resource: TRANSMIT, before: rate(4_000), after: before };
    assert_eq!(actuator.apply(&group.target, &undo), Outcome::Applied);
    assert_eq!(actuator.read(&group.target, TRANSMIT).unwrap(), Some(before));
    let free = transfer(&network, &group, TRANSMIT, 1, true, 1);
    assert!(free > 40e6, "free of its limit, the group sent {free:.0} bytes per second");
}
