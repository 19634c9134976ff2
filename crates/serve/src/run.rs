//! The listeners: accepts connections on TCP and on a Unix socket, says to every request where it comes from, and ends
//! gracefully.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

use crate::{Auth, Backend, Limits, Peer, Settings, router};

/// How long accepting rests after it failed, such as for lack of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// Where requests come in. At least one must be given.
#[derive(Debug, Default)]
pub struct Listeners {
    /// TCP; meant to be bound to loopback.
    pub tcp: Option<TcpListener>,
    /// The Unix socket.
    pub unix: Option<UnixListener>,
}

/// Why the server did not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Neither TCP nor a Unix socket was given.
    #[error("there is no listener to serve on")]
    NoListener,
}

/// Serves until `shutdown` completes, then lets open requests end within [`Limits::drain_time`].
///
/// # Errors
/// [`ServeError::NoListener`] when there is nothing to listen on. Errors of single connections are logged, no more.
pub async fn run(
    listeners: Listeners,
    backend: Arc<dyn Backend>,
    auth: Auth,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    if listeners.tcp.is_none() && listeners.unix.is_none() {
        return Err(ServeError::NoListener);
    }
    let limits = settings.limits;
    let (end, ending) = watch::channel(false);
    let server = Server { router: router(backend, auth, settings, ending), limits, graceful: GracefulShutdown::new() };
    // Each listener has places of its own: whoever fills those of TCP does not lock the operator out of the Unix socket.
    let places = || Arc::new(Semaphore::new(limits.connections));
    let (tcp_places, unix_places) = (places(), places());
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = accept_tcp(listeners.tcp.as_ref(), &tcp_places) => match accepted {
                Ok((place, stream, address)) => {
                    // A small answer must not wait for the acknowledgement of the one before.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "failed to set TCP_NODELAY");
                    }
                    server.connect(stream, Peer::Tcp(address), place);
                }
                Err(error) => rest(&error).await,
            },
            accepted = accept_unix(listeners.unix.as_ref(), &unix_places) => match accepted {
                Ok((place, stream, peer)) => server.connect(stream, peer, place),
                Err(error) => rest(&error).await,
            },
        }
    }
    drop(listeners);
    // Streams end by themselves when they see this; requests in progress are waited for.
    end.send_replace(true);
    if tokio::time::timeout(limits.drain_time, server.graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = limits.drain_time.as_secs_f64(), "requests still ran at the end and were cut off");
    }
    Ok(())
}

struct Server {
    router: Router,
    limits: Limits,
    graceful: GracefulShutdown,
}

impl Server {
    /// Serves one connection on a task of its own; `place` is free again when it ends.
    fn connect(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        place: OwnedSemaphorePermit,
    ) {
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (mut parts, body) = request.into_parts();
            parts.extensions.insert(peer.clone());
            router.clone().oneshot(Request::from_parts(parts, Body::new(body)))
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .serve_connection(TokioIo::new(stream), service);
        let watched = self.graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
}

/// A place and a connection for it; safe to be dropped while it waits.
async fn accept_tcp(
    listener: Option<&TcpListener>,
    places: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let place = free(places).await;
    let (stream, address) = listener.accept().await?;
    Ok((place, stream, address))
}

/// The same on the Unix socket, with what the kernel says of the other side.
async fn accept_unix(
    listener: Option<&UnixListener>,
    places: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, UnixStream, Peer)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let place = free(places).await;
    let (stream, _) = listener.accept().await?;
    let credentials = stream.peer_cred()?;
    let peer = Peer::Unix { uid: credentials.uid(), pid: credentials.pid() };
    Ok((place, stream, peer))
}

async fn free(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed")
}

async fn rest(error: &io::Error) {
    tracing::warn!(%error, "failed to accept a connection");
    tokio::time::sleep(ACCEPT_REST).await;
}
