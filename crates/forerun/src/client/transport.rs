//! Two ways to the daemon: HTTP/1.1 over its Unix socket, where the kernel says who we are, and HTTP(S) with a bearer token.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;

/// How long an answer may take in all.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes.
const ANSWER_MAX: usize = 64 << 20;

/// The way to the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Its Unix socket.
    Socket(PathBuf),
    /// Its address, and the token that is sent.
    Url {
        /// Without a slash at the end.
        url: String,
        /// Sent as a bearer token.
        token: Option<Token>,
    },
}

/// A bearer token; not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug)]
pub enum TransportError {
    /// The socket cannot be connected to, or the connection broke.
    Io(io::Error),
    /// The conversation went wrong.
    Http(String),
}

impl TransportError {
    /// Whether the operating system denied it.
    pub fn is_denied(&self) -> bool {
        matches!(self, TransportError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => f.write_str("there is no such socket"),
                io::ErrorKind::ConnectionRefused => f.write_str("nobody is listening"),
                io::ErrorKind::PermissionDenied => f.write_str("permission denied"),
                _ => error.fmt(f),
            },
            TransportError::Http(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transport::Socket(path) => path.display().fmt(f),
            Transport::Url { url, .. } => f.write_str(url),
        }
    }
}

impl Transport {
    /// Sends one request and waits for the whole answer.
    ///
    /// # Errors
    /// When no connection comes about, it breaks, or the answer takes too long or is too large.
    pub fn send(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Result<Reply, TransportError> {
        match self {
            Transport::Socket(socket) => {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TransportError::Io)?;
                runtime.block_on(async {
                    let answer = over_socket(socket, method, path, body);
                    let late = |_| TransportError::Http(format!("no answer within {} s", ANSWER_TIME.as_secs()));
                    tokio::time::timeout(ANSWER_TIME, answer).await.map_err(late)?
                })
            }
            Transport::Url { url, token } => over_http(&format!("{url}{path}"), token.as_ref(), method, body),
        }
    }
}

impl Transport {
    /// Sends a GET and hands over the answer as it comes, however long that takes. A status other than 200 comes back as a whole.
    ///
    /// # Errors
    /// When no connection comes about, or it breaks.
    pub fn stream(&self, path: &str, mut take: impl FnMut(&[u8])) -> Result<Option<Reply>, TransportError> {
        match self {
            Transport::Socket(socket) => {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TransportError::Io)?;
                runtime.block_on(stream_over_socket(socket, path, &mut take))
            }
            Transport::Url { url, token } => stream_over_http(&format!("{url}{path}"), token.as_ref(), &mut take),
        }
    }
}

async fn stream_over_socket(
    socket: &std::path::Path,
    path: &str,
    take: &mut impl FnMut(&[u8]),
) -> Result<Option<Reply>, TransportError> {
    let http = |error: hyper::Error| TransportError::Http(error.to_string());
    let stream = tokio::net::UnixStream::connect(socket).await.map_err(TransportError::Io)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    let driver = tokio::spawn(connection);
    let request = hyper::Request::builder().uri(path).header("host", "localhost").body(Full::new(Bytes::new()));
    let request = request.map_err(|error| TransportError::Http(error.to_string()))?;
    let mut response = sender.send_request(request).await.map_err(http)?;
    let status = response.status().as_u16();
    if status != 200 {
        let collected = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        let body = collected.map_err(|error| TransportError::Http(error.to_string()))?.to_bytes().to_vec();
        return Ok(Some(Reply { status, body }));
    }
    while let Some(frame) = response.frame().await {
        if let Some(data) = frame.map_err(http)?.data_ref() {
            take(data);
        }
    }
    driver.abort();
    Ok(None)
}

fn stream_over_http(
    url: &str,
    token: Option<&Token>,
    take: &mut impl FnMut(&[u8]),
) -> Result<Option<Reply>, TransportError> {
    use std::io::Read;
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.get(url);
    if let Some(Token(token)) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut answer = request.call().map_err(|error| match error {
        ureq::Error::Io(error) => TransportError::Io(error),
        other => TransportError::Http(other.to_string()),
    })?;
    let status = answer.status().as_u16();
    if status != 200 {
        let body = answer.body_mut().with_config().limit(ANSWER_MAX as u64).read_to_vec();
        return Ok(Some(Reply { status, body: body.map_err(|error| TransportError::Http(error.to_string()))? }));
    }
    let mut reader = answer.body_mut().as_reader();
    let mut buffer = [0; 16 << 10];
    loop {
        match reader.read(&mut buffer).map_err(TransportError::Io)? {
            0 => return Ok(None),
            length => take(&buffer[..length]),
        }
    }
}

async fn over_socket(
    socket: &std::path::Path,
    method: &str,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<Reply, TransportError> {
    let http = |error: hyper::Error| TransportError::Http(error.to_string());
    let stream = tokio::net::UnixStream::connect(socket).await.map_err(TransportError::Io)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    let driver = tokio::spawn(connection);
    let mut request = hyper::Request::builder().method(method).uri(path).header("host", "localhost");
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let request = request.body(Full::new(Bytes::from(body.unwrap_or_default())));
    let request = request.map_err(|error| TransportError::Http(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(http)?;
    let status = response.status().as_u16();
    let collected = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
    let body = collected.map_err(|error| TransportError::Http(error.to_string()))?.to_bytes().to_vec();
    driver.abort();
    Ok(Reply { status, body })
}

fn over_http(url: &str, token: Option<&Token>, method: &str, body: Option<Vec<u8>>) -> Result<Reply, TransportError> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_TIME)).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some(Token(token)) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let unsound = |error: ureq::http::Error| TransportError::Http(error.to_string());
    // A GET has no body, and a POST needs one, if only an empty one.
    let answer = match body {
        None if method == "GET" => agent.run(request.body(()).map_err(unsound)?),
        body => agent.run(request.body(body.unwrap_or_default()).map_err(unsound)?),
    };
    let mut answer = answer.map_err(|error| match error {
        ureq::Error::Io(error) => TransportError::Io(error),
        other => TransportError::Http(other.to_string()),
    })?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_MAX as u64).read_to_vec();
    Ok(Reply { status, body: body.map_err(|error| TransportError::Http(error.to_string()))? })
}
