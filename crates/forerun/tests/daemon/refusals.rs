//! What the daemon and the commands that ask it refuse: strangers, wrong tokens, bodies that are too large.

use crate::support::{Plan, Up, cli, text};

fn answer(up: &Up, method: &str, path: &str, token: Option<&str>, body: Option<Vec<u8>>) -> (u16, String, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://127.0.0.1:{}{path}", up.port));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request = request.header("content-type", "application/json");
    let mut answer = match body {
        Some(body) => agent.run(request.body(body).unwrap()).unwrap(),
        None => agent.run(request.body(()).unwrap()).unwrap(),
    };
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    (answer.status().as_u16(), kind, answer.body_mut().read_to_string().unwrap())
}

#[test]
fn without_a_daemon_commands_end_with_3_and_say_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none");
    for words in
        [&["status"][..], &["plan"], &["history"], &["undo", "--last"], &["explain", "T1"], &["forecast"], &["mode"]]
    {
        let output = cli(&[&["--socket", socket.to_str().unwrap()], words].concat());
        let said = text(&output);
        assert_eq!(output.status.code(), Some(3), "{words:?}: {said}");
        assert!(said.contains(socket.to_str().unwrap()) && said.contains("forerun up"), "{words:?}: {said}");
    }
    let output = cli(&["--url", "http://127.0.0.1:9", "--json", "status"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["status"], 3);
}

#[test]
fn a_wrong_token_is_refused_by_daemon_and_command() {
    let up = Plan::new().start();
    let url = format!("http://127.0.0.1:{}", up.port);
    for words in [&["--url", &url, "--token", "frn_wrong", "status"][..], &["--url", &url, "status"]] {
        let output = cli(words);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(4), "{words:?}: {said}");
        assert!(said.contains("token"), "{said}");
        assert!(!said.contains("frn_wrong"), "the token itself is not repeated: {said}");
    }
    let output = cli(&["--url", &url, "--token", &up.token, "status"]);
    assert!(output.status.success(), "{}", text(&output));
    let (status, kind, body) = answer(&up, "GET", "/v1/status", Some("frn_wrong"), None);
    assert_eq!((status, kind.as_str()), (401, "application/problem+json"), "{body}");
}

#[test]
fn a_body_that_is_too_large_is_a_problem_with_a_remedy() {
    let up = Plan::new().settings("[serve]\nbody_max = \"64 KiB\"\n").start();
    let body = format!("{{\"samples\": [{}]}}", " ".repeat(100_000));
    let (status, kind, body) = answer(&up, "POST", "/v1/samples", Some(&up.token), Some(body.into_bytes()));
    assert_eq!((status, kind.as_str()), (413, "application/problem+json"), "{body}");
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["status"], 413);
    assert!(problem["detail"].as_str().unwrap().contains("body"), "{body}");
    assert!(!problem["remedy"].as_str().unwrap().is_empty());
    assert_eq!(up.get("/v1/status")["kill_switch"], false, "it goes on");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let first = Plan::new().start();
    let listen = format!("127.0.0.1:{}", first.port);
    let folder = tempfile::tempdir().unwrap();
    let output = cli(&["up", "--state-dir", folder.path().to_str().unwrap(), "--listen", &listen]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&listen) && said.contains("--listen"), "{said}");
}
