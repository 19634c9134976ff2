//! The service's own metrics, in Prometheus' text format over a socket that answers every request alike: something for
//! `[[target]] scrape` to read.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency buckets, in milliseconds.
const BUCKETS_MS: [u64; 8] = [5, 10, 20, 50, 100, 200, 500, 1_000];

/// Counters of the service.
#[derive(Debug, Default)]
pub struct Metrics {
    answered: AtomicU64,
    turned_away: AtomicU64,
    latency_us: AtomicU64,
    within: [AtomicU64; BUCKETS_MS.len()],
}

impl Metrics {
    /// A request was answered this long after it came in.
    pub fn answered(&self, latency: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.latency_us.fetch_add(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        for (bound, count) in BUCKETS_MS.iter().zip(&self.within) {
            if latency <= Duration::from_millis(*bound) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A request found the queue full.
    pub fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    fn text(&self) -> String {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (answered, sum) = (load(&self.answered), load(&self.latency_us) as f64 / 1e6);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# TYPE example_requests_total counter\nexample_requests_total {answered}");
        let _ = writeln!(
            text,
            "# TYPE example_turned_away_total counter\nexample_turned_away_total {}",
            load(&self.turned_away)
        );
        let _ = writeln!(text, "# TYPE example_latency_seconds histogram");
        for (bound, count) in BUCKETS_MS.iter().zip(&self.within) {
            let seconds = *bound as f64 / 1e3;
            let _ = writeln!(text, "example_latency_seconds_bucket{{le=\"{seconds}\"}} {}", load(count));
        }
        let _ = writeln!(text, "example_latency_seconds_bucket{{le=\"+Inf\"}} {answered}");
        let _ = writeln!(text, "example_latency_seconds_sum {sum}\nexample_latency_seconds_count {answered}");
        text
    }
}

/// Offers the metrics at `address` from a thread of its own.
///
/// # Errors
/// When the address cannot be listened on, or no thread can be had.
pub fn offer(address: SocketAddr, metrics: Arc<Metrics>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    std::thread::Builder::new().name("metrics".into()).spawn(move || {
        for connection in listener.incoming().flatten() {
            // A reader that goes away early is its own affair.
            let _ = serve(connection, &metrics);
        }
    })?;
    Ok(bound)
}

fn serve(mut connection: std::net::TcpStream, metrics: &Metrics) -> io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut head = [0; 2_048];
    let _ = connection.read(&mut head)?;
    let body = metrics.text();
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_is_told() {
        let metrics = Arc::new(Metrics::default());
        metrics.answered(Duration::from_millis(7));
        metrics.answered(Duration::from_millis(300));
        let address = offer(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::clone(&metrics)).unwrap();
        let mut connection = std::net::TcpStream::connect(address).unwrap();
        connection.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        assert!(text.contains("\nexample_requests_total 2\n"), "{text}");
        assert!(text.contains("le=\"0.01\"} 1\n") && text.contains("le=\"0.5\"} 2\n"), "{text}");
    }
}
