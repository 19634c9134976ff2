//! One bounded HTTP GET: a limit on time and on size, and errors that name the address.

use std::time::Duration;

use ureq::Agent;
use ureq::http::StatusCode;

/// A request that did not bring what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No answer, or not a whole one.
    #[error("failed to fetch {url}")]
    Fetch {
        /// The address.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// The server refused.
    #[error("{url} answered {status}: {message}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        message: String,
    },
    /// The answer is longer than what is taken.
    #[error("{url} answered with more than {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// How much is taken.
        limit: u64,
    },
}

/// A client that gives up after `timeout`. Without `proxies` the environment's proxy settings are ignored: what is scraped
/// is local.
pub(crate) fn agent(timeout: Duration, proxies: bool) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(3)
        .user_agent(concat!("forerun/", env!("CARGO_PKG_VERSION")));
    let config = if proxies { config } else { config.proxy(None) };
    config.build().into()
}

/// The status and body of a GET of at most `limit` bytes.
pub(crate) fn get(
    agent: &Agent,
    url: &str,
    query: &[(&str, &str)],
    token: Option<&str>,
    limit: u64,
) -> Result<(StatusCode, Vec<u8>), HttpError> {
    let failed = |source: ureq::Error| match source {
        ureq::Error::BodyExceedsLimit(_) => HttpError::TooLarge { url: url.to_owned(), limit },
        source => HttpError::Fetch { url: url.to_owned(), source: Box::new(source) },
    };
    let mut request = agent.get(url).query_pairs(query.iter().copied());
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().map_err(failed)?;
    let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(failed)?;
    Ok((response.status(), body))
}

/// An error for a status that is no success, with the beginning of what the server said.
pub(crate) fn refused(url: &str, status: StatusCode, body: &[u8]) -> HttpError {
    let message: String = String::from_utf8_lossy(body).chars().take(200).collect();
    HttpError::Status { url: url.to_owned(), status: status.as_u16(), message: message.trim().to_owned() }
}
