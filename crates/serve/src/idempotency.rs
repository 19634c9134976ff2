//! `Idempotency-Key`: a POST that is sent twice is carried out once, and the second gets the first one's answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::auth::Principal;
use crate::router::App;
use crate::{ApiError, ErrorKind};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How many answers are kept.
const KEPT_ANSWERS_MAX: usize = 1_024;
/// For how long.
const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// The longest key.
const KEY_BYTES_MAX: usize = 128;
/// The longest answer that is kept; of a longer one, such as a run with much output, its place is.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Who sent what where under which key.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Id([u8; 32]);

struct Entry {
    asked_at: Instant,
    body: [u8; 32],
    answer: Option<Answer>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// The answers of the last hour, at most 1,024 of them.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    entries: HashMap<Id, Entry>,
    order: VecDeque<(Id, Instant)>,
}

enum Found {
    First,
    Running,
    Differs,
    Answered(Answer),
}

impl Answers {
    fn claim(&self, id: &Id, body: [u8; 32], now: Instant) -> Found {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.expire(now);
        if let Some(entry) = kept.entries.get(id) {
            return match &entry.answer {
                _ if entry.body != body => Found::Differs,
                Some(answer) => Found::Answered(answer.clone()),
                None => Found::Running,
            };
        }
        kept.entries.insert(id.clone(), Entry { asked_at: now, body, answer: None });
        kept.order.push_back((id.clone(), now));
        Found::First
    }

    fn answer(&self, id: &Id, answer: Answer) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = kept.entries.get_mut(id) {
            entry.answer = Some(answer);
        }
    }

    fn forget(&self, id: &Id) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entries.remove(id);
    }
}

impl Kept {
    fn expire(&mut self, now: Instant) {
        while let Some((id, asked_at)) = self.order.front() {
            let old = now.saturating_duration_since(*asked_at) > KEPT_FOR;
            if !old && self.order.len() < KEPT_ANSWERS_MAX {
                break;
            }
            // A key that was forgotten and claimed anew has a younger entry: that one stays.
            if self.entries.get(id).is_some_and(|entry| entry.asked_at == *asked_at) {
                self.entries.remove(id);
            }
            self.order.pop_front();
        }
    }
}

/// Forgets a claim whose request was dropped before it was answered.
struct Claim<'a> {
    answers: &'a Answers,
    id: Id,
    answered: bool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.answers.forget(&self.id);
        }
    }
}

/// Answers a repeated POST from memory. Only what succeeded or was the caller's fault is kept: after a fault of ours the
/// repeat is carried out.
pub(crate) async fn replay(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    keyed(&app, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn keyed(app: &App, request: Request, next: Next) -> Result<Response, ApiError> {
    let key = request.headers()[KEY].as_bytes();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(ApiError::new(
            ErrorKind::BadRequest,
            format!("the Idempotency-Key has {} bytes", key.len()),
            format!("use 1 to {KEY_BYTES_MAX} bytes, such as a UUID"),
        ));
    }
    let caller = request.extensions().get::<Principal>().map_or("", |principal| &*principal.name);
    let mut hasher = Sha256::new();
    for part in [caller.as_bytes(), request.uri().path().as_bytes(), key] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let id = Id(hasher.finalize().into());
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, app.settings.limits.body_bytes).await.map_err(|_| {
        ApiError::new(
            ErrorKind::TooLarge,
            format!("the body is longer than {} bytes", app.settings.limits.body_bytes),
            "send less at once",
        )
    })?;
    match app.answers.claim(&id, Sha256::digest(&body).into(), Instant::now()) {
        Found::First => {}
        Found::Running => {
            return Err(ApiError::conflict(
                "a request with this Idempotency-Key is being carried out",
                "wait for its answer, then ask again with the same key",
            ));
        }
        Found::Differs => {
            return Err(ApiError::invalid(
                "this Idempotency-Key was used with another body",
                "use a new key for a new request",
            ));
        }
        Found::Answered(answer) => return Ok(answer.replay()),
    }
    let mut claim = Claim { answers: &app.answers, id, answered: false };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| ApiError::internal(error.to_string()))?;
    let short = body.len() <= ANSWER_BYTES_MAX;
    let keepable = short || parts.headers.contains_key(header::LOCATION);
    if keepable && !parts.status.is_server_error() && parts.status != StatusCode::TOO_MANY_REQUESTS {
        let (status, kept) = if short { (parts.status, body.clone()) } else { (StatusCode::SEE_OTHER, Bytes::new()) };
        let mut headers = HeaderMap::new();
        for name in [header::CONTENT_TYPE, header::LOCATION] {
            if let Some(value) = parts.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        app.answers.answer(&claim.id, Answer { status, headers, body: kept });
        claim.answered = true;
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

impl Answer {
    fn replay(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_is_kept() {
        let answers = Answers::default();
        let now = Instant::now();
        let id = |number: u64| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            Id(bytes)
        };
        for number in 0..5_000 {
            assert!(matches!(answers.claim(&id(number), [0; 32], now), Found::First));
        }
        assert!(answers.0.lock().unwrap().entries.len() <= KEPT_ANSWERS_MAX);
        assert!(matches!(answers.claim(&id(4_999), [0; 32], now), Found::Running));
        assert!(matches!(answers.claim(&id(4_999), [1; 32], now), Found::Differs));
        let later = now + KEPT_FOR + Duration::from_secs(1);
        assert!(matches!(answers.claim(&id(4_999), [1; 32], later), Found::First));
        assert_eq!(answers.0.lock().unwrap().entries.len(), 1);
    }
}
