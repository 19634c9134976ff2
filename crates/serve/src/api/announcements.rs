//! Changes of load that are known beforehand.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};

use super::Reply;
use crate::auth::Principal;
use crate::extract::{Json as Body, Path};
use crate::router::App;
use crate::view::{AnnouncementList, AnnouncementRequest, AnnouncementView, MetricName};
use crate::{ApiError, Problem};

/// The longest source, in bytes.
const SOURCE_BYTES_MAX: usize = 256;

/// The announcements that are not over, by their begin.
#[utoipa::path(get, path = "/v1/announcements", tag = "input", responses(
    (status = 200, body = AnnouncementList),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn announcements(State(app): State<App>) -> Reply<AnnouncementList> {
    let announcements = app.backend.announcements().await?;
    Ok(Json(AnnouncementList { announcements }))
}

/// Announces a change of load.
#[utoipa::path(post, path = "/v1/announcements", tag = "input", request_body = AnnouncementRequest,
    params(("idempotency-key" = Option<String>, Header, description = "Carried out once per key", min_length = 1, max_length = 128)),
    responses(
        (status = 201, description = "Announced; Location names it", body = AnnouncementView),
        (status = 404, description = "There is no such target", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn announce(
    State(app): State<App>,
    Extension(caller): Extension<Principal>,
    Body(mut request): Body<AnnouncementRequest>,
) -> Result<impl IntoResponse, ApiError> {
    if request.until <= request.from {
        return Err(ApiError::invalid(
            format!("until {} is not after from {}", request.until, request.from),
            "give an end after the begin",
        ));
    }
    if request.expected.is_some_and(|expected| !(expected.is_finite() && expected >= 0.0)) {
        return Err(ApiError::invalid("expected is not a number from 0 up", "give the load in the metric's base unit"));
    }
    let source = request.source.get_or_insert_with(|| format!("api:{}", caller.name));
    if source.len() > SOURCE_BYTES_MAX {
        return Err(ApiError::invalid(
            format!("source has {} bytes", source.len()),
            format!("use at most {SOURCE_BYTES_MAX}"),
        ));
    }
    request.metric.get_or_insert(MetricName::Cpu);
    let made = app.backend.announce(request).await?;
    let location = format!("/v1/announcements/{}", made.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(made)))
}

/// Withdraws an announcement.
#[utoipa::path(delete, path = "/v1/announcements/{id}", tag = "input",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 204, description = "Withdrawn"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn withdraw(State(app): State<App>, Path(id): Path<u64>) -> Result<StatusCode, ApiError> {
    app.backend.withdraw(model::AnnouncementId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
