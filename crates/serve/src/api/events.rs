//! Events as they happen, as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::wrappers::{BroadcastStream, WatchStream};

use crate::router::App;
use crate::view::{Event, LaggedEvent};
use crate::{ApiError, ErrorKind, Problem};

/// How often a comment is sent when nothing happens, so that a broken connection is noticed.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events from now on, until either side ends: `event` is the kind, `data` its JSON. After `lagged` read the state
/// afresh.
#[utoipa::path(get, path = "/v1/events", tag = "state", responses(
    (status = 200, description = "A stream of events", body = Event, content_type = "text/event-stream"),
    (status = 429, description = "Too many subscribers", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn events(State(app): State<App>) -> Result<Sse<impl Stream<Item = Item>>, ApiError> {
    let permit = Arc::clone(&app.subscribers).try_acquire_owned().map_err(|_| {
        ApiError::new(
            ErrorKind::Busy,
            format!("{} subscribers are connected already", app.settings.limits.event_subscribers),
            "close another one, or ask GET /v1/status now and then",
        )
    })?;
    let stream = Subscription {
        events: BroadcastStream::new(app.backend.subscribe()),
        ending: WatchStream::new(app.ending.clone()),
        server: app.ending.clone(),
        _permit: permit,
    };
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

type Item = Result<SseEvent, Infallible>;

/// One subscriber: ends when the backend or the server does, and then frees its place.
struct Subscription {
    events: BroadcastStream<Event>,
    ending: WatchStream<bool>,
    server: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Stream for Subscription {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        while let Poll::Ready(Some(_)) = Pin::new(&mut self.ending).poll_next(context) {}
        if *self.server.borrow() {
            return Poll::Ready(None);
        }
        let event = match Pin::new(&mut self.events).poll_next(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Ok(event))) => event,
            Poll::Ready(Some(Err(BroadcastStreamRecvError::Lagged(missed)))) => Event::Lagged(LaggedEvent { missed }),
        };
        Poll::Ready(Some(Ok(encode(&event))))
    }
}

fn encode(event: &Event) -> SseEvent {
    let sse = SseEvent::default().event(event.name());
    let data = match event {
        Event::Status(data) => sse.json_data(data),
        Event::Sampled(data) => sse.json_data(data),
        Event::Target(data) => sse.json_data(data),
        Event::TargetGone(data) => sse.json_data(data),
        Event::Decision(data) => sse.json_data(data),
        Event::Done(data) => sse.json_data(data),
        Event::Mode(data) => sse.json_data(data),
        Event::KillSwitch(data) => sse.json_data(data),
        Event::Announced(data) => sse.json_data(data),
        Event::Lagged(data) => sse.json_data(data),
    };
    data.expect("events are plain data with text keys")
}
