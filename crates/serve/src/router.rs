//! The routes, their limits, and the OpenAPI document that is made of them.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tokio::sync::{Semaphore, watch};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::idempotency::Answers;
use crate::metrics::HttpMetrics;
use crate::view::Event;
use crate::{ApiError, Auth, Backend, ErrorKind, Problem, WriteLimits, api, assets, guard, idempotency};

/// What an operator may set of the server.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Settings {
    /// Host names, besides loopback, under which the TCP listener may be asked (`serve.hosts`).
    pub hosts: Vec<String>,
    /// The limits.
    pub limits: Limits,
}

/// One limit for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a JSON body.
    pub body_bytes: usize,
    /// Requests that are being answered at once.
    pub requests_at_once: usize,
    /// Time until an answer must begin.
    pub request_time: Duration,
    /// Subscribers of events at once.
    pub event_subscribers: usize,
    /// Callers at once who follow a run's events.
    pub run_followers: usize,
    /// Requests at once that wait for the end of a run; they count as requests, too, so that fewer must do.
    pub run_waiters: usize,
    /// Open connections per listener; further ones wait to be accepted.
    pub connections: usize,
    /// Time in which the head of a request must have come in.
    pub head_time: Duration,
    /// Time for open requests to end at shutdown.
    pub drain_time: Duration,
    /// Points of one series.
    pub series_points: u64,
    /// Readings of one push.
    pub pushed_samples: usize,
    /// Targets with metrics of their own at `/metrics`; the others are counted.
    pub metrics_targets: u32,
    /// Bounds of one remote write.
    pub write: WriteLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: 2 * 1024 * 1024,
            requests_at_once: 128,
            request_time: Duration::from_secs(30),
            event_subscribers: 64,
            run_followers: 1_024,
            run_waiters: 64,
            connections: 512,
            head_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(5),
            series_points: 2_000,
            pushed_samples: 10_000,
            metrics_targets: 1_000,
            write: WriteLimits::default(),
        }
    }
}

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) auth: Auth,
    pub(crate) settings: Settings,
    pub(crate) answers: Answers,
    pub(crate) requests: Semaphore,
    pub(crate) subscribers: Arc<Semaphore>,
    pub(crate) followers: Arc<Semaphore>,
    pub(crate) waiters: Arc<Semaphore>,
    pub(crate) http: HttpMetrics,
    pub(crate) openapi: String,
    /// Becomes true when the server ends: streams end then.
    pub(crate) ending: watch::Receiver<bool>,
}

impl Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "forerun",
        description = "Forecasts what workloads need next and has it ready before they ask. Every error is a problem \
            document (RFC 9457) with a remedy. GET needs a reader, everything else an operator. Ids of targets and pools \
            contain slashes: percent-encode them in a path (`/v1/targets/cgroup%3A%2Fsystem.slice%2Fnginx.service`). A POST \
            under /v1 with an Idempotency-Key is carried out once; its repeats within an hour get the same answer.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    components(schemas(Problem, Event)),
    security(("bearer" = [])),
    tags(
        (name = "state", description = "How the daemon is and what it watches"),
        (name = "decisions", description = "What was done, what would be done, and why"),
        (name = "control", description = "Modes, bounds, the kill switch"),
        (name = "instances", description = "Instances kept ready, and code that runs in them"),
        (name = "input", description = "What is told to forerun: announcements and samples"),
        (name = "operation", description = "Health, metrics and this document"),
    ),
)]
struct Document;

/// What needs a caller who is known.
fn guarded() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(api::status::status))
        .routes(routes!(api::targets::targets))
        .routes(routes!(api::targets::target, api::targets::patch_target))
        .routes(routes!(api::targets::forecast))
        .routes(routes!(api::targets::series))
        .routes(routes!(api::decisions::plan))
        .routes(routes!(api::decisions::decisions))
        .routes(routes!(api::decisions::decision))
        .routes(routes!(api::decisions::undo))
        .routes(routes!(api::control::set_mode))
        .routes(routes!(api::control::set_kill_switch))
        .routes(routes!(api::announcements::announcements, api::announcements::announce))
        .routes(routes!(api::announcements::withdraw))
        .routes(routes!(api::samples::push))
        .routes(routes!(api::samples::remote_write))
        .routes(routes!(api::events::events))
        .routes(routes!(api::runs::runs, api::runs::start))
        .routes(routes!(api::runs::run, api::runs::stop))
        .routes(routes!(api::runs::events))
        .routes(routes!(api::pools::pools, api::pools::set_pool))
        .routes(routes!(api::pools::drain_pool))
        .routes(routes!(api::pools::curve))
        .routes(routes!(api::pools::set_lambda))
        .routes(routes!(api::pools::claim))
        .routes(routes!(api::pools::release))
        .routes(routes!(api::operation::metrics))
        .routes(routes!(api::operation::openapi_json))
}

/// What anybody may ask: it reveals nothing but whether the daemon lives.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(api::operation::healthz)).routes(routes!(api::operation::readyz))
}

/// The OpenAPI 3.1 document of the API, as `/openapi.json` serves it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = guarded().merge(open()).into_openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    document.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    document
}

/// The whole server as a service; [`crate::run()`] puts it behind listeners. Streams end when `ending` becomes true.
pub fn router(backend: Arc<dyn Backend>, auth: Auth, settings: Settings, ending: watch::Receiver<bool>) -> Router {
    let limits = settings.limits;
    let app = App(Arc::new(Shared {
        backend,
        auth,
        settings,
        answers: Answers::default(),
        requests: Semaphore::new(limits.requests_at_once),
        subscribers: Arc::new(Semaphore::new(limits.event_subscribers)),
        followers: Arc::new(Semaphore::new(limits.run_followers)),
        waiters: Arc::new(Semaphore::new(limits.run_waiters)),
        http: HttpMetrics::default(),
        openapi: openapi().to_pretty_json().expect("the document is made of serialisable parts"),
        ending,
    }));
    // A stream must reach its reader event by event: compression would hold events back.
    let compressed = DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream"));
    Router::from(guarded())
        .route_layer(from_fn_with_state(app.clone(), idempotency::replay))
        .route_layer(from_fn_with_state(app.clone(), guard::authorise))
        .merge(Router::from(open()))
        .fallback(assets::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(from_fn_with_state(app.clone(), guard::limits))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(from_fn_with_state(app.clone(), guard::headers))
        .with_state(app)
}

async fn method_not_allowed(method: axum::http::Method, uri: axum::http::Uri) -> ApiError {
    ApiError::new(
        ErrorKind::MethodNotAllowed,
        format!("{method} is not allowed on {}", uri.path()),
        "see the Allow header, or GET /openapi.json",
    )
}
