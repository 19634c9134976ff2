//! Prometheus remote write, from the bytes that a sender puts on the wire.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serve::{Limits, Settings, WriteLimits};

use crate::{Host, OPERATOR, Reply, host, host_with, request};

/// A write request of two series as Prometheus encodes it, written out by hand after the protocol's definition:
/// `up{job="node"}` = 1 at 1769846400000 ms, and `load{}` = 0.5 and a staleness marker.
fn wire() -> Vec<u8> {
    fn field(number: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(payload.len()).unwrap()];
        bytes.extend_from_slice(payload);
        bytes
    }
    fn label(name: &str, value: &str) -> Vec<u8> {
        field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
    }
    fn sample(value: f64, mut millis: u64) -> Vec<u8> {
        let mut bytes = vec![1 << 3 | 1];
        bytes.extend_from_slice(&value.to_le_bytes());
        bytes.push(2 << 3);
        while millis >= 0x80 {
            bytes.push(millis as u8 & 0x7f | 0x80);
            millis >>= 7;
        }
        bytes.push(millis as u8);
        field(2, &bytes)
    }
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let up = [label("__name__", "up"), label("job", "node"), sample(1.0, 1_769_846_400_000)].concat();
    let load = [label("__name__", "load"), sample(0.5, 1_769_846_400_000), sample(stale, 1_769_846_415_000)].concat();
    // Field 3 is metadata, which is skipped.
    [field(1, &up), field(1, &load), field(3, &[1 << 3, 2])].concat()
}

fn compressed() -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&wire()).unwrap()
}

async fn write(host: &Host, content: &str, encoding: &str, body: Vec<u8>) -> Reply {
    let request = request(Method::POST, "/api/v1/write", OPERATOR)
        .header(header::CONTENT_TYPE, content)
        .header(header::CONTENT_ENCODING, encoding)
        .header("x-prometheus-remote-write-version", "0.1.0");
    host.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn samples_of_prometheus_come_in() {
    let host = host();
    let reply = write(&host, "application/x-protobuf", "snappy", compressed()).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", String::from_utf8_lossy(&reply.body));
    let state = host.backend.state();
    let labels = |series: usize| state.written[series].labels.clone();
    assert_eq!(labels(0), [("__name__".into(), "up".into()), ("job".into(), "node".into())]);
    assert_eq!(state.written[0].samples, [(1_769_846_400_000, 1.0)]);
    assert_eq!(state.written[1].samples, [(1_769_846_400_000, 0.5)], "the staleness marker is dropped");
}

#[tokio::test]
async fn other_protocols_are_refused() {
    let host = host();
    let explicit = "application/x-protobuf;proto=prometheus.WriteRequest";
    assert_eq!(write(&host, explicit, "snappy", compressed()).await.status, StatusCode::NO_CONTENT);
    let second = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    write(&host, second, "snappy", compressed()).await.problem(415);
    write(&host, "application/json", "snappy", compressed()).await.problem(415);
    write(&host, "application/x-protobuf", "gzip", compressed()).await.problem(415);
    write(&host, "application/x-protobuf", "snappy", wire()).await.problem(400);
    let garbage = snap::raw::Encoder::new().compress_vec(b"\xff\xff\xff").unwrap();
    write(&host, "application/x-protobuf", "snappy", garbage).await.problem(400);
}

#[tokio::test]
async fn large_writes_are_refused_before_they_are_unpacked() {
    let write_limits = WriteLimits { compressed_bytes: 1_000, unpacked_bytes: 5_000, ..WriteLimits::default() };
    let limits = Limits { write: write_limits, ..Limits::default() };
    let host = host_with(Settings { limits, ..Settings::default() });
    let detail = write(&host, "application/x-protobuf", "snappy", vec![0; 1_001]).await.problem(413);
    assert!(detail.contains("1000 bytes"), "{detail}");
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; 20_000]).unwrap();
    assert!(bomb.len() < 1_000);
    let detail = write(&host, "application/x-protobuf", "snappy", bomb).await.problem(413);
    assert!(detail.contains("20000 bytes unpacked"), "{detail}");
    assert!(host.backend.state().written.is_empty());
}
