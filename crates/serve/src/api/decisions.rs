//! Decisions, the plan, and undo.

use axum::Json;
use axum::extract::State;

use super::{Reply, page};
use crate::Problem;
use crate::extract::{Query, TicketPath};
use crate::router::App;
use crate::view::{DecisionPage, DecisionQuery, DecisionView, PlanView};

/// What would be done now, without doing it.
#[utoipa::path(get, path = "/v1/plan", tag = "decisions", responses(
    (status = 200, body = PlanView),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn plan(State(app): State<App>) -> Reply<PlanView> {
    app.backend.plan().await.map(Json)
}

/// The decisions, newest first.
#[utoipa::path(get, path = "/v1/decisions", tag = "decisions", params(DecisionQuery), responses(
    (status = 200, body = DecisionPage),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn decisions(State(app): State<App>, Query(mut query): Query<DecisionQuery>) -> Reply<DecisionPage> {
    query.limit = page(query.limit)?;
    app.backend.decisions(query).await.map(Json)
}

/// One decision with its reasons.
#[utoipa::path(get, path = "/v1/decisions/{ticket}", tag = "decisions",
    params(("ticket" = String, Path, description = "Its number: 17 or T17", pattern = "^T?[0-9]{1,18}$", example = "T17")),
    responses(
        (status = 200, body = DecisionView),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn decision(State(app): State<App>, TicketPath(ticket): TicketPath) -> Reply<DecisionView> {
    app.backend.decision(ticket).await.map(Json)
}

/// Takes a decision back; returns the decision that does so.
#[utoipa::path(post, path = "/v1/decisions/{ticket}/undo", tag = "decisions",
    params(
        ("ticket" = String, Path, description = "Its number: 17 or T17", pattern = "^T?[0-9]{1,18}$", example = "T17"),
        ("idempotency-key" = Option<String>, Header, description = "Carried out once per key", min_length = 1, max_length = 128),
    ),
    responses(
        (status = 200, description = "The decision that takes it back", body = DecisionView),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It cannot be taken back", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn undo(State(app): State<App>, TicketPath(ticket): TicketPath) -> Reply<DecisionView> {
    app.backend.undo(ticket).await.map(Json)
}
