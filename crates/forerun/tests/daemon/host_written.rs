//! Prometheus remote write comes in, is kept, and comes back as a target's history.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Plan, Up, encoded, is_root, skipped, within};

/// A group of this test, in every tree that this host has.
struct Group(Vec<PathBuf>);

impl Group {
    fn new(path: &str) -> Option<Group> {
        let base = std::path::Path::new("/sys/fs/cgroup");
        let trees = if base.join("cgroup.controllers").exists() { vec![""] } else { vec!["cpu", "memory", "unified"] };
        let mut folders = Vec::new();
        for tree in trees.into_iter().map(|tree| base.join(tree)).filter(|tree| tree.join("cgroup.procs").exists()) {
            let folder = tree.join(path);
            std::fs::create_dir_all(&folder).ok()?;
            folders.push(folder);
        }
        Some(Group(folders))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.0 {
            let _ = std::fs::remove_dir(folder);
            // The folder above is forerun's own name; the kernel keeps it while others are in it.
            let _ = folder.parent().map(std::fs::remove_dir);
        }
    }
}

/// A `prometheus.WriteRequest` of one series.
fn write_request(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Vec<u8> {
    let mut series = Vec::new();
    for (name, value) in labels {
        let label = [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
        series.extend(field(1, &label));
    }
    for (at, value) in samples {
        // Field 1 is a double, field 2 a varint.
        let mut sample = vec![0x09];
        sample.extend(value.to_le_bytes());
        sample.push(0x10);
        sample.extend(varint(u64::try_from(*at).unwrap()));
        series.extend(field(2, &sample));
    }
    field(1, &series)
}

/// A field of bytes: key, length, content.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    out.extend(varint(content.len() as u64));
    out.extend(content);
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Snappy's block format with nothing but literals of up to 60 bytes, which is allowed.
fn snappy(plain: &[u8]) -> Vec<u8> {
    let mut out = varint(plain.len() as u64);
    for chunk in plain.chunks(60) {
        out.push(((chunk.len() - 1) as u8) << 2);
        out.extend(chunk);
    }
    out
}

fn write(up: &Up, body: &[u8]) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = agent
        .post(format!("http://127.0.0.1:{}/api/v1/write", up.port))
        .header("authorization", format!("Bearer {}", up.token))
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0")
        .send(body);
    let mut answer = answer.unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn host_remote_write_comes_back_as_history() {
    if !is_root() {
        return;
    }
    let path = format!("forerun/test-write-{}", std::process::id());
    let id = format!("cgroup:/{path}");
    let up = Plan::new().start();

    // An hour ago, on whole minutes: the past of a group that is yet to come.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let start = (now - 3_600) / 60 * 60;
    let samples: Vec<(i64, f64)> =
        (0..10).map(|minute| ((start + minute * 60) * 1_000, 1e8 + 1e6 * minute as f64)).collect();
    let body = write_request(&[("__name__", "container_memory_working_set_bytes"), ("id", &format!("/{path}"))], &samples);
    let (status, answer) = write(&up, &snappy(&body));
    assert!(status == 200 || status == 204, "{status}: {answer}");

    let Some(_group) = Group::new(&path) else { return skipped("cannot make a control group") };
    let found = within(15, || (up.ask("GET", &format!("/v1/targets/{}", encoded(&id)), None).0 == 200).then_some(()));
    assert!(found.is_some(), "the group is not watched: {}", up.log());
    let query = format!("metric=mem&from={start}&to={}&step_seconds=60", start + 600);
    let series = up.get(&format!("/v1/targets/{}/series?{query}", encoded(&id)));
    let kept: Vec<f64> = series["in_use"].as_array().unwrap().iter().filter_map(serde_json::Value::as_f64).collect();
    assert_eq!(kept, samples.iter().map(|(_, value)| *value).collect::<Vec<_>>(), "{series}");

    // What is older than what was measured since cannot be kept, and is not said to be.
    let (status, answer) = write(&up, &snappy(&body));
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("10 samples are not newer"), "{answer}");

    let (status, folder) = up.end();
    assert!(status.success());
    let up = Plan::again(folder).start();
    within(15, || (up.ask("GET", &format!("/v1/targets/{}", encoded(&id)), None).0 == 200).then_some(()));
    let again = up.get(&format!("/v1/targets/{}/series?{query}", encoded(&id)));
    assert_eq!(again["in_use"], series["in_use"], "after a restart");
}

#[test]
fn a_write_that_is_no_write_is_refused_with_its_reason() {
    let up = Plan::new().start();
    let (status, answer) = write(&up, b"\xff\xff\xff\xff\xff");
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("remote write") && answer.contains("snappy"), "{answer}");
}
