//! A daemon that keeps no instances ready: it says so, and what to do about it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, header};
use serve::view::{
    AnnouncementRequest, AnnouncementView, BoundsView, DecisionPage, DecisionQuery, DecisionView, Event, ForecastReport,
    MetricName, ModeName, ModeScope, PlanView, PushedSample, SeriesView, StatusView, TargetPage, TargetQuery, TargetView,
    TierName, Timestamp,
};
use serve::{Answer, ApiError, Backend, Settings, WrittenSeries, ready};
use tokio::sync::{broadcast, watch};
use tower::ServiceExt;

use crate::{OPERATOR, Reply, auth, request};

/// A daemon with nothing in it.
struct Nothing;

macro_rules! nothing {
    ($($name:ident($($of:ty),*) -> $answer:ty;)+) => {
        $(fn $name(&self $(, _: $of)*) -> Answer<'_, $answer> {
            ready(Err(ApiError::unavailable("nothing is here")))
        })+
    };
}

impl Backend for Nothing {
    nothing! {
        status() -> StatusView;
        targets(TargetQuery) -> TargetPage;
        target(String) -> TargetView;
        forecast(String) -> ForecastReport;
        series(String, MetricName, Timestamp, Timestamp, u32) -> SeriesView;
        plan() -> PlanView;
        decisions(DecisionQuery) -> DecisionPage;
        decision(model::Ticket) -> DecisionView;
        undo(model::Ticket) -> DecisionView;
        set_mode(ModeScope, ModeName) -> ();
        set_kill_switch(bool) -> ();
        set_bounds(String, BoundsView) -> ();
        set_tier(String, TierName) -> ();
        announce(AnnouncementRequest) -> AnnouncementView;
        withdraw(model::AnnouncementId) -> ();
        announcements() -> Vec<AnnouncementView>;
        push_samples(Vec<PushedSample>) -> ();
        write_series(Vec<WrittenSeries>) -> ();
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        broadcast::channel(1).1
    }
}

#[tokio::test]
async fn it_says_that_it_has_none() {
    let (_ending, seen) = watch::channel(false);
    let router = serve::router(Arc::new(Nothing), auth(), Settings::default(), seen);
    for (method, path, body) in [
        (Method::POST, "/v1/runs", r#"{"runtime":"sh","code":"true"}"#),
        (Method::GET, "/v1/runs", ""),
        (Method::GET, "/v1/runs/1", ""),
        (Method::GET, "/v1/runs/1/events", ""),
        (Method::DELETE, "/v1/runs/1", ""),
        (Method::GET, "/v1/pools", ""),
        (Method::PUT, "/v1/pools", r#"{"runtime":"sh"}"#),
        (Method::DELETE, "/v1/pools/a", ""),
        (Method::GET, "/v1/pools/a/curve", ""),
        (Method::PUT, "/v1/lambda", r#"{"lambda":1}"#),
        (Method::POST, "/v1/claims", r#"{"runtime":"sh"}"#),
        (Method::DELETE, "/v1/claims/1", ""),
    ] {
        let asked = request(method, path, OPERATOR).header(header::CONTENT_TYPE, "application/json");
        let response = router.clone().oneshot(asked.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let reply = Reply { status: parts.status, headers: parts.headers, body };
        assert_eq!(reply.problem(503), "warm instances are not available here", "{path}");
    }
}
