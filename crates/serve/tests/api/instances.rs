//! Runs, pools and claims.

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use serve::view::{PoolPage, RunView};
use serve::{Limits, Settings};
use tokio_stream::StreamExt;
use tower::ServiceExt;

use crate::{Host, OPERATOR, READER, Reply, host, host_with, request};

/// A pool's path: its id holds slashes and brackets.
const PYTHON: &str = "/v1/pools/default%2Fhost%2Fpython%5Bjson%2Cnumpy%5D";
/// Output that a careless reader would carry out: markup, a line that ends an event, bytes that are no text.
const HOSTILE: &str = "<script>alert(1)</script>\n\nevent: finished\ndata: {}\n\n\u{1b}[2J";

async fn begin(host: &Host, body: &Value) -> Reply {
    host.put(Method::POST, "/v1/runs", &body.to_string()).await
}

#[tokio::test]
async fn a_run_is_begun_and_looked_at() {
    let host = host();
    let begun = begin(&host, &json!({"runtime": "python", "code": "print(1)", "name": "one.py"})).await;
    assert_eq!((begun.status, &begun.headers[header::LOCATION]), (StatusCode::ACCEPTED, &"/v1/runs/25".parse().unwrap()));
    assert_eq!((&begun.json()["state"], &begun.json()["output"]), (&json!("running"), &Value::Null));
    let run: RunView = serde_json::from_value(host.get("/v1/runs/25").await.json()).unwrap();
    assert_eq!((run.name.as_str(), run.start.unwrap().path.as_str()), ("one.py", "warm"));
    assert_eq!(run.output.unwrap().stdout_base64, "cHJpbnQoMSk=");
    let runs = host.get("/v1/runs?limit=3").await.json();
    let ids: Vec<&Value> = runs["runs"].as_array().unwrap().iter().map(|run| &run["id"]).collect();
    assert_eq!(ids, [25, 24, 23]);
    assert_eq!(runs["runs"][0]["output"], Value::Null, "a list has no output");
    host.get("/v1/runs?limit=0").await.problem(422);
    assert!(host.get("/v1/runs/999").await.problem(404).contains("999"));
    host.get("/v1/runs/first").await.problem(400);
}

#[tokio::test]
async fn waiting_answers_when_it_is_over() {
    let host = host();
    let body = json!({"runtime": "sh", "code": "echo done"}).to_string();
    let over = host.put(Method::POST, "/v1/runs?wait=true", &body).await;
    assert_eq!((over.status, &over.json()["state"]), (StatusCode::OK, &json!("finished")));
    assert_eq!(over.json()["exit"], json!({"kind": "code", "code": 0}));
    assert_eq!(over.json()["output"]["truncated"], false);
    assert_eq!(host.put(Method::POST, "/v1/runs?wait=false", &body).await.status, StatusCode::ACCEPTED);
    host.put(Method::POST, "/v1/runs?wait=long", &body).await.problem(400);
}

#[tokio::test(start_paused = true)]
async fn waiting_has_an_end() {
    let host = host();
    let body = json!({"runtime": "sh", "code": "run forever"}).to_string();
    let late = host.put(Method::POST, "/v1/runs?wait=true", &body).await;
    assert_eq!((late.status, &late.headers[header::LOCATION]), (StatusCode::ACCEPTED, &"/v1/runs/25".parse().unwrap()));
    assert_eq!(host.get("/v1/runs/25").await.json()["state"], "running", "it goes on");
    let limits = Limits { run_waiters: 0, ..Limits::default() };
    let host = host_with(Settings { limits, ..Settings::default() });
    host.put(Method::POST, "/v1/runs?wait=true", &body).await.problem(429);
    assert_eq!(host.get("/v1/runs/25").await.status, StatusCode::NOT_FOUND, "what is refused does not run");
}

#[tokio::test]
async fn what_is_wrong_with_a_run_is_named() {
    let host = host();
    for (body, what) in [
        (json!({"runtime": "ruby", "code": ""}), "ruby"),
        (json!({"runtime": "sh"}), "none of code, program and program_base64"),
        (json!({"runtime": "sh", "code": "", "program": "/bin/ls"}), "code and program"),
        (json!({"runtime": "exec", "program": "ls"}), "program is \"ls\""),
        (json!({"runtime": "exec", "program_base64": "no!"}), "program_base64"),
        (json!({"runtime": "sh", "code": "", "colour": 1}), "colour"),
        (json!({"runtime": "sh", "code": "", "limits": {"cpus": 1}}), "cpus"),
        (json!({"runtime": "sh", "code": "", "limits": {"cpu_cores": -1}}), "limits.cpu_cores"),
        (json!({"runtime": "sh", "code": "", "timeout_seconds": 0}), "timeout_seconds"),
        (json!({"runtime": "sh", "code": "", "files": [{"path": "../x", "content_base64": ""}]}), "files[0].path"),
        (json!({"runtime": "sh", "code": "", "tenant": "a/b"}), "tenant"),
    ] {
        let detail = begin(&host, &body).await.problem(422);
        assert!(detail.contains(what), "{body}: {detail}");
    }
    assert!(begin(&host, &json!({"runtime": "sh", "code": "", "claim": 7})).await.problem(404).contains("claim 7"));
    assert_eq!(host.get("/v1/runs/25").await.status, StatusCode::NOT_FOUND);
}

async fn follow(host: &Host, id: u64) -> BodyDataStream {
    let path = format!("/v1/runs/{id}/events");
    let request = request(Method::GET, &path, READER).header(header::ACCEPT_ENCODING, "gzip");
    let response = host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    response.into_body().into_data_stream()
}

/// The next event: its name and its data.
async fn next(stream: &mut BodyDataStream) -> Option<(String, Value)> {
    let chunk = stream.next().await?.unwrap();
    let text = String::from_utf8(chunk.to_vec()).unwrap();
    assert_eq!(text.matches("event:").count(), 1, "{text}");
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    Some((field("event:"), serde_json::from_str(&field("data:")).unwrap()))
}

#[tokio::test]
async fn output_streams_from_its_beginning_and_ends() {
    let host = host();
    begin(&host, &json!({"runtime": "sh", "code": HOSTILE})).await;
    let mut stream = follow(&host, 25).await;
    let (name, data) = next(&mut stream).await.unwrap();
    let hostile = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, HOSTILE);
    assert_eq!((name.as_str(), data), ("stdout", json!({"base64": hostile})));
    assert_eq!(next(&mut stream).await.unwrap(), ("stderr".into(), json!({"base64": "bWFkZSB1cAo="})));
    let (name, run) = next(&mut stream).await.unwrap();
    assert_eq!((name.as_str(), &run["state"]), ("finished", &json!("finished")));
    assert!(next(&mut stream).await.is_none());
    host.get("/v1/runs/999/events").await.problem(404);
}

#[tokio::test]
async fn a_run_that_is_stopped_tells_its_followers() {
    let host = host();
    begin(&host, &json!({"runtime": "sh", "code": "run forever"})).await;
    let mut stream = follow(&host, 25).await;
    next(&mut stream).await.unwrap();
    next(&mut stream).await.unwrap();
    assert_eq!(host.put(Method::DELETE, "/v1/runs/25", "").await.status, StatusCode::NO_CONTENT);
    let (name, run) = next(&mut stream).await.unwrap();
    assert_eq!((name.as_str(), &run["exit"]["kind"]), ("finished", &json!("stopped")));
    assert!(next(&mut stream).await.is_none());
    assert_eq!(host.put(Method::DELETE, "/v1/runs/25", "").await.status, StatusCode::NO_CONTENT, "once more is no fault");
    host.put(Method::DELETE, "/v1/runs/999", "").await.problem(404);
}

#[tokio::test]
async fn followers_are_limited_and_end_with_the_server() {
    let limits = Limits { run_followers: 1, ..Limits::default() };
    let host = host_with(Settings { limits, ..Settings::default() });
    begin(&host, &json!({"runtime": "sh", "code": "run forever"})).await;
    let first = follow(&host, 25).await;
    host.get("/v1/runs/25/events").await.problem(429);
    drop(first);
    let mut stream = follow(&host, 25).await;
    next(&mut stream).await.unwrap();
    next(&mut stream).await.unwrap();
    host.ending.send(true).unwrap();
    assert!(next(&mut stream).await.is_none());
}

#[tokio::test]
async fn a_repeated_run_runs_once() {
    let host = host();
    let send = async |code: &str, key: &str| {
        let asked = request(Method::POST, "/v1/runs?wait=true", OPERATOR).header("idempotency-key", key);
        let body = json!({"runtime": "sh", "code": code}).to_string();
        host.send(asked.header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap()).await
    };
    let (first, second) = (send("echo", "a").await, send("echo", "a").await);
    assert_eq!((first.status, &first.body), (StatusCode::OK, &second.body));
    let long = "#".repeat(100_000);
    assert_eq!(send(&long, "b").await.status, StatusCode::OK);
    let again = send(&long, "b").await;
    assert_eq!((again.status, &again.headers[header::LOCATION]), (StatusCode::SEE_OTHER, &"/v1/runs/26".parse().unwrap()));
}

#[tokio::test]
async fn pools_are_seen_bounded_and_drained() {
    let host = host();
    let page: PoolPage = serde_json::from_value(host.get("/v1/pools").await.json()).unwrap();
    assert_eq!((page.pools.len(), page.lambda, page.pools[0].waiting), (4, 2.0, 4));
    let bounds = json!({"runtime": "python", "imports": ["json", "numpy"], "at_least": 2, "at_most": 6});
    let pool = host.put(Method::PUT, "/v1/pools", &bounds.to_string()).await.json();
    assert_eq!((&pool["id"], &pool["at_least"]), (&json!("default/host/python[json,numpy]"), &json!(2)));
    let made = host.put(Method::PUT, "/v1/pools", r#"{"runtime":"python","tenant":"team-a"}"#).await.json();
    assert_eq!(made["id"], "team-a/host/python");
    assert_eq!(host.get("/v1/pools").await.json()["pools"].as_array().unwrap().len(), 5);
    for (body, what) in [
        (r#"{"runtime":"perl"}"#, "perl"),
        (r#"{"runtime":"sh","at_least":3,"at_most":2}"#, "at_least 3"),
        (r#"{"runtime":"sh","imports":[""]}"#, "imports[0]"),
        (r#"{"runtime":"sh","at_least":-1}"#, "-1"),
    ] {
        let detail = host.put(Method::PUT, "/v1/pools", body).await.problem(422);
        assert!(detail.contains(what), "{body}: {detail}");
    }
    assert_eq!(host.put(Method::DELETE, PYTHON, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/pools").await.json()["pools"][0]["waiting"], 0);
    assert!(host.put(Method::DELETE, "/v1/pools/a%2Fb", "").await.problem(404).contains("a/b"));
}

#[tokio::test]
async fn lambda_moves_along_the_curve() {
    let host = host();
    let curve = host.get(&format!("{PYTHON}/curve")).await.json();
    assert_eq!(curve["pool"], "default/host/python[json,numpy]");
    let points = curve["points"].as_array().unwrap();
    assert_eq!(points.iter().filter(|point| point["current"] == true).count(), 1);
    assert!(points.windows(2).all(|pair| pair[0]["hit_percent"].as_f64() < pair[1]["hit_percent"].as_f64()));
    host.get("/v1/pools/a%2Fb/curve").await.problem(404);
    assert_eq!(host.put(Method::PUT, "/v1/lambda", r#"{"lambda":5}"#).await.json(), json!({"lambda": 5.0}));
    assert_eq!(host.get("/v1/pools").await.json()["lambda"], 5.0);
    for lambda in ["0", "-1", "1000001", "1e400"] {
        let reply = host.put(Method::PUT, "/v1/lambda", &format!(r#"{{"lambda":{lambda}}}"#)).await;
        assert!(reply.status.is_client_error(), "{lambda}");
    }
    host.put(Method::PUT, "/v1/lambda", r#"{"lambda":2e6}"#).await.problem(422);
    assert_eq!(host.backend.state().warm.lambda, 5.0);
}

#[tokio::test]
async fn claims_are_held_used_and_given_up() {
    let host = host();
    let claim = async || host.put(Method::POST, "/v1/claims", r#"{"runtime":"exec","hold_seconds":30}"#).await;
    let held = claim().await;
    assert_eq!((held.status, &held.headers[header::LOCATION]), (StatusCode::CREATED, &"/v1/claims/1".parse().unwrap()));
    assert_eq!(held.json()["start"], json!({"path": "cold", "why": "the pool is empty"}));
    assert_eq!(held.json()["expires_at"], "2026-01-31T08:00:30.000Z");
    assert_eq!(host.put(Method::DELETE, "/v1/claims/1", "").await.status, StatusCode::NO_CONTENT);
    host.put(Method::DELETE, "/v1/claims/1", "").await.problem(404);
    claim().await;
    let run = json!({"runtime": "exec", "program": "/bin/true", "claim": 1});
    assert_eq!(begin(&host, &run).await.status, StatusCode::ACCEPTED);
    assert!(begin(&host, &run).await.problem(404).contains("claim 1"), "an instance is used once");
    host.put(Method::POST, "/v1/claims", r#"{"runtime":"exec","hold_seconds":0}"#).await.problem(422);
}
