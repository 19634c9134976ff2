//! The API as its callers see it, over a made-up daemon.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[allow(dead_code, reason = "each user of the made-up daemon needs another part of it")]
#[path = "../../examples/demo/made_up/mod.rs"]
mod made_up;

mod acting;
mod events;
mod instances;
mod listeners;
mod reading;
mod refusals;
mod without;
mod writing;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use made_up::MadeUp;
use serde_json::Value;
use serve::view::Timestamp;
use serve::{Auth, Role, Secret, Settings};
use tokio::sync::watch;
use tower::ServiceExt;

pub(crate) const NGINX: &str = "/v1/targets/cgroup%3A%2Fsystem.slice%2Fnginx.service";
pub(crate) const OPERATOR: &str = "frn_operator";
pub(crate) const READER: &str = "frn_reader";

/// A server without a network, and what is behind it.
pub(crate) struct Host {
    pub(crate) router: Router,
    pub(crate) backend: Arc<MadeUp>,
    pub(crate) ending: watch::Sender<bool>,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Asserts that this is a problem document of that status, complete, and returns its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail", "remedy"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {problem}");
        }
        assert!(problem["type"].as_str().unwrap().starts_with("urn:forerun:problem:"));
        problem["detail"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn auth() -> Auth {
    let tokens = vec![
        Secret::from_text(OPERATOR).record("olga", Role::Operator),
        Secret::from_text(READER).record("rita", Role::Reader),
    ];
    Auth { tokens, ..Auth::default() }
}

pub(crate) fn host() -> Host {
    host_with(Settings::default())
}

pub(crate) fn host_with(settings: Settings) -> Host {
    let backend = Arc::new(MadeUp::fixed(Timestamp::parse("2026-01-31T08:00:00Z").unwrap()));
    let (ending, seen) = watch::channel(false);
    let router = serve::router(Arc::clone(&backend) as Arc<_>, auth(), settings, seen);
    Host { router, backend, ending }
}

/// A request to localhost with that token; an empty token sends none.
pub(crate) fn request(method: Method, path: &str, token: &str) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path).header(header::HOST, "localhost:9100");
    if token.is_empty() {
        return builder;
    }
    builder.header(header::AUTHORIZATION, format!("Bearer {token}"))
}

impl Host {
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(request(Method::GET, path, READER).body(Body::empty()).unwrap()).await
    }

    /// Sends JSON as the operator.
    pub(crate) async fn put(&self, method: Method, path: &str, body: &str) -> Reply {
        let request = request(method, path, OPERATOR).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}
