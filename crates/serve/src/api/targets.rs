//! Targets: list, one, its forecasts, its history, its settings.

use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use model::WallTime;

use super::{Reply, page};
use crate::extract::{Json as Body, Path, Query};
use crate::router::App;
use crate::view::{
    ForecastReport, MetricName, ModeScope, SeriesQuery, SeriesView, TargetPage, TargetPatch, TargetQuery, TargetView,
    Timestamp,
};
use crate::{ApiError, ErrorKind, Problem};

/// How many points a series has when no step is asked.
const POINTS_DEFAULT: i64 = 240;
/// How far back a series reaches when nothing is asked.
const REACH_DEFAULT_MS: i64 = 3_600_000;

/// The targets, in the order of their ids.
#[utoipa::path(get, path = "/v1/targets", tag = "state", params(TargetQuery), responses(
    (status = 200, body = TargetPage),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn targets(State(app): State<App>, Query(mut query): Query<TargetQuery>) -> Reply<TargetPage> {
    query.limit = page(query.limit)?;
    app.backend.targets(query).await.map(Json)
}

/// One target.
#[utoipa::path(get, path = "/v1/targets/{id}", tag = "state",
    params(("id" = String, Path, description = "The target's id, percent-encoded")),
    responses(
        (status = 200, body = TargetView),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn target(State(app): State<App>, Path(id): Path<String>) -> Reply<TargetView> {
    app.backend.target(id).await.map(Json)
}

/// Sets a target's mode, bounds or tier; what is absent stays.
#[utoipa::path(patch, path = "/v1/targets/{id}", tag = "control",
    params(("id" = String, Path, description = "The target's id, percent-encoded")),
    request_body = TargetPatch,
    responses(
        (status = 200, description = "As it is now", body = TargetView),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn patch_target(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(patch): Body<TargetPatch>,
) -> Reply<TargetView> {
    if patch == TargetPatch::default() {
        return Err(ApiError::invalid("nothing to change was named", "name at least one of mode, bounds, tier"));
    }
    if let Some(fault) = patch.bounds.and_then(|bounds| bounds.fault()) {
        return Err(ApiError::invalid(fault, "give bounds from 0 up, with min at most max"));
    }
    // Asked first, so that a target that does not exist is not half changed.
    app.backend.target(id.clone()).await?;
    if let Some(bounds) = patch.bounds {
        app.backend.set_bounds(id.clone(), bounds).await?;
    }
    if let Some(tier) = patch.tier {
        app.backend.set_tier(id.clone(), tier).await?;
    }
    if let Some(mode) = patch.mode {
        app.backend.set_mode(ModeScope::Target(id.clone()), mode).await?;
    }
    app.backend.target(id).await.map(Json)
}

/// The forecasts of one target, with the methods that compete for each.
#[utoipa::path(get, path = "/v1/targets/{id}/forecast", tag = "state",
    params(("id" = String, Path, description = "The target's id, percent-encoded")),
    responses(
        (status = 200, body = ForecastReport),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn forecast(State(app): State<App>, Path(id): Path<String>) -> Reply<ForecastReport> {
    app.backend.forecast(id).await.map(Json)
}

/// History of one metric with its limit and the forecasts that were made then, in columns.
#[utoipa::path(get, path = "/v1/targets/{id}/series", tag = "state",
    params(("id" = String, Path, description = "The target's id, percent-encoded"), SeriesQuery),
    responses(
        (status = 200, body = SeriesView),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn series(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<SeriesQuery>,
) -> Reply<SeriesView> {
    let stretch = Stretch::of(&query, now()?, app.settings.limits.series_points)?;
    let metric = query.metric.unwrap_or(MetricName::Cpu);
    app.backend.series(id, metric, stretch.from, stretch.to, stretch.step_seconds).await.map(Json)
}

#[derive(Debug, PartialEq)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    step_seconds: u32,
}

impl Stretch {
    fn of(query: &SeriesQuery, now: Timestamp, points_max: u64) -> Result<Stretch, ApiError> {
        let to = query.to.unwrap_or(now);
        let from = query
            .from
            .unwrap_or_else(|| Timestamp(WallTime::from_unix_millis(to.0.unix_millis().saturating_sub(REACH_DEFAULT_MS))));
        let length_ms = to.0.unix_millis().saturating_sub(from.0.unix_millis());
        if length_ms <= 0 {
            return Err(ApiError::invalid(format!("from {from} is not before to {to}"), "give a from before to"));
        }
        let fitting = u32::try_from(length_ms / POINTS_DEFAULT / 1_000).unwrap_or(u32::MAX).max(1);
        let step_seconds = query.step_seconds.unwrap_or(fitting);
        if step_seconds == 0 {
            return Err(ApiError::invalid("step_seconds is 0", "use a step of 1 second or more"));
        }
        let points = length_ms.unsigned_abs().div_ceil(u64::from(step_seconds) * 1_000);
        if points > points_max {
            return Err(ApiError::invalid(
                format!("{points} points were asked for, at most {points_max} are given"),
                "use a longer step_seconds, or a shorter stretch",
            ));
        }
        Ok(Stretch { from, to, step_seconds })
    }
}

/// Now, on the wall clock.
pub(super) fn now() -> Result<Timestamp, ApiError> {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_| ApiError::new(ErrorKind::Internal, "the host's clock stands before 1970", "set the host's clock"))?;
    Ok(Timestamp(WallTime::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_have_bounds() {
        let now = Timestamp::parse("100000").unwrap();
        let query = |from: Option<&str>, step_seconds| SeriesQuery {
            metric: None,
            from: from.and_then(Timestamp::parse),
            to: None,
            step_seconds,
        };
        let hour = Stretch::of(&query(None, None), now, 2_000).unwrap();
        assert_eq!((hour.from.0.unix_secs(), hour.step_seconds), (96_400, 15));
        let detail = |query| Stretch::of(&query, now, 2_000).unwrap_err().to_string();
        assert!(detail(query(Some("100000"), None)).contains("not before"));
        assert!(detail(query(None, Some(1))).contains("3600 points"));
        assert!(detail(query(None, Some(0))).contains("step_seconds is 0"));
        assert!(Stretch::of(&query(Some("-1e9"), None), now, 2_000).is_ok(), "a long stretch gets a long step");
    }
}
