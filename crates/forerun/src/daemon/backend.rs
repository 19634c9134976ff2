//! The API's questions, asked of the core.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use model::{AnnouncementId, Metric, Observation, Planner, Scope, TargetId, Ticket};
use serve::view::{
    AnnouncementRequest, AnnouncementView, BoundsView, ClaimRequest, ClaimView, DecisionPage, DecisionQuery, DecisionView,
    Event, ForecastReport, KillSwitchEvent, MetricName, ModeBody, ModeName, ModeScope, PlanView, PoolCurve, PoolPage,
    PoolRequest, PoolView, PushedSample, RunEvent, RunRequest, RunView, SeriesView, StatusView, TargetPage, TargetQuery,
    TargetView, TierName, Timestamp,
};
use serve::{Answer, ApiError, Backend, ErrorKind, WrittenSeries, ready};
use tokio::sync::{broadcast, mpsc};

use super::ask::Asks;
use super::core::Core;
use super::warm::Warm;

/// The daemon as the API sees it.
pub struct Daemon {
    asks: Asks,
    events: broadcast::Sender<Event>,
    warm: Option<Arc<Warm>>,
}

impl Daemon {
    /// Asks over `asks`, tells over `events`; runs go to `warm` at once.
    pub fn new(asks: Asks, events: broadcast::Sender<Event>, warm: Option<Arc<Warm>>) -> Self {
        Daemon { asks, events, warm }
    }

    fn warm(&self) -> Result<Arc<Warm>, ApiError> {
        self.warm.clone().ok_or_else(|| {
            let why = "this daemon runs no code: it needs root, and pools.enabled in its configuration";
            ApiError::new(ErrorKind::Unavailable, why, "`forerun doctor` says what sandboxes need on this host")
        })
    }

    /// Does what may block on a thread that may.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Warm) -> Result<T, ApiError> + Send + 'static,
    ) -> Answer<'_, T> {
        let warm = self.warm();
        Box::pin(async move {
            let warm = warm?;
            let done = tokio::task::spawn_blocking(move || work(&warm)).await;
            done.map_err(|error| ApiError::internal(error.to_string()))?
        })
    }
}

/// Decisions looked through for one page, at most.
const LOOKED_THROUGH_MAX: u32 = 100_000;

impl Backend for Daemon {
    fn status(&self) -> Answer<'_, StatusView> {
        self.asks.ask(|core| Ok(core.status_view()))
    }

    fn targets(&self, query: TargetQuery) -> Answer<'_, TargetPage> {
        self.asks.ask(move |core| Ok(core.target_page(&query)))
    }

    fn target(&self, id: String) -> Answer<'_, TargetView> {
        self.asks.ask(move |core| {
            let ordinal = core.ordinal(&id)?;
            core.target_view(ordinal).ok_or_else(|| ApiError::not_found("target", id))
        })
    }

    fn forecast(&self, id: String) -> Answer<'_, ForecastReport> {
        self.asks.ask(move |core| core.forecast_report(&id))
    }

    fn series(
        &self,
        id: String,
        metric: MetricName,
        from: Timestamp,
        to: Timestamp,
        step_seconds: u32,
    ) -> Answer<'_, SeriesView> {
        self.asks.ask(move |core| core.series_view(&id, metric, from, to, step_seconds))
    }

    fn plan(&self) -> Answer<'_, PlanView> {
        self.asks.ask(|core| Ok(core.plan_view()))
    }

    fn decisions(&self, query: DecisionQuery) -> Answer<'_, DecisionPage> {
        self.asks.ask(move |core| core.decision_page(query))
    }

    fn decision(&self, ticket: Ticket) -> Answer<'_, DecisionView> {
        self.asks.ask(move |core| core.stored_decision(ticket))
    }

    fn undo(&self, ticket: Ticket) -> Answer<'_, DecisionView> {
        self.asks.ask(move |core| {
            let view = core.stored_decision(ticket)?;
            if !view.undoable {
                return Err(ApiError::conflict(
                    format!("{ticket} cannot be taken back: it is {}, {}", state(&view), "or its workload is gone"),
                    "`forerun history` lists what can be undone",
                ));
            }
            let by = core.undo(ticket).ok_or_else(|| {
                ApiError::conflict(
                    format!("{ticket} cannot be taken back now: its knob is being changed"),
                    "try again in a second",
                )
            })?;
            core.stored_decision(by)
        })
    }

    fn set_mode(&self, scope: ModeScope, mode: ModeName) -> Answer<'_, ()> {
        self.asks.ask(move |core| {
            let (scope, key, body) = match scope {
                ModeScope::All => (Scope::All, "mode".to_owned(), ModeBody { mode, planner: None, target: None }),
                ModeScope::Planner(planner) => {
                    let scope = Scope::Planner(Planner::from(planner));
                    (
                        scope,
                        format!("mode:planner:{}", planner.word()),
                        ModeBody { mode, planner: Some(planner), target: None },
                    )
                }
                ModeScope::Target(id) => {
                    let scope = Scope::Target(core.ordinal(&id)?);
                    (scope, format!("mode:{id}"), ModeBody { mode, planner: None, target: Some(id) })
                }
            };
            core.set_mode(scope, mode.into());
            core.keep(&key, mode.word());
            core.tell(Event::Mode(body));
            Ok(())
        })
    }

    fn set_kill_switch(&self, engaged: bool) -> Answer<'_, ()> {
        self.asks.ask(move |core| {
            core.observe(&Observation::KillSwitch(engaged));
            core.keep("kill_switch", if engaged { "engaged" } else { "released" });
            core.tell(Event::KillSwitch(KillSwitchEvent { engaged }));
            Ok(())
        })
    }

    fn set_bounds(&self, id: String, bounds: BoundsView) -> Answer<'_, ()> {
        self.asks.ask(move |core| {
            let target = core.ordinal(&id)?;
            let kept = serde_json::to_string(&bounds).map_err(|error| ApiError::internal(error.to_string()))?;
            core.observe(&Observation::BoundsSet { target, bounds: bounds.into() });
            core.keep(&format!("bounds:{id}"), &kept);
            core.tell_target(target);
            Ok(())
        })
    }

    fn set_tier(&self, id: String, tier: TierName) -> Answer<'_, ()> {
        self.asks.ask(move |core| {
            let target = core.ordinal(&id)?;
            let tier = model::Tier::from(tier);
            core.observe(&Observation::TierSet { target, tier });
            core.keep(&format!("tier:{id}"), &format!("{tier:?}"));
            core.tell_target(target);
            Ok(())
        })
    }

    fn announce(&self, request: AnnouncementRequest) -> Answer<'_, AnnouncementView> {
        self.asks.ask(move |core| {
            let target = core.ordinal(&request.target)?;
            let metric = request.metric.map_or(Metric::Cpu, Metric::from);
            let source = request.source.as_deref().unwrap_or("api");
            let expected = request.expected.map(|amount| amount as f32);
            let announced = core.announce_to(target, metric, request.from.0, request.until.0, expected, source);
            announced.ok_or_else(|| ApiError::not_found("target", &request.target))
        })
    }

    fn withdraw(&self, id: AnnouncementId) -> Answer<'_, ()> {
        self.asks.ask(move |core| {
            core.announcements.remove(&id).ok_or_else(|| ApiError::not_found("announcement", id.0))?;
            core.observe(&Observation::AnnouncementWithdrawn(id));
            Ok(())
        })
    }

    fn announcements(&self) -> Answer<'_, Vec<AnnouncementView>> {
        self.asks.ask(|core| {
            let wall = core.wall();
            let mut coming: Vec<_> = core.announcements.values().filter(|held| held.until.0 > wall).cloned().collect();
            coming.sort_by_key(|announcement| (announcement.from, announcement.id));
            Ok(coming)
        })
    }

    fn push_samples(&self, samples: Vec<PushedSample>) -> Answer<'_, ()> {
        self.asks.ask(move |core| core.push(samples))
    }

    fn write_series(&self, series: Vec<WrittenSeries>) -> Answer<'_, ()> {
        self.asks.ask(move |core| core.write(series))
    }

    fn start_run(&self, request: RunRequest) -> Answer<'_, RunView> {
        self.blocking(move |warm| warm.run(&request))
    }

    fn runs(&self, limit: u32) -> Answer<'_, Vec<RunView>> {
        ready(self.warm().map(|warm| warm.runs(limit)))
    }

    fn run(&self, id: u64) -> Answer<'_, RunView> {
        ready(self.warm().and_then(|warm| warm.run_view(id)))
    }

    fn run_events(&self, id: u64) -> Answer<'_, mpsc::Receiver<RunEvent>> {
        ready(self.warm().and_then(|warm| warm.feed(id)))
    }

    fn stop_run(&self, id: u64) -> Answer<'_, ()> {
        ready(self.warm().and_then(|warm| warm.stop(id)))
    }

    fn pools(&self) -> Answer<'_, PoolPage> {
        match self.warm() {
            Ok(warm) => self.asks.ask(move |core| Ok(core.pool_page(&warm))),
            Err(error) => ready(Err(error)),
        }
    }

    fn set_pool(&self, request: PoolRequest) -> Answer<'_, PoolView> {
        let warm = self.warm();
        Box::pin(async move {
            let warm = warm?;
            let key = warm.set_pool(&request)?;
            let asked = self.asks.ask(move |core| {
                core.turn_warm();
                core.keep_bounds(&warm);
                let id = super::warm::pool_id(&key);
                let page = core.pool_page(&warm);
                page.pools.into_iter().find(|pool| pool.id == id).ok_or_else(|| ApiError::not_found("pool", id))
            });
            asked.await
        })
    }

    fn drain_pool(&self, id: String) -> Answer<'_, ()> {
        let warm = self.warm();
        Box::pin(async move {
            let warm = warm?;
            warm.drain(&id)?;
            let asked = self.asks.ask(move |core| {
                core.keep_bounds(&warm);
                Ok(())
            });
            asked.await
        })
    }

    fn pool_curve(&self, id: String) -> Answer<'_, PoolCurve> {
        self.asks.ask(move |core| core.pool_curve(&id))
    }

    fn set_lambda(&self, lambda: f64) -> Answer<'_, ()> {
        self.asks.ask(move |core| {
            core.set_lambda(lambda);
            Ok(())
        })
    }

    fn claim(&self, request: ClaimRequest) -> Answer<'_, ClaimView> {
        self.blocking(move |warm| warm.claim(&request))
    }

    fn release(&self, id: u64) -> Answer<'_, ()> {
        ready(self.warm().and_then(|warm| warm.release(id)))
    }

    fn register_metrics(&self, registry: &mut serve::Registry) {
        if let Some(warm) = &self.warm {
            super::warm::metrics::register(registry, warm);
        }
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}

fn state(view: &DecisionView) -> String {
    match view.undone_by {
        Some(by) => format!("undone by T{by}"),
        None => format!("{:?}", view.outcome.state).to_lowercase(),
    }
}

impl Core {
    fn target_page(&self, query: &TargetQuery) -> TargetPage {
        let wanted: BTreeMap<&TargetId, model::Ordinal> = self
            .ordinals
            .iter()
            .filter(|(id, ordinal)| {
                let Some(known) = self.known.get(ordinal) else { return false };
                let text = query.filter.as_deref().unwrap_or("");
                let named =
                    id.as_str().contains(text) || known.spec.application.as_deref().is_some_and(|name| name.contains(text));
                let tier = self.engine.target(**ordinal).map(|target| target.spec.tier);
                named
                    && query.kind.is_none_or(|kind| kind == known.spec.kind.into())
                    && query.tier.is_none_or(|wanted| tier.is_some_and(|tier| wanted == tier.into()))
            })
            .map(|(id, ordinal)| (id, *ordinal))
            .collect();
        let limit = query.limit.unwrap_or(100) as usize;
        let after = query.after.as_deref().map(TargetId::new);
        let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = wanted.range::<&TargetId, _>((from, Bound::Unbounded));
        let targets: Vec<TargetView> =
            rest.by_ref().take(limit).filter_map(|(_, ordinal)| self.target_view(*ordinal)).collect();
        let next = if rest.next().is_some() { targets.last().map(|target| target.id.clone()) } else { None };
        TargetPage { targets, total: wanted.len() as u64, next }
    }

    fn decision_page(&self, query: DecisionQuery) -> Result<DecisionPage, ApiError> {
        let limit = query.limit.unwrap_or(100) as usize;
        let read = self.store.call(move |store| {
            let entries = match &query.target {
                Some(target) => store.decisions_of(&TargetId::new(target.as_str()), LOOKED_THROUGH_MAX),
                None => store.latest_decisions(if query.before.is_none() { limit as u32 + 1 } else { LOOKED_THROUGH_MAX }),
            };
            entries.map(|mut entries| {
                entries.sort_by_key(|entry| std::cmp::Reverse(entry.decision.ticket));
                entries.retain(|entry| {
                    query.before.is_none_or(|before| entry.decision.ticket.0 < before)
                        && query.since.is_none_or(|since| entry.decision.wall >= since.0)
                });
                entries.truncate(limit + 1);
                entries
            })
        });
        let mut entries = read.and_then(|entries| entries).map_err(|error| ApiError::internal(error.to_string()))?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let decisions: Vec<DecisionView> = entries.iter().map(|entry| self.stored_view(entry)).collect();
        let next = if more { decisions.last().map(|decision| decision.ticket) } else { None };
        Ok(DecisionPage { decisions, next })
    }

    fn stored_decision(&self, ticket: Ticket) -> Result<DecisionView, ApiError> {
        let entry = self.store.call(move |store| store.decision(ticket)).and_then(|entry| entry);
        let entry = entry.map_err(|error| ApiError::internal(error.to_string()))?;
        entry.map(|entry| self.stored_view(&entry)).ok_or_else(|| ApiError::not_found("decision", ticket))
    }

    fn tell_target(&self, target: model::Ordinal) {
        if let Some(view) = self.target_view(target) {
            self.tell(Event::Target(view));
        }
    }

    /// Keeps a setting that was made over the API for the next start.
    pub(super) fn keep(&mut self, key: &str, value: &str) {
        let (key, value) = (key.to_owned(), value.to_owned());
        let kept = self.store.call(move |store| store.set(&key, value.as_bytes()));
        if let Ok(Err(error)) | Err(error) = kept {
            self.degrade("settings", error.to_string(), "a setting made over the API is lost at the next start");
        }
    }

    /// A setting that an earlier run kept.
    pub(super) fn kept_value(&self, key: &str) -> Option<String> {
        let key = key.to_owned();
        let value = self.store.call(move |store| store.get(&key));
        String::from_utf8(value.ok()?.ok()??).ok()
    }

    /// The mode of a target that an earlier run kept.
    pub(super) fn kept_mode(&self, id: &TargetId) -> Option<model::Mode> {
        let word = self.kept_value(&format!("mode:{id}"))?;
        ModeName::ALL.iter().find(|mode| mode.word() == word).map(|mode| (*mode).into())
    }
}
