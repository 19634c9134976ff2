//! Pools of instances that are kept ready, what that costs, and claims on them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Reply;
use crate::extract::{Json as Body, Path};
use crate::router::App;
use crate::view::{ClaimRequest, ClaimView, LambdaBody, PoolCurve, PoolPage, PoolRequest, PoolView};
use crate::{ApiError, Problem};

/// All pools.
#[utoipa::path(get, path = "/v1/pools", tag = "instances", responses(
    (status = 200, body = PoolPage),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn pools(State(app): State<App>) -> Reply<PoolPage> {
    app.backend.pools().await.map(Json)
}

/// Sets the bounds of a pool, and makes it where there is none.
#[utoipa::path(put, path = "/v1/pools", tag = "instances", request_body = PoolRequest, responses(
    (status = 200, description = "As it is now", body = PoolView),
    (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn set_pool(State(app): State<App>, Body(request): Body<PoolRequest>) -> Reply<PoolView> {
    if let Some(fault) = request.fault() {
        return Err(fault);
    }
    app.backend.set_pool(request).await.map(Json)
}

/// Gives up every unused instance of a pool, and the bounds that were set.
#[utoipa::path(delete, path = "/v1/pools/{id}", tag = "instances",
    params(("id" = String, Path, description = "The pool's id, percent-encoded")),
    responses(
        (status = 204, description = "Drained"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn drain_pool(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    app.backend.drain_pool(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a pool would have done under other lambdas: its own history, replayed.
#[utoipa::path(get, path = "/v1/pools/{id}/curve", tag = "instances",
    params(("id" = String, Path, description = "The pool's id, percent-encoded")),
    responses(
        (status = 200, body = PoolCurve),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn curve(State(app): State<App>, Path(id): Path<String>) -> Reply<PoolCurve> {
    app.backend.pool_curve(id).await.map(Json)
}

/// Sets what a second of waiting is worth against idle memory.
#[utoipa::path(put, path = "/v1/lambda", tag = "instances", request_body = LambdaBody, responses(
    (status = 200, description = "As it was set", body = LambdaBody),
    (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn set_lambda(State(app): State<App>, Body(body): Body<LambdaBody>) -> Reply<LambdaBody> {
    if let Some(fault) = body.fault() {
        return Err(fault);
    }
    app.backend.set_lambda(body.lambda).await?;
    Ok(Json(body))
}

/// Takes an instance out of a pool and holds it for the caller, who uses it for a run or gives it up.
#[utoipa::path(post, path = "/v1/claims", tag = "instances", request_body = ClaimRequest,
    params(("idempotency-key" = Option<String>, Header, description = "Carried out once per key", min_length = 1, max_length = 128)),
    responses(
        (status = 201, description = "Held; Location names it", body = ClaimView),
        (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn claim(State(app): State<App>, Body(request): Body<ClaimRequest>) -> Result<impl IntoResponse, ApiError> {
    if let Some(fault) = request.fault() {
        return Err(fault);
    }
    let held = app.backend.claim(request).await?;
    let location = format!("/v1/claims/{}", held.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(held)))
}

/// Gives a claimed instance up.
#[utoipa::path(delete, path = "/v1/claims/{id}", tag = "instances",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 204, description = "Given up"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn release(State(app): State<App>, Path(id): Path<u64>) -> Result<StatusCode, ApiError> {
    app.backend.release(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
