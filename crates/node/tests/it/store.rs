//! A control store with damaged, newer and unknown entries, of another cluster, not there, deleted, full, and read-only.

use crate::stage::{Stage, is_alive, until, until_true};
use control::embedded::{EmbeddedStore, Options};
use control::{ControlStore, Op, Txn};
use rgm::GroupState;
use std::process::Command;

/// Puts or reads keys as nobody of the cluster would.
struct Outsider {
    runtime: tokio::runtime::Runtime,
    store: EmbeddedStore,
    prefix: String,
}

impl Outsider {
    fn new(stage: &Stage) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = Options::of_this_machine().unwrap();
        let store = EmbeddedStore::open(&stage.path("control.db"), options).unwrap();
        Self { runtime, store, prefix: format!("/steadfast/{}/", stage.mark()) }
    }

    fn put(&self, key: &str, value: &str) {
        let key = format!("{}{key}", self.prefix);
        let ops = vec![Op::Put { key, value: value.into(), lease: None }];
        self.runtime.block_on(self.store.txn(Txn { guards: Vec::new(), ops })).unwrap();
    }

    fn read(&self, key: &str) -> String {
        let range = self.runtime.block_on(self.store.range(&self.prefix)).unwrap();
        let found = range.entries.into_iter().find(|e| e.key == format!("{}{key}", self.prefix));
        found.map(|entry| String::from_utf8(entry.value).unwrap()).unwrap_or_default()
    }
}

#[test]
fn damaged_newer_and_unknown_keys_are_said_and_change_nothing() {
    let stage = Stage::new(&["n1"]);
    stage.online("n1", &[]);
    let outsider = Outsider::new(&stage);
    let resource = outsider.read("resource/r");
    assert!(resource.starts_with('{'));
    let newer = resource.replacen('{', "{\"of_tomorrow\":1,", 1);
    let bad = [("group/g", "{"), ("resource/r", newer.as_str()), ("moon/phase", "full")];
    for (key, value) in bad {
        outsider.put(key, value);
    }
    until_true("the problems are seen", || {
        let cluster = stage.node("n1").cluster();
        cluster
            .is_some_and(|c| ["group/g", "resource/r"].iter().all(|k| c.problems.contains_key(*k)))
    });
    let cluster = stage.node("n1").cluster().unwrap();
    for (key, problem) in &cluster.problems {
        assert!(problem.sentence.contains(key.as_str()), "{key}: {}", problem.sentence);
    }
    for (key, value) in bad {
        assert_eq!(outsider.read(key), value);
    }
    let events = stage.events();
    assert!(!events.contains(&"stop n1 r".to_owned()), "{events:?}");
    assert!(stage.serves("n1"));
    outsider.put("resource/r", &resource);
    stage.end();
}

#[test]
fn a_node_of_another_cluster_is_refused() {
    let mut stage = Stage::new(&["n1"]);
    std::fs::create_dir(stage.path("n2-state")).unwrap();
    std::fs::write(stage.path("n2-state").join("cluster-id"), "feed").unwrap();
    stage.add_node("n2", "").start();
    stage.node("n2").await_log("does not join: it belongs to cluster feed");
    let cluster = stage.node("n1").cluster().unwrap();
    assert!(!cluster.config.nodes.contains_key("n2") && !cluster.members.contains_key("n2"));
    stage.end();
}

#[test]
fn a_second_node_of_the_same_name_waits_and_a_second_guard_is_refused() {
    let stage = Stage::new(&["n1"]);
    let text = stage.config_text("n1", &stage.path("control.db"), "");
    let text =
        text.replace(&*stage.path("n1").to_string_lossy(), &stage.path("other").to_string_lossy());
    let config = stage.path("other.toml");
    std::fs::write(&config, text).unwrap();
    let mut other = stage.another_guard(&config);
    let client = node_api::Client::new(stage.path("other").join("node.sock"));
    until_true("the other is joining", || {
        client.snapshot().is_ok_and(|s| s.outside.as_deref() == Some("n1 is joining"))
    });
    let log = || stage.read("another.log");
    until_true("the other says why", || log().contains("waits until the lease of its life before"));
    crate::stage::send("TERM", i32::try_from(other.id()).unwrap());
    assert!(until("the other ends", || other.try_wait().unwrap()).success());
    let own = stage.node("n1").config.clone();
    let mut third = stage.another_guard(&own);
    assert_eq!(until("the third ends", || third.try_wait().unwrap()).code(), Some(2));
    assert!(log().contains("another guard runs with the run folder"), "{}", log());
    assert!(is_alive(stage.node("n1").daemon_pid()));
    stage.end();
}

#[test]
fn a_store_that_cannot_be_opened_is_tried_again_and_said() {
    let mut stage = Stage::empty();
    stage.touch("not-a-folder");
    let store = stage.path("not-a-folder").join("control.db");
    let text = stage.config_text("n1", &store, "");
    let node = stage.add_node("n1", "");
    std::fs::write(&node.config, text).unwrap();
    node.start();
    let snapshot = until("it answers without a store", || stage.node("n1").snapshot());
    let outside = snapshot.outside.unwrap();
    assert!(outside.starts_with("n1 is no member: "), "{outside}");
    stage.node("n1").await_log("opening the control store: ");
    stage.untouch("not-a-folder");
    stage.await_members(&["n1"]);
    stage.end();
}

#[test]
fn a_node_whose_store_is_deleted_stops_everything_and_forms_no_new_cluster() {
    let stage = Stage::new(&["n1"]);
    stage.online("n1", &[]);
    stage.await_masters(&["n1"]);
    for suffix in ["", "-wal", "-shm"] {
        stage.untouch(&format!("control.db{suffix}"));
    }
    until_true("the service is stopped", || !stage.serves("n1"));
    stage.node("n1").await_log("was deleted or replaced while in use");
    stage.node("n1").await_log("the control store holds none");
    stage.end();
}

/// A small file system of its own; unmounted at the end of the case.
struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(stage: &Stage) -> Option<Self> {
        let path = stage.path("disk");
        std::fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(&path);
        mount.status().is_ok_and(|s| s.success()).then_some(Self(path))
    }

    fn remount(&self, how: &str) {
        let how = format!("remount,{how}");
        let status = Command::new("mount").args(["-o", &how]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_below_the_store_stops_the_node_until_there_is_room() {
    let mut stage = Stage::empty();
    // Only root can mount one.
    let Some(disk) = Disk::mount(&stage) else { return };
    let text = stage.config_text("n1", &disk.0.join("control.db"), "");
    let node = stage.add_node("n1", "");
    std::fs::write(&node.config, text).unwrap();
    node.start();
    stage.await_members(&["n1"]);
    stage.online("n1", &[]);
    let filler = disk.0.join("filler");
    let _ = std::fs::write(&filler, vec![0; 4 * 1024 * 1024]);
    until_true("the service is stopped", || !stage.serves("n1"));
    std::fs::remove_file(filler).unwrap();
    stage.await_state("n1", "n1", GroupState::Online);
    until_true("the service runs again", || stage.serves("n1"));
    let n1 = stage.node_mut("n1");
    n1.signal_guard("TERM");
    n1.await_end();
    disk.remount("ro");
    n1.start();
    let outside = until("it answers", || stage.node("n1").snapshot()?.outside);
    assert!(outside.starts_with("n1 is no member: "), "{outside}");
    stage.node("n1").await_log("ead-only");
    disk.remount("rw");
    stage.await_members(&["n1"]);
    stage.end_with(|| drop(disk));
}
