//! Logical hosts that are only claimed: on the loopback interface, without any right.

use crate::daemon::Daemon;
use crate::root::until;

const LH: &str = "SUNW.LogicalHostname";

/// Of this test process alone, since all share one network namespace.
fn address() -> String {
    let id = std::process::id();
    format!("127.{}.{}.{}", 100 + (id >> 16) % 100, (id >> 8) & 0xff, 1 + (id & 0xff) % 250)
}

#[test]
fn two_nodes_of_one_machine_never_hold_the_same_loopback_address() {
    let address = address();
    let (one, two) = (Daemon::start(), Daemon::start());
    for daemon in [&one, &two] {
        daemon.add("lh", LH, &[("HostnameList", &address)]);
    }
    two.add("same", LH, &[("HostnameList", &address)]);
    for method in ["validate", "prenet_start", "start", "start", "monitor_check"] {
        one.method(&[], &format!("logicalhostname_{method}"), "lh").unwrap();
    }
    assert_eq!(one.processes("g,lh,0.svc").len(), 1);
    // The second waits for the first to be over.
    let mut waiting = two.command(&[], "logicalhostname_start", "same").spawn().unwrap();
    assert!(two.processes("g,same,0.svc").is_empty());
    one.method(&[], "logicalhostname_stop", "lh").unwrap();
    assert!(waiting.wait().unwrap().success());
    assert_eq!(two.processes("g,same,0.svc").len(), 1);
    assert!(one.processes("g,lh,0.svc").is_empty());
}

#[test]
fn the_address_of_a_dead_holder_is_free() {
    let address = address();
    let (one, two) = (Daemon::start(), Daemon::start());
    one.add("first", LH, &[("HostnameList", &address)]);
    two.add("second", LH, &[("HostnameList", &address)]);
    one.method(&[], "logicalhostname_start", "first").unwrap();
    let holder = one.processes("g,first,0.svc")[0];
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(holder).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    until("the holder is gone", || one.processes("g,first,0.svc").is_empty());
    two.method(&[], "logicalhostname_start", "second").unwrap();
}

#[test]
fn an_address_of_no_interface_is_refused_without_the_right_to_make_one() {
    let daemon = Daemon::start();
    daemon.add("lh", LH, &[("HostnameList", "198.51.100.7")]);
    let powerless = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-all"];
    let error = daemon.method(&powerless, "logicalhostname_validate", "lh").unwrap_err();
    assert!(error.contains("198.51.100.7 is not an address of this machine"), "{error}");
}
