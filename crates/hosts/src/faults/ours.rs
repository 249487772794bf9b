//! Faults that need to know Steadfast: its processes, its control store, its groups.

use super::{Expect, Fault, Rig, nothing, other, rejoin};
use crate::host::SHARED;
use crate::shell::wait_for;
use crate::site::{HOSTS, SERVICE};
use crate::steadfast::{PATIENCE, Steadfast};
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::time::Duration;

type Ours = Rig<Steadfast>;

/// The member of etcd on the witness.
const WITNESS: usize = 2;

/// All of them, without those of `common`.
pub fn faults() -> Vec<Fault<Steadfast>> {
    let mut all = processes();
    all.extend(pauses());
    all.extend(store());
    all.extend(storage());
    all
}

fn processes() -> Vec<Fault<Steadfast>> {
    vec![
        Fault {
            name: "monitor-killed",
            label: "fault monitor killed (SIGKILL)",
            bound: "none",
            expect: Expect::Undisturbed,
            strike: kill_monitor,
            prepare: nothing,
            repair: nothing,
        },
        Fault {
            name: "service-hangs",
            label: "service takes connections and answers nobody; probed each 1 s, time-out 1 s",
            bound: "2.3 s",
            expect: Expect::Again,
            strike: |rig, _| {
                let http = rig.site.programs.http.to_string_lossy().into_owned();
                let mut command = rig.site.outside().command(&[&http, "hang", SERVICE]);
                command.status().map(drop).context("hosts-http hang")
            },
            prepare: nothing,
            repair: nothing,
        },
        Fault {
            name: "daemon-killed",
            label: "node daemon killed (SIGKILL)",
            bound: "lease + 500 ms",
            expect: Expect::Again,
            strike: |rig, at| {
                let daemon = rig.cluster.daemon(&rig.site, at);
                rig.site.signal(&daemon, Signal::KILL)
            },
            prepare: nothing,
            repair: rejoin,
        },
        Fault {
            name: "guard-killed",
            label: "guard killed (SIGKILL)",
            bound: "lease + 500 ms",
            expect: Expect::Again,
            strike: |rig, at| {
                let guard = rig.cluster.guard(&rig.site, at);
                rig.site.signal(&guard, Signal::KILL)
            },
            prepare: nothing,
            repair: rejoin,
        },
        Fault {
            name: "president-killed",
            label: "host of the president killed, which runs nothing else",
            bound: "no effect",
            expect: Expect::Undisturbed,
            strike: |rig, at| {
                rig.site.kill_host(other(at));
                Ok(())
            },
            prepare: away_from_president,
            repair: |rig, at| rejoin(rig, other(at)),
        },
    ]
}

fn kill_monitor(rig: &mut Ours, at: usize) -> Result<()> {
    let before = rig.cluster.monitor(&rig.site, at);
    rig.site.signal(&before, Signal::KILL)?;
    wait_for("the monitor is back", PATIENCE, || {
        let now = rig.cluster.monitor(&rig.site, at);
        let is_new = now.iter().any(|p| before.iter().all(|b| b.pid != p.pid));
        Ok(is_new.then_some(()))
    })
}

/// Moves the group to the host that is not the president's.
fn away_from_president(rig: &mut Ours, at: usize) -> Result<()> {
    let president = rig.cluster.president(&rig.site, at)?.context("nobody is president")?;
    if president == at {
        use crate::contender::Contender as _;
        rig.cluster.switch(&rig.site, other(at))?;
        rig.cluster.settled(&rig.site)?;
    }
    Ok(())
}

fn pauses() -> Vec<Fault<Steadfast>> {
    let paused = |name, label, strike| Fault {
        name,
        label,
        bound: "lease + 500 ms",
        expect: Expect::Again,
        strike,
        prepare: nothing,
        repair: rejoin,
    };
    vec![
        paused("daemon-paused-1", "daemon paused (SIGSTOP) for 1 lease", |rig, at| {
            pause_daemon(rig, at, 1.0)
        }),
        paused("daemon-paused-2", "daemon paused (SIGSTOP) for 2 leases", |rig, at| {
            pause_daemon(rig, at, 2.0)
        }),
        paused("daemon-paused-10", "daemon paused (SIGSTOP) for 10 leases", |rig, at| {
            pause_daemon(rig, at, 10.0)
        }),
        Fault {
            expect: Expect::Moved,
            ..paused(
                "both-paused",
                "daemon and guard paused (SIGSTOP); the host is fenced",
                pause_both,
            )
        },
    ]
}

fn pause_daemon(rig: &mut Ours, at: usize, leases: f64) -> Result<()> {
    let daemon = rig.cluster.daemon(&rig.site, at);
    rig.site.signal(&daemon, Signal::STOP)?;
    std::thread::sleep(Duration::from_secs_f64(rig.cluster.settings().lease_s * leases));
    rig.site.signal(&daemon, Signal::CONT)
}

fn pause_both(rig: &mut Ours, at: usize) -> Result<()> {
    let mut processes = rig.cluster.guard(&rig.site, at);
    processes.extend(rig.cluster.daemon(&rig.site, at));
    rig.site.signal(&processes, Signal::STOP)
}

fn store() -> Vec<Fault<Steadfast>> {
    vec![
        Fault {
            name: "host-killed-with-leader",
            label: "whole host killed, with etcd's leader on it",
            bound: "lease + 500 ms",
            expect: Expect::Moved,
            strike: |rig, at| {
                rig.site.kill_host(at);
                Ok(())
            },
            prepare: |rig, at| lead(rig, at),
            repair: |rig, at| {
                rejoin(rig, at)?;
                lead(rig, WITNESS)
            },
        },
        Fault {
            name: "etcd-follower-killed",
            label: "etcd member killed, a follower",
            bound: "no effect",
            expect: Expect::Undisturbed,
            strike: |rig, at| {
                rig.cluster.etcd()?.kill(at);
                Ok(())
            },
            prepare: |rig, _| lead(rig, WITNESS),
            repair: |rig, at| restart_etcd(rig, &[at]),
        },
        Fault {
            name: "etcd-leader-killed",
            label: "etcd member killed, the leader",
            bound: "no effect",
            expect: Expect::Undisturbed,
            strike: |rig, _| {
                rig.cluster.etcd()?.kill(WITNESS);
                Ok(())
            },
            prepare: |rig, _| lead(rig, WITNESS),
            repair: |rig, _| {
                restart_etcd(rig, &[WITNESS])?;
                lead(rig, WITNESS)
            },
        },
        quorum("quorum-lost-5", "etcd's quorum lost for 5 s", |rig, at| lose_quorum(rig, at, 5)),
        quorum("quorum-lost-10", "etcd's quorum lost for 10 s", |rig, at| lose_quorum(rig, at, 10)),
    ]
}

fn quorum(
    name: &'static str,
    label: &'static str,
    strike: fn(&mut Ours, usize) -> Result<()>,
) -> Fault<Steadfast> {
    let repair: fn(&mut Ours, usize) -> Result<()> = |rig, at| {
        rejoin(rig, at)?;
        rejoin(rig, other(at))?;
        lead(rig, WITNESS)
    };
    Fault {
        name,
        label,
        bound: "down without quorum",
        expect: Expect::Again,
        strike,
        prepare: nothing,
        repair,
    }
}

fn lead(rig: &mut Ours, at: usize) -> Result<()> {
    let Rig { site, cluster } = rig;
    cluster.etcd()?.lead(site.witness(), at)
}

fn restart_etcd(rig: &mut Ours, members: &[usize]) -> Result<()> {
    let Rig { site, cluster } = rig;
    for at in members {
        cluster.etcd()?.restart(*at)?;
    }
    cluster.etcd()?.settled(site.witness()).map(drop)
}

/// The members on the other host and on the witness die, and come back.
fn lose_quorum(rig: &mut Ours, at: usize, seconds: u64) -> Result<()> {
    let members = [other(at), WITNESS];
    for member in members {
        rig.cluster.etcd()?.kill(member);
    }
    std::thread::sleep(Duration::from_secs(seconds));
    restart_etcd(rig, &members)
}

fn storage() -> Vec<Fault<Steadfast>> {
    vec![Fault {
        name: "disk-busy",
        label: "planned switchover while a stranger uses the file system",
        bound: "",
        expect: Expect::Moved,
        strike: |rig, at| {
            use crate::contender::Contender as _;
            rig.cluster.switch(&rig.site, other(at))
        },
        prepare: |rig, at| {
            let script =
                format!("cd {SHARED} && exec sleep 1000 </dev/null >/dev/null 2>&1 &\nsleep 0.1");
            rig.site.on(at, &script).map(drop)
        },
        repair: |rig, at| {
            let strangers = rig.site.find(at, |argv| argv == ["sleep", "1000"]);
            anyhow::ensure!(strangers.is_empty(), "the stranger on {} still lives", HOSTS[at]);
            Ok(())
        },
    }]
}
