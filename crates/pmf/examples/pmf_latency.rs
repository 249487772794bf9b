//! Measures what PMF promises: how soon a death is known, how long a start, a restart and the killing of a tree take.
//!
//! `cargo run -p pmf --example pmf_latency` after `cargo build -p pmf --bins`; with and without cgroups.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement talks to a terminal")]

use std::time::{Duration, Instant};

use pmf::{CgroupParent, Command, CreateTag, Launcher, Owner, Pmf, Retries, TreeOptions, Trees};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

const RUNS: usize = 200;

fn show(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("{name:40} p50 {:>7} us   p99 {:>7} us   n {}", at(50), at(99), times.len());
}

#[tokio::main]
async fn main() {
    let program = std::env::current_exe().unwrap().parent().unwrap().join("../pmf-launch");
    let trees = Trees::new(Launcher { program, args: Vec::new() });
    measure("", trees.clone()).await;
    if let Ok(parent) = CgroupParent::open(&format!("pmf-latency-{}", std::process::id())) {
        measure("cgroup, ", trees.with_cgroups(parent)).await;
    }
}

async fn measure(how: &str, trees: Trees) {
    let (mut starts, mut deaths, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let begun = Instant::now();
        let command = Command::new(["/bin/sleep", "1000"]);
        let tree = trees.start("latency", &command, TreeOptions::default()).await.unwrap();
        starts.push(begun.elapsed());
        let pid = Pid::from_raw(tree.first_pid().unwrap()).unwrap();
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        let killed = Instant::now();
        pidfd_send_signal(&pidfd, Signal::KILL).unwrap();
        tree.emptied().await;
        deaths.push(killed.elapsed());
        let script = "sleep 1000 & sleep 1000 & (setsid sleep 1000 &); sleep 1000";
        let command = Command::new(["/bin/sh", "-c", script]);
        let tree = trees.start("latency", &command, TreeOptions::default()).await.unwrap();
        while tree.members().await.len() < 5 {}
        let begun = Instant::now();
        tree.end(Duration::from_secs(10)).await.unwrap();
        ends.push(begun.elapsed());
    }
    show(&format!("{how}start until exec"), starts);
    show(&format!("{how}kill -9 until known"), deaths);
    show(&format!("{how}end of a tree of five"), ends);
    let pmf = Pmf::new(trees);
    let mut restarts = Vec::new();
    for number in 0..RUNS {
        let mut create = CreateTag::new(format!("r{number}"), ["/bin/sleep", "1000"]);
        create.retries = Retries::AtMost(1);
        let tag = create.tag.clone();
        let mut watch = pmf.create(Owner::ourselves(), create).await.unwrap();
        let first = pmf.processes(&tag).await.remove(0);
        let begun = Instant::now();
        rustix::process::kill_process(Pid::from_raw(first.pid).unwrap(), Signal::KILL).unwrap();
        watch.died().await;
        watch.running().await;
        restarts.push(begun.elapsed());
    }
    show(&format!("{how}kill -9 until it runs again"), restarts);
    pmf.kill_everything(Duration::from_secs(30)).await.unwrap();
}
