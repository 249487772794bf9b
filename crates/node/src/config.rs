//! `/etc/steadfast/node.toml`: what a node must know before it can ask the control store.
//!
//! Everything about groups and resources is in the control store, never here. Reading names the file, the key, the value and what to do.

use crate::guard::Reset;
use rgm::NodeName;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the file is unless the command line says otherwise.
pub const CONFIG_DEFAULT: &str = "/etc/steadfast/node.toml";
/// Shortest lease that is taken: below it, ordinary pauses of a busy machine look like death.
const LEASE_MIN: Duration = Duration::from_millis(500);
/// Longest.
const LEASE_MAX: Duration = Duration::from_secs(600);

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeFile {
    /// `[node]`
    pub node: NodeSection,
    /// `[cluster]`
    pub cluster: ClusterSection,
    /// `[store]`
    pub store: StoreSection,
    /// `[lease]`
    pub lease: LeaseSection,
    /// `[failfast]`
    pub failfast: FailfastSection,
    /// `[log]`
    pub log: LogSection,
}

/// `[node]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSection {
    /// Its name in the cluster; default: the host name up to the first dot.
    pub name: Option<String>,
    /// Sockets and what lives as long as the machine.
    pub run_dir: PathBuf,
    /// What outlives a reboot.
    pub state_dir: PathBuf,
    /// Members of this group may use the admin socket, besides root.
    pub admin_group: String,
    /// Folders with RTR files, before the product's own.
    pub rtreg: Vec<PathBuf>,
}

impl Default for NodeSection {
    fn default() -> Self {
        Self {
            name: None,
            run_dir: "/run/steadfast".into(),
            state_dir: "/var/lib/steadfast/node".into(),
            admin_group: "steadfast".to_owned(),
            rtreg: vec!["/usr/cluster/lib/rgm/rtreg".into(), "/opt/cluster/lib/rgm/rtreg".into()],
        }
    }
}

/// `[cluster]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSection {
    /// Its name; several clusters can share a control store.
    pub name: String,
}

impl Default for ClusterSection {
    fn default() -> Self {
        Self { name: "steadfast".to_owned() }
    }
}

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// `etcd` or `embedded`.
    pub engine: Engine,
    /// The file of the embedded store.
    pub path: PathBuf,
    /// `https://host:2379`, all members.
    pub endpoints: Vec<String>,
    /// Authority that etcd's certificates are signed by.
    pub ca: Option<PathBuf>,
    /// This node's certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// etcd user, when it asks for one.
    pub user: Option<String>,
    /// File with that user's password.
    pub password_file: Option<PathBuf>,
    /// Milliseconds one call may take.
    pub call_timeout_ms: u64,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            engine: Engine::Embedded,
            path: "/var/lib/steadfast/control.db".into(),
            endpoints: Vec::new(),
            ca: None,
            cert: None,
            key: None,
            user: None,
            password_file: None,
            call_timeout_ms: 600,
        }
    }
}

/// Which control store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// For clusters of machines.
    Etcd,
    /// One SQLite file, for several nodes of one machine.
    #[default]
    Embedded,
}

/// `[lease]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeaseSection {
    /// How long a silent node is taken for alive, in seconds.
    pub time_s: f64,
    /// The part of it that is kept for stopping everything, in seconds.
    pub reserve_s: f64,
}

impl Default for LeaseSection {
    fn default() -> Self {
        Self { time_s: 2.0, reserve_s: 0.5 }
    }
}

/// `[failfast]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailfastSection {
    /// `never`, `reboot`, `watchdog` or `command`.
    pub reset: ResetKind,
    /// The watchdog device, or the program.
    pub path: Option<PathBuf>,
}

/// What resets the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetKind {
    /// Nothing.
    #[default]
    Never,
    /// reboot(2).
    Reboot,
    /// A watchdog device.
    Watchdog,
    /// A program.
    Command,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// Least important messages: error, warn, info, debug.
    pub level: String,
    /// Also to syslog (`/dev/log`).
    pub syslog: bool,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { level: "info".to_owned(), syslog: true }
    }
}

/// Why a node cannot run as its file says.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not there, or not ours to read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, a wrong type: the parser's text shows the place.
    #[error("{path}: {why}")]
    NotUnderstood {
        /// The file.
        path: PathBuf,
        /// Where and why.
        why: String,
    },
    /// Understood, and makes no sense.
    #[error("{path}: {key} = {value}: {why}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// `section.key`
        key: &'static str,
        /// As given.
        value: String,
        /// What to do.
        why: String,
    },
}

impl NodeFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let file: Self = toml::from_str(&text).map_err(|error| ConfigError::NotUnderstood {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        file.check(path)?;
        Ok(file)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |key, value: String, why: &str| ConfigError::Wrong {
            path: path.to_owned(),
            key,
            value,
            why: why.to_owned(),
        };
        let name = self.node_name();
        rgm::names::legal(name.as_str())
            .map_err(|why| wrong("node.name", name.to_string(), why))?;
        rgm::names::legal(&self.cluster.name)
            .map_err(|why| wrong("cluster.name", self.cluster.name.clone(), why))?;
        let lease = self.lease.time_s;
        let bounds = LEASE_MIN.as_secs_f64()..=LEASE_MAX.as_secs_f64();
        if !bounds.contains(&lease) {
            return Err(wrong("lease.time_s", lease.to_string(), "must be 0.5 to 600 seconds"));
        }
        let reserve = self.lease.reserve_s;
        if !(reserve >= 0.1 && reserve <= lease / 2.0) {
            let why = "must be at least 0.1 and at most half of lease.time_s";
            return Err(wrong("lease.reserve_s", reserve.to_string(), why));
        }
        if self.store.engine == Engine::Etcd && self.store.endpoints.is_empty() {
            let why = "engine = \"etcd\" needs the addresses of its members";
            return Err(wrong("store.endpoints", "[]".to_owned(), why));
        }
        let needs_path = matches!(self.failfast.reset, ResetKind::Watchdog | ResetKind::Command);
        if needs_path && self.failfast.path.is_none() {
            let why = "reset = \"watchdog\" needs the device, \"command\" the program";
            return Err(wrong("failfast.path", "(not set)".to_owned(), why));
        }
        Ok(())
    }

    /// This node's name.
    pub fn node_name(&self) -> NodeName {
        match &self.node.name {
            Some(name) => NodeName::new(name),
            None => {
                let host = rustix::system::uname();
                let host = host.nodename().to_string_lossy();
                NodeName::new(host.split('.').next().unwrap_or_default())
            }
        }
    }

    /// The admin socket.
    pub fn socket(&self) -> PathBuf {
        self.node.run_dir.join("node.sock")
    }

    /// The claims folder. It outlives the daemon and the guard, not the machine.
    pub fn claims(&self) -> PathBuf {
        self.node.run_dir.join("claims")
    }

    /// What the cluster's keys begin with, whichever the engine.
    pub fn prefix(&self) -> String {
        format!("/steadfast/{}/", self.cluster.name)
    }

    /// Lease time.
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.lease.time_s)
    }

    /// Reserve.
    pub fn reserve(&self) -> Duration {
        Duration::from_secs_f64(self.lease.reserve_s)
    }

    /// How the machine is reset.
    pub fn reset(&self) -> Reset {
        let path = self.failfast.path.clone().unwrap_or_default();
        match self.failfast.reset {
            ResetKind::Never => Reset::Never,
            ResetKind::Reboot => Reset::Reboot,
            ResetKind::Watchdog => Reset::Watchdog(path),
            ResetKind::Command => Reset::Command(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        let said = match NodeFile::read(&path) {
            Ok(_) => "good".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expect), "{text:?} gives {said:?}");
    }

    #[test]
    fn an_empty_file_is_a_node_of_one_machine() {
        check("[node]\nname = \"n1\"", "good");
    }

    #[test]
    fn wrong_files_are_told_what_is_wrong() {
        check("[node]\nname = \"1n\"", "node.name = 1n: does not begin with a letter");
        check("[nodes]\n", "unknown field `nodes`");
        check("[lease]\ntime_s = 0.1", "lease.time_s = 0.1: must be 0.5 to 600 seconds");
        check("[lease]\ntime_s = 1\nreserve_s = 0.9", "at most half of lease.time_s");
        check("[store]\nengine = \"etcd\"", "store.endpoints = []");
        check("[store]\nengine = \"consul\"", "unknown variant `consul`");
        check("[failfast]\nreset = \"watchdog\"", "needs the device");
        check("[node\n", "invalid");
    }
}
