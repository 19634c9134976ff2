//! The border to the daemon: what this crate asks of it, one method per question.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::{broadcast, mpsc};

use crate::remote_write::WrittenSeries;
use crate::view::{
    AnnouncementRequest, AnnouncementView, BoundsView, ClaimRequest, ClaimView, DecisionPage, DecisionQuery, DecisionView,
    Event, ForecastReport, MetricName, ModeName, ModeScope, PlanView, PoolCurve, PoolPage, PoolRequest, PoolView,
    PushedSample, RunEvent, RunRequest, RunView, SeriesView, StatusView, TargetPage, TargetQuery, TargetView, TierName,
    Timestamp,
};
use crate::{ApiError, ErrorKind, Registry};

/// What a [`Backend`] returns: a boxed future, so that it may read a snapshot at once or wait for the engine's task.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send + 'a>>;

/// An answer that is known already.
pub fn ready<'a, T: Send + 'a>(answer: Result<T, ApiError>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

/// The answer of a daemon that keeps no instances ready.
fn no_instances<'a, T: Send + 'a>() -> Answer<'a, T> {
    ready(Err(ApiError::new(
        ErrorKind::Unavailable,
        "warm instances are not available here",
        "`forerun doctor` says what they need on this host",
    )))
}

/// The daemon as the API sees it. Requests arrive checked: limits are within their range, times in order, numbers
/// finite. Every method may fail with [`ApiError::unavailable`] while the daemon starts or ends; those that name a
/// target, a ticket or an announcement with [`ApiError::not_found`] when there is none.
pub trait Backend: Send + Sync + 'static {
    /// The state of the daemon.
    fn status(&self) -> Answer<'_, StatusView>;

    /// A page of targets in the order of their ids; `limit` is set.
    fn targets(&self, query: TargetQuery) -> Answer<'_, TargetPage>;

    /// One target.
    fn target(&self, id: String) -> Answer<'_, TargetView>;

    /// The forecasts of one target.
    fn forecast(&self, id: String) -> Answer<'_, ForecastReport>;

    /// History of one metric of one target on a grid, at most 2,000 points.
    fn series(
        &self,
        id: String,
        metric: MetricName,
        from: Timestamp,
        to: Timestamp,
        step_seconds: u32,
    ) -> Answer<'_, SeriesView>;

    /// What would be done now, without doing it.
    fn plan(&self) -> Answer<'_, PlanView>;

    /// A page of decisions, newest first; `limit` is set.
    fn decisions(&self, query: DecisionQuery) -> Answer<'_, DecisionPage>;

    /// One decision.
    fn decision(&self, ticket: model::Ticket) -> Answer<'_, DecisionView>;

    /// Takes a decision back and returns the one that does so. Fails with [`ApiError::conflict`] when it cannot be
    /// taken back: never applied, already undone, or changed by somebody else since.
    fn undo(&self, ticket: model::Ticket) -> Answer<'_, DecisionView>;

    /// Sets the mode of a scope.
    fn set_mode(&self, scope: ModeScope, mode: ModeName) -> Answer<'_, ()>;

    /// Throws (`true`) or releases the kill switch.
    fn set_kill_switch(&self, engaged: bool) -> Answer<'_, ()>;

    /// Replaces the bounds of a target.
    fn set_bounds(&self, id: String, bounds: BoundsView) -> Answer<'_, ()>;

    /// Sets the tier of a target.
    fn set_tier(&self, id: String, tier: TierName) -> Answer<'_, ()>;

    /// Announces a change of load; `metric` and `source` are set.
    fn announce(&self, request: AnnouncementRequest) -> Answer<'_, AnnouncementView>;

    /// Withdraws an announcement.
    fn withdraw(&self, id: model::AnnouncementId) -> Answer<'_, ()>;

    /// The announcements that are not over, by their begin.
    fn announcements(&self) -> Answer<'_, Vec<AnnouncementView>>;

    /// Takes in readings of applications' own metrics; `metric` is set. All or none.
    fn push_samples(&self, samples: Vec<PushedSample>) -> Answer<'_, ()>;

    /// Takes in samples of Prometheus remote write. Answered only when they are safe: the sender forgets them then.
    fn write_series(&self, series: Vec<WrittenSeries>) -> Answer<'_, ()>;

    /// Begins a run and answers at once. Exactly one of its three sources is set.
    fn start_run(&self, _request: RunRequest) -> Answer<'_, RunView> {
        no_instances()
    }

    /// The newest runs, newest first, at most `limit`, without output.
    fn runs(&self, _limit: u32) -> Answer<'_, Vec<RunView>> {
        no_instances()
    }

    /// One run with its output so far.
    fn run(&self, _id: u64) -> Answer<'_, RunView> {
        no_instances()
    }

    /// What happened to a run and what happens to it; ends after [`RunEvent::Finished`].
    fn run_events(&self, _id: u64) -> Answer<'_, mpsc::Receiver<RunEvent>> {
        no_instances()
    }

    /// Stops a run. One that is over already stays as it is.
    fn stop_run(&self, _id: u64) -> Answer<'_, ()> {
        no_instances()
    }

    /// All pools.
    fn pools(&self) -> Answer<'_, PoolPage> {
        no_instances()
    }

    /// Sets the bounds of a pool, and makes it where there is none; `at_least` is not above `at_most`.
    fn set_pool(&self, _request: PoolRequest) -> Answer<'_, PoolView> {
        no_instances()
    }

    /// Gives up every unused instance of a pool and the bounds that were set.
    fn drain_pool(&self, _id: String) -> Answer<'_, ()> {
        no_instances()
    }

    /// What a pool would have done under other lambdas.
    fn pool_curve(&self, _id: String) -> Answer<'_, PoolCurve> {
        no_instances()
    }

    /// Sets what a second of waiting is worth against idle memory; above 0, at most 1,000,000.
    fn set_lambda(&self, _lambda: f64) -> Answer<'_, ()> {
        no_instances()
    }

    /// Takes an instance out of a pool and holds it for the caller.
    fn claim(&self, _request: ClaimRequest) -> Answer<'_, ClaimView> {
        no_instances()
    }

    /// Gives a claimed instance up.
    fn release(&self, _id: u64) -> Answer<'_, ()> {
        no_instances()
    }

    /// Events from now on. A receiver that falls behind is told so and reads the state afresh.
    fn subscribe(&self) -> broadcast::Receiver<Event>;

    /// Whether requests can be served; the error says what is awaited. Asked without authentication: reveal nothing.
    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(async move { self.status().await.map(drop) })
    }

    /// Adds the daemon's own metrics to the registry of one scrape (its prefix is `forerun`).
    fn register_metrics(&self, _registry: &mut Registry) {}
}
