//! Modes and the kill switch.

use axum::Json;
use axum::extract::State;

use super::Reply;
use crate::extract::Json as Body;
use crate::router::App;
use crate::view::{KillSwitchBody, ModeBody, ModeScope};
use crate::{ApiError, Problem};

/// Sets the mode of everything, of a planner or of a target.
#[utoipa::path(put, path = "/v1/mode", tag = "control", request_body = ModeBody, responses(
    (status = 200, description = "As it was set", body = ModeBody),
    (status = 404, description = "There is no such target", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn set_mode(State(app): State<App>, Body(body): Body<ModeBody>) -> Reply<ModeBody> {
    let scope = match (&body.planner, &body.target) {
        (None, None) => ModeScope::All,
        (Some(planner), None) => ModeScope::Planner(*planner),
        (None, Some(target)) => ModeScope::Target(target.clone()),
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("planner and target were both named", "name one of them, or none"));
        }
    };
    app.backend.set_mode(scope, body.mode).await?;
    Ok(Json(body))
}

/// Throws or releases the kill switch.
#[utoipa::path(put, path = "/v1/kill-switch", tag = "control", request_body = KillSwitchBody, responses(
    (status = 200, description = "As it was set", body = KillSwitchBody),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn set_kill_switch(State(app): State<App>, Body(body): Body<KillSwitchBody>) -> Reply<KillSwitchBody> {
    app.backend.set_kill_switch(body.engaged).await?;
    Ok(Json(body))
}
