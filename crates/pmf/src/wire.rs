//! What daemon and keeper say to each other over the keeper's standard input, a socket.
//!
//! Daemon → keeper: the order (length, JSON), then single bytes. Keeper → daemon: lines. The socket's end is a message too:
//! the daemon is gone, or has dropped the tree.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::command::Owner;
use crate::exit::Exit;

/// Largest order: arguments and environment at their limits, escaped by JSON at its worst.
pub(crate) const ORDER_BYTES_MAX: usize = 12 * crate::Command::BYTES_MAX + 64 * 1024;
/// Byte: kill everything, until nobody is left.
pub(crate) const KILL: u8 = b'K';
/// Byte: end, and leave what runs alone.
pub(crate) const RELEASE: u8 = b'R';

/// What the keeper is to start.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) program: PathBuf,
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: PathBuf,
    /// `None`: as the daemon runs.
    pub(crate) owner: Option<Owner>,
    /// The tree's cgroup, when it has one.
    pub(crate) cgroup: Option<PathBuf>,
    /// The daemon's cgroup, where the keeper goes back to.
    pub(crate) cgroup_home: Option<PathBuf>,
    /// Only processes down to this depth count as the tree's life.
    pub(crate) level: Option<u32>,
}

/// What the keeper tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// The command was executed, as this process.
    Started(i32),
    /// It was not; errno.
    Refused(i32),
    /// The cgroup could not be joined (errno); the tree runs without.
    NoCgroup(i32),
    /// The started process ended.
    First(Exit),
    /// Nobody down to the watched depth is alive.
    Watched,
    /// Nobody is left.
    Empty,
}

impl Report {
    pub(crate) fn to_line(&self) -> String {
        match self {
            Report::Started(pid) => format!("started {pid}\n"),
            Report::Refused(errno) => format!("refused {errno}\n"),
            Report::NoCgroup(errno) => format!("nocgroup {errno}\n"),
            Report::First(Exit::Exited(code)) => format!("exited {code}\n"),
            Report::First(Exit::Signalled(signal)) => format!("signalled {signal}\n"),
            Report::Watched => "watched\n".into(),
            Report::Empty => "empty\n".into(),
        }
    }

    /// `None` for anything a keeper does not say.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let verb = words.next()?;
        let number = words.next().and_then(|word| word.parse::<i32>().ok());
        Some(match (verb, number) {
            ("started", Some(pid)) => Report::Started(pid),
            ("refused", Some(errno)) => Report::Refused(errno),
            ("nocgroup", Some(errno)) => Report::NoCgroup(errno),
            ("exited", Some(code)) => Report::First(Exit::Exited(code)),
            ("signalled", Some(signal)) => Report::First(Exit::Signalled(signal)),
            ("watched", None) => Report::Watched,
            ("empty", None) => Report::Empty,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_survives_the_way_over_the_socket() {
        for report in [
            Report::Started(7),
            Report::Refused(2),
            Report::NoCgroup(13),
            Report::First(Exit::Exited(3)),
            Report::First(Exit::Signalled(9)),
            Report::Watched,
            Report::Empty,
        ] {
            assert_eq!(Report::parse(&report.to_line()), Some(report));
        }
        for line in ["", "started", "started x", "empty 1", "else"] {
            assert_eq!(Report::parse(line), None, "{line:?}");
        }
    }
}
