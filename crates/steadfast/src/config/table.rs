//! Every key of the configuration file, once: name, kind of value, default, environment variable, help.
//!
//! Parsing, `--print-default-config`, `check-config` and docs/configuration.md are all made from this table, so they
//! cannot disagree. Nothing here decides anything; a new key is a new entry here and its use in `effective.rs`.

use super::kind::Kind;
use std::time::Duration;

/// A table of the file.
pub(crate) struct Section {
    /// `""` for keys above the first table.
    pub(crate) name: &'static str,
    /// Written `[[name]]`, once per item.
    pub(crate) repeated: bool,
    /// What it is for; sentences.
    pub(crate) help: &'static str,
    /// Its keys in the order they are printed.
    pub(crate) keys: &'static [Key],
}

/// One key.
pub(crate) struct Key {
    /// As written in the file.
    pub(crate) name: &'static str,
    /// What its value may be.
    pub(crate) kind: Kind,
    /// As it would be written in the file; `None` when it has no default of its own.
    pub(crate) default: Option<&'static str>,
    /// What the default file shows when there is no default.
    pub(crate) example: Option<&'static str>,
    /// Environment variable that overrides the file.
    pub(crate) env: Option<&'static str>,
    /// Whether SIGHUP applies a change without a restart.
    pub(crate) reloads: bool,
    /// What it does; sentences.
    pub(crate) help: &'static str,
}

impl Section {
    /// As an operator would write it: `[tls]`, `[[listen]]`, `the top level`.
    pub(crate) fn title(&self) -> String {
        match (self.name, self.repeated) {
            ("", _) => "the top level".to_owned(),
            (name, true) => format!("[[{name}]]"),
            (name, false) => format!("[{name}]"),
        }
    }

    /// `tls.certificate`, or the bare name at the top level.
    pub(crate) fn path_of(&self, key: &Key) -> String {
        if self.name.is_empty() {
            key.name.to_owned()
        } else {
            format!("{}.{}", self.name, key.name)
        }
    }
}

/// Finds a key by its path (`tls.certificate`). Keys of repeated sections have no path.
pub(crate) fn find(path: &str) -> Option<(&'static Section, &'static Key)> {
    let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
    let section = SECTIONS.iter().find(|s| s.name == section && !s.repeated)?;
    Some((section, section.keys.iter().find(|k| k.name == name)?))
}

const fn key(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, default: None, example: None, env: None, reloads: false, help }
}

const fn or(default: &'static str, key: Key) -> Key {
    Key { default: Some(default), ..key }
}

const fn such_as(example: &'static str, key: Key) -> Key {
    Key { example: Some(example), ..key }
}

const fn env(variable: &'static str, key: Key) -> Key {
    Key { env: Some(variable), ..key }
}

const fn reloads(key: Key) -> Key {
    Key { reloads: true, ..key }
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Levels of the log, most important first.
pub(crate) const LOG_LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// The whole file.
pub(crate) static SECTIONS: &[Section] = &[
    Section {
        name: "",
        repeated: false,
        help: "",
        keys: &[
            env(
                "STEADFAST_DOMAIN",
                such_as(
                    "\"example.org\"",
                    key(
                        "domain",
                        Kind::Domain,
                        "The domain whose accounts live here: the part after the @ of their \
                            addresses. Required, unless `domains` is \
                         given.",
                    ),
                ),
            ),
            such_as(
                "[\"example.org\", \"example.net\"]",
                key(
                    "domains",
                    Kind::Domains,
                    "Several domains instead of `domain`. The first one is the main one.",
                ),
            ),
            env(
                "STEADFAST_RUNTIME_DIR",
                or(
                    "\"/var/lib/steadfast\"",
                    key(
                        "runtime_dir",
                        Kind::Path,
                        "Where everything is kept that must survive: accounts, archives, sessions, \
                            the certificate made by \
                         itself; and the socket for `steadfast account`. A relative path starts at \
                            the folder of this file.",
                    ),
                ),
            ),
            or(
                "true",
                key(
                    "show_version",
                    Kind::Switch,
                    "Users who ask (XEP-0092) are told the version of this program.",
                ),
            ),
        ],
    },
    Section {
        name: "listen",
        repeated: true,
        help: "Where clients connect; one [[listen]] for each address. Without any: [::]:5222 with \
            STARTTLS and [::]:5223 with direct \
               TLS, which on most machines takes IPv4 connections as well.",
        keys: &[
            or(
                "\"c2s\"",
                key(
                    "kind",
                    Kind::Choice(&["c2s", "c2s-tls"]),
                    "c2s: clients begin in clear and switch to TLS (STARTTLS). c2s-tls: TLS from \
                        the first byte (XEP-0368).",
                ),
            ),
            such_as(
                "\"[::]:5222\"",
                key(
                    "address",
                    Kind::Address,
                    "IP address and port. Default: [::]:5222 for c2s, [::]:5223 for c2s-tls.",
                ),
            ),
            or(
                "\"required\"",
                key(
                    "tls",
                    Kind::Choice(&["required", "optional", "off"]),
                    "required: nothing but STARTTLS is offered before TLS. optional: TLS is \
                        offered. off: no TLS, allowed only on \
                     a loopback address.",
                ),
            ),
        ],
    },
    Section {
        name: "tls",
        repeated: false,
        help: "The server's certificate. Without it a self-made one is kept in the runtime_dir, \
            which clients will ask their users about.",
        keys: &[
            reloads(such_as(
                "\"cert.pem\"",
                key(
                    "certificate",
                    Kind::Path,
                    "PEM file with the certificate and its chain, leaf first. Read again when it \
                        changes and on SIGHUP. When neither \
                     this file nor the key's exists, a self-made pair is written there.",
                ),
            )),
            reloads(such_as(
                "\"key.pem\"",
                key("key", Kind::Path, "PEM file with the private key of the certificate."),
            )),
        ],
    },
    Section {
        name: "metrics",
        repeated: false,
        help: "Plain HTTP for monitoring: /metrics (OpenMetrics) and /healthz. Whoever reaches it \
            can read it.",
        keys: &[env(
            "STEADFAST_METRICS_ADDRESS",
            or(
                "\"off\"",
                such_as(
                    "\"127.0.0.1:9580\"",
                    key("address", Kind::AddressOrOff, "IP address and port, or \"off\"."),
                ),
            ),
        )],
    },
    Section {
        name: "limits",
        repeated: false,
        help: "What one client, one address and all of them together may take.",
        keys: &[
            or(
                "200_000",
                key(
                    "connections_max",
                    Kind::Count { min: 1, max: 10_000_000 },
                    "Open connections in all.",
                ),
            ),
            or(
                "8_192",
                key(
                    "connections_per_address_max",
                    Kind::Count { min: 1, max: 10_000_000 },
                    "Open connections from one IP address (IPv6: one /64 network); loopback is \
                        exempt. Many users may \
                        share one address behind NAT.",
                ),
            ),
            or(
                "\"30s\"",
                key(
                    "login_deadline",
                    Kind::Span { min: SECOND, max: HOUR },
                    "Time from connecting to having logged in. Trickling bytes do not extend it.",
                ),
            ),
            or(
                "20",
                key(
                    "login_failures_per_address_max",
                    Kind::Count { min: 1, max: 1_000_000 },
                    "Failed logins one IP address (IPv6: one /64 network) may make before it has \
                        to wait.",
                ),
            ),
            or(
                "100",
                key(
                    "login_failures_per_account_max",
                    Kind::Count { min: 1, max: 1_000_000 },
                    "Failed logins for one account, from anywhere, before it has to wait.",
                ),
            ),
            or(
                "\"30s\"",
                key(
                    "login_failure_forgiven_after",
                    Kind::Span { min: SECOND, max: HOUR },
                    "Time in which one failed login is forgiven.",
                ),
            ),
            or(
                "2_000",
                key(
                    "stanzas_per_second",
                    Kind::Count { min: 1, max: 10_000_000 },
                    "Stanzas a session may send per second on average; a faster one is slowed \
                        down, not cut off.",
                ),
            ),
            or(
                "5_000",
                key(
                    "stanzas_burst",
                    Kind::Count { min: 1, max: 10_000_000 },
                    "Stanzas it may send at once before the average counts.",
                ),
            ),
            or(
                "20_000",
                key(
                    "copies_per_second",
                    Kind::Count { min: 1, max: 10_000_000 },
                    "Copies per second that the presence and other broadcasts of one account may \
                        cause on average.",
                ),
            ),
            or(
                "2_000",
                key(
                    "roster_items_max",
                    Kind::Count { min: 1, max: 100_000 },
                    "Contacts of one account.",
                ),
            ),
            or(
                "2_000",
                key(
                    "blocked_items_max",
                    Kind::Count { min: 1, max: 100_000 },
                    "Entries of one account's blocking list.",
                ),
            ),
            or(
                "131_072",
                key(
                    "item_bytes_max",
                    Kind::Count { min: 1_024, max: 262_144 },
                    "Bytes of one vCard or one element of private XML.",
                ),
            ),
            or(
                "100",
                key(
                    "private_items_max",
                    Kind::Count { min: 0, max: 100_000 },
                    "Elements of private XML of one account.",
                ),
            ),
            or(
                "2_000",
                key(
                    "accounts_cached_max",
                    Kind::Count { min: 1, max: 10_000_000 },
                    "Accounts kept in memory though nobody is logged in to them.",
                ),
            ),
        ],
    },
    Section {
        name: "sessions",
        repeated: false,
        help: "Sessions outlive connections (XEP-0198) and restarts of this program.",
        keys: &[
            or(
                "\"10m\"",
                key(
                    "resume_for",
                    Kind::Span { min: SECOND, max: Duration::from_secs(7 * 86_400) },
                    "How long a session waits for its client to come back after the connection \
                        broke.",
                ),
            ),
            or(
                "20",
                key(
                    "per_account_max",
                    Kind::Count { min: 1, max: 10_000 },
                    "Sessions of one account at the same time.",
                ),
            ),
            or(
                "5_000",
                key(
                    "queue_stanzas_max",
                    Kind::Count { min: 10, max: 1_000_000 },
                    "Stanzas that wait for a client without a connection; beyond it the session \
                        ends and they go where they would have \
                     gone without it.",
                ),
            ),
        ],
    },
    Section {
        name: "archive",
        repeated: false,
        help: "Message archives (XEP-0313).",
        keys: &[or(
            "\"always\"",
            key(
                "default",
                Kind::Choice(&["always", "roster", "never"]),
                "What is archived for a user who has not chosen: everything, only talk with \
                        contacts, nothing.",
            ),
        )],
    },
    Section {
        name: "offline",
        repeated: false,
        help: "Messages for users who are away (XEP-0160).",
        keys: &[or(
            "1_000",
            key(
                "messages_max",
                Kind::Count { min: 0, max: 1_000_000 },
                "Messages kept for one account; a sender of one more is told that it could not be \
                    delivered. 0 keeps none.",
            ),
        )],
    },
    Section {
        name: "registration",
        repeated: false,
        help: "What users may do with accounts from their client (XEP-0077).",
        keys: &[
            or(
                "false",
                key("allow", Kind::Switch, "Anybody who can connect may create an account."),
            ),
            or("true", key("password_change", Kind::Switch, "Users may change their password.")),
            or(
                "4_096",
                key(
                    "scram_iterations",
                    Kind::Count { min: 4_096, max: 1_000_000 },
                    "PBKDF2 iterations of new passwords. More make a stolen store harder to use \
                        and every login of a client slower.",
                ),
            ),
        ],
    },
    Section {
        name: "contact",
        repeated: false,
        help: "Whom users and other operators can turn to (XEP-0157), as lists of mailto:, xmpp: \
            or https: addresses.",
        keys: &[
            or(
                "[]",
                such_as(
                    "[\"mailto:abuse@example.org\"]",
                    key("abuse", Kind::Uris, "Abuse of the service."),
                ),
            ),
            or(
                "[]",
                such_as("[\"xmpp:admin@example.org\"]", key("admin", Kind::Uris, "Its operators.")),
            ),
            or("[]", key("feedback", Kind::Uris, "Feedback.")),
            or("[]", key("sales", Kind::Uris, "Sales.")),
            or("[]", key("security", Kind::Uris, "Security reports.")),
            or("[]", key("status", Kind::Uris, "Where the state of the service is published.")),
            or("[]", key("support", Kind::Uris, "Support.")),
        ],
    },
    Section {
        name: "log",
        repeated: false,
        help: "The log goes to standard error.",
        keys: &[
            reloads(env(
                "STEADFAST_LOG",
                or(
                    "\"info\"",
                    key(
                        "level",
                        Kind::Choice(LOG_LEVELS),
                        "The least important messages that are written.",
                    ),
                ),
            )),
            env(
                "STEADFAST_LOG_FORMAT",
                or(
                    "\"text\"",
                    key(
                        "format",
                        Kind::Choice(&["text", "json"]),
                        "text: for people. json: one object per line.",
                    ),
                ),
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_share_a_path_or_a_variable() {
        let mut paths = std::collections::BTreeSet::new();
        let mut variables = std::collections::BTreeSet::new();
        for section in SECTIONS {
            for key in section.keys {
                assert!(paths.insert(section.path_of(key)), "{} twice", section.path_of(key));
                if let Some(variable) = key.env {
                    assert!(variables.insert(variable), "{variable} twice");
                    assert!(variable.starts_with("STEADFAST_"), "{variable}");
                }
            }
        }
    }
}
