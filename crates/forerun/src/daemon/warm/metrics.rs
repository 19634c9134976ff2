//! Pools at `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use sandbox::{Counts, Key};
use serve::Registry;

use super::{Known, Warm, pool_id};

type Labels = Vec<(&'static str, String)>;
type Figures = Family<Labels, Gauge<f64, AtomicU64>>;
type Counters = Family<Labels, Counter>;
type Sums = Family<Labels, Counter<f64, AtomicU64>>;

/// GB-seconds of idle memory that cost as much as a second of waiting, at a lambda of 1.
const GB_SECONDS_PER_SECOND: f64 = 99.69;

/// Adds the figures of all pools.
pub fn register(registry: &mut Registry, warm: &Warm) {
    let counts: BTreeMap<Arc<Key>, Counts> = warm.counts().into_iter().map(|(key, _, counts)| (key, counts)).collect();
    let (starts, made, failed, evicted) =
        (Counters::default(), Counters::default(), Counters::default(), Counters::default());
    let (idle, waited, lead, regret) = (Sums::default(), Sums::default(), Sums::default(), Sums::default());
    let leads = Counters::default();
    let (ready, frozen, running, bytes) = (Figures::default(), Figures::default(), Figures::default(), Figures::default());
    for (key, known) in warm.known() {
        let labels = vec![("pool", pool_id(&key))];
        add_starts(&starts, &labels, &known);
        waited.get_or_create(&labels).inc_by(known.waited);
        lead.get_or_create(&labels).inc_by(known.lead.0);
        leads.get_or_create(&labels).inc_by(known.lead.1);
        running.get_or_create(&labels).set(f64::from(known.running));
        let counts = counts.get(&key).copied().unwrap_or_default();
        made.get_or_create(&labels).inc_by(counts.made);
        failed.get_or_create(&labels).inc_by(counts.failed);
        evicted.get_or_create(&labels).inc_by(counts.evicted);
        idle.get_or_create(&labels).inc_by(counts.idle_byte_seconds);
        regret.get_or_create(&labels).inc_by(known.waited + counts.idle_byte_seconds / 1e9 / GB_SECONDS_PER_SECOND);
        ready.get_or_create(&labels).set(counts.waiting as f64);
        frozen.get_or_create(&labels).set(counts.frozen as f64);
        bytes.get_or_create(&labels).set(counts.idle_bytes.0 as f64);
    }
    registry.register("pool_starts", "Runs by how they came to their instance", starts);
    registry.register("pool_cold_seconds", "Time that runs waited for an instance to be made", waited);
    registry.register("pool_lead_seconds", "Time that claimed instances had been ready", lead);
    registry.register("pool_leads", "Claims that found an instance ready", leads);
    registry.register(
        "pool_regret_seconds",
        "What perfect foresight would have spared: waiting, and idle memory at 99.69 GB-seconds a second",
        regret,
    );
    registry.register("pool_instances_made", "Instances made ahead", made);
    registry.register("pool_instances_failed", "Instances that could not be made", failed);
    registry.register("pool_instances_evicted", "Instances given up for want of memory", evicted);
    registry.register("pool_idle_byte_seconds", "Memory of idle instances times how long", idle);
    registry.register("pool_instances_ready", "Instances that wait", ready);
    registry.register("pool_instances_frozen", "Instances that are frozen", frozen);
    registry.register("pool_runs", "Runs under way", running);
    registry.register("pool_idle_bytes", "Memory of idle instances", bytes);
}

fn add_starts(starts: &Counters, labels: &Labels, known: &Known) {
    for (start, count) in ["warm", "thawed", "cold"].into_iter().zip(known.starts) {
        let mut labels = labels.clone();
        labels.push(("start", start.to_owned()));
        starts.get_or_create(&labels).inc_by(count);
    }
}
