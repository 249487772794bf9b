//! Real nodes on hosts made of namespaces, real etcd with mutual TLS, real addresses and an ext4 image, a client outside: every fault once. What is checked is what
//! must never happen (two masters, a lost acknowledged write) and that the service comes back; how fast is for `cargo xtask bench failover`.
//!
//! Needs root, `target/debug/steadfast` (or STEADFAST_BIN) and etcd. Without root they fail and say so: nothing is skipped in silence.

#![expect(clippy::unwrap_used, reason = "a failed call is a failed test")]
#![expect(clippy::print_stdout, reason = "what was measured is for whoever runs them")]

mod bad_input;
mod chapter;
mod lab;
mod security;
mod stuck;
mod two_nodes;

use hosts::faults::{Fault, Rig, common, ours};
use hosts::steadfast::{Settings, Steadfast};
use hosts::{Programs, Site};
use std::path::PathBuf;

/// Starts a cluster.
fn rig(settings: Settings) -> Rig<Steadfast> {
    assert!(
        rustix::process::geteuid().is_root(),
        "hosts are made of namespaces with mounts and addresses of their own: run the tests as root"
    );
    let http = PathBuf::from(env!("CARGO_BIN_EXE_hosts-http"));
    let built = http.with_file_name("steadfast");
    let steadfast = std::env::var_os("STEADFAST_BIN").map_or(built, PathBuf::from);
    let site = Site::start(&Programs { steadfast, http }).unwrap_or_else(|e| panic!("{e:#}"));
    Rig::start(site, Steadfast::new(settings)).unwrap_or_else(|e| panic!("{e:#}"))
}

/// Has each of the faults once and lets the checker judge.
fn suffer(settings: Settings, names: &[&str]) {
    let mut rig = rig(settings);
    let mut faults: Vec<Fault<Steadfast>> = common::faults();
    faults.extend(ours::faults());
    for name in names {
        let fault = faults.iter().find(|f| f.name == *name).unwrap();
        let sample = rig.run(fault).unwrap_or_else(|e| panic!("{e:#}"));
        println!("{name}: {} ms without service", sample.without_service_us / 1000);
    }
    judge(&rig);
}

/// No two masters, no lost acknowledged write.
fn judge(rig: &Rig<Steadfast>) {
    let found = rig.site.judge().unwrap_or_else(|e| panic!("{e:#}"));
    println!("{} writes in {} epochs", found.writes, found.epochs);
    assert_eq!(found.wrong, Vec::<String>::new());
    assert!(found.writes > 0, "nothing was ever written");
}

#[test]
fn a_process_that_is_killed_or_hangs_costs_no_write() {
    suffer(
        Settings::DEFAULT,
        &[
            "service-killed",
            "monitor-killed",
            "service-hangs",
            "switchover",
            "disk-busy",
            "daemon-killed",
            "guard-killed",
        ],
    );
}

#[test]
fn a_host_or_cable_that_is_lost_costs_no_write() {
    suffer(
        Settings::DEFAULT,
        &[
            "host-killed",
            "host-killed-with-leader",
            "president-killed",
            "link-cut",
            "link-cut-to-host",
            "link-cut-from-host",
        ],
    );
}

#[test]
fn a_paused_daemon_is_never_a_second_master_without_fencing_either() {
    suffer(
        Settings::DEFAULT.unfenced(),
        &["daemon-paused-1", "daemon-paused-2", "daemon-paused-10", "daemon-killed", "link-cut"],
    );
}

#[test]
fn daemon_and_guard_paused_together_are_fenced_before_another_writes() {
    let mut rig = rig(Settings::DEFAULT);
    let faults = ours::faults();
    let fault = faults.iter().find(|f| f.name == "both-paused").unwrap();
    let at = rig.site.serving(std::time::Duration::from_secs(20)).unwrap();
    rig.run(fault).unwrap_or_else(|e| panic!("{e:#}"));
    let fenced = rig.site.power.log();
    let before = fenced.iter().find(|(_, name)| *name == hosts::site::HOSTS[at]);
    let seen = rig.site.client().seen();
    let (fenced_at, _) = before.unwrap();
    // The gap ends with the first answer of the new master.
    assert!(
        seen.gaps.iter().any(|gap| gap.to > *fenced_at && gap.from < *fenced_at),
        "{:?}",
        seen.gaps
    );
    drop(seen);
    judge(&rig);
}

#[test]
fn a_control_store_that_loses_members_or_its_quorum_costs_no_write() {
    suffer(
        Settings::DEFAULT,
        &["etcd-follower-killed", "etcd-leader-killed", "quorum-lost-5", "quorum-lost-10"],
    );
}
