//! Daemons and guards that are killed and paused: never two masters, nothing survives, and the node comes back by itself.

use crate::stage::{Stage, is_alive, send, until_true};
use rgm::GroupState;

/// Kills or pauses something of n1, which has the group, and waits until n2 has it and n1 is back.
fn moves(stage: &Stage, fault: impl FnOnce(&Stage)) {
    let daemon = stage.node("n1").daemon_pid();
    fault(stage);
    stage.await_state("n2", "n2", GroupState::Online);
    until_true("the daemon is dead", || !is_alive(daemon));
}

/// The same with a daemon: what n1 has claimed cannot be undone until n2 has the group, or n1 might be back before its lease has ended, and keep it.
fn moves_by(stage: &Stage, signal: &str) {
    assert!(stage.path("mount-n1").exists());
    stage.touch("mount-n1.stuck");
    moves(stage, |stage| stage.node("n1").signal_daemon(signal));
    stage.untouch("mount-n1.stuck");
    stage.await_members(&["n1", "n2"]);
    assert!(!stage.path("mount-n1").exists());
}

#[test]
fn a_killed_or_paused_daemon_is_a_failover_and_its_claims_are_undone() {
    let stage = Stage::new(&["n1", "n2"]);
    stage.touch("claims");
    stage.online("n1,n2", &[]);
    stage.await_masters(&["n1"]);
    moves_by(&stage, "KILL");
    stage.node("n1").await_log("failfast: the daemon was killed");
    stage.switch("n1");
    stage.await_masters(&["n1", "n2", "n1"]);
    let daemon = stage.node("n1").daemon_pid();
    moves_by(&stage, "STOP");
    // Whoever lets it go on now, or after ten leases, finds nobody.
    send("CONT", daemon);
    assert!(!is_alive(daemon));
    stage.node("n1").await_log("has not renewed this node's lease in time");
    stage.await_masters(&["n1", "n2", "n1", "n2"]);
    stage.end();
}

#[test]
fn a_guard_that_is_paused_or_killed_takes_its_daemon_with_it() {
    let mut stage = Stage::new(&["n1", "n2"]);
    stage.online("n1,n2", &[]);
    stage.await_masters(&["n1"]);
    moves(&stage, |stage| stage.node("n1").signal_guard("STOP"));
    stage.node("n1").signal_guard("CONT");
    stage.await_members(&["n1", "n2"]);
    stage.node("n1").await_log("the guard has not answered for half a lease");
    stage.switch("n1");
    stage.await_masters(&["n1", "n2", "n1"]);
    moves(&stage, |stage| stage.node("n1").signal_guard("KILL"));
    stage.node("n1").await_log("the guard is dead");
    let n1 = stage.node_mut("n1");
    n1.await_end();
    n1.start();
    stage.await_members(&["n1", "n2"]);
    stage.await_masters(&["n1", "n2", "n1", "n2"]);
    stage.end();
}

#[test]
fn a_new_guard_ends_the_paused_daemon_of_a_killed_one() {
    let mut stage = Stage::new(&["n1"]);
    stage.touch("claims");
    stage.online("n1", &[]);
    let daemon = stage.node("n1").daemon_pid();
    let n1 = stage.node_mut("n1");
    n1.signal_daemon("STOP");
    n1.signal_guard("KILL");
    n1.await_end();
    n1.start();
    until_true("the earlier daemon is dead", || !is_alive(daemon));
    stage.await_members(&["n1"]);
    stage.await_state("n1", "n1", GroupState::Online);
    stage.end();
}

#[test]
fn no_daemon_starts_while_a_claim_cannot_be_undone() {
    let stage = Stage::new(&["n1"]);
    stage.touch("claims");
    stage.online("n1", &[]);
    stage.touch("mount-n1.stuck");
    let daemon = stage.node("n1").daemon_pid();
    stage.node("n1").signal_daemon("KILL");
    stage.node("n1").await_log("mount-n1 is stuck");
    stage.node("n1").await_log("no way to reset this machine is configured");
    assert_eq!(stage.node("n1").daemon_pid(), daemon);
    assert!(stage.node("n1").cluster().is_none());
    stage.untouch("mount-n1.stuck");
    stage.await_state("n1", "n1", GroupState::Online);
    stage.end();
}
