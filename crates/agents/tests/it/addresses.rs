//! Logical hosts on real interfaces: two hosts are two network namespaces, joined by a veth pair.

use crate::daemon::{Daemon, NODE, PROGRAM};
use crate::root::{must, needed, run, until};
use std::process::{Child, Stdio};

/// Two hosts on one wire. `a` runs the methods.
struct Hosts {
    a: String,
    b: String,
}

impl Hosts {
    fn new() -> Self {
        needed();
        let id = std::process::id();
        let hosts = Self { a: format!("sf{id}a"), b: format!("sf{id}b") };
        for name in [&hosts.a, &hosts.b] {
            must(&["ip", "netns", "add", name]);
            must(&["ip", "-n", name, "link", "set", "lo", "up"]);
        }
        let Self { a, b } = &hosts;
        must(&[
            "ip", "-n", a, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
            b,
        ]);
        for (name, number) in [(a, "1"), (b, "2")] {
            must(&[
                "ip",
                "-n",
                name,
                "address",
                "add",
                &format!("10.77.0.{number}/24"),
                "dev",
                "eth0",
            ]);
            let v6 = format!("fd77::{number}/64");
            must(&["ip", "-n", name, "address", "add", &v6, "dev", "eth0", "nodad"]);
            must(&["ip", "-n", name, "link", "set", "eth0", "up"]);
        }
        // The kernel joins its multicast groups only some time after the link is there.
        for name in [a, b] {
            until("the interface is ready", || {
                let shown = hosts.addresses(name);
                shown.contains("fe80::") && !shown.contains("tentative")
            });
        }
        hosts
    }

    /// What runs a program on host `a`.
    fn on_a(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.a]
    }

    /// The addresses of a host, as `10.0.0.1/24`.
    fn addresses(&self, host: &str) -> String {
        must(&["ip", "-n", host, "-o", "address", "show", "dev", "eth0"])
    }

    fn hardware(&self, host: &str) -> String {
        let link = must(&["ip", "-n", host, "-o", "link", "show", "dev", "eth0"]);
        let (_, rest) = link.split_once("link/ether ").unwrap();
        rest.split(' ').next().unwrap().to_owned()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in [&self.a, &self.b] {
            run(&["ip", "netns", "del", name]);
        }
    }
}

const LH: &str = "SUNW.LogicalHostname";
const BOTH: &str = "10.77.0.50,fd77::50";

#[test]
fn addresses_are_there_after_start_and_gone_after_stop_however_often_each_is_run() {
    let (hosts, daemon) = (Hosts::new(), Daemon::start());
    daemon.add("lh", LH, &[("HostnameList", BOTH)]);
    let on = hosts.on_a();
    for method in ["prenet_start", "start", "start", "monitor_check"] {
        daemon.method(&on, &format!("logicalhostname_{method}"), "lh").unwrap();
    }
    let shown = hosts.addresses(&hosts.a);
    assert!(shown.contains("10.77.0.50/24") && shown.contains("fd77::50/64"), "{shown}");
    assert_eq!(daemon.claim_count(), 2);
    let answers = |address: &str| {
        // A neighbour that answers becomes reachable.
        run(&[
            "ip",
            "netns",
            "exec",
            &hosts.b,
            "sh",
            "-c",
            &format!("echo > /dev/udp/{address}/9"),
        ]);
        run(&[
            "ip",
            "netns",
            "exec",
            &hosts.b,
            "bash",
            "-c",
            &format!("echo > /dev/tcp/{address}/9"),
        ]);
        must(&["ip", "-n", &hosts.b, "neigh", "show", address]).contains("lladdr")
    };
    assert!(answers("10.77.0.50") && answers("fd77::50"));
    for method in ["stop", "stop", "postnet_stop"] {
        daemon.method(&on, &format!("logicalhostname_{method}"), "lh").unwrap();
    }
    let shown = hosts.addresses(&hosts.a);
    assert!(!shown.contains("10.77.0.50") && !shown.contains("fd77::50"), "{shown}");
    assert!(shown.contains("10.77.0.1/24"), "the node's own address stays: {shown}");
    assert_eq!(daemon.claim_count(), 0);
    let statuses = daemon.statuses().join("\n");
    assert!(statuses.contains("lh Ok LogicalHostname online."), "{statuses}");
    assert!(statuses.contains("lh Offline LogicalHostname offline."), "{statuses}");
}

#[test]
fn an_address_that_another_host_holds_is_not_taken() {
    let (hosts, daemon) = (Hosts::new(), Daemon::start());
    for (name, address, prefix) in [("v4", "10.77.0.60", "24"), ("v6", "fd77::60", "64")] {
        must(&[
            "ip",
            "-n",
            &hosts.b,
            "address",
            "add",
            &format!("{address}/{prefix}"),
            "dev",
            "eth0",
            "nodad",
        ]);
        daemon.add(name, LH, &[("HostnameList", address), ("Address_probe_ms", "2000")]);
        for method in ["logicalhostname_prenet_start", "logicalhostname_start"] {
            let error = daemon.method(&hosts.on_a(), method, name).unwrap_err();
            let expect = format!("{address} is in use: {}", hosts.hardware(&hosts.b));
            assert!(error.contains(&expect), "{error}");
        }
        assert!(!hosts.addresses(&hosts.a).contains(address));
        assert_eq!(daemon.claim_count(), 0);
    }
}

#[test]
fn neighbours_learn_where_the_address_is_now() {
    let (hosts, daemon) = (Hosts::new(), Daemon::start());
    daemon.add("lh", LH, &[("HostnameList", BOTH)]);
    let neighbour = |address: &str| must(&["ip", "-n", &hosts.b, "neigh", "show", address]);
    for address in ["10.77.0.50", "fd77::50"] {
        let old = ["lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "reachable"];
        let words = [&["ip", "-n", &hosts.b, "neigh", "replace", address][..], &old].concat();
        must(&words);
    }
    daemon.method(&hosts.on_a(), "logicalhostname_prenet_start", "lh").unwrap();
    daemon.method(&hosts.on_a(), "logicalhostname_start", "lh").unwrap();
    let now = hosts.hardware(&hosts.a);
    for address in ["10.77.0.50", "fd77::50"] {
        until(&format!("the neighbour has the new place of {address}"), || {
            neighbour(address).contains(&now)
        });
    }
}

#[test]
fn the_guard_removes_the_addresses_of_a_dead_daemon() {
    let (hosts, daemon) = (Hosts::new(), Daemon::start());
    daemon.add("lh", LH, &[("HostnameList", BOTH)]);
    daemon.method(&hosts.on_a(), "logicalhostname_start", "lh").unwrap();
    let claims = daemon.claims();
    let undo = [&hosts.on_a()[..], &[PROGRAM, "undo", claims.to_str().unwrap()]].concat();
    for _ in 0..2 {
        must(&undo);
        let shown = hosts.addresses(&hosts.a);
        assert!(!shown.contains("10.77.0.50") && !shown.contains("fd77::50"), "{shown}");
    }
}

#[test]
fn what_is_wrong_with_a_logical_host_is_told_before_it_exists() {
    let (hosts, daemon) = (Hosts::new(), Daemon::start());
    daemon.add("other", LH, &[("HostnameList", "10.77.0.70")]);
    let cases: [(&[&str], &str); 11] = [
        (&["HostnameList=10.77.0.50,fd77::50"], ""),
        (&["HostnameList=10.77.0.50", "NetIfList=eth0@n1,eth0@2"], ""),
        (&["HostnameList=10.99.0.1", "NetIfList=eth0@1,eth0@2"], ""),
        (&["HostnameList=10.99.0.1"], "no interface of node n1 is in a subnet with 10.99.0.1"),
        (&["HostnameList=10.77.0.1"], "10.77.0.1 is an address of node n1 itself (interface eth0)"),
        (&["HostnameList=10.77.0.70"], "is the address of resource other in group g already"),
        (&["HostnameList="], "HostnameList is empty"),
        (&["HostnameList=no.such.host.invalid"], "host name no.such.host.invalid has no address"),
        (&["HostnameList=224.0.0.1"], "is a multicast address"),
        (&["HostnameList=10.77.0.50", "NetIfList=eth0@n1"], "names no interface for node n2"),
        (&["HostnameList=10.77.0.50", "NetIfList=eth0@n1,eth0@n9"], "names no node of the cluster"),
    ];
    for (properties, expect) in cases {
        let said = daemon.validate(&hosts.on_a(), "logicalhostname_validate", LH, properties);
        match expect {
            "" => assert_eq!(said, Ok(()), "{properties:?}"),
            _ => assert!(said.clone().unwrap_err().contains(expect), "{properties:?}: {said:?}"),
        }
    }
}

/// A running monitor.
struct Monitor(Child);

impl Monitor {
    fn start(hosts: &Hosts, daemon: &Daemon) -> Self {
        let mut command = daemon.command(&hosts.on_a(), "logicalhostname_monitor", "lh");
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_address_that_somebody_removes_is_put_back_and_a_lost_link_leads_to_a_giveover() {
    let (hosts, daemon) = (Hosts::new(), Daemon::start());
    daemon.add("lh", LH, &[("HostnameList", BOTH), ("Link_loss_tolerance", "0")]);
    daemon.method(&hosts.on_a(), "logicalhostname_start", "lh").unwrap();
    let _monitor = Monitor::start(&hosts, &daemon);
    let is_there = |address: &str| hosts.addresses(&hosts.a).contains(address);
    for address in ["10.77.0.50/24", "fd77::50/64"] {
        // The monitor may not listen yet; then it finds the address gone when it starts to.
        must(&["ip", "-n", &hosts.a, "address", "del", address, "dev", "eth0"]);
        until("the address is back", || is_there(address));
    }
    let said = || daemon.statuses().join("\n");
    until("it is told", || said().contains("Somebody had removed fd77::50 from eth0"));
    assert_eq!(daemon.giveovers(), 0);
    must(&["ip", "-n", &hosts.b, "link", "set", "eth0", "down"]);
    until("a giveover is asked for", || daemon.giveovers() == 1);
    assert!(said().contains(&format!("interface eth0 of node {NODE} has no link")), "{}", said());
    must(&["ip", "-n", &hosts.b, "link", "set", "eth0", "up"]);
    until("the link is back", || said().contains("The link of eth0 is back"));
}
