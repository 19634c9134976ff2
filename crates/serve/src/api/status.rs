//! The state of the daemon.

use axum::Json;
use axum::extract::State;

use super::Reply;
use crate::Problem;
use crate::router::App;
use crate::view::StatusView;

/// The state of the daemon as a whole.
#[utoipa::path(get, path = "/v1/status", tag = "state", responses(
    (status = 200, body = StatusView),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn status(State(app): State<App>) -> Reply<StatusView> {
    app.backend.status().await.map(Json)
}
