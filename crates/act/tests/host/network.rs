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
    holders: Vec<Child>,
}

impl Network {
    fn new(delay_ms: Option<u64>) -> Option<Network> {
        let hold = || Command::new("unshare").args(["-n", "sleep", "600"]).stdout(Stdio::null()).spawn();
        let (Ok(left), Ok(right)) = (hold(), hold()) else {
            skipped("needs unshare (util-linux)");
            return None;
        };
        let mut network = Network { holders: vec![left, right] };
        let [left, right] = network.processes();
        std::thread::sleep(Duration::from_millis(100));
        let mut steps = vec![
            format!("nsenter -t {left} -n ip link set lo up"),
            format!("nsenter -t {left} -n ip link add test0 type veth peer name test1 netns {right}"),
            format!("nsenter -t {left} -n ip address add 10.77.0.1/24 dev test0"),
            format!("nsenter -t {left} -n ip link set test0 up"),
            format!("nsenter -t {right} -n ip address add 10.77.0.2/24 dev test1"),
            format!("nsenter -t {right} -n ip link set test1 up"),
        ];
        if let Some(delay_ms) = delay_ms {
            network.holders.push(start(None, None, &format!("delay {left} {right} {delay_ms}")));
            for (process, number) in [(left, 1), (right, 2)] {
                steps.push(format!("nsenter -t {process} -n ip address add 10.78.0.{number}/24 dev far0"));
                steps.push(format!("nsenter -t {process} -n ip link set far0 up"));
            }
        }
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

/// What is sent.
#[derive(Clone, Copy, Debug)]
enum Load {
    Tcp { streams: u64 },
    Udp,
}

/// Over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Loopback,
    Veth,
    Distant,
}

/// Bytes per second that arrive while `group` sends (or receives): from one second after the start on, when the burst is over.
fn transfer(network: &Network, group: &TestGroup, resource: Resource, load: Load, path: Path, seconds: u64) -> f64 {
    let [left, right] = network.processes();
    let (sender, receiver) = if resource == TRANSMIT { (Some(group), None) } else { (None, Some(group)) };
    let (address, right) = match path {
        Path::Loopback => ("127.0.0.1", left),
        Path::Veth => ("10.77.0.2", right),
        Path::Distant => ("10.78.0.2", right),
    };
    let length = (seconds + 1) * 1_000;
    let role = match load {
        Load::Tcp { streams } => format!("source {address} {streams} {length}"),
        Load::Udp => format!("blast {address} {length}"),
    };
    let mut sink = start(receiver, Some(right), "sink");
    let mut source = start(sender, Some(left), &role);
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

/// A group, and namespaces whose second path has that delay each way.
fn ready(delay_ms: Option<u64>) -> Option<(TestGroup, Network)> {
    let group = TestGroup::new(&[Tree::Unified])?;
    let network = Network::new(delay_ms)?;
    let wrong = actuator().probe().into_iter().find(|one| one.name == "act.network_bandwidth" && !one.available);
    if let Some(wrong) = wrong {
        skipped(&wrong.detail);
        return None;
    }
    Some((group, network))
}

/// Holds `group` to a limit, and prints and checks what share of it a transfer reached.
fn check(network: &Network, group: &TestGroup, resource: Resource, kilobytes: u64, load: Load, path: Path) {
    let actuator = actuator();
    let before = set(&actuator, &group.target, resource, rate(kilobytes));
    let achieved = transfer(network, group, resource, load, path, 3) / 1_000.0;
    set(&actuator, &group.target, resource, before);
    let share = achieved / kilobytes as f64;
    println!("{} {path:?} {load:?}: limit {kilobytes} kB/s, achieved {achieved:.0} kB/s = {share:.3}", resource.name());
    // A busy machine may keep the transfer below the limit, but never lets it above.
    assert!((0.85..1.1).contains(&share), "{achieved:.0} kB/s against a limit of {kilobytes} kB/s");
}

#[test]
fn tcp_on_loopback_is_held_to_within_ten_percent_of_the_limit() {
    let Some((group, network)) = ready(None) else { return };
    for resource in [TRANSMIT, RECEIVE] {
        for (kilobytes, streams) in [(500, 1), (50_000, 1)] {
            check(&network, &group, resource, kilobytes, Load::Tcp { streams }, Path::Loopback);
        }
    }
}

#[test]
fn tcp_between_namespaces_is_held_to_within_ten_percent_of_the_limit() {
    let Some((group, network)) = ready(None) else { return };
    for resource in [TRANSMIT, RECEIVE] {
        for (kilobytes, streams) in [(5_000, 8), (50_000, 8)] {
            check(&network, &group, resource, kilobytes, Load::Tcp { streams }, Path::Veth);
        }
    }
}

#[test]
fn tcp_over_a_distance_is_held_to_within_ten_percent_of_the_limit() {
    if !std::fs::exists("/dev/net/tun").unwrap_or(false) {
        return skipped("needs /dev/net/tun");
    }
    let Some((group, network)) = ready(Some(10)) else { return };
    for resource in [TRANSMIT, RECEIVE] {
        check(&network, &group, resource, 2_000, Load::Tcp { streams: 1 }, Path::Distant);
    }
}

#[test]
fn udp_is_held_to_within_ten_percent_of_the_limit_and_its_sender_sees_no_error() {
    let Some((group, network)) = ready(None) else { return };
    for resource in [TRANSMIT, RECEIVE] {
        check(&network, &group, resource, 2_000, Load::Udp, Path::Veth);
    }
}

#[test]
fn a_group_made_anew_under_the_same_name_has_no_limit() {
    let Some(group) = TestGroup::new(&[Tree::Unified]) else { return };
    let actuator = actuator();
    let Ok(Some(before)) = actuator.read(&group.target, TRANSMIT) else { return skipped("no network limits here") };
    let action = Action::Set { resource: TRANSMIT, before, after: rate(1_000) };
    match actuator.apply(&group.target, &action) {
        Outcome::Applied => {}
        other => return skipped(&format!("no network limits here: {other:?}")),
    }
    std::fs::remove_dir(group.folder(Tree::Unified)).unwrap();
    std::fs::create_dir(group.folder(Tree::Unified)).unwrap();
    assert_eq!(actuator.read(&group.target, TRANSMIT).unwrap(), Some(before));
    let tiny = Action::Set { resource: TRANSMIT, before, after: Setting::Bandwidth(Limit::At(BytesPerSecond(100))) };
    assert!(matches!(actuator.apply(&group.target, &tiny), Outcome::Failed { .. }));
}

#[test]
fn a_limit_is_changed_in_place_and_an_undo_frees_the_group() {
    let Some((group, network)) = ready(None) else { return };
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
    let free = || transfer(&network, &group, TRANSMIT, Load::Tcp { streams: 1 }, Path::Loopback, 1);
    assert!(free() > 40e6, "an undone limit still holds");
    set(&actuator, &group.target, TRANSMIT, rate(1_000));
    drop(actuator);
    assert!(free() > 40e6, "a limit outlives its owner");
}
