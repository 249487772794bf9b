//! The generic data service and the fault monitor, with real process trees.

use crate::daemon::{Daemon, PROGRAM};
use crate::root::until;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const SVC: &str = "g,web,0.svc";
const MON: &str = "g,web,0.mon";
/// A service that writes who it is, and answers its probe from then on.
const START: &str = "echo $$ > $TEST_FOLDER/pid; exec sleep 600";
const PROBE: &str =
    "test -f $TEST_FOLDER/pid && exit $(cat $TEST_FOLDER/weight 2> /dev/null || echo 0)";

fn service(daemon: &Daemon, properties: &[(&str, &str)]) {
    let mut all =
        vec![("Network_aware", "FALSE"), ("Thorough_probe_interval", "1"), ("Start_timeout", "20")];
    for property in properties {
        all.retain(|(name, _)| name != &property.0);
        all.push(*property);
    }
    // No value may hold a semicolon, so every command is a script.
    let as_script = |(name, text): &(&str, &str)| {
        if !name.ends_with("_command") || text.is_empty() {
            return ((*name).to_owned(), (*text).to_owned());
        }
        let path = daemon.path().join(format!("{name}.sh"));
        std::fs::write(&path, text).unwrap();
        let hostnames = if name.starts_with("Start") { " $hostnames" } else { "" };
        ((*name).to_owned(), format!("exec /bin/sh {}{hostnames}", path.display()))
    };
    let all: Vec<(String, String)> = all.iter().map(as_script).collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    daemon.add("web", "SUNW.gds", &all);
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_service_is_started_until_its_probe_succeeds_and_stopped_whole() {
    let daemon = Daemon::start();
    let start = "(sleep 0.2; touch $TEST_FOLDER/pid) & sleep 600 & exec sleep 601";
    service(&daemon, &[("Start_command", start), ("Probe_command", PROBE)]);
    for method in ["validate", "svc_start", "svc_start", "monitor_check"] {
        daemon.method(&[], &format!("gds_{method}"), "web").unwrap();
    }
    assert!(daemon.path().join("pid").exists(), "the probe had succeeded when START ended");
    assert!(daemon.processes(SVC).len() >= 2);
    for _ in 0..2 {
        daemon.method(&[], "gds_svc_stop", "web").unwrap();
        assert!(daemon.processes(SVC).is_empty());
    }
    let said = daemon.statuses().join("\n");
    assert!(said.contains("web Ok Service is online.") && said.contains("web Offline"), "{said}");
}

#[test]
fn a_service_that_dies_while_it_starts_fails_the_start_at_once() {
    for probe in ["exit 100", ""] {
        let daemon = Daemon::start();
        service(
            &daemon,
            &[("Start_command", "exit 3"), ("Probe_command", probe), ("Start_timeout", "3600")],
        );
        let error = daemon.method(&[], "gds_svc_start", "web").unwrap_err();
        assert!(error.contains("left no process; its log says why"), "{error}");
    }
}

#[test]
fn a_service_that_never_answers_fails_the_start_with_what_its_probe_says() {
    let daemon = Daemon::start();
    let properties = [
        ("Start_command", START),
        ("Probe_command", "echo not yet; exit 30"),
        ("Start_timeout", "5"),
    ];
    service(&daemon, &properties);
    daemon.set("web", "Start_timeout", "1");
    let error = daemon.method(&[], "gds_svc_start", "web").unwrap_err();
    assert!(error.contains("its probe answers 30: not yet"), "{error}");
}

#[test]
fn a_service_that_ignores_its_stop_is_killed_with_all_it_started() {
    let daemon = Daemon::start();
    let start = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 600; sleep 600' & while :; do sleep 600; done";
    service(&daemon, &[("Start_command", start), ("Stop_timeout", "5")]);
    daemon.method(&[], "gds_svc_start", "web").unwrap();
    daemon.method(&[], "gds_svc_stop", "web").unwrap();
    assert!(daemon.processes(SVC).is_empty());
}

#[test]
fn the_stop_command_runs_first_and_whatever_it_says_the_service_is_gone_after() {
    for (line, is_asked) in
        [("kill $(cat $TEST_FOLDER/pid); touch $TEST_FOLDER/asked", true), ("exit 7", false)]
    {
        let daemon = Daemon::start();
        let properties =
            [("Start_command", START), ("Probe_command", PROBE), ("Stop_command", line)];
        service(&daemon, &properties);
        daemon.method(&[], "gds_svc_start", "web").unwrap();
        daemon.method(&[], "gds_svc_stop", "web").unwrap();
        assert!(daemon.processes(SVC).is_empty());
        assert_eq!(daemon.path().join("asked").exists(), is_asked);
    }
}

#[test]
fn a_killed_service_is_restarted_at_once_and_given_over_when_the_restarts_are_used_up() {
    let daemon = Daemon::start();
    let properties = [
        ("Start_command", START),
        ("Probe_command", PROBE),
        ("Retry_count", "2"),
        // Deaths alone are to wake the monitor.
        ("Thorough_probe_interval", "3600"),
        ("Retry_interval", "86400"),
    ];
    service(&daemon, &properties);
    daemon.method(&[], "gds_svc_start", "web").unwrap();
    for _ in 0..2 {
        daemon.method(&[], "gds_monitor_start", "web").unwrap();
    }
    assert_eq!(daemon.processes(MON).len(), 1);
    for number in 1..=2 {
        let pid = std::fs::read_to_string(daemon.path().join("pid")).unwrap();
        let begun = Instant::now();
        kill(pid.trim().parse().unwrap());
        until("another service runs", || {
            std::fs::read_to_string(daemon.path().join("pid"))
                .unwrap()
                .trim()
                .parse::<i32>()
                .is_ok_and(|new| new.to_string() != pid.trim())
        });
        println!("killed to started: {:?}", begun.elapsed());
        until("the restart is over", || daemon.restarts() == number);
        let told =
            |s: &String| s.contains("web was restarted, because all its processes have ended");
        until("it is told", || daemon.statuses().iter().any(told));
    }
    // The monitor looks again only when it has been told that the service is back.
    until("the service runs", || !daemon.processes(SVC).is_empty());
    kill(daemon.processes(SVC)[0]);
    until("a giveover is asked for", || daemon.giveovers() == 1);
    daemon.method(&[], "gds_monitor_stop", "web").unwrap();
    assert!(daemon.processes(MON).is_empty());
}

#[test]
fn partial_failures_add_up_and_a_healthy_probe_restarts_nothing() {
    let daemon = Daemon::start();
    let start = "rm -f $TEST_FOLDER/weight; echo $$ > $TEST_FOLDER/pid; exec sleep 600";
    service(&daemon, &[("Start_command", start), ("Probe_command", PROBE)]);
    daemon.method(&[], "gds_svc_start", "web").unwrap();
    daemon.method(&[], "gds_monitor_start", "web").unwrap();
    std::fs::write(daemon.path().join("weight"), "50").unwrap();
    let degraded = |s: &String| s.contains("failures add up to 50 of 100");
    until("it is degraded", || daemon.statuses().iter().any(degraded));
    until("it is restarted", || daemon.restarts() == 1);
    std::fs::write(daemon.path().join("weight"), "201").unwrap();
    until("a giveover is asked for", || daemon.giveovers() == 1);
}

#[test]
fn a_refused_giveover_leads_to_a_restart_here() {
    let daemon = Daemon::refusing_giveovers();
    let properties = [("Start_command", START), ("Probe_command", PROBE), ("Retry_count", "0")];
    service(&daemon, &properties);
    daemon.method(&[], "gds_svc_start", "web").unwrap();
    daemon.method(&[], "gds_monitor_start", "web").unwrap();
    kill(daemon.processes(SVC)[0]);
    until("it is restarted here", || daemon.restarts() == 1);
    assert_eq!(daemon.giveovers(), 1);
    until("it is told", || daemon.statuses().iter().any(|s| s.contains("there is no other node")));
}

#[test]
fn a_probe_that_hangs_delays_no_restart_of_a_dead_service() {
    let daemon = Daemon::start();
    let probe =
        "test -f $TEST_FOLDER/hang && { touch $TEST_FOLDER/hangs; exec sleep 600; }; exit 0";
    let properties =
        [("Start_command", START), ("Probe_command", probe), ("Probe_timeout", "3600")];
    service(&daemon, &properties);
    daemon.method(&[], "gds_svc_start", "web").unwrap();
    std::fs::write(daemon.path().join("hang"), "").unwrap();
    daemon.method(&[], "gds_monitor_start", "web").unwrap();
    until("the probe hangs", || daemon.path().join("hangs").exists());
    std::fs::remove_file(daemon.path().join("hang")).unwrap();
    kill(daemon.processes(SVC)[0]);
    until("it is restarted", || daemon.restarts() == 1);
}

/// A monitor of somebody else's type.
struct Monitor(Child);

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_probe_loop_serves_a_type_that_does_not_run_its_service_under_pmf() {
    let daemon = Daemon::start();
    service(&daemon, &[("Start_command", START)]);
    let weight = daemon.path().join("weight");
    std::fs::write(&weight, "0").unwrap();
    let script = format!("exit $(cat {})", weight.display());
    let mut command = daemon.command(&[], "probe_loop", "web");
    command.args(["--", "/bin/sh", "-c", &script]).stderr(Stdio::null());
    let _monitor = Monitor(command.spawn().unwrap());
    until("it is healthy", || daemon.statuses().iter().any(|s| s.contains("web Ok web works")));
    assert_eq!((daemon.restarts(), daemon.giveovers()), (0, 0));
    std::fs::write(&weight, "201").unwrap();
    until("a giveover is asked for", || daemon.giveovers() == 1);
}

#[test]
fn a_network_service_is_probed_at_all_ports_of_its_logical_hosts() {
    let daemon = Daemon::start();
    daemon.add("lh", "SUNW.LogicalHostname", &[("HostnameList", "127.0.0.1")]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let start = "echo $1 > $TEST_FOLDER/names; exec sleep 600";
    let properties = [
        ("Start_command", start),
        ("Network_aware", "TRUE"),
        ("Port_list", &port),
        ("Start_timeout", "5"),
    ];
    service(&daemon, &properties);
    daemon.method(&[], "gds_validate", "web").unwrap();
    daemon.method(&[], "gds_svc_start", "web").unwrap();
    let names = || std::fs::read_to_string(daemon.path().join("names")).unwrap_or_default();
    until("the command knows its host names", || names() == "127.0.0.1\n");
    drop(listener);
    daemon.method(&[], "gds_monitor_start", "web").unwrap();
    let told = |s: &String| s.contains(&format!("127.0.0.1:{port} takes no connection"));
    until("it is told", || daemon.statuses().iter().any(told));
}

#[test]
fn what_is_wrong_with_a_service_is_told_before_it_exists() {
    let daemon = Daemon::start();
    let cases: [(&[&str], &str); 7] = [
        (&["Start_command=sleep 600", "Network_aware=FALSE"], ""),
        (&["Start_command=", "Network_aware=FALSE"], "Start_command is empty"),
        (
            &["Start_command=/no/such/start -x", "Network_aware=FALSE"],
            "/no/such/start is no program on node n1",
        ),
        (&["Start_command=sleep 1"], "Port_list of new is empty"),
        (&["Start_command=sleep 1", "Port_list=80/tcp"], "has no network resource"),
        (
            &["Start_command=sleep 1", "Network_aware=FALSE", "Validate_command=ls /no/licence"],
            "/no/licence",
        ),
        (
            &["Start_command=sleep 1", "Network_aware=FALSE", "Probe_command=/no/probe"],
            "Probe_command: /no/probe is no program",
        ),
    ];
    for (properties, expect) in cases {
        let said = daemon.validate(&[], "gds_validate", "SUNW.gds", properties);
        match expect {
            "" => assert_eq!(said, Ok(()), "{properties:?}"),
            _ => assert!(said.clone().unwrap_err().contains(expect), "{properties:?}: {said:?}"),
        }
    }
}

#[test]
fn methods_without_a_daemon_or_a_name_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        let output = Command::new(PROGRAM)
            .args(["methods", name, "-R", "r", "-T", "t", "-G", "g"])
            .env("STEADFAST_NODE_SOCKET", folder.path().join("none"))
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(run("gds_svc_start").contains("start it with `steadfast node`"));
    assert!(run("gds_svc_stat").contains("did you mean gds_svc_start?"));
}
