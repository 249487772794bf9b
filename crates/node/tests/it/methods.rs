//! Methods: what they are given, what becomes of what they write and leave, and when they are refused.

use crate::stage::{Stage, is_alive, until, until_true};
use rgm::{GroupState, Operation};
use std::os::unix::fs::PermissionsExt;

fn offline() -> Operation {
    Operation::Offline { groups: vec!["g".into()] }
}

#[test]
fn a_method_has_an_environment_of_its_own_and_leaves_nothing_behind() {
    let stage = Stage::new(&["n1"]);
    stage.script(
        "start",
        "env > \"$DIR/env\"\necho \"$@\" > \"$DIR/arguments\"\n[ -t 0 ] && touch \"$DIR/has-terminal\"\ncat > \"$DIR/stdin\"\necho hello from start\nsleep 1000 & echo $! > \"$DIR/child\"",
    );
    stage.online("n1", &[]);
    let env = stage.read("env");
    for line in
        ["STEADFAST_NODE=n1\n", "STEADFAST_NODE_SOCKET=", "STEADFAST_CLAIMS=", "LC_ALL=C.UTF-8\n"]
    {
        assert!(env.contains(line), "{line} is not in {env}");
    }
    assert!(!env.contains("HOME=") && !env.contains("CARGO"), "{env}");
    assert_eq!(stage.read("arguments"), "-R r -T TEST.svc -G g\n");
    assert!(!stage.path("has-terminal").exists() && stage.read("stdin").is_empty());
    stage.node("n1").await_log("hello from start");
    let child: i32 = stage.read("child").trim().parse().unwrap();
    assert!(!is_alive(child), "what a method leaves running is not killed");
    stage.end();
}

#[test]
fn nothing_of_the_guards_standing_is_inherited() {
    let stage = Stage::new(&["n1"]);
    stage.online("n1", &[]);
    let (guard, daemon) = (stage.node("n1").guard_pid(), stage.node("n1").daemon_pid());
    let service = until("the service writes", || {
        stage.read("masters").lines().next()?.split(' ').nth(1)?.parse::<i32>().ok()
    });
    let nice = |pid: i32| -> i32 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    };
    let read = |pid: i32, file: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap().trim().to_owned()
    };
    let own = i32::try_from(std::process::id()).unwrap();
    assert_eq!([nice(daemon), nice(service)], [nice(own), nice(own)]);
    let locked =
        |pid| read(pid, "status").lines().any(|l| l.starts_with("VmLck:") && !l.contains(" 0 kB"));
    assert!(!locked(daemon) && !locked(service));
    assert_eq!(read(service, "oom_score_adj"), "0");
    if rustix::process::geteuid().is_root() {
        assert_eq!(nice(guard), -20);
        assert!(locked(guard));
        // Root in a container may not.
        if std::fs::write("/proc/self/oom_score_adj", "-1").is_ok() {
            assert_eq!(read(guard, "oom_score_adj"), "-1000");
        }
    }
    stage.end();
}

#[test]
fn a_start_that_takes_too_long_is_killed_and_said() {
    let stage = Stage::new(&["n1"]);
    stage.touch("start-hangs");
    stage.make_group("n1", &[("Start_timeout", "1"), ("Failover_mode", "NONE")]);
    let refused = stage.ask(Operation::Online { groups: Some(vec!["g".into()]) }).unwrap_err();
    assert!(refused.contains("did not end within 1 s and was killed"), "{refused}");
    stage.end();
}

#[test]
fn a_program_that_everybody_may_write_is_not_run() {
    let stage = Stage::new(&["n1"]);
    stage.make_group("n1", &[("Failover_mode", "NONE")]);
    let open = std::fs::Permissions::from_mode(0o757);
    std::fs::set_permissions(stage.path("start"), open).unwrap();
    let refused = stage.ask(Operation::Online { groups: Some(vec!["g".into()]) }).unwrap_err();
    assert!(refused.contains("everybody may write it"), "{refused}");
    assert!(!stage.events().contains(&"start n1 r".to_owned()));
    stage.end();
}

#[test]
fn a_stop_that_fails_is_cleared_by_the_operator() {
    let stage = Stage::new(&["n1"]);
    stage.online("n1", &[("Stop_timeout", "1")]);
    stage.touch("stop-hangs");
    let refused = stage.ask(offline()).unwrap_err();
    assert!(refused.contains("did not end within 1 s"), "{refused}");
    stage.await_state("n1", "n1", GroupState::ErrorStopFailed);
    stage.untouch("stop-hangs");
    stage
        .does(Operation::ClearStopFailed { resources: vec!["r".into()], nodes: vec!["n1".into()] });
    stage.does(offline());
    stage.await_state("n1", "n1", GroupState::Offline);
    stage.end();
}

#[test]
fn a_stop_that_fails_with_failover_mode_hard_resets_the_node() {
    let mut stage = Stage::empty();
    let reset =
        stage.executable("reset", "#!/bin/sh\necho reset >> \"$(dirname \"$0\")/events\"\n");
    let failfast = format!("[failfast]\nreset = \"command\"\npath = \"{}\"", reset.display());
    stage.start_nodes(&["n1", "n2"], &failfast);
    stage.online("n1,n2", &[("Stop_timeout", "1"), ("Failover_mode", "HARD")]);
    stage.await_masters(&["n1"]);
    stage.touch("stop-hangs");
    stage.switch("n2");
    stage.await_state("n2", "n2", GroupState::Online);
    until_true("the machine is reset", || stage.events().contains(&"reset".to_owned()));
    stage.node("n1").await_log("Failover_mode is HARD");
    stage.await_masters(&["n1", "n2"]);
    stage.untouch("stop-hangs");
    stage.end();
}
