//! Settings, models, and the store's own thread.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::channel;

use model::Digest;
use store::{StoreError, StoreHandle};
use support::{all, at, cpu, open, sample};

#[test]
fn settings_and_models_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.set("mode.all", b"act").unwrap();
    store.set("mode.all", b"observe").unwrap();
    store.set("mode.target.x", b"").unwrap();
    store.set("switch", &[0; 100_000]).unwrap();
    for (number, saved) in [(1, 10), (2, 30), (3, 20)] {
        store.save_model(Digest([number; 32]), &[number; 5_000], at(saved)).unwrap();
    }
    drop(store);
    let mut store = open(dir.path());
    assert_eq!(store.get("mode.all").unwrap().as_deref(), Some(&b"observe"[..]));
    assert_eq!(store.get("mode").unwrap(), None);
    let modes = store.settings("mode.").unwrap();
    assert_eq!(modes, [("mode.all".into(), b"observe".to_vec()), ("mode.target.x".into(), vec![])]);
    assert!(store.unset("switch").unwrap() && !store.unset("switch").unwrap());
    assert_eq!(store.model(Digest([2; 32])).unwrap(), Some(vec![2; 5_000]));
    assert_eq!(store.prune_models(2).unwrap(), 1);
    let left: Vec<Digest> = store.models().unwrap().into_iter().map(|(digest, _)| digest).collect();
    assert_eq!(left, [Digest([2; 32]), Digest([3; 32])]);
}

#[test]
fn one_store_per_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let second = store::Store::open(dir.path(), store::Limits::default());
    assert!(matches!(&second, Err(StoreError::InUse { .. })), "{second:?}");
    assert!(second.unwrap_err().to_string().contains(dir.path().to_str().unwrap()));
    drop(store);
    open(dir.path());
}

#[test]
fn the_queue_has_a_limit_and_nothing_queued_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let id = store.series_id(&cpu(1)).unwrap();
    let handle = StoreHandle::spawn(store, 2).unwrap();
    let (release, wait) = channel::<()>();
    let (started, has_started) = channel();
    let (done, results) = channel();
    std::thread::scope(|scope| {
        let handle = &handle;
        scope.spawn(move || {
            handle
                .call(move |_| {
                    started.send(()).unwrap();
                    wait.recv().unwrap();
                })
                .unwrap();
        });
        has_started.recv().unwrap();
        for second in 0..2 {
            let done = done.clone();
            handle.append(vec![sample(id, second, 1.0)], move |result| done.send(result.unwrap().stored).unwrap()).unwrap();
        }
        let full = handle.append(vec![sample(id, 9, 1.0)], |_| unreachable!("it is not taken"));
        assert!(matches!(full, Err(StoreError::QueueFull { capacity: 2 })));
        release.send(()).unwrap();
    });
    assert_eq!(results.iter().take(2).sum::<usize>(), 2);
    assert!(matches!(handle.call(|_| panic!("a bug in a task")), Err::<(), _>(StoreError::Stopped)));
    let stored = handle.call(|store| store.samples_stored()).unwrap();
    assert_eq!(stored, 2, "a panic in one task does not end the thread");
    assert_eq!(handle.reader().newest(id), Some(at(1)));
    let store = handle.stop().unwrap();
    assert_eq!(all(&store, id).len(), 2);
}
