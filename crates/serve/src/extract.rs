//! axum's extractors with our errors: whatever they refuse becomes a problem document.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{ApiError, ErrorKind};

/// The query string as `T`.
pub(crate) struct Query<T>(pub T);

/// The parameters of the path as `T`.
pub(crate) struct Path<T>(pub T);

/// A JSON body as `T`.
pub(crate) struct Json<T>(pub T);

/// The ticket in a path: `17` or `T17`.
pub(crate) struct TicketPath(pub model::Ticket);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Query(value)),
            Err(rejection) => Err(query_error(&rejection)),
        }
    }
}

fn query_error(rejection: &QueryRejection) -> ApiError {
    ApiError::new(
        ErrorKind::BadRequest,
        rejection.body_text(),
        "see GET /openapi.json for the parameters of this path and their values",
    )
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(rejection) => Err(path_error(&rejection)),
        }
    }
}

fn path_error(rejection: &PathRejection) -> ApiError {
    let kind = match rejection.status() {
        status if status.is_server_error() => ErrorKind::Internal,
        _ => ErrorKind::BadRequest,
    };
    ApiError::new(kind, rejection.body_text(), "percent-encode what stands in the path as UTF-8")
}

impl<S: Send + Sync> FromRequestParts<S> for TicketPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        let digits = text.strip_prefix('T').unwrap_or(&text);
        match digits.parse() {
            Ok(number) => Ok(TicketPath(model::Ticket(number))),
            Err(_) => Err(ApiError::new(
                ErrorKind::BadRequest,
                format!("{text:?} is not a ticket"),
                "a ticket is a number such as 17 or T17: list them with GET /v1/decisions",
            )),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Json(value)),
            Err(rejection) => Err(json_error(&rejection)),
        }
    }
}

fn json_error(rejection: &JsonRejection) -> ApiError {
    let (kind, remedy) = match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (ErrorKind::UnsupportedMedia, "send Content-Type: application/json"),
        StatusCode::PAYLOAD_TOO_LARGE => {
            (ErrorKind::TooLarge, "send less at once, or raise serve.body_max in the configuration")
        }
        StatusCode::UNPROCESSABLE_ENTITY => (ErrorKind::Invalid, "see GET /openapi.json for the schema of this body"),
        _ => (ErrorKind::BadRequest, "send one JSON document, as GET /openapi.json describes it"),
    };
    ApiError::new(kind, rejection.body_text(), remedy)
}
