//! A node whose guard and daemon are both stopped, so that its service goes on writing: only a fence agent helps.

use crate::stage::{Stage, is_alive, until_true};
use rgm::{FenceState, Fencing, GroupState, Operation};

const TYPE: &str = r#"{ PROPERTY = FilesystemMountPoints; EXTENSION; STRINGARRAY; DEFAULT = ""; TUNABLE = ANYTIME; DESCRIPTION = "disks"; }"#;

/// A power switch that kills the node's guard and daemon, and comes back when nothing of it runs; or does not work.
const AGENT: &str = r#"#!/bin/sh
DIR=$(dirname "$0")
cat > "$DIR/fence-input"
NODE=$(sed -n 's/^nodename=//p' "$DIR/fence-input")
[ -e "$DIR/fence-fails" ] && { echo "the power switch does not answer" >&2; exit 1; }
kill -9 $(cat "$DIR/$NODE/guard.pid") 2>/dev/null
while pgrep -f "serve $DIR/masters $NODE" >/dev/null; do sleep 0.05; done
echo "fence $NODE" >> "$DIR/events"
"#;

fn pause(stage: &Stage, node: &str) {
    stage.node(node).signal_guard("STOP");
    stage.node(node).signal_daemon("STOP");
}

fn await_failed_fence(stage: &Stage, seen_by: &str, node: &str) {
    until_true("the fencing has failed and says why", || {
        let cluster = stage.node(seen_by).cluster();
        let fence = cluster.and_then(|c| c.fences.get(node).cloned());
        matches!(fence.map(|f| f.state), Some(FenceState::Failed { why, .. })
            if why.contains("the power switch does not answer"))
    });
}

#[test]
fn a_group_with_shared_storage_waits_for_the_fence_agent() {
    let mut stage = Stage::new(&["n1", "n2"]);
    let agent = stage.executable("fence_fake", AGENT).to_string_lossy().into_owned();
    for node in ["n1", "n2"] {
        let options = [("password".to_owned(), "s3cret".to_owned())].into();
        let fencing = Fencing { agent: agent.clone(), options, timeout_s: 30 };
        stage.does(Operation::SetFencing { node: node.into(), fencing: Some(fencing) });
    }
    stage.register("HAStoragePlus", TYPE);
    let disks = [("FilesystemMountPoints", "/global/x")];
    stage.make_group_of("TEST.HAStoragePlus", "n1,n2", &[], &disks);
    stage.bring_online();
    stage.await_masters(&["n1"]);
    stage.touch("fence-fails");
    pause(&stage, "n1");
    await_failed_fence(&stage, "n2", "n1");
    assert!(!stage.events().contains(&"start n2 r".to_owned()), "started without fencing");
    stage.untouch("fence-fails");
    stage.await_state("n2", "n2", GroupState::Online);
    let events = stage.events();
    let of = |name: &str| events.iter().position(|e| e == name).unwrap();
    assert!(of("fence n1") < of("start n2 r"), "{events:?}");
    assert_eq!(stage.read("fence-input"), "password=s3cret\naction=off\nplug=n1\nnodename=n1\n");
    assert!(!stage.node("n2").log_text().contains("s3cret"));
    let left = std::fs::read_dir(stage.path("n2")).unwrap().flatten();
    assert!(left.into_iter().all(|e| !e.file_name().to_string_lossy().starts_with("fence-")));
    stage.await_masters(&["n1", "n2"]);
    // The other way round, and the operator's word instead of the agent's.
    let n1 = stage.node_mut("n1");
    n1.await_end();
    n1.start();
    stage.await_members(&["n1", "n2"]);
    stage.touch("fence-fails");
    pause(&stage, "n2");
    await_failed_fence(&stage, "n1", "n2");
    let daemon = stage.node("n2").daemon_pid();
    stage.node("n2").signal_guard("KILL");
    stage.node("n2").signal_daemon("KILL");
    until_true("n2 is dead", || !is_alive(daemon));
    stage.node_mut("n2").await_end();
    until_true("its service is dead", || !stage.serves("n2"));
    stage.does(Operation::ConfirmDead { node: "n2".into() });
    stage.await_state("n1", "n1", GroupState::Online);
    stage.await_masters(&["n1", "n2", "n1"]);
    stage.node_mut("n2").start();
    stage.await_members(&["n1", "n2"]);
    stage.end();
}
