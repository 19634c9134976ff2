//! What a user is told when the daemon is not there, is something else, or refuses.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread::JoinHandle;

use super::*;

/// A made-up daemon: answers one request with these lines and returns what it was asked.
fn answering(socket: &Path, status: &str, body: &'static str) -> JoinHandle<(String, String)> {
    let listener = UnixListener::bind(socket).unwrap();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        reader.read_line(&mut first).unwrap();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut sent = vec![0; length];
        reader.read_exact(&mut sent).unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        (first.trim_end().to_owned(), String::from_utf8(sent).unwrap())
    })
}

fn at(socket: &Path) -> Client {
    Client::new(Transport::Socket(socket.to_path_buf()))
}

#[test]
fn a_question_goes_over_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let daemon = answering(&socket, "200 OK", r#"{"mode":"act","target":"cgroup:/a b"}"#);
    let body = ModeBody { mode: serve::view::ModeName::Act, planner: None, target: Some("cgroup:/a b".into()) };
    assert_eq!(at(&socket).set_mode(&body).unwrap(), body);
    assert_eq!(daemon.join().unwrap(), ("PUT /v1/mode HTTP/1.1".into(), r#"{"mode":"act","target":"cgroup:/a b"}"#.into()));
}

#[test]
fn a_daemon_that_is_not_there_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("absent");
    let failure = at(&socket).status().unwrap_err();
    assert_eq!(failure.status, Status::Unreachable);
    assert_eq!(failure.what, format!("cannot reach the daemon at {}: there is no such socket", socket.display()));
    let url = Transport::Url { url: "http://127.0.0.1:1".into(), token: None };
    let failure = Client::new(url).status().unwrap_err();
    assert_eq!(failure.status, Status::Unreachable);
    assert_eq!(failure.what, "cannot reach the daemon at http://127.0.0.1:1: nobody is listening");
}

#[test]
fn a_problem_becomes_what_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("403 Forbidden", Status::Refused),
        ("401 Unauthorized", Status::Refused),
        ("404 Not Found", Status::NotFound),
        ("409 Conflict", Status::Failed),
    ];
    for (index, (status, expected)) in cases.into_iter().enumerate() {
        let socket = folder.path().join(index.to_string());
        let body = r#"{"type":"urn:x","title":"t","status":409,"detail":"T3 was undone already","remedy":"see history"}"#;
        let daemon = answering(&socket, status, body);
        let failure = at(&socket).undo(3).unwrap_err();
        assert_eq!((failure.status, failure.what.as_str()), (expected, "T3 was undone already"));
        assert_eq!(failure.remedy, "see history");
        assert_eq!(daemon.join().unwrap().0, "POST /v1/decisions/3/undo HTTP/1.1");
    }
}

#[test]
fn something_else_that_listens_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let daemon = answering(&socket, "200 OK", "<html>");
    let failure = at(&socket).plan().unwrap_err();
    assert!(failure.what.starts_with("cannot read the answer of "), "{failure}");
    daemon.join().unwrap();
}

#[test]
fn names_are_found_by_their_parts() {
    let ids = ["cgroup:/system.slice/nginx.service", "cgroup:/system.slice/nginx-exporter.service"];
    assert_eq!(choose("/system.slice/nginx.service", &ids).unwrap(), ids[0]);
    assert_eq!(choose("exporter", &ids[1..]).unwrap(), ids[1]);
    let failure = choose("nginx", &ids).unwrap_err();
    assert!(failure.what.starts_with("`nginx` fits 2 workloads: cgroup:/system.slice/nginx.service, "), "{failure}");
    let failure = none_fits("ngnix.service", ids.into_iter());
    assert!(failure.remedy.starts_with("the nearest is cgroup:/system.slice/nginx.service;"), "{failure}");
}

#[test]
fn queries_are_encoded() {
    let query = [("filter", Some("a b&c/ü")), ("limit", None), ("since", Some("2026-01-31T08:00:00+01:00"))];
    assert_eq!(with_query("/v1/x", &query), "/v1/x?filter=a%20b%26c%2F%C3%BC&since=2026-01-31T08%3A00%3A00%2B01%3A00");
    assert_eq!(with_query("/v1/x", &[("a", None)]), "/v1/x");
}
