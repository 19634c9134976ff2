//! Everything that is refused, and that each refusal is a problem document.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serve::{Limits, Peer, Settings};

use crate::{NGINX, OPERATOR, READER, host, host_with, request};

/// Every guarded path with a method that it takes.
const GUARDED: [(Method, &str); 26] = [
    (Method::GET, "/v1/status"),
    (Method::GET, "/v1/targets"),
    (Method::GET, NGINX),
    (Method::PATCH, NGINX),
    (Method::GET, "/v1/plan"),
    (Method::GET, "/v1/decisions"),
    (Method::POST, "/v1/decisions/1/undo"),
    (Method::PUT, "/v1/mode"),
    (Method::PUT, "/v1/kill-switch"),
    (Method::POST, "/v1/announcements"),
    (Method::POST, "/v1/samples"),
    (Method::GET, "/v1/events"),
    (Method::POST, "/api/v1/write"),
    (Method::GET, "/metrics"),
    (Method::GET, "/v1/runs"),
    (Method::POST, "/v1/runs"),
    (Method::GET, "/v1/runs/1"),
    (Method::DELETE, "/v1/runs/1"),
    (Method::GET, "/v1/runs/1/events"),
    (Method::GET, "/v1/pools"),
    (Method::PUT, "/v1/pools"),
    (Method::DELETE, "/v1/pools/default%2Fhost%2Fsh"),
    (Method::GET, "/v1/pools/default%2Fhost%2Fsh/curve"),
    (Method::PUT, "/v1/lambda"),
    (Method::POST, "/v1/claims"),
    (Method::DELETE, "/v1/claims/1"),
];

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let host = host();
    for (method, path) in GUARDED {
        for token in ["", "frn_wrong"] {
            let reply = host.send(request(method.clone(), path, token).body(Body::empty()).unwrap()).await;
            reply.problem(401);
            assert!(reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
            assert!(!String::from_utf8_lossy(&reply.body).contains("frn_wrong"), "no secret comes back");
        }
    }
    let openapi = host.send(request(Method::GET, "/openapi.json", "").body(Body::empty()).unwrap()).await;
    openapi.problem(401);
    let basic = request(Method::GET, "/v1/status", "").header(header::AUTHORIZATION, "Basic b2xnYTpvbGdh");
    host.send(basic.body(Body::empty()).unwrap()).await.problem(401);
}

#[tokio::test]
async fn readers_may_look_but_not_act() {
    let host = host();
    for (method, path) in GUARDED {
        if method == Method::GET {
            continue;
        }
        let detail = host.send(request(method, path, READER).body(Body::empty()).unwrap()).await.problem(403);
        assert!(detail.contains("rita"), "{detail}");
    }
    assert!(host.backend.state().pushed.is_empty());
}

#[tokio::test]
async fn the_unix_socket_knows_its_peer() {
    let host = host();
    let by = |uid| {
        let mut request = Request::builder().method(Method::PUT).uri("/v1/kill-switch");
        request = request.header(header::CONTENT_TYPE, "application/json").extension(Peer::Unix { uid, pid: Some(1) });
        request.body(Body::from(r#"{"engaged":true}"#)).unwrap()
    };
    assert_eq!(host.send(by(0)).await.status, StatusCode::OK);
    assert!(host.send(by(12_345)).await.problem(403).contains("uid:12345"));
}

#[tokio::test]
async fn other_hosts_are_refused() {
    let settings = Settings { hosts: vec!["build-07.lan".into()], ..Settings::default() };
    let host = host_with(settings);
    let named = |name: &str| {
        let request = Request::builder().uri("/v1/status").header(header::AUTHORIZATION, format!("Bearer {READER}"));
        request.header(header::HOST, name).body(Body::empty()).unwrap()
    };
    for name in ["localhost", "127.0.0.1:9100", "[::1]:9100", "BUILD-07.lan:9100"] {
        assert_eq!(host.send(named(name)).await.status, StatusCode::OK, "{name}");
    }
    for name in ["evil.example", "127.0.0.1.evil.example:9100", "localhost.evil.example"] {
        host.send(named(name)).await.problem(421);
    }
    let page = Request::builder().uri("/").header(header::HOST, "evil.example").body(Body::empty()).unwrap();
    host.send(page).await.problem(421);
    let without = Request::builder().uri("/v1/status").body(Body::empty()).unwrap();
    host.send(without).await.problem(400);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let host = host();
    host.get("/v2/status").await.problem(404);
    host.get("/index.php").await.problem(404);
    host.get("/../../etc/passwd").await.problem(404);
    let reply = host.put(Method::DELETE, "/v1/status", "").await;
    reply.problem(405);
    assert!(reply.headers[header::ALLOW].to_str().unwrap().contains("GET"));
    host.put(Method::POST, "/v1/mode", "{}").await.problem(405);
    host.put(Method::POST, "/healthz", "").await.problem(405);
    host.put(Method::POST, "/", "").await.problem(405);
}

#[tokio::test]
async fn bodies_must_be_json_of_the_right_shape_and_size() {
    let settings = Settings { limits: Limits { body_bytes: 1_000, ..Limits::default() }, ..Settings::default() };
    let host = host_with(settings);
    assert!(host.put(Method::PUT, "/v1/mode", "{").await.problem(400).contains("EOF"));
    host.put(Method::PUT, "/v1/mode", "").await.problem(400);
    host.put(Method::PUT, "/v1/mode", "[]").await.problem(422);
    let plain = request(Method::PUT, "/v1/mode", OPERATOR).header(header::CONTENT_TYPE, "text/plain");
    host.send(plain.body(Body::from("{}")).unwrap()).await.problem(415);
    let long = format!(r#"{{"mode":"act","target":"{}"}}"#, "x".repeat(2_000));
    host.put(Method::PUT, "/v1/mode", &long).await.problem(413);
    let keyed = request(Method::POST, "/v1/samples", OPERATOR).header("idempotency-key", "k");
    host.send(keyed.body(Body::from(long)).unwrap()).await.problem(413);
}

#[tokio::test]
async fn too_many_requests_at_once_are_refused() {
    let settings = Settings { limits: Limits { requests_at_once: 0, ..Limits::default() }, ..Settings::default() };
    let reply = host_with(settings).get("/v1/status").await;
    reply.problem(429);
    assert_eq!(reply.headers[header::RETRY_AFTER], "1");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_ends() {
    let settings =
        Settings { limits: Limits { request_time: Duration::from_secs(2), ..Limits::default() }, ..Settings::default() };
    let host = host_with(settings);
    // A body that never ends.
    let body = Body::from_stream(tokio_stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let slow = request(Method::PUT, "/v1/mode", OPERATOR).header(header::CONTENT_TYPE, "application/json");
    assert!(host.send(slow.body(body).unwrap()).await.problem(504).contains("2 s"));
}
