//! What the command line and a running service say to each other: one JSON object per line, an answer for each request
//! in the order they were made.
//!
//! Passwords never travel; what arrives here are SCRAM verifiers.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Bytes one line may have. A page of accounts is the longest: 1,000 addresses.
pub(crate) const LINE_BYTES_MAX: usize = 4 << 20;
/// Requests of one connection that are worked on at the same time.
pub(crate) const PIPELINE_MAX: usize = 256;
/// Accounts of one page.
pub(crate) const PAGE_MAX: usize = 1_000;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Whether the core answers.
    Ping,
    /// Creates an account.
    AccountAdd {
        /// Its address.
        jid: String,
        /// Verifiers, base64.
        credentials: String,
    },
    /// Removes an account.
    AccountRemove {
        /// Its address.
        jid: String,
    },
    /// Replaces an account's verifiers.
    AccountPasswd {
        /// Its address.
        jid: String,
        /// Verifiers, base64.
        credentials: String,
    },
    /// A page of addresses.
    AccountList {
        /// Exclusive lower bound, empty for the start.
        after: String,
    },
    /// Writes a backup.
    Backup {
        /// Absolute; must not exist.
        file: PathBuf,
    },
    /// Puts a backup in place of what is kept.
    Restore {
        /// Absolute.
        file: PathBuf,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// It is done, and durable.
    Done,
    /// A page of addresses; an empty one is the last.
    Accounts {
        /// In order.
        jids: Vec<String>,
    },
    /// The backup is written and checked.
    BackedUp {
        /// Accounts in it.
        accounts: u64,
        /// Stanzas in it.
        stanzas: u64,
    },
    /// The backup is checked and unpacked; the service starts anew with it.
    Restoring {
        /// Accounts in it.
        accounts: u64,
        /// Stanzas in it.
        stanzas: u64,
    },
    /// It is not done; nothing has changed.
    Refused {
        /// Why, and what to do.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_what_they_were() {
        for (request, line) in [
            (Request::Ping, r#"{"op":"ping"}"#),
            (
                Request::AccountRemove { jid: "romeo@example.org".into() },
                r#"{"op":"account-remove","jid":"romeo@example.org"}"#,
            ),
            (Request::Backup { file: "/b".into() }, r#"{"op":"backup","file":"/b"}"#),
        ] {
            assert_eq!(serde_json::to_string(&request).unwrap(), line);
            assert_eq!(serde_json::from_str::<Request>(line).unwrap(), request);
        }
        let refused = Answer::Refused { why: "no".into() };
        assert_eq!(serde_json::to_string(&refused).unwrap(), r#"{"answer":"refused","why":"no"}"#);
    }
}
