//! Everything that can be changed.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::{Host, NGINX, OPERATOR, Reply, host, request};

#[tokio::test]
async fn undo_takes_back_once() {
    let host = host();
    let undone = host.put(Method::POST, "/v1/decisions/T41/undo", "").await;
    assert_eq!(undone.status, StatusCode::OK);
    assert_eq!((undone.json()["ticket"].clone(), undone.json()["undoes"].clone()), (json!(43), json!(41)));
    assert_eq!(host.get("/v1/decisions/41").await.json()["undone_by"], 43);
    host.put(Method::POST, "/v1/decisions/41/undo", "").await.problem(409);
    host.put(Method::POST, "/v1/decisions/999/undo", "").await.problem(404);
}

async fn keyed(host: &Host, path: &str, key: &str, body: &str) -> Reply {
    let request = request(Method::POST, path, OPERATOR)
        .header("idempotency-key", key)
        .header(header::CONTENT_TYPE, "application/json");
    host.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_repeated_post_is_carried_out_once() {
    let host = host();
    let first = keyed(&host, "/v1/decisions/40/undo", "a", "").await;
    let second = keyed(&host, "/v1/decisions/40/undo", "a", "").await;
    assert_eq!((second.status, &second.body), (StatusCode::OK, &first.body));
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(second.headers[header::CONTENT_TYPE], "application/json");
    keyed(&host, "/v1/decisions/40/undo", "b", "").await.problem(409);
    keyed(&host, "/v1/decisions/40/undo", "a", "{}").await.problem(422);
    assert_eq!(keyed(&host, "/v1/decisions/41/undo", "a", "").await.status, StatusCode::OK, "another path");
    keyed(&host, "/v1/decisions/38/undo", &"k".repeat(129), "").await.problem(400);

    let body = r#"{"target":"docker:checkout-api-1","from":"2026-01-31T09:00:00Z","until":"2026-01-31T09:10:00Z"}"#;
    let made = keyed(&host, "/v1/announcements", "c", body).await;
    let again = keyed(&host, "/v1/announcements", "c", body).await;
    assert_eq!((made.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(made.headers[header::LOCATION], again.headers[header::LOCATION]);
    assert_eq!(host.get("/v1/announcements").await.json()["announcements"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn modes_are_set_for_all_or_one() {
    let host = host();
    let set = host.put(Method::PUT, "/v1/mode", r#"{"mode":"recommend"}"#).await;
    assert_eq!(set.json(), json!({"mode": "recommend"}));
    assert_eq!(host.get("/v1/status").await.json()["mode"], "recommend");
    host.put(Method::PUT, "/v1/mode", r#"{"mode":"observe","planner":"load"}"#).await;
    host.put(Method::PUT, "/v1/mode", r#"{"mode":"act","target":"no"}"#).await.problem(404);
    host.put(Method::PUT, "/v1/mode", r#"{"mode":"act","target":"no","planner":"load"}"#).await.problem(422);
    assert!(host.put(Method::PUT, "/v1/mode", r#"{"mode":"rule"}"#).await.problem(422).contains("rule"));
    host.put(Method::PUT, "/v1/mode", r#"{"mode":"act","scope":"all"}"#).await.problem(422);
}

#[tokio::test]
async fn the_kill_switch_is_thrown_and_released() {
    let host = host();
    for engaged in [true, false] {
        let reply = host.put(Method::PUT, "/v1/kill-switch", &json!({"engaged": engaged}).to_string()).await;
        assert_eq!(reply.json()["engaged"], engaged);
        assert_eq!(host.get("/v1/status").await.json()["kill_switch"], engaged);
    }
}

#[tokio::test]
async fn a_target_takes_mode_bounds_and_tier() {
    let host = host();
    let patch =
        json!({"mode": "observe", "tier": "critical", "bounds": {"cpu_cores_min": 0.5, "memory_bytes_max": 1 << 30}});
    let target: Value = host.put(Method::PATCH, NGINX, &patch.to_string()).await.json();
    assert_eq!((&target["mode"], &target["tier"]), (&json!("observe"), &json!("critical")));
    assert_eq!(target["bounds"]["cpu_cores_min"], 0.5);
    assert_eq!(target["bounds"]["cpu_cores_max"], Value::Null);
    for (patch, what) in [
        ("{}", "nothing"),
        (r#"{"bounds":{"cpu_cores_min":2,"cpu_cores_max":1}}"#, "above"),
        (r#"{"bounds":{"cpu_cores_min":-1}}"#, "from 0 up"),
        (r#"{"bounds":{"cpu":1}}"#, "cpu"),
        (r#"{"tier":"gold"}"#, "gold"),
    ] {
        let detail = host.put(Method::PATCH, NGINX, patch).await.problem(422);
        assert!(detail.contains(what), "{patch}: {detail}");
    }
    host.put(Method::PATCH, "/v1/targets/no", r#"{"tier":"critical"}"#).await.problem(404);
}

#[tokio::test]
async fn announcements_are_made_and_withdrawn() {
    let host = host();
    let body = json!({"target": "docker:checkout-api-1", "from": 1_769_850_000, "until": "2026-01-31T10:10:00+01:00", "expected": 4.5});
    let made = host.put(Method::POST, "/v1/announcements", &body.to_string()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.headers[header::LOCATION], "/v1/announcements/2");
    let view = made.json();
    assert_eq!((&view["source"], &view["metric"]), (&json!("api:olga"), &json!("cpu")));
    assert_eq!((&view["from"], &view["until"]), (&json!("2026-01-31T09:00:00.000Z"), &json!("2026-01-31T09:10:00.000Z")));
    assert_eq!(host.put(Method::DELETE, "/v1/announcements/2", "").await.status, StatusCode::NO_CONTENT);
    host.put(Method::DELETE, "/v1/announcements/2", "").await.problem(404);
    host.put(Method::DELETE, "/v1/announcements/two", "").await.problem(400);
    let backwards = r#"{"target":"docker:checkout-api-1","from":20,"until":10}"#;
    host.put(Method::POST, "/v1/announcements", backwards).await.problem(422);
    let unknown = r#"{"target":"no","from":10,"until":20}"#;
    host.put(Method::POST, "/v1/announcements", unknown).await.problem(404);
}

#[tokio::test]
async fn readings_are_taken_in_all_or_none() {
    let host = host();
    let one = json!({"target": "docker:checkout-api-1", "value": 812.5});
    let reply = host.put(Method::POST, "/v1/samples", &json!({"samples": [one, one]}).to_string()).await;
    assert_eq!(reply.json(), json!({"accepted": 2}));
    let other = json!({"target": "no", "value": 1});
    host.put(Method::POST, "/v1/samples", &json!({"samples": [one, other]}).to_string()).await.problem(404);
    let negative = json!({"target": "docker:checkout-api-1", "value": -1});
    let detail = host.put(Method::POST, "/v1/samples", &json!({"samples": [one, negative]}).to_string()).await.problem(422);
    assert!(detail.contains("samples[1]"), "{detail}");
    let many = vec![one; 10_001];
    host.put(Method::POST, "/v1/samples", &json!({"samples": many}).to_string()).await.problem(413);
    let state = host.backend.state();
    assert_eq!(state.pushed.len(), 2);
    assert_eq!(state.pushed[0].metric, Some(serve::view::MetricName::Application));
}
