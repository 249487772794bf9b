//! Real etcd clusters for tests: members started, killed, paused, restarted and wiped by their number; all gone on drop.
//!
//! Behind the feature `rig`, so that the tests of other crates can use it. Every process of tests has a loopback address of its own, made of its
//! process id, so that tests in parallel never meet. When `etcd` is not installed a start fails with a line that says what to install; it never
//! pretends. Not for production.

mod certificates;
mod member;

use crate::grpc::{Channel, Meta};
use crate::options::{Address, EtcdOptions, Tls};
use crate::proto::{Answer, Empty, LeaseRequest, LeaseRevokeResponse, StatusResponse};
use crate::store::EtcdStore;
use certificates::Certificates;
use control::{ControlStore, Revision};
use member::Member;
use prost::Message;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The packages (Debian, Ubuntu) a rig needs: the server, and `etcdctl` for [`Cluster::ctl`].
pub const PACKAGES: [&str; 2] = ["etcd-server", "etcd-client"];
/// How long a cluster may take to come up on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one member is waited for where another may answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Why a rig could not do what a test asked.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// A program is not installed.
    #[error("{program} is not installed: apt-get install {}", PACKAGES.join(" "))]
    Missing {
        /// Its path.
        program: String,
    },
    /// It did not come up, with the end of its log.
    #[error("etcd is not ready after {START_TIMEOUT:?}: {why}\n{log}")]
    NotReady {
        /// What the last attempt said.
        why: String,
        /// The end of the members' logs.
        log: String,
    },
    /// The environment failed.
    #[error("{what}: {source}")]
    Io {
        /// Doing what.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// What cluster to start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// One address per member. Empty: see `members`.
    pub addresses: Vec<IpAddr>,
    /// How many members when no addresses are given: all on one loopback address of this process.
    pub members: usize,
    /// Mutual TLS for clients and between members.
    pub tls: bool,
    /// Heartbeat and election time-out, in milliseconds. The lowest lease is 1.5 times the election, rounded up to seconds.
    pub heartbeat_ms: u32,
    /// See `heartbeat_ms`.
    pub election_ms: u32,
    /// More arguments for every member.
    pub arguments: Vec<String>,
    /// Words before the command of each member, for instance to enter a namespace; what they run must `exec` etcd. Missing ones are none.
    pub prefixes: Vec<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            members: 1,
            tls: false,
            heartbeat_ms: 50,
            election_ms: 500,
            arguments: Vec::new(),
            prefixes: Vec::new(),
        }
    }
}

impl Settings {
    /// A cluster of so many members on loopback.
    #[must_use]
    pub fn members(members: usize) -> Self {
        Self { members, ..Self::default() }
    }

    /// The same with mutual TLS.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }
}

/// A running cluster. Dropping it kills its members and removes their data.
pub struct Cluster {
    members: Vec<Member>,
    certificates: Option<Certificates>,
    dir: tempfile::TempDir,
}

impl Cluster {
    /// Starts a cluster and waits until all members answer.
    ///
    /// # Errors
    /// [`RigError::Missing`] when etcd is not installed, else what went wrong with the logs.
    pub async fn start(settings: Settings) -> Result<Self, RigError> {
        let cluster = Self::launch(&settings)?;
        for at in 0..cluster.members.len() {
            cluster.ready(at).await?;
        }
        Ok(cluster)
    }

    /// Starts a cluster without waiting for it, for members that cannot be reached from here.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn launch(settings: &Settings) -> Result<Self, RigError> {
        find("/usr/bin/etcd")?;
        let dir = data_dir()?;
        let addresses = if settings.addresses.is_empty() {
            vec![IpAddr::V4(own_address()); settings.members]
        } else {
            settings.addresses.clone()
        };
        let certificates = if settings.tls {
            Some(Certificates::make(&dir.path().join("tls"), &addresses)?)
        } else {
            None
        };
        let mut members: Vec<_> = addresses
            .iter()
            .enumerate()
            .map(|(at, address)| Member::new(at, *address, dir.path(), settings.tls))
            .collect();
        let all: Vec<_> = members.iter().map(Member::cluster_entry).collect();
        let all = all.join(",");
        for (at, member) in members.iter_mut().enumerate() {
            member.prepare(at, settings, &all, certificates.as_ref());
            member.spawn()?;
        }
        Ok(Self { members, certificates, dir })
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never true; there for completeness.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The endpoints of all members, in order.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Member::endpoint).collect()
    }

    /// The process of a member, when it runs.
    #[must_use]
    pub fn pid(&self, at: usize) -> Option<u32> {
        self.members[at].pid()
    }

    /// Options that reach all members, with our certificates if there are any. Their time-outs are for a machine that is busy with other tests;
    /// whoever tests what time-outs do sets his own.
    #[must_use]
    pub fn options(&self) -> EtcdOptions {
        EtcdOptions {
            endpoints: self.endpoints(),
            tls: self.certificates.as_ref().map(|files| files.client.clone()),
            call_timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(2),
            ..EtcdOptions::default()
        }
    }

    /// Options that reach one member alone.
    #[must_use]
    pub fn options_of(&self, at: usize) -> EtcdOptions {
        EtcdOptions { endpoints: vec![self.members[at].endpoint()], ..self.options() }
    }

    /// Certificates of somebody else's authority: the servers' authority is right, the client is a stranger.
    #[must_use]
    pub fn stranger(&self) -> Option<Tls> {
        self.certificates.as_ref().map(|files| files.stranger.clone())
    }

    /// Our certificate, with a validity that is over.
    #[must_use]
    pub fn expired(&self) -> Option<Tls> {
        self.certificates.as_ref().map(|files| files.expired.clone())
    }

    /// Where data, certificates and logs lie.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Kills a member with SIGKILL and waits until it is gone.
    pub fn kill(&mut self, at: usize) {
        self.members[at].kill();
    }

    /// Stops a member with SIGSTOP.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self, at: usize) -> Result<(), RigError> {
        self.members[at].signal(rustix::process::Signal::STOP)
    }

    /// Lets a paused member go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self, at: usize) -> Result<(), RigError> {
        self.members[at].signal(rustix::process::Signal::CONT)
    }

    /// Starts a killed member with the data it has, without waiting for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self, at: usize) -> Result<(), RigError> {
        self.members[at].kill();
        self.members[at].spawn()
    }

    /// Waits until a member answers reads that need a quorum.
    ///
    /// # Errors
    /// [`RigError::NotReady`] with the log.
    pub async fn ready(&self, at: usize) -> Result<(), RigError> {
        let store =
            EtcdStore::new(self.options_of(at)).map_err(|e| RigError::Other(e.to_string()))?;
        let deadline = Instant::now() + START_TIMEOUT;
        while let Err(error) = store.range("").await {
            if Instant::now() >= deadline {
                let log = self.members.iter().map(Member::log_end).collect();
                return Err(RigError::NotReady { why: error.to_string(), log });
            }
            sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Kills a member, loses its data, and brings it back as a new one, as an operator would: removed from the cluster and added again.
    ///
    /// # Errors
    /// When the others have no quorum, or `etcdctl` is missing.
    pub async fn wipe(&mut self, at: usize) -> Result<(), RigError> {
        let id = self.status(at).await?.header.map_or(0, |header| header.member_id);
        self.kill(at);
        self.members[at].wipe()?;
        let other = (at + 1) % self.members.len();
        let id = format!("{id:x}");
        self.ctl_until(other, &["member", "remove", &id], "not found").await?;
        let (name, peer) = (self.members[at].name().to_owned(), self.members[at].peer_url());
        let peer = format!("--peer-urls={peer}");
        self.ctl_until(other, &["member", "add", &name, &peer], "already exists").await?;
        self.members[at].join_existing();
        self.members[at].spawn()?;
        self.ready(at).await
    }

    /// The member that leads, as the living ones see it; waits until there is one.
    ///
    /// # Errors
    /// When none shows up in time.
    pub async fn leader(&self) -> Result<usize, RigError> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            for at in 0..self.members.len() {
                let call = tokio::time::timeout(ATTEMPT_TIMEOUT, self.status(at));
                if let Ok(Ok(status)) = call.await
                    && status.leader != 0
                    && status.header.is_some_and(|header| header.member_id == status.leader)
                {
                    return Ok(at);
                }
            }
            sleep(POLL_INTERVAL).await;
        }
        Err(RigError::Other("no member leads".to_owned()))
    }

    /// Has etcd forget what happened before a revision.
    ///
    /// # Errors
    /// When etcd does not do it.
    pub async fn compact(&self, revision: Revision) -> Result<(), RigError> {
        // The revision is field 1, as the id of a lease is.
        let ask = LeaseRequest { id: revision };
        let mut last = RigError::Other("no member answers".to_owned());
        for at in 0..self.members.len() {
            let call = self.call::<_, LeaseRevokeResponse>(at, "/etcdserverpb.KV/Compact", &ask);
            match tokio::time::timeout(ATTEMPT_TIMEOUT, call).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
        }
        Err(last)
    }

    /// Runs `etcdctl` against a member and gives what it printed.
    ///
    /// # Errors
    /// When it is missing or fails.
    pub async fn ctl(&self, at: usize, arguments: &[&str]) -> Result<String, RigError> {
        find("/usr/bin/etcdctl")?;
        let mut command = Command::new("/usr/bin/etcdctl");
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.members[at].endpoint()]);
        if let Some(Certificates { client, .. }) = &self.certificates {
            command.arg("--cacert").arg(&client.ca);
            command.arg("--cert").arg(&client.cert).arg("--key").arg(&client.key);
        }
        command.args(arguments).stdin(Stdio::null());
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run
            .await
            .map_err(|e| RigError::Other(e.to_string()))?
            .map_err(|source| RigError::Io { what: "etcdctl".to_owned(), source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(RigError::Other(format!("etcdctl {}: {said}", arguments.join(" "))))
    }

    /// Runs `etcdctl` until it works, or says that it has worked already: a busy cluster may be electing.
    async fn ctl_until(&self, at: usize, arguments: &[&str], done: &str) -> Result<(), RigError> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match self.ctl(at, arguments).await {
                Ok(_) => return Ok(()),
                Err(error) if error.to_string().contains(done) => return Ok(()),
                Err(error @ RigError::Missing { .. }) => return Err(error),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => sleep(POLL_INTERVAL).await,
            }
        }
    }

    async fn status(&self, at: usize) -> Result<StatusResponse, RigError> {
        self.call(at, "/etcdserverpb.Maintenance/Status", &Empty {}).await
    }

    async fn call<Q: Message, A: Answer>(
        &self,
        at: usize,
        path: &'static str,
        ask: &Q,
    ) -> Result<A, RigError> {
        let other = |text: &str| RigError::Other(format!("{path}: {text}"));
        let address =
            Address::parse(&self.members[at].endpoint()).map_err(|e| other(&e.to_string()))?;
        let tls = self.options().tls.map(crate::tls::TlsSource::open).transpose();
        let tls = tls.map_err(|e| other(&e.to_string()))?.map(std::sync::Arc::new);
        let channel = Channel::open(&address, tls.as_ref()).await.map_err(|e| other(e.text()))?;
        channel.call(path, &Meta::default(), ask).await.map_err(|e| other(e.text()))
    }
}

fn find(program: &str) -> Result<(), RigError> {
    if Path::new(program).exists() {
        Ok(())
    } else {
        Err(RigError::Missing { program: program.to_owned() })
    }
}

/// In memory where possible: etcd waits for its disk with every write.
fn data_dir() -> Result<tempfile::TempDir, RigError> {
    let memory = PathBuf::from("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::Builder::new().prefix("etcd-rig").tempdir_in(memory)
    } else {
        tempfile::Builder::new().prefix("etcd-rig").tempdir()
    };
    made.map_err(|source| RigError::Io { what: "a directory for etcd".to_owned(), source })
}

/// 127.64.0.0/10, by process id, which has at most 22 bits.
fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 + (high & 63), middle, low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_one_line_that_says_what_to_install() {
        let error = find("/usr/bin/no-such-etcd").unwrap_err().to_string();
        assert_eq!(
            error,
            "/usr/bin/no-such-etcd is not installed: apt-get install etcd-server etcd-client"
        );
    }
}
