//! The made-up daemon's answers.

use model::{AnnouncementId, Ticket};
use serve::view::{
    AnnouncementRequest, AnnouncementView, BoundsView, ClaimRequest, ClaimView, DecisionPage, DecisionQuery, DecisionView,
    Event, ForecastReport, KillSwitchEvent, MetricName, ModeBody, ModeName, ModeScope, PlanView, PoolCurve, PoolPage,
    PoolRequest, PoolView, PushedSample, RunEvent, RunRequest, RunView, SeriesView, StatusView, TargetPage, TargetQuery,
    TargetView, TierName, Timestamp, WaitingCount,
};
use serve::{Answer, ApiError, Backend, WrittenSeries, ready};
use tokio::sync::{broadcast, mpsc};

use super::workload::WORKLOADS;
use super::{MadeUp, find};

impl Backend for MadeUp {
    fn status(&self) -> Answer<'_, StatusView> {
        ready(Ok(self.status_now()))
    }

    fn targets(&self, query: TargetQuery) -> Answer<'_, TargetPage> {
        ready(Ok(self.targets_now(&query)))
    }

    fn target(&self, id: String) -> Answer<'_, TargetView> {
        ready(find(&id).map(|workload| self.view(workload, &self.state())))
    }

    fn forecast(&self, id: String) -> Answer<'_, ForecastReport> {
        let at = self.now();
        ready(find(&id).map(|workload| {
            let view = workload.view(at.0.unix_secs());
            ForecastReport { target: view.id, at, metrics: view.metrics }
        }))
    }

    fn series(
        &self,
        id: String,
        metric: MetricName,
        from: Timestamp,
        to: Timestamp,
        step_seconds: u32,
    ) -> Answer<'_, SeriesView> {
        let now = self.now().0.unix_secs();
        ready(
            find(&id).map(|workload| {
                workload.series(metric, from.0.unix_secs(), to.0.unix_secs().min(now), i64::from(step_seconds))
            }),
        )
    }

    fn plan(&self) -> Answer<'_, PlanView> {
        let at = self.now();
        let mode = self.state().mode;
        let steps = vec![WORKLOADS[1].step(at.0.unix_secs(), mode), WORKLOADS[3].step(at.0.unix_secs(), mode)];
        let waiting = [("fits", 21), ("learning", 4), ("cooldown", 2)];
        let waiting = waiting.map(|(wait, knobs)| WaitingCount { wait: wait.into(), knobs }).to_vec();
        ready(Ok(PlanView { at, steps, waiting }))
    }

    fn decisions(&self, query: DecisionQuery) -> Answer<'_, DecisionPage> {
        ready(Ok(self.decisions_now(&query)))
    }

    fn decision(&self, ticket: Ticket) -> Answer<'_, DecisionView> {
        let state = self.state();
        let found = state.decisions.iter().find(|decision| decision.ticket == ticket.0).cloned();
        ready(found.ok_or_else(|| ApiError::not_found("decision", ticket)))
    }

    fn undo(&self, ticket: Ticket) -> Answer<'_, DecisionView> {
        ready(self.undo_now(ticket))
    }

    fn set_mode(&self, scope: ModeScope, mode: ModeName) -> Answer<'_, ()> {
        ready(match scope {
            ModeScope::Target(id) => self.set(&id, |own| own.mode = Some(mode)),
            ModeScope::All | ModeScope::Planner(_) => {
                self.state().mode = mode;
                self.send(Event::Mode(ModeBody { mode, planner: None, target: None }));
                Ok(())
            }
        })
    }

    fn set_kill_switch(&self, engaged: bool) -> Answer<'_, ()> {
        self.state().kill_switch = engaged;
        self.send(Event::KillSwitch(KillSwitchEvent { engaged }));
        ready(Ok(()))
    }

    fn set_bounds(&self, id: String, bounds: BoundsView) -> Answer<'_, ()> {
        ready(self.set(&id, |own| own.bounds = bounds))
    }

    fn set_tier(&self, id: String, tier: TierName) -> Answer<'_, ()> {
        ready(self.set(&id, |own| own.tier = Some(tier)))
    }

    fn announce(&self, request: AnnouncementRequest) -> Answer<'_, AnnouncementView> {
        ready(find(&request.target).map(|_| {
            let mut state = self.state();
            let id = state.announcements.iter().map(|known| known.id).max().unwrap_or(0) + 1;
            let made = AnnouncementView {
                id,
                target: request.target,
                metric: request.metric.unwrap_or(MetricName::Cpu),
                from: request.from,
                until: request.until,
                expected: request.expected,
                source: request.source.unwrap_or_default(),
            };
            state.announcements.push(made.clone());
            made
        }))
    }

    fn withdraw(&self, id: AnnouncementId) -> Answer<'_, ()> {
        let mut state = self.state();
        let before = state.announcements.len();
        state.announcements.retain(|known| known.id != id.0);
        let found = state.announcements.len() < before;
        ready(if found { Ok(()) } else { Err(ApiError::not_found("announcement", id.0)) })
    }

    fn announcements(&self) -> Answer<'_, Vec<AnnouncementView>> {
        ready(Ok(self.state().announcements.clone()))
    }

    fn push_samples(&self, samples: Vec<PushedSample>) -> Answer<'_, ()> {
        let unknown = samples.iter().find_map(|sample| find(&sample.target).err());
        ready(match unknown {
            Some(error) => Err(error),
            None => {
                self.state().pushed.extend(samples);
                Ok(())
            }
        })
    }

    fn write_series(&self, series: Vec<WrittenSeries>) -> Answer<'_, ()> {
        self.state().written.extend(series);
        ready(Ok(()))
    }

    fn start_run(&self, request: RunRequest) -> Answer<'_, RunView> {
        ready(self.start_run_now(request))
    }

    fn runs(&self, limit: u32) -> Answer<'_, Vec<RunView>> {
        ready(Ok(self.runs_now(limit)))
    }

    fn run(&self, id: u64) -> Answer<'_, RunView> {
        ready(self.run_now(id))
    }

    fn run_events(&self, id: u64) -> Answer<'_, mpsc::Receiver<RunEvent>> {
        ready(self.run_events_now(id))
    }

    fn stop_run(&self, id: u64) -> Answer<'_, ()> {
        ready(self.stop_run_now(id))
    }

    fn pools(&self) -> Answer<'_, PoolPage> {
        ready(Ok(self.pools_now()))
    }

    fn set_pool(&self, request: PoolRequest) -> Answer<'_, PoolView> {
        ready(Ok(self.set_pool_now(request)))
    }

    fn drain_pool(&self, id: String) -> Answer<'_, ()> {
        ready(self.drain_pool_now(&id))
    }

    fn pool_curve(&self, id: String) -> Answer<'_, PoolCurve> {
        ready(self.curve_now(&id))
    }

    fn set_lambda(&self, lambda: f64) -> Answer<'_, ()> {
        self.state().warm.lambda = lambda;
        ready(Ok(()))
    }

    fn claim(&self, request: ClaimRequest) -> Answer<'_, ClaimView> {
        ready(Ok(self.claim_now(&request)))
    }

    fn release(&self, id: u64) -> Answer<'_, ()> {
        ready(self.release_now(id))
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}
