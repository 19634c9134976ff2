//! The real listeners: TCP and the Unix socket, and how they end.

use std::sync::Arc;
use std::time::Duration;

use serve::view::Timestamp;
use serve::{Limits, Listeners, ServeError, Settings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;

use crate::made_up::MadeUp;
use crate::{READER, auth};

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> String {
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn both_listeners_serve_until_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forerun.sock");
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listeners = Listeners { tcp: Some(tcp), unix: Some(UnixListener::bind(&path).unwrap()) };
    let backend = Arc::new(MadeUp::fixed(Timestamp::parse("0").unwrap()));
    let mut auth = auth();
    auth.operator_uids.insert(rustix::process::geteuid().as_raw());
    let (end, ended) = oneshot::channel::<()>();
    let running = tokio::spawn(serve::run(listeners, backend, auth, Settings::default(), async {
        ended.await.unwrap();
    }));

    let unix = ask(UnixStream::connect(&path).await.unwrap(), "GET /v1/status HTTP/1.1\r\nHost: any").await;
    assert!(unix.starts_with("HTTP/1.1 200 OK"), "the peer is known without a token: {unix}");
    let act = "PUT /v1/kill-switch HTTP/1.1\r\nHost: any\r\nContent-Type: application/json\r\nContent-Length: 16";
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(format!("{act}\r\nConnection: close\r\n\r\n{{\"engaged\":true}}").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "the daemon's own user may act: {text}");

    let connect = || TcpStream::connect(address);
    let tcp = ask(connect().await.unwrap(), "GET /v1/status HTTP/1.1\r\nHost: localhost").await;
    assert!(tcp.starts_with("HTTP/1.1 401"), "loopback alone is nobody: {tcp}");
    let head = format!("GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {READER}");
    let stream = tokio::spawn(ask(connect().await.unwrap(), Box::leak(head.into_boxed_str())));
    tokio::time::sleep(Duration::from_millis(100)).await;
    end.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(4), running).await.expect("ends before the drain time").unwrap().unwrap();
    assert!(stream.await.unwrap().starts_with("HTTP/1.1 200 OK"));
    assert!(connect().await.is_err(), "nothing listens any more");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let backend = Arc::new(MadeUp::fixed(Timestamp::parse("0").unwrap()));
    let limits = Limits { head_time: Duration::from_millis(200), ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let listeners = Listeners { tcp: Some(tcp), unix: None };
    let running = tokio::spawn(serve::run(listeners, backend, auth(), settings, std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").await.unwrap();
    let mut text = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut text))
        .await
        .expect("closed by the server")
        .unwrap();
    running.abort();
}

#[tokio::test]
async fn a_crowd_on_tcp_does_not_close_the_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forerun.sock");
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let backend = Arc::new(MadeUp::fixed(Timestamp::parse("0").unwrap()));
    let settings = Settings { limits: Limits { connections: 2, ..Limits::default() }, ..Settings::default() };
    let listeners = Listeners { tcp: Some(tcp), unix: Some(UnixListener::bind(&path).unwrap()) };
    let running = tokio::spawn(serve::run(listeners, backend, auth(), settings, std::future::pending()));
    let mut crowd = Vec::new();
    for _ in 0..4 {
        crowd.push(TcpStream::connect(address).await.unwrap());
    }
    let asked = ask(UnixStream::connect(&path).await.unwrap(), "GET /healthz HTTP/1.1\r\nHost: any");
    let text = tokio::time::timeout(Duration::from_secs(5), asked).await.expect("the Unix socket answers");
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    running.abort();
}

#[tokio::test]
async fn a_server_needs_a_listener() {
    let backend = Arc::new(MadeUp::fixed(Timestamp::parse("0").unwrap()));
    let end = serve::run(Listeners::default(), backend, auth(), Settings::default(), std::future::pending()).await;
    assert!(matches!(end, Err(ServeError::NoListener)));
}
