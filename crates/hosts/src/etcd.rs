//! The control store of the rig: real etcd with mutual TLS, one member on each host and one on the witness.

use crate::shell::wait_for;
use crate::space::{Process, Space, first_child};
use anyhow::{Context, Result, bail};
use control_etcd::rig::{Cluster, Settings};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long members may take to come up, or to elect a leader.
const PATIENCE: Duration = Duration::from_secs(30);

/// How etcd is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// As docs/two-nodes.md says: heartbeat 50 ms, election 300 ms. With etcd's own 1000 ms a dying leader takes all leases of 2 s with it.
    Documented,
    /// For a lease of 1 s: heartbeat 20 ms, election 140 ms.
    Tight,
}

/// The cluster of members.
pub struct Etcd {
    cluster: Cluster,
    addresses: Vec<String>,
    running: Vec<bool>,
}

impl Etcd {
    /// Starts a member in each of the spaces whose process 1 is in these files, with these addresses; `from` is where it is asked from.
    pub fn start(
        inits: &[PathBuf],
        addresses: &[&str],
        tuning: Tuning,
        from: &Space,
    ) -> Result<Self> {
        let prefixes = inits.iter().map(|init| {
            // Read at each start, since a host that boots again has another. Its view of files stays the rig's, where its data is.
            let enter = format!("exec nsenter -t $(cat {}) -n -p -- \"$@\"", init.display());
            ["/bin/sh", "-c", &enter, "etcd"].map(ToOwned::to_owned).to_vec()
        });
        let (heartbeat_ms, election_ms) = match tuning {
            Tuning::Documented => (50, 300),
            Tuning::Tight => (20, 140),
        };
        let settings = Settings {
            addresses: addresses.iter().map(|a| a.parse()).collect::<Result<_, _>>()?,
            tls: true,
            heartbeat_ms,
            election_ms,
            prefixes: prefixes.collect(),
            ..Settings::default()
        };
        let cluster = Cluster::launch(&settings)?;
        let addresses: Vec<String> = addresses.iter().map(|a| (*a).to_owned()).collect();
        let etcd = Self { cluster, running: vec![true; addresses.len()], addresses };
        wait_for("etcd is up", PATIENCE, || {
            Ok(etcd.statuses(from)?.iter().all(|s| s.leader != 0).then_some(()))
        })?;
        Ok(etcd)
    }

    /// Endpoints for clients.
    pub fn endpoints(&self) -> Vec<String> {
        self.cluster.endpoints()
    }

    /// Copies a client's certificate files to a folder: `ca.pem`, `client.pem`, `client.key`.
    pub fn give_certificates(&self, folder: &Path) -> Result<()> {
        let tls = self.cluster.options().tls.context("etcd without TLS")?;
        fs::create_dir_all(folder)?;
        for (from, to) in [(&tls.ca, "ca.pem"), (&tls.cert, "client.pem"), (&tls.key, "client.key")]
        {
            fs::copy(from, folder.join(to))?;
        }
        Ok(())
    }

    /// Kills a member.
    pub fn kill(&mut self, at: usize) {
        self.signal(at, Signal::KILL);
        self.cluster.kill(at);
        self.running[at] = false;
    }

    /// Starts a killed member with the data it has, in the space it was in.
    pub fn restart(&mut self, at: usize) -> Result<()> {
        self.cluster.restart(at)?;
        self.running[at] = true;
        Ok(())
    }

    /// Sends a signal to a member.
    pub fn signal(&self, at: usize, signal: Signal) {
        if let Some(pid) = self.cluster.pid(at).and_then(first_child) {
            Process { pid, argv: Vec::new() }.signal(signal);
        }
    }

    /// Waits until all running members follow one leader; says which it is.
    pub fn settled(&self, from: &Space) -> Result<usize> {
        wait_for("etcd has a leader", PATIENCE, || {
            let statuses = self.statuses(from)?;
            let Some(leader) = statuses.first().map(|s| s.leader) else { return Ok(None) };
            let agreed = leader != 0 && statuses.iter().all(|s| s.leader == leader);
            let at = statuses.iter().find(|s| s.member == leader).map(|s| s.at);
            Ok(at.filter(|_| agreed))
        })
    }

    /// Makes a member the leader.
    pub fn lead(&self, from: &Space, at: usize) -> Result<()> {
        wait_for("etcd's leader moves", PATIENCE, || {
            let leader = self.settled(from)?;
            if leader == at {
                return Ok(Some(()));
            }
            let member = self.statuses(from)?.iter().find(|s| s.at == at).map(|s| s.member);
            let id = format!("{:x}", member.with_context(|| format!("member {at} is down"))?);
            self.ctl(from, &[self.cluster.endpoints()[leader].clone()], &["move-leader", &id])?;
            Ok(None)
        })
    }

    fn statuses(&self, from: &Space) -> Result<Vec<Status>> {
        let all = self.cluster.endpoints();
        let up: Vec<usize> = (0..all.len()).filter(|at| self.running[*at]).collect();
        let endpoints: Vec<String> = up.iter().map(|at| all[*at].clone()).collect();
        let text = self.ctl(from, &endpoints, &["endpoint", "status", "-w", "json"])?;
        let found: Vec<serde_json::Value> = serde_json::from_str(&text)?;
        if found.len() != up.len() {
            bail!("{} of {} members answer", found.len(), up.len());
        }
        let statuses = found.iter().map(|status| {
            let endpoint = status["Endpoint"].as_str().unwrap_or_default();
            Status {
                at: all.iter().position(|e| e == endpoint).unwrap_or_default(),
                member: status["Status"]["header"]["member_id"].as_u64().unwrap_or_default(),
                leader: status["Status"]["leader"].as_u64().unwrap_or_default(),
            }
        });
        Ok(statuses.collect())
    }

    /// Runs `etcdctl` in a space.
    fn ctl(&self, from: &Space, endpoints: &[String], words: &[&str]) -> Result<String> {
        let tls = self.cluster.options().tls.context("etcd without TLS")?;
        let (ca, cert, key) =
            (tls.ca.to_string_lossy(), tls.cert.to_string_lossy(), tls.key.to_string_lossy());
        let init = from.init().to_string();
        let mut all = vec!["nsenter", "-t", &init, "-n", "--", "env", "ETCDCTL_API=3", "etcdctl"];
        let endpoints = endpoints.join(",");
        all.extend(["--command-timeout=3s", "--dial-timeout=1s", "--endpoints", &endpoints]);
        all.extend(["--cacert", &ca, "--cert", &cert, "--key", &key]);
        all.extend(words);
        crate::shell::run(&all)
    }

    /// Addresses of the members.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }
}

/// What a member says.
struct Status {
    at: usize,
    member: u64,
    leader: u64,
}
