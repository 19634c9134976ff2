//! A damaged database is set aside by name; a second daemon on the same folder is refused.

use crate::support::{Plan, text};

#[test]
fn host_a_damaged_database_is_set_aside_and_named() {
    let up = Plan::new().start();
    let (status, folder) = up.end();
    assert!(status.success());
    let database = std::fs::read_dir(folder.path().join("state")).unwrap().flatten().map(|entry| entry.path());
    let database =
        database.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "db")).expect("a database");
    let mut bytes = std::fs::read(&database).unwrap();
    bytes.iter_mut().skip(24).for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&database, bytes).unwrap();

    let up = Plan::again(folder).start();
    let log = up.log();
    let line = log.lines().find(|line| line.contains("damaged")).unwrap_or_else(|| panic!("the log names no damage: {log}"));
    let aside = database.with_extension("db.damaged-1");
    assert!(aside.exists() && line.contains(aside.to_str().unwrap()), "{line}");
    assert_eq!(up.get("/v1/status")["kill_switch"], false);
}

#[test]
fn host_a_second_daemon_on_the_same_folder_is_refused() {
    let first = Plan::new().start();
    let second = Plan::new();
    std::os::unix::fs::symlink(first.folder.path().join("state"), second.state()).unwrap();
    let output = second.start_in_vain();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("in use by another process") && said.contains("state"), "{said}");
    assert_eq!(first.get("/v1/status")["kill_switch"], false, "the first goes on");
}

#[test]
fn host_a_second_daemon_on_the_same_socket_is_refused() {
    let first = Plan::new().start();
    let second = Plan::new();
    std::os::unix::fs::symlink(first.folder.path().join("socket"), second.state().with_file_name("socket")).unwrap();
    let output = second.start_in_vain();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("another forerun answers there"), "{said}");
    assert_eq!(first.get("/v1/status")["kill_switch"], false, "the first goes on");
}
