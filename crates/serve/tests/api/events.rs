//! The stream of events.

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, StatusCode, header};
use serde_json::Value;
use serve::{Limits, Settings};
use tokio_stream::StreamExt;
use tower::ServiceExt;

use crate::{Host, READER, host, host_with, request};

async fn subscribe(host: &Host) -> axum::response::Response {
    let request = request(Method::GET, "/v1/events", READER).header(header::ACCEPT_ENCODING, "gzip");
    host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// The next event: its name and its data.
async fn next(stream: &mut BodyDataStream) -> Option<(String, Value)> {
    let chunk = stream.next().await?.unwrap();
    let text = String::from_utf8(chunk.to_vec()).unwrap();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    Some((field("event:"), serde_json::from_str(&field("data:")).unwrap()))
}

#[tokio::test]
async fn subscribers_see_what_happens() {
    let host = host();
    let response = subscribe(&host).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
    let mut stream = response.into_body().into_data_stream();
    host.backend.tick();
    assert_eq!(next(&mut stream).await.unwrap().0, "sampled");
    let (name, status) = next(&mut stream).await.unwrap();
    assert_eq!((name.as_str(), &status["targets"]), ("status", &Value::from(7)));
    host.put(Method::POST, "/v1/decisions/41/undo", "").await;
    let (name, done) = next(&mut stream).await.unwrap();
    assert_eq!((name.as_str(), &done["ticket"]), ("done", &Value::from(41)));
    assert_eq!(next(&mut stream).await.unwrap().1["undoes"], 41);
}

#[tokio::test]
async fn a_slow_subscriber_is_told_what_it_missed() {
    let host = host();
    let mut stream = subscribe(&host).await.into_body().into_data_stream();
    for _ in 0..1_000 {
        host.backend.tick();
    }
    let (name, lagged) = next(&mut stream).await.unwrap();
    assert_eq!(name, "lagged");
    assert!(lagged["missed"].as_u64().unwrap() >= 1_000);
}

#[tokio::test]
async fn subscribers_are_limited_and_their_places_freed() {
    let settings = Settings { limits: Limits { event_subscribers: 1, ..Limits::default() }, ..Settings::default() };
    let host = host_with(settings);
    let first = subscribe(&host).await;
    host.get("/v1/events").await.problem(429);
    drop(first);
    assert_eq!(subscribe(&host).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn streams_end_with_the_server() {
    let host = host();
    let mut stream = subscribe(&host).await.into_body().into_data_stream();
    host.ending.send(true).unwrap();
    assert!(stream.next().await.is_none());
}
