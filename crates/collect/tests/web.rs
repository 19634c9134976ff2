//! Scrapes and range queries against a small server of our own, with its answers and its faults.
#![allow(clippy::unwrap_used, reason = "a fault ends the test")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use collect::application::{Endpoint, Reading, Scraper};
use collect::prometheus;
use model::{Moment, Span, WallTime};

/// Answers one request after another with what it was given; returns what was asked.
fn serve(answers: Vec<(u16, String)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 1_024];
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            asked.push(String::from_utf8(request).unwrap());
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            // A client that has seen enough hangs up; that is its right.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
        asked
    });
    (url, asked)
}

fn ok(bodies: &[&str]) -> Vec<(u16, String)> {
    bodies.iter().map(|body| (200, (*body).to_owned())).collect()
}

fn scraper(url: &str, reading: Reading) -> Scraper {
    let labels = vec![("queue".to_owned(), "mail".to_owned())];
    Scraper::new(Endpoint { url: format!("{url}/metrics"), metric: "jobs_total".to_owned(), labels, reading })
}

fn at(seconds: u64) -> Moment {
    Moment::START + Span::from_secs(seconds)
}

#[test]
fn counters_become_rates() {
    let body = |value: u32| format!("jobs_total{{queue=\"mail\"}} {value}\njobs_total{{queue=\"x\"}} 1\n");
    let (url, asked) = serve(ok(&[&body(100), &body(160), &body(10), &body(30)]));
    let mut scraper = scraper(&url, Reading::CounterRate);
    let loads: Vec<_> = [0, 2, 4, 8].map(|second| scraper.read(at(second)).unwrap()).into();
    assert_eq!(loads, [None, Some(30.0), None, Some(5.0)]);
    assert!(asked.join().unwrap()[0].starts_with("GET /metrics HTTP/1.1"));
}

#[test]
fn a_gauge_is_taken_as_it_is_and_faults_are_named() {
    let mut answers = ok(&["jobs_total{queue=\"mail\"} 7.5\n", "other 1\n", "jobs_total{queue=\"mail\" oops\n"]);
    answers.push((503, "draining".to_owned()));
    answers.push((200, "x".repeat(9 << 20)));
    let (url, _asked) = serve(answers);
    let mut scraper = scraper(&url, Reading::Gauge);
    assert_eq!(scraper.read(at(0)).unwrap(), Some(7.5));
    let mut error = || {
        let error = scraper.read(at(1)).unwrap_err();
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default()).replace(&url, "URL")
    };
    assert_eq!(error(), "URL/metrics exposes no jobs_total with the wanted labels");
    assert_eq!(
        error(),
        "failed to read what URL/metrics exposes: line 1 is not in the Prometheus text format: jobs_total{queue=\"mail\" oops"
    );
    assert_eq!(error(), "failed to scrape jobs_total: URL/metrics answered 503: draining");
    assert_eq!(error(), "failed to scrape jobs_total: URL/metrics answered with more than 8388608 bytes");
    drop(_asked);
    assert_eq!(error(), "failed to scrape jobs_total: failed to fetch URL/metrics");
}

#[test]
fn ranges_are_fetched_page_by_page_and_joined() {
    let page = |rows: &str| format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{rows}]}}}}"#);
    let first = page(r#"{"metric":{"__name__":"up","job":"b"},"values":[[0,"1"],[1.5,"NaN"],[2,"3"]]}"#);
    let second = page(
        r#"{"metric":{"__name__":"up","job":"b"},"values":[[11000,"4.5"]]},{"metric":{"job":"a"},"values":[[11000,"9"]]}"#,
    );
    let (url, asked) = serve(ok(&[&first, &second]));
    let wall = WallTime::from_unix_secs;
    let query = "sum(rate(x[5m])) by (job)";
    let series =
        prometheus::range(&format!("{url}/"), query, wall(0), wall(11_000), Span::from_secs(1), Some("s3cret")).unwrap();
    let text: Vec<String> = series.iter().map(|series| format!("{:?} {:?}", series.labels, series.samples)).collect();
    assert_eq!(
        text,
        [
            r#"{"__name__": "up", "job": "b"} [(WallTime(0), 1.0), (WallTime(2000), 3.0), (WallTime(11000000), 4.5)]"#,
            r#"{"job": "a"} [(WallTime(11000000), 9.0)]"#,
        ]
    );
    let asked = asked.join().unwrap();
    assert!(asked[0].starts_with("GET /api/v1/query_range?query=sum"), "{}", asked[0]);
    assert!(asked[0].contains("start=0.000&end=10999.000&step=1.000"), "{}", asked[0]);
    assert!(asked[1].contains("start=11000.000&end=11000.000"), "{}", asked[1]);
    assert!(asked[1].to_lowercase().contains("authorization: bearer s3cret"), "{}", asked[1]);
}

#[test]
fn refusals_are_named() {
    let (url, _asked) = serve(vec![
        (400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.to_owned()),
        (401, "who are you?".to_owned()),
        (200, "<html>".to_owned()),
        (200, r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#.to_owned()),
    ]);
    let error = || {
        let wall = WallTime::from_unix_secs;
        let error = prometheus::range(&url, "up", wall(0), wall(10), Span::from_secs(1), None).unwrap_err();
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default()).replace(&url, "URL")
    };
    assert_eq!(error(), "URL/api/v1/query_range refused up: bad_data: parse error");
    assert_eq!(error(), "failed to ask for up: URL/api/v1/query_range answered 401: who are you?");
    let malformed = "URL/api/v1/query_range answered up with something else than a matrix: ";
    assert_eq!(error(), format!("{malformed}expected value at line 1 column 1"));
    assert_eq!(error(), format!("{malformed}no result of the type matrix"));
}
