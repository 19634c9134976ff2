//! History from a Prometheus-compatible server: `/api/v1/query_range`, fetched in pages, since the server refuses answers
//! of more than 11,000 points per series.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Span, WallTime};
use serde::Deserialize;

use crate::http::{self, HttpError};

/// Points per series in one answer, at most: what Prometheus allows.
pub const POINTS_PER_PAGE: u64 = 11_000;

/// Pages of one query, at most: 22 million points per series.
const PAGES_MAX: u64 = 2_000;

/// Bytes of one answer, at most.
const ANSWER_BYTES_MAX: u64 = 128 << 20;

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// History that could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// The range or the step makes no sense.
    #[error("bad range for {query}: {reason}")]
    BadRange {
        /// The query.
        query: String,
        /// What is wrong.
        reason: String,
    },
    /// The server could not be asked.
    #[error("failed to ask for {query}")]
    Http {
        /// The query.
        query: String,
        /// What went wrong.
        source: HttpError,
    },
    /// The server understood and refused.
    #[error("{url} refused {query}: {kind}: {message}")]
    Refused {
        /// The address.
        url: String,
        /// The query.
        query: String,
        /// The server's kind of error, such as `bad_data`.
        kind: String,
        /// What the server says.
        message: String,
    },
    /// The answer is not what the API promises.
    #[error("{url} answered {query} with something else than a matrix: {reason}")]
    Malformed {
        /// The address.
        url: String,
        /// The query.
        query: String,
        /// What is wrong.
        reason: String,
    },
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels, with `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Time and value, oldest first; values that are not finite are left out.
    pub samples: Vec<(WallTime, f64)>,
}

/// A PromQL query over a range.
#[derive(Clone, Debug)]
pub struct RangeQuery<'q> {
    /// The server's address, with a path if it has one, such as `http://localhost:9090`.
    pub url: &'q str,
    /// PromQL.
    pub query: &'q str,
    /// The first point.
    pub start: WallTime,
    /// The last point, at most.
    pub end: WallTime,
    /// Between points; whole milliseconds.
    pub step: Span,
    /// Sent as a bearer token.
    pub token: Option<&'q str>,
}

/// Fetches a whole range: see [`RangeQuery::fetch`].
///
/// # Errors
/// As [`RangeQuery::fetch`].
pub fn range(
    url: &str,
    query: &str,
    start: WallTime,
    end: WallTime,
    step: Span,
    token: Option<&str>,
) -> Result<Vec<Series>, PrometheusError> {
    RangeQuery { url, query, start, end, step, token }.fetch(|_, _| {})
}

impl RangeQuery<'_> {
    /// The pages that the range takes, each as its first and last point in milliseconds.
    fn pages(&self) -> Result<Vec<(i64, i64)>, PrometheusError> {
        let bad = |reason: String| PrometheusError::BadRange { query: self.query.to_owned(), reason };
        let (start, end) = (self.start.unix_millis(), self.end.unix_millis());
        let step = i64::try_from(self.step.as_millis()).unwrap_or(i64::MAX);
        if step == 0 {
            return Err(bad("the step is less than a millisecond".to_owned()));
        }
        if end < start {
            return Err(bad("it ends before it starts".to_owned()));
        }
        let page = step.saturating_mul(POINTS_PER_PAGE as i64);
        let count = end.abs_diff(start) / page.unsigned_abs() + 1;
        if count > PAGES_MAX {
            return Err(bad(format!("it takes {count} pages, more than {PAGES_MAX}; use a longer step")));
        }
        let first = |index: u64| start + page * index as i64;
        Ok((0..count).map(|index| (first(index), end.min(first(index).saturating_add(page - step)))).collect())
    }

    /// Fetches page after page and calls `progress` with pages done and pages in all after each. The series come in
    /// order of their labels.
    ///
    /// # Errors
    /// A range that makes no sense or takes too many pages; a server that cannot be reached, refuses, or does not answer
    /// with a matrix.
    pub fn fetch(&self, mut progress: impl FnMut(usize, usize)) -> Result<Vec<Series>, PrometheusError> {
        let pages = self.pages()?;
        let agent = http::agent(TIMEOUT, true);
        let url = format!("{}/api/v1/query_range", self.url.trim_end_matches('/'));
        let mut series: BTreeMap<BTreeMap<String, String>, Vec<(WallTime, f64)>> = BTreeMap::new();
        for (index, &(from, to)) in pages.iter().enumerate() {
            let [start, end, step] = [from, to, self.step.as_millis() as i64].map(seconds);
            let pairs = [("query", self.query), ("start", &start), ("end", &end), ("step", &step)];
            let (status, body) = http::get(&agent, &url, &pairs, self.token, ANSWER_BYTES_MAX)
                .map_err(|source| PrometheusError::Http { query: self.query.to_owned(), source })?;
            for found in self.matrix(&url, status, &body)? {
                let points = found.values.into_iter().filter_map(|(at, value)| {
                    let value: f64 = value.parse().ok()?;
                    value.is_finite().then(|| (WallTime::from_unix_millis((at * 1e3).round() as i64), value))
                });
                series.entry(found.metric).or_default().extend(points);
            }
            progress(index + 1, pages.len());
        }
        Ok(series.into_iter().map(|(labels, samples)| Series { labels, samples }).collect())
    }

    fn matrix(&self, url: &str, status: ureq::http::StatusCode, body: &[u8]) -> Result<Vec<Row>, PrometheusError> {
        let query = self.query.to_owned();
        let answer: Answer = match serde_json::from_slice(body) {
            Ok(answer) => answer,
            Err(_) if !status.is_success() => {
                return Err(PrometheusError::Http { query, source: http::refused(url, status, body) });
            }
            Err(error) => {
                return Err(PrometheusError::Malformed { url: url.to_owned(), query, reason: error.to_string() });
            }
        };
        for warning in &answer.warnings {
            tracing::warn!(url, query, warning, "the server warns about its answer");
        }
        match (answer.status.as_str(), answer.data) {
            ("success", Some(data)) if data.result_type == "matrix" => Ok(data.result),
            ("success", _) => {
                let reason = "no result of the type matrix".to_owned();
                Err(PrometheusError::Malformed { url: url.to_owned(), query, reason })
            }
            _ => Err(PrometheusError::Refused {
                url: url.to_owned(),
                query,
                kind: answer.error_type.unwrap_or_else(|| status.to_string()),
                message: answer.error.unwrap_or_default(),
            }),
        }
    }
}

/// Milliseconds as seconds with three decimals.
fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000))
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Option<Data>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(end: i64, step: Span) -> RangeQuery<'static> {
        let wall = WallTime::from_unix_secs;
        RangeQuery { url: "http://x", query: "up", start: wall(0), end: wall(end), step, token: None }
    }

    #[test]
    fn ranges_are_cut_into_pages() {
        let second = Span::from_secs(1);
        assert_eq!(query(10_999, second).pages().unwrap(), [(0, 10_999_000)]);
        assert_eq!(query(11_000, second).pages().unwrap(), [(0, 10_999_000), (11_000_000, 11_000_000)]);
        assert_eq!(query(0, second).pages().unwrap(), [(0, 0)]);
        for (end, step, reason) in [
            (-1, second, "bad range for up: it ends before it starts"),
            (5, Span::ZERO, "bad range for up: the step is less than a millisecond"),
            (1 << 40, second, "bad range for up: it takes 99955603 pages, more than 2000; use a longer step"),
        ] {
            let error = query(end, step).pages().unwrap_err();
            assert_eq!(error.to_string(), reason);
        }
        assert_eq!(seconds(1_500), "1.500");
    }
}
