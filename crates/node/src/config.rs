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
/// Longest path a socket can have (unix(7)).
const SOCKET_BYTES_MAX: usize = 107;
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
    /// How long leaving in order may take (SIGTERM, `systemctl stop`), in seconds; then everything is stopped at once.
    pub leave_time_s: u32,
}

impl Default for NodeSection {
    fn default() -> Self {
        Self {
            name: None,
            run_dir: "/run/steadfast".into(),
            state_dir: "/var/lib/steadfast/node".into(),
            admin_group: "steadfast".to_owned(),
            rtreg: vec!["/usr/cluster/lib/rgm/rtreg".into(), "/opt/cluster/lib/rgm/rtreg".into()],
            leave_time_s: 60,
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
    /// Milliseconds one call may take; `None`: 600, and not more than three tenths of the lease, so that a call that fails can be made again.
    pub call_timeout_ms: Option<u64>,
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
            call_timeout_ms: None,
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
        let mut file: Self = toml::from_str(&text).map_err(|error| ConfigError::NotUnderstood {
            path: path.to_owned(),
            why: with_suggestion(error.to_string()),
        })?;
        file.check(path)?;
        file.make_absolute();
        Ok(file)
    }

    /// Methods run elsewhere than this process.
    fn make_absolute(&mut self) {
        let Self { node, store, failfast, .. } = self;
        let paths = [&mut node.run_dir, &mut node.state_dir, &mut store.path].into_iter();
        for path in paths.chain(&mut node.rtreg).chain(&mut failfast.path) {
            // Only an empty path, or a working folder that is gone, cannot be made so.
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
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
        if let Some(ms) = self.store.call_timeout_ms
            && !(10.0..=lease * 500.0).contains(&(ms as f64))
        {
            let why = "must be at least 10 and at most half of lease.time_s";
            return Err(wrong("store.call_timeout_ms", ms.to_string(), why));
        }
        if !["error", "warn", "info", "debug"].contains(&self.log.level.as_str()) {
            let why = "must be error, warn, info or debug";
            return Err(wrong("log.level", self.log.level.clone(), why));
        }
        let bytes = self.socket().as_os_str().len();
        if bytes > SOCKET_BYTES_MAX {
            let why = "is too long: the path of node.sock in it may have 107 bytes";
            return Err(wrong("node.run_dir", self.node.run_dir.display().to_string(), why));
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

    /// How long one call of the store may take.
    pub fn call_timeout(&self) -> Duration {
        match self.store.call_timeout_ms {
            Some(ms) => Duration::from_millis(ms),
            None => Duration::from_millis(600).min(self.lease().mul_f64(0.3)),
        }
    }

    /// How long leaving in order may take.
    pub fn leave_time(&self) -> Duration {
        Duration::from_secs(self.node.leave_time_s.into())
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

/// Adds the nearest right name to what the parser says of an unknown one.
fn with_suggestion(mut why: String) -> String {
    let quoted = |text: &str| -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let unknown = why.find("unknown field `").or_else(|| why.find("unknown variant `"));
    let names = unknown.and_then(|at| why.get(at..)).map(quoted).unwrap_or_default();
    if let Some((typed, known)) = names.split_first()
        && let Some(near) = rtr::nearest(typed, known.iter().map(String::as_str))
    {
        why.truncate(why.trim_end().len());
        why.push_str(&format!("; did you mean {near}?"));
    }
    why
}

/// A file with every key at its default, commented out, and what each is for.
pub fn default_file() -> &'static str {
    include_str!("default.toml")
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
        check("[nodes]\n", "; did you mean node?");
        check("[lease]\ntme_s = 2", "; did you mean time_s?");
        check("[failfast]\nreset = \"rebot\"", "; did you mean reboot?");
        check("[lease]\ntime_s = nan", "lease.time_s = NaN");
        check("[log]\nlevel = \"loud\"", "log.level = loud: must be error");
        check("[store]\ncall_timeout_ms = 1500", "at most half of lease.time_s");
        check(&format!("[node]\nrun_dir = \"/{}\"", "x".repeat(100)), "may have 107 bytes");
        check("[lease]\ntime_s = 0.1", "lease.time_s = 0.1: must be 0.5 to 600 seconds");
        check("[lease]\ntime_s = 1\nreserve_s = 0.9", "at most half of lease.time_s");
        check("[store]\nengine = \"etcd\"", "store.endpoints = []");
        check("[store]\nengine = \"consul\"", "unknown variant `consul`");
        check("[failfast]\nreset = \"watchdog\"", "needs the device");
        check("[node\n", "TOML parse error at line 1");
    }

    #[test]
    fn the_default_file_says_every_key_and_its_default() {
        let is_key =
            |line: &&str| line.starts_with('[') || line.starts_with("#[") || line.contains(" = ");
        let lines = default_file().lines().filter(is_key);
        let text: Vec<&str> = lines.map(|line| line.trim_start_matches('#')).collect();
        let all: NodeFile = toml::from_str(&text.join("\n")).unwrap();
        assert_eq!(format!("{all:?}"), format!("{:?}", with_optional(NodeFile::default())));
        assert_eq!(toml::from_str::<NodeFile>(default_file()).unwrap().store.ca, None);
    }

    /// What has no default, as the file shows it.
    fn with_optional(mut file: NodeFile) -> NodeFile {
        let folder = PathBuf::from("/etc/steadfast/tls");
        file.node.name = Some("n1".to_owned());
        file.store.endpoints =
            ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|host| format!("https://{host}:2379")).into();
        file.store.ca = Some(folder.join("ca.pem"));
        file.store.cert = Some(folder.join("node.pem"));
        file.store.key = Some(folder.join("node.key"));
        file.store.user = Some("steadfast".to_owned());
        file.store.password_file = Some("/etc/steadfast/etcd-password".into());
        file.store.call_timeout_ms = Some(600);
        file.failfast.path = Some("/dev/watchdog".into());
        file
    }
}
