//! The end of a node: in order, at once, and when it cannot even begin.

use crate::stage::{PROGRAM, Stage, until_true};
use node_api::Ask;
use rgm::GroupState;
use std::process::{Command, Stdio};

#[test]
fn a_node_that_is_told_to_end_gives_its_groups_to_others_first() {
    let mut stage = Stage::new(&["n1", "n2"]);
    stage.online("n1,n2", &[]);
    stage.await_masters(&["n1"]);
    let n1 = stage.node_mut("n1");
    n1.signal_guard("TERM");
    assert_eq!(n1.await_end().and_then(|s| s.code()), Some(0));
    stage.node("n1").await_log("leaves in order: nothing runs here any more");
    assert!(!stage.node("n1").log_text().contains("failfast"), "{}", stage.node("n1").log_text());
    stage.await_state("n2", "n2", GroupState::Online);
    let events = stage.events();
    let of = |name: &str| events.iter().position(|e| e == name).unwrap();
    assert!(of("stop n1 r") < of("start n2 r"), "{events:?}");
    stage.await_masters(&["n1", "n2"]);
    stage.node_mut("n1").start();
    stage.await_members(&["n1", "n2"]);
    // The same by the admin socket.
    stage.node("n2").client().order(&Ask::Leave).unwrap();
    stage.node_mut("n2").await_end();
    stage.end();
}

#[test]
fn a_node_that_is_told_twice_ends_at_once() {
    let mut stage = Stage::new(&["n1", "n2"]);
    stage.online("n1,n2", &[]);
    stage.await_masters(&["n1"]);
    stage.touch("stop-hangs");
    stage.node("n1").signal_guard("TERM");
    until_true("the stop hangs", || stage.events().contains(&"stop n1 r".to_owned()));
    let n1 = stage.node_mut("n1");
    n1.signal_guard("TERM");
    assert_eq!(n1.await_end().and_then(|s| s.code()), Some(0));
    assert!(!stage.serves("n1"), "its service outlives it");
    stage.await_state("n2", "n2", GroupState::Online);
    stage.untouch("stop-hangs");
    stage.end();
}

#[test]
fn leaving_in_order_has_an_end() {
    let mut stage = Stage::empty();
    let text = stage.config_text("n1", &stage.path("control.db"), "");
    let text = text.replace("[node]\n", "[node]\nleave_time_s = 1\n");
    let node = stage.add_node("n1", "");
    std::fs::write(&node.config, text).unwrap();
    node.start();
    stage.await_members(&["n1"]);
    stage.online("n1", &[]);
    stage.touch("stop-hangs");
    let n1 = stage.node_mut("n1");
    n1.signal_guard("INT");
    assert_eq!(n1.await_end().and_then(|s| s.code()), Some(0));
    stage.node("n1").await_log("the groups were not evacuated within 1 s");
    assert!(!stage.serves("n1"));
    stage.end();
}

#[test]
fn a_daemon_that_dies_again_and_again_is_started_again_each_time() {
    let stage = Stage::new(&["n1"]);
    for _ in 0..3 {
        let before = stage.node("n1").daemon_pid();
        stage.node("n1").signal_daemon("KILL");
        until_true("another daemon", || stage.node("n1").daemon_pid() != before);
        stage.await_members(&["n1"]);
        stage.node("n1").await_log("the lease of the daemon before was given back");
    }
    stage.end();
}

#[test]
fn what_cannot_run_says_why() {
    let mut stage = Stage::empty();
    stage.add_node("n1", "");
    let config = stage.node("n1").config.clone();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg(&config).stdin(Stdio::null());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["node", "--daemon", "--config"]);
    assert!(code == Some(2) && said.contains("not a guard's socket"), "{code:?} {said}");
    std::fs::write(&config, "[lese]\n").unwrap();
    let (code, said) = run(&["node", "--config"]);
    assert!(code == Some(1) && said.contains("did you mean lease?"), "{code:?} {said}");
    stage.end();
}
