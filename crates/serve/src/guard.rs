//! What stands before every handler: security headers, the Host check, authentication, limits on number and time.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::auth::{Peer, Principal, Role, nobody};
use crate::router::App;
use crate::{ApiError, ErrorKind};

/// No script, style, image or connection but our own; nobody may frame the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Outermost: headers on every answer, and the count of requests.
pub(crate) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let mut response = next.run(request).await;
    app.http.observe(&method, &route, response.status(), started.elapsed());
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses what asks for another host (DNS rebinding), what exceeds the number of requests at once, and what takes too
/// long to answer.
pub(crate) async fn limits(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(error) = check_host(&app, &request) {
        return error.into_response();
    }
    let Ok(_permit) = app.requests.try_acquire() else {
        return ApiError::new(
            ErrorKind::Busy,
            format!("{} requests are being served already", app.settings.limits.requests_at_once),
            "try again in a second, with fewer requests at once",
        )
        .into_response();
    };
    let limit = app.settings.limits.request_time;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            ErrorKind::TimedOut,
            format!("no answer within {} s", limit.as_secs_f64()),
            "ask for less at once, or try again later; GET /v1/status says how the daemon is",
        )
        .into_response(),
    }
}

/// A browser that was led here under another name sends that name: such requests are refused. The Unix socket is not
/// reachable from a browser.
fn check_host(app: &App, request: &Request) -> Result<(), ApiError> {
    if matches!(request.extensions().get::<Peer>(), Some(Peer::Unix { .. })) {
        return Ok(());
    }
    let named = match (request.uri().authority(), request.headers().get(header::HOST)) {
        (Some(authority), _) => Some(authority.as_str()),
        (None, Some(host)) => host.to_str().ok(),
        (None, None) => None,
    };
    let Some(named) = named else {
        return Err(ApiError::new(ErrorKind::BadRequest, "the Host header is missing", "send a Host header"));
    };
    let host = without_port(named);
    let known = is_loopback(host) || app.settings.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    if known {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorKind::Misdirected,
        format!("this server does not answer for the host {host:?}"),
        "use localhost or 127.0.0.1, or add the name to `serve.hosts` in forerun.toml",
    ))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `example:9100` as `example`, `[::1]:9100` as `::1`.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Before every route of the API: looking needs a reader, everything else an operator.
pub(crate) async fn authorise(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let needed = match *request.method() {
        Method::GET | Method::HEAD => Role::Reader,
        _ => Role::Operator,
    };
    match principal(&app, &request, needed) {
        Ok(principal) => {
            if needed == Role::Operator {
                tracing::info!(by = %principal.name, method = %request.method(), path = request.uri().path(), "asked");
            }
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn principal(app: &App, request: &Request, needed: Role) -> Result<Principal, ApiError> {
    let peer = request.extensions().get::<Peer>();
    let principal = app.auth.principal(peer, request.headers())?.ok_or_else(nobody)?;
    if principal.role < needed {
        return Err(ApiError::new(
            ErrorKind::Forbidden,
            format!("{} is a reader; this needs an operator", principal.name),
            "use an operator's token, or the Unix socket as root",
        ));
    }
    Ok(principal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lose_their_port() {
        for (host, name, loopback) in [
            ("localhost:9100", "localhost", true),
            ("LOCALHOST", "LOCALHOST", true),
            ("[::1]:9100", "::1", true),
            ("127.0.0.2", "127.0.0.2", true),
            ("evil.example:80", "evil.example", false),
            ("127.0.0.1.evil.example", "127.0.0.1.evil.example", false),
        ] {
            assert_eq!(without_port(host), name);
            assert_eq!(is_loopback(name), loopback, "{host}");
        }
    }
}
