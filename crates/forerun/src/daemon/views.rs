//! What the core shows: the engine's figures in the API's words.

use model::{Decision, Outcome, Resource, TargetId, Ticket};
use serve::ApiError;
use serve::view::{
    Amount, BecauseView, CapacityView, DecisionView, ForecastReport, ForecastView, MemberView, MetricView, OutcomeView,
    PlanStepView, PlanView, ResourceName, ResourceView, SavedView, StatusView, StoreView, TargetView, Timestamp,
    TriggerView, WaitingCount, wait_detail,
};
use store::LedgerEntry;

use super::core::Core;

impl Core {
    /// The ordinal of a target's name.
    pub(super) fn ordinal(&self, id: &str) -> Result<model::Ordinal, ApiError> {
        self.ordinals.get(&TargetId::new(id)).copied().ok_or_else(|| ApiError::not_found("target", id))
    }

    /// The state of the daemon.
    pub(super) fn status_view(&self) -> StatusView {
        let now = self.now();
        let day = self.wall().unix_secs().div_euclid(86_400);
        let today = |(of, count): (i64, u64)| if of == day { count } else { 0 };
        let bytes =
            self.store.call(|store| (store.bytes_on_disk().map(|bytes| bytes.0).unwrap_or(0), store.samples_stored()));
        let (bytes, samples) = bytes.unwrap_or((0, 0));
        let (_, cpu_core_hours, memory_gib_hours) = self.saved;
        StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            started_at: Timestamp(self.started),
            mode: self.engine.mode().into(),
            kill_switch: self.engine.killed(),
            targets: self.known.len() as u64,
            samples_total: self.samples_total,
            decisions_total: self.decisions_total,
            decisions_today: today(self.decisions_today),
            last_sample_age_seconds: self.last_sample.map(|at| now.since(at).as_secs_f64()),
            engine_step_ms: self.step_time.map(|time| time.as_secs_f64() * 1e3),
            capacity: self.capacity_view(),
            saved_today: SavedView { cpu_core_hours, memory_gib_hours },
            store: StoreView { bytes, samples },
            degraded: self.degraded.values().cloned().collect(),
        }
    }

    fn capacity_view(&self) -> CapacityView {
        let used =
            |metric| -> f64 { self.known.values().filter_map(|known| known.sample?.usage.get(metric)).map(f64::from).sum() };
        let manage = &self.engine.settings().load.manage;
        let allotted = |resource: Resource| -> u64 {
            let Some(place) = manage.iter().position(|managed| *managed == resource) else { return 0 };
            self.engine.targets().filter_map(|(_, target)| target.knobs[place].holds?.amount()).sum()
        };
        CapacityView {
            cpu_cores: self.capacity.map_or(0.0, |capacity| capacity.cpu.0 as f64 / 1_000.0),
            // An empty sum is the negative zero.
            cpu_cores_in_use: used(model::Metric::Cpu) + 0.0,
            cpu_cores_allotted: allotted(Resource::CpuQuota) as f64 / 1_000.0,
            memory_bytes: self.capacity.map_or(0, |capacity| capacity.memory.0),
            memory_bytes_in_use: used(model::Metric::Memory) as u64,
            memory_bytes_allotted: allotted(Resource::MemoryLimit),
        }
    }

    /// One target.
    pub(super) fn target_view(&self, ordinal: model::Ordinal) -> Option<TargetView> {
        let known = self.known.get(&ordinal)?;
        let view = self.engine.target_view(ordinal)?;
        let target = self.engine.target(ordinal)?;
        let now = self.now();
        let resources = view.knobs.iter().map(|knob| {
            let name = ResourceName::from(knob.resource);
            ResourceView {
                resource: name,
                unit: name.unit().to_owned(),
                in_use: target.in_use(knob.resource).map(f64::from),
                limit: knob.holds.map_or(Amount::UNLIMITED, Amount::from),
                recommended: knob.wanted.map(|units| model::Setting::of(knob.resource, Some(units)).into()),
                wait: knob.wait.map(|wait| wait.name().to_owned()),
                wait_detail: knob.wait.map(|wait| wait_detail(&wait, now)),
                in_flight: knob.in_flight.map(|ticket| ticket.0),
            }
        });
        let bounds = target.spec.bounds;
        Some(TargetView {
            id: known.spec.id.as_str().to_owned(),
            kind: known.spec.kind.into(),
            tier: target.spec.tier.into(),
            application: known.spec.application.as_deref().map(str::to_owned),
            mode: view.mode.into(),
            bounds: bounds.into(),
            resources: resources.collect(),
            metrics: view.metrics.iter().map(metric_view).collect(),
            pressure: target.pressure.map(Into::into),
            throttled_share: known.sample.and_then(|sample| sample.throttled).map(f64::from),
            oom_kills: u64::from(view.kills),
        })
    }

    /// The forecasts of one target.
    pub(super) fn forecast_report(&self, id: &str) -> Result<ForecastReport, ApiError> {
        let view = self.engine.target_view(self.ordinal(id)?).ok_or_else(|| ApiError::not_found("target", id))?;
        Ok(ForecastReport {
            target: id.to_owned(),
            at: Timestamp(self.wall()),
            metrics: view.metrics.iter().map(metric_view).collect(),
        })
    }

    /// What would be done now.
    pub(super) fn plan_view(&self) -> PlanView {
        let run = self.engine.dry_run(self.now());
        let steps = run.changes.iter().filter_map(|change| {
            let name = ResourceName::from(change.resource);
            Some(PlanStepView {
                target: self.known.get(&change.target)?.spec.id.as_str().to_owned(),
                resource: name,
                unit: name.unit().to_owned(),
                before: change.before.into(),
                after: change.after.into(),
                mode: change.mode.into(),
                trigger: TriggerView::from(change.because.trigger),
                because: BecauseView::from(&change.because),
            })
        });
        let mut waiting = std::collections::BTreeMap::<&str, u64>::new();
        for (_, _, wait) in &run.waits {
            *waiting.entry(wait.name()).or_default() += 1;
        }
        let waiting = waiting.into_iter().map(|(wait, knobs)| WaitingCount { wait: wait.to_owned(), knobs });
        PlanView { at: Timestamp(self.wall()), steps: steps.collect(), waiting: waiting.collect() }
    }

    /// A decision as it was just made.
    pub(super) fn decision_view(&self, target: &TargetId, decision: &Decision) -> DecisionView {
        let outcome = self.engine.ledger().get(decision.ticket).and_then(|entry| entry.outcome.clone());
        view_of(target, decision, outcome.as_ref(), None)
    }

    /// A decision from the store.
    pub(super) fn stored_view(&self, entry: &LedgerEntry) -> DecisionView {
        let outcome = entry.outcomes.last().map(|entry| &entry.outcome);
        let mut view = view_of(&entry.target, &entry.decision, outcome, entry.undone_by);
        // Only what the engine knows can it undo: the target must be there.
        view.undoable &= self.engine.ledger().get(entry.decision.ticket).is_some_and(|held| held.undone_by.is_none());
        view
    }
}

fn metric_view(view: &decide::MetricView) -> MetricView {
    let members = model::Member::ALL.into_iter().filter(|member| view.shares[*member as usize] > 0.0);
    MetricView {
        metric: view.metric.into(),
        unit: view.metric.unit().to_owned(),
        current: Some(f64::from(view.current)),
        forecast: view.forecast.as_ref().map(ForecastView::from),
        members: members
            .map(|member| MemberView { member: member.into(), loss: None, weight: f64::from(view.shares[member as usize]) })
            .collect(),
    }
}

/// How it ended, with amounts in the knob's unit.
pub(super) fn outcome_view(resource: Resource, outcome: Option<&Outcome>) -> OutcomeView {
    let Some(outcome) = outcome else { return OutcomeView::PENDING };
    let mut view = OutcomeView::from(outcome);
    if let Outcome::WouldHarm { in_use } = outcome {
        view.detail = Some(format!("{} in use", model::Setting::of(resource, Some(*in_use))));
    }
    view
}

fn view_of(target: &TargetId, decision: &Decision, outcome: Option<&Outcome>, undone_by: Option<Ticket>) -> DecisionView {
    let name = ResourceName::from(decision.action.resource());
    let applied = matches!(outcome, Some(Outcome::Applied));
    let undoes = match decision.action {
        model::Action::Restore { undoes, .. } => Some(undoes.0),
        model::Action::Set { .. } => None,
    };
    DecisionView {
        ticket: decision.ticket.0,
        at: Timestamp(decision.wall),
        target: target.as_str().to_owned(),
        resource: name,
        unit: name.unit().to_owned(),
        before: decision.action.before().into(),
        after: decision.action.after().into(),
        mode: decision.mode.into(),
        trigger: TriggerView::from(decision.because.trigger),
        outcome: outcome_view(decision.action.resource(), outcome),
        because: BecauseView::from(&decision.because),
        undoes,
        undone_by: undone_by.map(|ticket| ticket.0),
        undoable: applied && undone_by.is_none() && undoes.is_none(),
    }
}
