//! Samples from outside: pushed readings and Prometheus remote write.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use http_body_util::LengthLimitError;

use super::Reply;
use crate::extract::Json as Body;
use crate::router::App;
use crate::view::{MetricName, PushedSamples, SamplesAccepted};
use crate::{ApiError, ErrorKind, Problem, remote_write as protocol};

/// Takes in readings of applications' own metrics: all of them or none.
#[utoipa::path(post, path = "/v1/samples", tag = "input", request_body = PushedSamples,
    params(("idempotency-key" = Option<String>, Header, description = "Carried out once per key", min_length = 1, max_length = 128)),
    responses(
        (status = 200, description = "Taken in", body = SamplesAccepted),
        (status = 404, description = "There is no such target", body = Problem,
            content_type = "application/problem+json"),
        (status = 413, description = "Too many at once", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A value is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn push(State(app): State<App>, Body(body): Body<PushedSamples>) -> Reply<SamplesAccepted> {
    let (has, most) = (body.samples.len(), app.settings.limits.pushed_samples);
    if has > most {
        return Err(ApiError::new(
            ErrorKind::TooLarge,
            format!("{has} samples were sent, at most {most} are taken at once"),
            "send them in several requests",
        ));
    }
    let mut samples = body.samples;
    for (index, sample) in samples.iter_mut().enumerate() {
        if !(sample.value.is_finite() && sample.value >= 0.0) {
            return Err(ApiError::invalid(
                format!("samples[{index}].value is {}", sample.value),
                "give a number from 0 up in the metric's unit",
            ));
        }
        sample.metric.get_or_insert(MetricName::Application);
    }
    app.backend.push_samples(samples).await?;
    Ok(Json(SamplesAccepted { accepted: has as u64 }))
}

/// Prometheus remote write 1.0 (protobuf, snappy).
#[utoipa::path(post, path = "/api/v1/write", tag = "input",
    request_body(content = Vec<u8>, content_type = "application/x-protobuf",
        description = "A snappy-compressed prometheus.WriteRequest"),
    responses(
        (status = 204, description = "Taken in, and safe"),
        (status = 400, description = "Unreadable", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Another protocol", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn remote_write(State(app): State<App>, request: Request) -> Result<StatusCode, ApiError> {
    check_protocol(request.headers())?;
    let limits = app.settings.limits.write;
    let body = to_bytes(request.into_body(), limits.compressed_bytes).await.map_err(|error| {
        // The body was cut off by its sender, or by our limit: only the latter is about size.
        let too_long = std::error::Error::source(&error).is_some_and(|cause| cause.is::<LengthLimitError>());
        match too_long {
            true => ApiError::new(
                ErrorKind::TooLarge,
                format!("the body is longer than {} bytes", limits.compressed_bytes),
                "lower max_samples_per_send in the sender's queue_config",
            ),
            false => ApiError::new(ErrorKind::BadRequest, "the body ended early", "send it again"),
        }
    })?;
    let series = protocol::decode(&body, &limits)?;
    if !series.is_empty() {
        app.backend.write_series(series).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn check_protocol(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let refused = |detail: String| {
        Err(ApiError::new(
            ErrorKind::UnsupportedMedia,
            detail,
            "send remote write 1.0: Content-Type: application/x-protobuf, Content-Encoding: snappy \
             (in Prometheus protobuf_message: prometheus.WriteRequest)",
        ))
    };
    let content = text(header::CONTENT_TYPE);
    let (kind, parameters) = content.split_once(';').unwrap_or((content, ""));
    let other_message = parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("proto="))
        .any(|message| message != "prometheus.WriteRequest");
    if !kind.trim().eq_ignore_ascii_case("application/x-protobuf") || other_message {
        return refused(format!("the Content-Type is {content:?}"));
    }
    match text(header::CONTENT_ENCODING) {
        "snappy" => Ok(()),
        other => refused(format!("the Content-Encoding is {other:?}")),
    }
}
