//! An application's own load metric, scraped from the endpoint where it exposes its Prometheus metrics.

use std::time::Duration;

use model::Moment;
use ureq::Agent;

use crate::http::{self, HttpError};
use crate::prometheus::exposition::{self, MalformedLine};

/// How long one scrape may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of one answer, at most.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// How a metric becomes a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Its value as it is.
    Gauge,
    /// Its growth per second.
    CounterRate,
}

/// Where an application exposes which metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address, such as `http://127.0.0.1:8080/metrics`.
    pub url: String,
    /// The metric's name. Where several series match, their sum counts.
    pub metric: String,
    /// Labels that a series must have.
    pub labels: Vec<(String, String)>,
    /// How it becomes a load.
    pub reading: Reading,
}

/// A scrape without a value.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// The endpoint did not answer as it should.
    #[error("failed to scrape {metric}")]
    Http {
        /// The metric.
        metric: String,
        /// What went wrong.
        source: HttpError,
    },
    /// The answer has no such series.
    #[error("{url} exposes no {metric} with the wanted labels")]
    NoSuchMetric {
        /// The address.
        url: String,
        /// The metric.
        metric: String,
    },
    /// The metric's line cannot be read.
    #[error("failed to read what {url} exposes")]
    Malformed {
        /// The address.
        url: String,
        /// Which line.
        source: MalformedLine,
    },
}

/// Scrapes one endpoint. It waits for the network: not to be called between samples.
#[derive(Debug)]
pub struct Scraper {
    endpoint: Endpoint,
    agent: Agent,
    previous: Option<(Moment, f64)>,
}

impl Scraper {
    /// A scraper of `endpoint`; the environment's proxies are not used.
    pub fn new(endpoint: Endpoint) -> Scraper {
        Scraper { endpoint, agent: http::agent(TIMEOUT, false), previous: None }
    }

    /// What it scrapes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The load now, in the application's own unit (per second for a counter). `None` at a counter's first scrape, after
    /// its reset, and where the value is not finite.
    ///
    /// # Errors
    /// When the endpoint does not answer within two seconds or 8 MiB, has no such metric, or writes it wrongly.
    pub fn read(&mut self, now: Moment) -> Result<Option<f32>, ScrapeError> {
        let Endpoint { url, metric, labels, reading } = &self.endpoint;
        let failed = |source| ScrapeError::Http { metric: metric.clone(), source };
        let (status, body) = http::get(&self.agent, url, &[], None, ANSWER_BYTES_MAX).map_err(failed)?;
        if !status.is_success() {
            return Err(failed(http::refused(url, status, &body)));
        }
        let text = String::from_utf8_lossy(&body);
        let sum = exposition::sum(&text, metric, labels);
        let sum = sum.map_err(|source| ScrapeError::Malformed { url: url.clone(), source })?;
        let value = sum.ok_or_else(|| ScrapeError::NoSuchMetric { url: url.clone(), metric: metric.clone() })?;
        let load = match reading {
            Reading::Gauge => Some(value),
            Reading::CounterRate => self.previous.replace((now, value)).and_then(|(then, before)| {
                let seconds = now.since(then).as_secs_f64();
                (value >= before && seconds > 0.0).then(|| (value - before) / seconds)
            }),
        };
        Ok(load.filter(|load| load.is_finite()).map(|load| load as f32))
    }
}
