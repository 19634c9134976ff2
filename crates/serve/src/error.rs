//! Errors of the API: each becomes a problem document (RFC 9457) that says what is wrong and what to do about it.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kinds of errors; each has one status and one problem type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The request cannot be read: syntax of the path, query, header or body.
    BadRequest,
    /// No token, or one that is not known.
    Unauthorized,
    /// The caller's role may not do this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The state does not allow it.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// The body's type or encoding is not understood.
    UnsupportedMedia,
    /// The Host header names another host.
    Misdirected,
    /// Well formed, but a value is wrong.
    Invalid,
    /// Too many requests or subscribers at once.
    Busy,
    /// A fault of ours.
    Internal,
    /// Starting, ending, or a part is not there.
    Unavailable,
    /// It took too long.
    TimedOut,
}

impl ErrorKind {
    /// Status, last part of the problem type, and title.
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            ErrorKind::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read"),
            ErrorKind::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "A token is needed"),
            ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The role does not allow it"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            ErrorKind::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here")
            }
            ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict", "The present state does not allow it"),
            ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            ErrorKind::UnsupportedMedia => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body's type is not understood")
            }
            ErrorKind::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected", "Another host was asked for"),
            ErrorKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "A value is wrong"),
            ErrorKind::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy", "Too much at once"),
            ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "A fault inside forerun"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now"),
            ErrorKind::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed-out", "It took too long"),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        self.row().0
    }
}

/// Why a request failed: what was tried on what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ApiError {
    /// The kind, which decides the status.
    pub kind: ErrorKind,
    /// What was tried on what, and what came of it. Never a secret.
    pub detail: Cow<'static, str>,
    /// What the caller can do about it.
    pub remedy: Cow<'static, str>,
}

/// A problem document (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is; stable.
    #[serde(rename = "type")]
    #[schema(example = "urn:forerun:problem:not-found")]
    pub kind: String,
    /// The kind for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}

impl ApiError {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Self {
        ApiError { kind, detail: detail.into(), remedy: remedy.into() }
    }

    /// There is no `what` (such as "target") of that name.
    pub fn not_found(what: &str, name: impl std::fmt::Display) -> Self {
        let remedy = match what {
            "target" => "list the targets with GET /v1/targets; percent-encode the id in the path",
            "decision" => "list the decisions with GET /v1/decisions",
            "run" => "list the runs with GET /v1/runs; one that ended is kept for a while only",
            "pool" => "list the pools with GET /v1/pools; percent-encode the id in the path",
            "claim" => "claim an instance with POST /v1/claims; a claim that nobody used in time is given up",
            "announcement" => "list the announcements with GET /v1/announcements",
            _ => "see GET /openapi.json for what there is",
        };
        ApiError::new(ErrorKind::NotFound, format!("there is no {what} {name}"), remedy)
    }

    /// A value is wrong.
    pub fn invalid(detail: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Self {
        ApiError::new(ErrorKind::Invalid, detail, remedy)
    }

    /// The present state does not allow it.
    pub fn conflict(detail: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Self {
        ApiError::new(ErrorKind::Conflict, detail, remedy)
    }

    /// Not available now.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        ApiError::new(ErrorKind::Unavailable, detail, "try again in a few seconds; GET /readyz says when")
    }

    /// A fault of ours.
    pub fn internal(detail: impl Into<Cow<'static, str>>) -> Self {
        ApiError::new(ErrorKind::Internal, detail, "see the daemon's log; this should not happen, please report it")
    }

    /// The document that the caller gets.
    pub fn problem(&self) -> Problem {
        let (status, kind, title) = self.kind.row();
        Problem {
            kind: format!("urn:forerun:problem:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone().into_owned(),
            remedy: self.remedy.clone().into_owned(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), detail = %self.detail, "request failed");
        }
        let body = serde_json::to_vec(&self.problem()).expect("a problem is plain strings and a number");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.kind {
            ErrorKind::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"forerun\""));
            }
            ErrorKind::Busy | ErrorKind::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
