//! One member of a rig: its process, its data and its log.
//!
//! A member that is dropped is killed and waited for; none is left behind.

use super::certificates::Certificates;
use super::{RigError, Settings};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// How much of a log is shown when something goes wrong, in bytes.
const LOG_SHOWN_BYTES: usize = 2000;

/// A member, running or not.
pub(super) struct Member {
    name: String,
    client: SocketAddr,
    peer: SocketAddr,
    scheme: &'static str,
    data: PathBuf,
    log: PathBuf,
    /// The command, with its arguments.
    command: Vec<String>,
    child: Option<Child>,
}

impl Member {
    pub(super) fn new(at: usize, address: IpAddr, dir: &Path, tls: bool) -> Self {
        let ports = free_ports();
        let name = format!("m{at}");
        Self {
            client: SocketAddr::new(address, ports.0),
            peer: SocketAddr::new(address, ports.1),
            scheme: if tls { "https" } else { "http" },
            data: dir.join(&name),
            log: dir.join(format!("{name}.log")),
            name,
            command: Vec::new(),
            child: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme, self.client)
    }

    pub(super) fn peer_url(&self) -> String {
        format!("{}://{}", self.scheme, self.peer)
    }

    /// As `--initial-cluster` wants it.
    pub(super) fn cluster_entry(&self) -> String {
        format!("{}={}", self.name, self.peer_url())
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Writes down the command.
    pub(super) fn prepare(
        &mut self,
        at: usize,
        settings: &Settings,
        all: &str,
        certificates: Option<&Certificates>,
    ) {
        let (client, peer) = (self.endpoint(), self.peer_url());
        let mut pairs = vec![
            ("name", self.name.clone()),
            ("data-dir", self.data.display().to_string()),
            ("listen-client-urls", client.clone()),
            ("advertise-client-urls", client),
            ("listen-peer-urls", peer.clone()),
            ("initial-advertise-peer-urls", peer),
            ("initial-cluster", all.to_owned()),
            ("initial-cluster-state", "new".to_owned()),
            ("heartbeat-interval", settings.heartbeat_ms.to_string()),
            ("election-timeout", settings.election_ms.to_string()),
            // On a busy machine members are late, and must not unseat a leader for that; the default from etcd 3.5 on.
            ("pre-vote", "true".to_owned()),
            // Members are taken out and in while the cluster is young.
            ("strict-reconfig-check", "false".to_owned()),
        ];
        if let Some(files) = certificates {
            let show = |path: &Path| path.display().to_string();
            let files = |flags: [&'static str; 4]| {
                let [cert, key, ca, auth] = flags;
                [
                    (cert, show(&files.server_cert)),
                    (key, show(&files.server_key)),
                    (ca, show(&files.client.ca)),
                    (auth, "true".to_owned()),
                ]
            };
            pairs.extend(files(["cert-file", "key-file", "trusted-ca-file", "client-cert-auth"]));
            pairs.extend(files([
                "peer-cert-file",
                "peer-key-file",
                "peer-trusted-ca-file",
                "peer-client-cert-auth",
            ]));
        }
        self.command = settings.prefixes.get(at).cloned().unwrap_or_default();
        self.command.push("/usr/bin/etcd".to_owned());
        self.command.extend(pairs.iter().map(|(name, value)| format!("--{name}={value}")));
        self.command.extend(settings.arguments.iter().cloned());
    }

    /// From now on it starts as a member added to a cluster that exists.
    pub(super) fn join_existing(&mut self) {
        for argument in &mut self.command {
            if argument.starts_with("--initial-cluster-state=") {
                "--initial-cluster-state=existing".clone_into(argument);
            }
        }
    }

    pub(super) fn spawn(&mut self) -> Result<(), RigError> {
        let io = |what: &str| {
            let what = format!("{what} of etcd member {}", self.name);
            move |source: io::Error| RigError::Io { what, source }
        };
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log: File = log.map_err(io("log"))?;
        let second = log.try_clone().map_err(io("log"))?;
        let [program, arguments @ ..] = self.command.as_slice() else {
            return Err(RigError::Other(format!("etcd member {} has no command", self.name)));
        };
        let child = Command::new(program)
            .args(arguments)
            // What a developer has set for his own etcd is none of ours.
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(second)
            .spawn()
            .map_err(io("start"))?;
        self.child = Some(child);
        Ok(())
    }

    /// Kills it, whatever its state; a paused process dies too.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<(), RigError> {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            return Err(RigError::Other(format!("etcd member {} does not run", self.name)));
        };
        kill_process(pid, signal).map_err(|e| RigError::Io {
            what: format!("signal to {}", self.name),
            source: e.into(),
        })
    }

    /// Loses its data.
    pub(super) fn wipe(&self) -> Result<(), RigError> {
        fs::remove_dir_all(&self.data)
            .map_err(|source| RigError::Io { what: format!("data of {}", self.name), source })
    }

    /// The end of its log, under its name.
    pub(super) fn log_end(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let end = &text[text.len().saturating_sub(LOG_SHOWN_BYTES)..];
        format!("--- {}\n{}\n", self.log.display(), String::from_utf8_lossy(end))
    }
}

/// Two ports below those the kernel hands out, each pair used once in this process.
fn free_ports() -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let at = NEXT.fetch_add(1, Ordering::Relaxed) % 4000;
    (12_000 + 2 * at, 12_001 + 2 * at)
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}
