//! Pools on the core's side: they become targets, their runs observations, and decisions about them the pool's orders.

use std::collections::BTreeMap;
use std::sync::Arc;

use decide::warm::{Ladder, Rung};
use model::{
    Action, Bounds, Bytes, Observation, Ordinal, Outcome, Resource, RunEvent, Setting, Span, TargetId, TargetKind,
    TargetSpec, Tier,
};
use sandbox::{Counts, Key, Target};
use serve::ApiError;
use serve::view::{CurvePoint, PoolCurve, PoolPage, PoolRequest, PoolView, RunLimits};

use super::core::Core;
use super::warm::{AT_MOST, Known, Warm, pool_id};

/// What an instance is taken to hold, and a cold start to take, until one was measured.
const MEMORY: Bytes = Bytes(4 << 20);
const COLD: Span = Span::from_millis(50);
/// Less of the host's memory than this share free, and instances are given up, in thousandths.
const FREE_MIN_PERMILLE: u64 = 50;
/// The prices of waiting that a curve tells of: half an octave apart around the present one.
const CURVE: i32 = 12;
const GB_HOUR: f64 = 3.6e12;

impl Core {
    /// Fetches what happened in the pools since the last tick.
    pub(super) fn turn_warm(&mut self) {
        let Some(warm) = self.warm.clone() else { return };
        warm.tidy();
        let (changed, marks) = warm.news();
        let counts: BTreeMap<Arc<Key>, Counts> = if changed.is_empty() {
            BTreeMap::new()
        } else {
            warm.counts().into_iter().map(|(key, _, counts)| (key, counts)).collect()
        };
        for (key, known) in changed {
            let target = self.pool_target(&key);
            let counted = counts.get(&key);
            let memory = counted.map_or(MEMORY, instance_bytes);
            let cold = known.cold.map_or(COLD, Span::from);
            self.observe(&Observation::PoolPriced {
                target,
                memory,
                cold,
                at_least: known.at_least,
                at_most: known.at_most,
            });
        }
        let events: Vec<RunEvent> = marks
            .into_iter()
            .filter_map(|mark| {
                Some(RunEvent { target: *self.pools.get(&mark.key)?, run: mark.run, at: mark.at, ended: mark.ended })
            })
            .collect();
        if !events.is_empty() {
            self.observe(&Observation::Runs(events));
        }
        self.relieve(&warm);
    }

    /// The target of a pool, made when it is new.
    fn pool_target(&mut self, key: &Arc<Key>) -> Ordinal {
        if let Some(target) = self.pools.get(key) {
            return *target;
        }
        let target = self.sampler.reserve();
        self.pools.insert(key.clone(), target);
        let spec = TargetSpec {
            id: TargetId::new(format!("pool:{}", pool_id(key))),
            kind: TargetKind::Pool,
            tier: Tier::default(),
            bounds: Bounds::default(),
            application: None,
        };
        self.target_appeared(target, spec, false);
        let settings =
            [Resource::WarmInstances, Resource::FrozenInstances].map(|resource| (resource, Setting::Instances(0)));
        self.observe(&Observation::Settings { target, settings: settings.to_vec() });
        target
    }

    /// Gives instances up when the host runs out of memory, and tells the engine what is left.
    fn relieve(&mut self, warm: &Warm) {
        let Some(capacity) = self.capacity else { return };
        let floor = capacity.memory.0 / 1_000 * FREE_MIN_PERMILLE;
        let Some(free) = available_memory().filter(|free| *free < floor) else { return };
        for (key, known) in warm.known() {
            let chance =
                self.pools.get(&key).and_then(|target| self.engine.pool_outlook(*target)).map_or(0.0, |(chance, _)| chance);
            warm.value(&key, f64::from(chance) * known.cold.map_or(0.0, |cold| cold.as_secs_f64()));
        }
        let freed = warm.shed(Bytes(floor - free));
        if freed == Bytes(0) {
            return;
        }
        tracing::warn!(%freed, "memory is short: warm instances were given up");
        let told: Vec<(Ordinal, Target)> = self.pools.iter().map(|(key, target)| (*target, warm.kept(key))).collect();
        for (target, kept) in told {
            let settings = vec![
                (Resource::WarmInstances, Setting::Instances(kept.waiting as u32)),
                (Resource::FrozenInstances, Setting::Instances(kept.frozen as u32)),
            ];
            self.observe(&Observation::Settings { target, settings });
        }
    }

    /// Carries out a decision about a pool.
    pub(super) fn apply_to_pool(&self, target: Ordinal, action: &Action) -> Outcome {
        let key = self.pools.iter().find(|(_, pool)| **pool == target).map(|(key, _)| key);
        let (Some(warm), Some(key)) = (&self.warm, key) else { return Outcome::TargetGone };
        let Setting::Instances(count) = action.after() else {
            return Outcome::Failed { reason: "a pool holds instances".into() };
        };
        let mut kept = warm.kept(key);
        match action.resource() {
            Resource::WarmInstances => kept.waiting = count as usize,
            Resource::FrozenInstances => kept.frozen = count as usize,
            _ => return Outcome::Unsupported { reason: "a pool has no such knob".into() },
        }
        match warm.keep(key, kept) {
            Ok(()) => Outcome::Applied,
            Err(error) => Outcome::Failed { reason: error.to_string().into() },
        }
    }

    /// All pools.
    pub(super) fn pool_page(&self, warm: &Warm) -> PoolPage {
        let counts: BTreeMap<Arc<Key>, (Target, Counts)> =
            warm.counts().into_iter().map(|(key, target, counts)| (key, (target, counts))).collect();
        let views = warm.known().into_iter().map(|(key, known)| {
            let (target, counts) = counts.get(&key).copied().unwrap_or_default();
            self.pool_view(&key, &known, target, &counts)
        });
        let pools: Vec<PoolView> = views.collect();
        let share = self.settings.pools.memory;
        PoolPage {
            lambda: self.engine.pool_lambda(),
            memory_bytes: pools.iter().map(|pool| pool.idle_bytes).sum(),
            memory_max_bytes: self.capacity.map_or(0, |capacity| (capacity.memory.0 as f64 * share) as u64),
            pools,
        }
    }

    fn pool_view(&self, key: &Arc<Key>, known: &Known, target: Target, counts: &Counts) -> PoolView {
        let ordinal = self.pools.get(key).copied();
        let outlook = ordinal.and_then(|ordinal| self.engine.pool_outlook(ordinal));
        PoolView {
            id: pool_id(key),
            tenant: key.tenant.clone(),
            image: key.image.clone(),
            runtime: key.runtime.to_string(),
            imports: key.dependencies.imports.clone(),
            limits: limits_of(key),
            waiting: counts.waiting as u32,
            frozen: counts.frozen as u32,
            wanted_waiting: target.waiting as u32,
            wanted_frozen: target.frozen as u32,
            at_least: known.at_least,
            at_most: known.at_most,
            running: known.running,
            hits_warm: known.starts[0],
            hits_thawed: known.starts[1],
            misses: known.starts[2],
            made: counts.made,
            failed: counts.failed,
            evicted: counts.evicted,
            idle_gb_hours: counts.idle_byte_seconds / GB_HOUR,
            idle_bytes: counts.idle_bytes.0,
            instance_bytes: instance_bytes(counts).0,
            cold_ms: known.cold.map_or(0.0, |cold| cold.as_secs_f64() * 1e3),
            chance: outlook.map(|(chance, _)| f64::from(chance)),
            keep_alive_seconds: outlook.map(|(_, keep)| keep.as_secs_f64()),
            why: ordinal.and_then(|ordinal| self.newest_reason(ordinal)),
        }
    }

    /// Why the newest decision about a target was made.
    fn newest_reason(&self, target: Ordinal) -> Option<String> {
        let entry = self.engine.ledger().iter().rev().find(|entry| entry.decision.target == target)?;
        let id = &self.known.get(&target)?.spec.id;
        Some(self.decision_view(id, &entry.decision).because.text)
    }

    /// What other prices of waiting would have meant for a pool.
    pub(super) fn pool_curve(&self, id: &str) -> Result<PoolCurve, ApiError> {
        let missing = || ApiError::not_found("pool", id);
        let target = self.pools.iter().find(|(key, _)| pool_id(key) == id).map(|(_, target)| *target).ok_or_else(missing)?;
        let now = self.engine.pool_lambda();
        let lambdas: Vec<f64> = (-CURVE..=CURVE).map(|step| now * 2f64.powf(f64::from(step) / 2.0)).collect();
        let points = self.engine.pool_curve(target, &lambdas).ok_or_else(missing)?;
        let first = points.first().copied().unwrap_or_default();
        let points = points.iter().enumerate().map(|(place, point)| CurvePoint {
            lambda: point.lambda,
            hit_percent: if point.uses == 0 { 0.0 } else { 100.0 * point.hits as f64 / point.uses as f64 },
            idle_gb_hours: point.idle_byte_seconds / GB_HOUR,
            current: place == CURVE as usize,
        });
        Ok(PoolCurve { pool: id.to_owned(), uses: first.uses, steps: first.steps, points: points.collect() })
    }

    /// Sets what a second of waiting is worth.
    pub(super) fn set_lambda(&mut self, lambda: f64) {
        self.observe(&Observation::LambdaSet(lambda));
        self.keep("pools.lambda", &lambda.to_string());
    }

    /// Writes the bounds of pools down, for the next start.
    pub(super) fn keep_bounds(&mut self, warm: &Warm) {
        let set = |known: &Known| (known.at_least, known.at_most) != (0, AT_MOST);
        let kept: Vec<PoolRequest> =
            warm.known().iter().filter(|(_, known)| set(known)).map(|(key, known)| bounds_of(key, known)).collect();
        if let Ok(text) = serde_json::to_string(&kept) {
            self.keep("pools", &text);
        }
    }

    /// What was set over the API in an earlier run holds again: the bounds of pools and the price of waiting.
    pub(super) fn restore_pools(&mut self) {
        if let (Some(warm), Some(kept)) = (&self.warm, self.kept_value("pools")) {
            let requests: Vec<PoolRequest> = serde_json::from_str(&kept).unwrap_or_default();
            for request in requests {
                if let Err(error) = warm.set_pool(&request) {
                    tracing::warn!(runtime = request.runtime, why = %error.problem().detail, "a pool of an earlier run cannot be kept");
                }
            }
        }
        if let Some(lambda) = self.kept_value("pools.lambda").and_then(|kept| kept.parse().ok()) {
            self.observe(&Observation::LambdaSet(lambda));
        }
    }
}

fn bounds_of(key: &Key, known: &Known) -> PoolRequest {
    PoolRequest {
        runtime: key.runtime.to_string(),
        tenant: Some(key.tenant.clone()),
        imports: key.dependencies.imports.clone(),
        limits: limits_of(key),
        at_least: Some(known.at_least),
        at_most: Some(known.at_most),
    }
}

fn limits_of(key: &Key) -> RunLimits {
    let limits = &key.limits;
    RunLimits {
        cpu_cores: Some(limits.cpu.0 as f64 / 1e3),
        memory_bytes: Some(limits.memory.0),
        pids: Some(limits.pids),
        disk_bytes: Some(limits.disk.0),
    }
}

/// What an idle instance holds, on average.
fn instance_bytes(counts: &Counts) -> Bytes {
    let idle = (counts.waiting + counts.frozen) as u64;
    counts.idle_bytes.0.checked_div(idle).map_or(MEMORY, |bytes| Bytes(bytes.max(1 << 16)))
}

/// The rungs on which an instance can stand. Freezing alone frees no memory, so it pays only where what is frozen can be paged out.
/// The shares of that rung are estimates for Python on compressed swap, not measured by a bench: going on takes about a quarter of
/// a cold start, and about a third of the memory stays in use.
pub(super) fn ladder(has_swap: bool) -> Ladder {
    let rung = |name, wait_share, hold_share, make_share| Rung { name, wait_share, hold_share, make_share };
    let rungs = vec![rung("nothing", 1.0, 0.0, 0.0), rung("frozen", 0.25, 0.35, 0.02), rung("warm", 0.0, 1.0, 0.02)];
    if has_swap { Ladder::of(rungs).unwrap_or_else(Ladder::two) } else { Ladder::two() }
}

/// Whether this host has somewhere to page out to.
pub(super) fn has_swap() -> bool {
    std::fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1)
}

/// Memory that can be had without swapping, in bytes.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
