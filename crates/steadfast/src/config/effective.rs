//! The configuration as the program uses it: typed, complete, checked.
//!
//! Made only by [`load`]; whoever holds a [`Config`] need not check anything again.

use super::check;
use super::kind::Value;
use super::problem::{self, Problem};
use super::settings::{Layers, Settings};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything an operator can set.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// At least one.
    pub(crate) domains: Vec<String>,
    /// Absolute.
    pub(crate) runtime_dir: PathBuf,
    /// Whether the version is told to users.
    pub(crate) show_version: bool,
    /// At least one.
    pub(crate) listeners: Vec<Listener>,
    /// PEM files; absolute.
    pub(crate) tls: Tls,
    /// Where to serve metrics.
    pub(crate) metrics: Option<SocketAddr>,
    /// `[limits]`.
    pub(crate) limits: Limits,
    /// `[sessions]`.
    pub(crate) sessions: Sessions,
    /// `[archive] default`: always, roster or never.
    pub(crate) archive_default: String,
    /// `[offline] messages_max`.
    pub(crate) offline_messages_max: u64,
    /// `[registration]`.
    pub(crate) registration: Registration,
    /// `[contact]`: key and URIs, only those that have any.
    pub(crate) contact: Vec<(&'static str, Vec<String>)>,
    /// `[log]`.
    pub(crate) log: Log,
}

/// One `[[listen]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// TLS from the first byte.
    pub(crate) direct_tls: bool,
    /// Where.
    pub(crate) address: SocketAddr,
    /// What is demanded of clients.
    pub(crate) tls: TlsDemand,
}

/// `tls` of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsDemand {
    /// Nothing else before it.
    Required,
    /// Offered.
    Optional,
    /// Not offered.
    Off,
}

/// `[tls]`.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// Chain.
    pub(crate) certificate: PathBuf,
    /// Private key.
    pub(crate) key: PathBuf,
}

/// `[limits]`.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) connections_max: u64,
    pub(crate) connections_per_address_max: u64,
    pub(crate) login_deadline: Duration,
    pub(crate) login_failures_per_address_max: u64,
    pub(crate) login_failures_per_account_max: u64,
    pub(crate) login_failure_forgiven_after: Duration,
    pub(crate) stanzas_per_second: u64,
    pub(crate) stanzas_burst: u64,
    pub(crate) copies_per_second: u64,
    pub(crate) roster_items_max: u64,
    pub(crate) blocked_items_max: u64,
    pub(crate) item_bytes_max: u64,
    pub(crate) private_items_max: u64,
    pub(crate) accounts_cached_max: u64,
}

/// `[sessions]`.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    pub(crate) resume_for: Duration,
    pub(crate) per_account_max: u64,
    pub(crate) queue_stanzas_max: u64,
}

/// `[registration]`.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) allow: bool,
    pub(crate) password_change: bool,
    pub(crate) scram_iterations: u64,
}

/// `[log]`.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// One of the words of the table.
    pub(crate) level: String,
    /// One object per line.
    pub(crate) json: bool,
}

/// What came of loading.
pub(crate) struct Loaded {
    /// Present when nothing is wrong.
    pub(crate) config: Option<Config>,
    /// Every value and its origin.
    pub(crate) settings: Settings,
}

/// Gathers all layers, checks them, and gives the configuration when nothing is wrong.
pub(crate) fn load(layers: &Layers) -> Loaded {
    let mut settings = Settings::gather(layers);
    check::complete(&mut settings);
    let problems: Vec<Problem> = check::check(&settings);
    settings.problems.extend(problems);
    problem::sort(&mut settings.problems);
    let config = settings.problems.is_empty().then(|| typed(&settings));
    Loaded { config, settings }
}

impl Settings {
    fn value(&self, path: &str) -> &Value {
        let setting = self.get(path);
        assert!(
            setting.is_some(),
            "{path} has neither a value nor a default, and the check let it pass"
        );
        setting.map_or(&Value::Switch(false), |setting| &setting.value)
    }

    pub(super) fn text(&self, path: &str) -> &str {
        match self.value(path) {
            Value::Text(text) => text,
            other => panic!("{path} is {other:?}, its kind does not give a text"),
        }
    }

    fn count(&self, path: &str) -> u64 {
        match self.value(path) {
            Value::Count(number) => *number,
            other => panic!("{path} is {other:?}, its kind does not give a number"),
        }
    }

    fn span(&self, path: &str) -> Option<Duration> {
        match self.value(path) {
            Value::Span(span) => Some(*span),
            _ => None,
        }
    }

    fn switch(&self, path: &str) -> bool {
        self.value(path) == &Value::Switch(true)
    }

    pub(super) fn list(&self, path: &str) -> &[String] {
        match self.value(path) {
            Value::List(list) => list,
            other => panic!("{path} is {other:?}, its kind does not give a list"),
        }
    }

    /// `None` when it is off or cannot be read as an address, which its kind has excluded.
    pub(super) fn address(&self, path: &str) -> Option<SocketAddr> {
        self.text(path).parse().ok()
    }

    /// One listener; `None` when its address was refused.
    pub(super) fn listener(&self, item: usize) -> Option<Listener> {
        let of = |name: &str| format!("listen[{item}].{name}");
        Some(Listener {
            direct_tls: self.text(&of("kind")) == "c2s-tls",
            address: self.get(&of("address")).and_then(|_| self.address(&of("address")))?,
            tls: match self.text(&of("tls")) {
                "off" => TlsDemand::Off,
                "optional" => TlsDemand::Optional,
                _ => TlsDemand::Required,
            },
        })
    }
}

const CONTACTS: [&str; 7] =
    ["abuse", "admin", "feedback", "sales", "security", "status", "support"];

fn typed(s: &Settings) -> Config {
    Config {
        domains: s.list("domains").to_vec(),
        runtime_dir: s.text("runtime_dir").into(),
        show_version: s.switch("show_version"),
        listeners: (0..s.listeners.len()).filter_map(|item| s.listener(item)).collect(),
        tls: Tls { certificate: s.text("tls.certificate").into(), key: s.text("tls.key").into() },
        metrics: s.address("metrics.address"),
        limits: limits(s),
        sessions: Sessions {
            resume_for: s.span("sessions.resume_for").unwrap_or_default(),
            per_account_max: s.count("sessions.per_account_max"),
            queue_stanzas_max: s.count("sessions.queue_stanzas_max"),
        },
        archive_default: s.text("archive.default").to_owned(),
        offline_messages_max: s.count("offline.messages_max"),
        registration: Registration {
            allow: s.switch("registration.allow"),
            password_change: s.switch("registration.password_change"),
            scram_iterations: s.count("registration.scram_iterations"),
        },
        contact: CONTACTS
            .into_iter()
            .map(|name| (name, s.list(&format!("contact.{name}")).to_vec()))
            .filter(|(_, uris)| !uris.is_empty())
            .collect(),
        log: Log { level: s.text("log.level").to_owned(), json: s.text("log.format") == "json" },
    }
}

fn limits(s: &Settings) -> Limits {
    Limits {
        connections_max: s.count("limits.connections_max"),
        connections_per_address_max: s.count("limits.connections_per_address_max"),
        login_deadline: s.span("limits.login_deadline").unwrap_or_default(),
        login_failures_per_address_max: s.count("limits.login_failures_per_address_max"),
        login_failures_per_account_max: s.count("limits.login_failures_per_account_max"),
        login_failure_forgiven_after: s
            .span("limits.login_failure_forgiven_after")
            .unwrap_or_default(),
        stanzas_per_second: s.count("limits.stanzas_per_second"),
        stanzas_burst: s.count("limits.stanzas_burst"),
        copies_per_second: s.count("limits.copies_per_second"),
        roster_items_max: s.count("limits.roster_items_max"),
        blocked_items_max: s.count("limits.blocked_items_max"),
        item_bytes_max: s.count("limits.item_bytes_max"),
        private_items_max: s.count("limits.private_items_max"),
        accounts_cached_max: s.count("limits.accounts_cached_max"),
    }
}
