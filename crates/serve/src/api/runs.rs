//! Runs: begin one, follow it, stop it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;

use super::events::KEEP_ALIVE;
use super::{Reply, page};
use crate::extract::{Json as Body, Path, Query};
use crate::router::App;
use crate::view::{RunChunk, RunEvent, RunList, RunListQuery, RunQuery, RunRequest, RunView};
use crate::{ApiError, ErrorKind, Problem};

/// Begins a run. With `wait=true` the answer comes when it is over, with what it wrote; should that take longer than an
/// answer may, it comes as without.
#[utoipa::path(post, path = "/v1/runs", tag = "instances", request_body = RunRequest,
    params(RunQuery,
        ("idempotency-key" = Option<String>, Header, description = "Carried out once per key", min_length = 1, max_length = 128)),
    responses(
        (status = 200, description = "Over, as `wait` asked; Location names it", body = RunView),
        (status = 202, description = "Begun; Location names it", body = RunView),
        (status = 404, description = "There is no such claim", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn start(
    State(app): State<App>,
    Query(query): Query<RunQuery>,
    Body(request): Body<RunRequest>,
) -> Result<Response, ApiError> {
    if let Some(fault) = request.fault() {
        return Err(fault);
    }
    // Before the run begins: what is refused must not run.
    let waits = query.wait.unwrap_or(false).then(|| waiter(&app)).transpose()?;
    let begun = app.backend.start_run(request).await?;
    let (status, run) = match waits {
        None => (StatusCode::ACCEPTED, begun),
        Some(_place) => wait(&app, begun).await?,
    };
    Ok((status, [(header::LOCATION, format!("/v1/runs/{}", run.id))], Json(run)).into_response())
}

/// The run when it is over, or, when an answer is due before, as it began.
async fn wait(app: &App, begun: RunView) -> Result<(StatusCode, RunView), ApiError> {
    let id = begun.id;
    let mut events = app.backend.run_events(id).await?;
    let mut ending = app.ending.clone();
    let ends = async {
        // A sender that is gone means the same.
        let _ = ending.wait_for(|ends| *ends).await;
    };
    let over = async {
        // A stream that ends without saying so belongs to a run that is over, too.
        while let Some(event) = events.recv().await {
            if matches!(event, RunEvent::Finished(_)) {
                break;
            }
        }
    };
    // Some of the time stays for the answer itself.
    let patience = app.settings.limits.request_time.mul_f64(0.9);
    tokio::select! {
        () = over => Ok((StatusCode::OK, app.backend.run(id).await?)),
        () = tokio::time::sleep(patience) => Ok((StatusCode::ACCEPTED, begun)),
        () = ends => Ok((StatusCode::ACCEPTED, begun)),
    }
}

/// The newest runs, newest first, without their output.
#[utoipa::path(get, path = "/v1/runs", tag = "instances", params(RunListQuery), responses(
    (status = 200, body = RunList),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn runs(State(app): State<App>, Query(query): Query<RunListQuery>) -> Reply<RunList> {
    let limit = page(query.limit)?.unwrap_or_default();
    Ok(Json(RunList { runs: app.backend.runs(limit).await? }))
}

/// One run with what it has written.
#[utoipa::path(get, path = "/v1/runs/{id}", tag = "instances",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 200, body = RunView),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn run(State(app): State<App>, Path(id): Path<u64>) -> Reply<RunView> {
    app.backend.run(id).await.map(Json)
}

/// Stops a run: whatever it started ends with it.
#[utoipa::path(delete, path = "/v1/runs/{id}", tag = "instances",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 204, description = "Stopped"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn stop(State(app): State<App>, Path(id): Path<u64>) -> Result<StatusCode, ApiError> {
    app.backend.stop_run(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a run writes, from its beginning, as it comes: `stdout` and `stderr` with a piece of output as Base64, then
/// `finished` with the run, and the stream ends.
#[utoipa::path(get, path = "/v1/runs/{id}/events", tag = "instances",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 200, description = "A stream of events: `stdout`, `stderr`, then `finished` with the run", body = RunChunk,
            content_type = "text/event-stream"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn events(
    State(app): State<App>,
    Path(id): Path<u64>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, ApiError> {
    let place = follower(&app)?;
    let stream = Following {
        events: Some(app.backend.run_events(id).await?),
        ending: WatchStream::new(app.ending.clone()),
        server: app.ending.clone(),
        _place: place,
    };
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// A place among those who wait for the end of a run.
fn waiter(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(&app.waiters).try_acquire_owned().map_err(|_| {
        ApiError::new(
            ErrorKind::Busy,
            format!("{} callers wait for a run already", app.settings.limits.run_waiters),
            "begin the run without wait, and follow GET /v1/runs/{id}/events",
        )
    })
}

/// A place among those who follow runs.
fn follower(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    Arc::clone(&app.followers).try_acquire_owned().map_err(|_| {
        ApiError::new(
            ErrorKind::Busy,
            format!("{} runs are being followed already", app.settings.limits.run_followers),
            "try again in a second, or ask for GET /v1/runs/{id} now and then",
        )
    })
}

/// One who follows a run: ends with the run, the backend or the server, and then frees its place.
struct Following {
    events: Option<mpsc::Receiver<RunEvent>>,
    ending: WatchStream<bool>,
    server: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Stream for Following {
    type Item = Result<SseEvent, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Poll::Ready(Some(_)) = Pin::new(&mut self.ending).poll_next(context) {}
        if *self.server.borrow() {
            return Poll::Ready(None);
        }
        let Some(events) = &mut self.events else { return Poll::Ready(None) };
        let event = match events.poll_recv(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(event)) => event,
        };
        if matches!(event, RunEvent::Finished(_)) {
            self.events = None;
        }
        Poll::Ready(Some(Ok(encode(&event))))
    }
}

fn encode(event: &RunEvent) -> SseEvent {
    let sse = SseEvent::default().event(event.name());
    let data = match event {
        RunEvent::Stdout(bytes) | RunEvent::Stderr(bytes) => sse.json_data(RunChunk { base64: STANDARD.encode(bytes) }),
        RunEvent::Finished(run) => sse.json_data(run),
    };
    data.expect("events are plain data with text keys")
}
