//! The made-up daemon's instances: they can be bounded, drained and claimed, and a run answers with its own code.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serve::ApiError;
use serve::view::{
    ClaimRequest, ClaimView, CurvePoint, PoolCurve, PoolPage, PoolRequest, PoolView, RunEvent, RunOutput, RunRequest,
    RunState, RunView, StartView, Timestamp,
};
use tokio::sync::mpsc;

use super::instances::{end, past_run, pool_id, pools, stages};
use super::{MadeUp, later};

/// Code with this word in it runs until it is stopped.
const ENDLESS: &str = "forever";
const LAMBDAS: [f64; 13] = [0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

/// What may change about instances.
pub struct Warm {
    /// What waiting is worth.
    pub lambda: f64,
    pools: Vec<PoolView>,
    runs: BTreeMap<u64, RunView>,
    followers: BTreeMap<u64, Vec<mpsc::Sender<RunEvent>>>,
    claims: Vec<u64>,
}

impl Warm {
    /// No pool, no run.
    pub fn nothing() -> Warm {
        Warm { lambda: 1.0, pools: Vec::new(), runs: BTreeMap::new(), followers: BTreeMap::new(), claims: Vec::new() }
    }

    /// A host that has been in use for a while.
    pub fn at_work(now: Timestamp) -> Warm {
        let runs = (1..=24).map(|id| (id, past_run(id, now))).collect();
        Warm { lambda: 2.0, pools: pools(), runs, ..Warm::nothing() }
    }

    fn pool(&self, id: &str) -> Result<&PoolView, ApiError> {
        self.pools.iter().find(|pool| pool.id == id).ok_or_else(|| ApiError::not_found("pool", id))
    }

    fn tell(&mut self, id: u64, event: &RunEvent) {
        for follower in self.followers.get(&id).into_iter().flatten() {
            // One who left, or is too slow, misses it.
            let _ = follower.try_send(event.clone());
        }
    }
}

impl MadeUp {
    pub(super) fn pools_now(&self) -> PoolPage {
        let warm = &self.state().warm;
        let memory_bytes = warm.pools.iter().map(|pool| pool.idle_bytes).sum();
        PoolPage { lambda: warm.lambda, memory_bytes, memory_max_bytes: 512 << 20, pools: warm.pools.clone() }
    }

    pub(super) fn set_pool_now(&self, request: PoolRequest) -> PoolView {
        let warm = &mut self.state().warm;
        let tenant = request.tenant.unwrap_or_else(|| "default".into());
        let id = pool_id(&tenant, &request.runtime, &request.imports);
        let place = warm.pools.iter().position(|pool| pool.id == id).unwrap_or_else(|| {
            let (runtime, imports, limits) = (request.runtime, request.imports, request.limits);
            let image = "host".into();
            warm.pools.push(PoolView { id, tenant, image, runtime, imports, limits, at_most: 8, ..PoolView::default() });
            warm.pools.len() - 1
        });
        let pool = &mut warm.pools[place];
        pool.at_least = request.at_least.unwrap_or(pool.at_least);
        pool.at_most = request.at_most.unwrap_or(pool.at_most);
        pool.clone()
    }

    pub(super) fn drain_pool_now(&self, id: &str) -> Result<(), ApiError> {
        let warm = &mut self.state().warm;
        warm.pool(id)?;
        for pool in warm.pools.iter_mut().filter(|pool| pool.id == id) {
            (pool.waiting, pool.frozen, pool.at_least, pool.idle_bytes) = (0, 0, 0, 0);
        }
        Ok(())
    }

    pub(super) fn curve_now(&self, id: &str) -> Result<PoolCurve, ApiError> {
        let warm = &self.state().warm;
        let pool = warm.pool(id)?;
        let uses = pool.hits_warm + pool.hits_thawed + pool.misses;
        if uses == 0 {
            return Ok(PoolCurve { pool: id.into(), ..PoolCurve::default() });
        }
        let nearest = LAMBDAS.iter().copied().min_by(|one, other| {
            let distance = |lambda: f64| (lambda / warm.lambda).ln().abs();
            distance(*one).total_cmp(&distance(*other))
        });
        let scale = (pool.instance_bytes as f64 / 3e6).sqrt();
        let point = |lambda: f64| CurvePoint {
            lambda,
            hit_percent: 100.0 * (1.0 - 0.52 / (1.0 + lambda * 3.2).powf(0.8)),
            idle_gb_hours: 0.06 * scale * lambda.powf(0.72),
            current: Some(lambda) == nearest,
        };
        Ok(PoolCurve { pool: id.into(), uses, steps: 1_440, points: LAMBDAS.map(point).to_vec() })
    }

    pub(super) fn start_run_now(&self, request: RunRequest) -> Result<RunView, ApiError> {
        let now = self.now();
        let warm = &mut self.state().warm;
        if let Some(claim) = request.claim {
            let place = warm.claims.iter().position(|held| *held == claim);
            warm.claims.remove(place.ok_or_else(|| ApiError::not_found("claim", claim))?);
        }
        let id = warm.runs.keys().last().copied().unwrap_or(0) + 1;
        let tenant = request.tenant.as_deref().unwrap_or("default");
        let text = request.code.or(request.program).or(request.program_base64).unwrap_or_default();
        let mut run = RunView {
            id,
            pool: pool_id(tenant, &request.runtime, &request.imports),
            name: request.name.unwrap_or_else(|| request.runtime.clone()),
            runtime: request.runtime,
            state: RunState::Running,
            start: Some(StartView { path: "warm".into(), why: None }),
            stages: stages(&[("claim", 0.02), ("deliver", 0.09)]),
            exit: None,
            error: None,
            peak_memory_bytes: None,
            cpu_seconds: None,
            began_at: now,
            ended_at: None,
            output: Some(RunOutput { stdout_base64: STANDARD.encode(&text), ..RunOutput::default() }),
        };
        let begun = RunView { output: None, ..run.clone() };
        if !text.contains(ENDLESS) {
            end(&mut run, "code", Some(0), now);
        }
        warm.runs.insert(id, run);
        Ok(begun)
    }

    pub(super) fn runs_now(&self, limit: u32) -> Vec<RunView> {
        let state = self.state();
        let newest = state.warm.runs.values().rev().take(limit as usize);
        newest.map(|run| RunView { output: None, ..run.clone() }).collect()
    }

    pub(super) fn run_now(&self, id: u64) -> Result<RunView, ApiError> {
        self.state().warm.runs.get(&id).cloned().ok_or_else(|| ApiError::not_found("run", id))
    }

    pub(super) fn run_events_now(&self, id: u64) -> Result<mpsc::Receiver<RunEvent>, ApiError> {
        let run = self.run_now(id)?;
        let (sender, receiver) = mpsc::channel(16);
        let output = run.output.clone().unwrap_or_default();
        let written = STANDARD.decode(&output.stdout_base64).unwrap_or_default();
        for event in [RunEvent::Stdout(written), RunEvent::Stderr(b"made up\n".to_vec())] {
            let _ = sender.try_send(event);
        }
        if run.state == RunState::Running {
            self.state().warm.followers.entry(id).or_default().push(sender);
        } else {
            let _ = sender.try_send(RunEvent::Finished(Box::new(run)));
        }
        Ok(receiver)
    }

    pub(super) fn stop_run_now(&self, id: u64) -> Result<(), ApiError> {
        let now = self.now();
        let warm = &mut self.state().warm;
        let run = warm.runs.get_mut(&id).ok_or_else(|| ApiError::not_found("run", id))?;
        if run.state == RunState::Running {
            end(run, "stopped", None, now);
            let over = run.clone();
            warm.tell(id, &RunEvent::Finished(Box::new(over)));
            warm.followers.remove(&id);
        }
        Ok(())
    }

    pub(super) fn claim_now(&self, request: &ClaimRequest) -> ClaimView {
        let now = self.now();
        let warm = &mut self.state().warm;
        let id = warm.claims.last().copied().unwrap_or(0) + 1;
        warm.claims.push(id);
        let tenant = request.tenant.as_deref().unwrap_or("default");
        ClaimView {
            id,
            pool: pool_id(tenant, &request.runtime, &request.imports),
            start: StartView { path: "cold".into(), why: Some("the pool is empty".into()) },
            expires_at: later(now, request.hold_seconds.unwrap_or(60.0) as i64),
        }
    }

    pub(super) fn release_now(&self, id: u64) -> Result<(), ApiError> {
        let claims = &mut self.state().warm.claims;
        let place = claims.iter().position(|held| *held == id).ok_or_else(|| ApiError::not_found("claim", id))?;
        claims.remove(place);
        Ok(())
    }
}
