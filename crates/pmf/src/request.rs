//! What `pmfadm` asks and is answered, as types that the admin socket carries. Numbers are checked as they arrive.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::command::Owner;
use crate::exit::Exit;

/// Who asks: the credentials of the socket's peer.
pub type Caller = Owner;

/// Restarts allowed within the period (`-n`); −1 on the wire and on the command line is [`Retries::Unlimited`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum Retries {
    /// That many; 0 is never.
    AtMost(u32),
    /// As often as it dies, with pauses (see [`crate::Backoff`]).
    Unlimited,
}

impl Retries {
    /// Most retries that are counted.
    pub const MAX: u32 = 10_000;
}

impl TryFrom<i64> for Retries {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        match number {
            -1 => Ok(Retries::Unlimited),
            _ => u32::try_from(number)
                .ok()
                .filter(|number| *number <= Self::MAX)
                .map(Retries::AtMost)
                .ok_or_else(|| {
                    format!("{number} retries: give 0 to {}, or -1 for no limit", Self::MAX)
                }),
        }
    }
}

impl From<Retries> for i64 {
    fn from(retries: Retries) -> i64 {
        match retries {
            Retries::AtMost(number) => i64::from(number),
            Retries::Unlimited => -1,
        }
    }
}

/// How long a failure counts (`-t`), in minutes; −1 is [`Period::Forever`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum Period {
    /// So many minutes, at least one.
    Minutes(u32),
    /// Failures never expire.
    Forever,
}

impl Period {
    /// Longest period, about ten years.
    pub const MINUTES_MAX: u32 = 5_256_000;
}

impl TryFrom<i64> for Period {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        match number {
            -1 => Ok(Period::Forever),
            _ => u32::try_from(number)
                .ok()
                .filter(|number| (1..=Self::MINUTES_MAX).contains(number))
                .map(Period::Minutes)
                .ok_or_else(|| {
                    let most = Self::MINUTES_MAX;
                    format!("a period of {number}: give 1 to {most} minutes, or -1 for ever")
                }),
        }
    }
}

impl From<Period> for i64 {
    fn from(period: Period) -> i64 {
        match period {
            Period::Minutes(number) => i64::from(number),
            Period::Forever => -1,
        }
    }
}

/// How long a command waits for processes to end (`-w`), in seconds; −1 is [`Wait::Forever`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum Wait {
    /// At most so many seconds.
    Seconds(u32),
    /// Until they have ended.
    Forever,
}

impl TryFrom<i64> for Wait {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        match number {
            -1 => Ok(Wait::Forever),
            _ => u32::try_from(number)
                .map(Wait::Seconds)
                .map_err(|_| format!("a wait of {number}: give seconds, or -1 for ever")),
        }
    }
}

impl From<Wait> for i64 {
    fn from(wait: Wait) -> i64 {
        match wait {
            Wait::Seconds(number) => i64::from(number),
            Wait::Forever => -1,
        }
    }
}

/// `pmfadm -c`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTag {
    /// Unique on the node; no blanks or control characters, at most 255 bytes.
    pub tag: String,
    /// Program and arguments. A name without `/` is looked up in the `PATH` of `env`.
    pub command: Vec<String>,
    /// The whole environment (`-e`, or the caller's with `-E`).
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// The caller's working directory.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// Restarts within the period.
    pub retries: Retries,
    /// How long a failure counts.
    pub period: Period,
    /// Run as `action… failed <tag>` when the budget is exhausted; words separated by blanks, no shell.
    #[serde(default)]
    pub action: Option<String>,
    /// Depth of descendants that count as the tag's life; `None`: all. Deeper ones neither keep it alive nor outlive it.
    #[serde(default)]
    pub level: Option<u32>,
}

impl CreateTag {
    /// A tag that is never restarted, with an empty environment.
    pub fn new(
        tag: impl Into<String>,
        command: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            tag: tag.into(),
            command: command.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            cwd: None,
            retries: Retries::AtMost(0),
            period: Period::Forever,
            action: None,
            level: None,
        }
    }
}

/// A request of `pmfadm`. `-h host` is not part of it: the client asks that node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PmfRequest {
    /// `-c`: create a tag and start its command.
    Create(CreateTag),
    /// `-m`: change the budget; the failure history is cleared.
    Modify {
        /// Whose.
        tag: String,
        /// `None`: as it is.
        retries: Option<Retries>,
        /// `None`: as it is.
        period: Option<Period>,
    },
    /// `-s`: restart no more; the tag goes when its processes have ended.
    Stop {
        /// Whose.
        tag: String,
        /// Sent to the whole tree; `None`: nothing is sent.
        signal: Option<i32>,
        /// `None`: do not wait.
        wait: Option<Wait>,
    },
    /// `-k`: signal the whole tree; it is restarted if that ends it and the budget allows.
    Kill {
        /// Whose.
        tag: String,
        /// `None`: SIGKILL, until nobody is left.
        signal: Option<i32>,
        /// `None`: do not wait.
        wait: Option<Wait>,
    },
    /// `-l`.
    Status {
        /// Whose.
        tag: String,
    },
    /// `-L`: the caller's tags; for root all.
    List,
    /// `-q`.
    Query {
        /// Whose.
        tag: String,
    },
}

/// The answer: an exit code, a sentence when it is not 0, and tags where they were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PmfAnswer {
    /// 0: done; 1: refused, or no such tag, or (`-c`) there is one; 2: the wait expired.
    pub exit: u8,
    /// For standard error; empty when there is nothing to say.
    pub message: String,
    /// For `-l` one, for `-L` any number, in the order of their names.
    pub tags: Vec<TagStatus>,
}

impl PmfAnswer {
    /// Exit code 2.
    pub const TIMED_OUT: u8 = 2;

    pub(crate) fn done() -> Self {
        Self { exit: 0, message: String::new(), tags: Vec::new() }
    }

    pub(crate) fn failed(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), tags: Vec::new() }
    }
}

/// What a tag is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagPhase {
    /// Its command is about to run for the first time.
    Starting,
    /// It runs.
    Running,
    /// It died and is about to be restarted.
    Restarting,
    /// It died too often; the action program decides.
    Asking,
    /// `-s`: it runs, and goes when it has ended.
    Stopping,
    /// There is no such tag any more.
    Gone,
}

impl TagPhase {
    /// As `pmfadm -l` shows it.
    pub fn word(self) -> &'static str {
        match self {
            TagPhase::Starting => "Starting",
            TagPhase::Running => "Running",
            TagPhase::Restarting => "Restarting",
            TagPhase::Asking => "Waiting for action program",
            TagPhase::Stopping => "Stopping",
            TagPhase::Gone => "Gone",
        }
    }
}

/// Everything about a tag that all may read. Displayed, it is the output of `pmfadm -l`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagStatus {
    /// Its name.
    pub tag: String,
    /// Who created it.
    pub owner: Owner,
    /// The limit in force.
    pub retries: Retries,
    /// The limit in force.
    pub period: Period,
    /// Failures that count now.
    pub failures: u32,
    /// All deaths since it was created.
    pub deaths: u64,
    /// The action program.
    pub action: Option<String>,
    /// `-C`.
    pub level: Option<u32>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its environment; shown to the owner and root only, since it may hold secrets.
    pub env: Option<Vec<(String, String)>>,
    /// The living processes, the started one first.
    pub pids: Vec<i32>,
    /// What it is doing.
    pub phase: TagPhase,
    /// How it ended last time.
    pub last_exit: Option<Exit>,
}

impl std::fmt::Display for TagStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = |f: &mut std::fmt::Formatter<'_>, name: &str, value: String| {
            writeln!(f, "\t{:<16}{value}", format!("{name}:"))
        };
        let words = |words: &[String]| words.join(" ");
        writeln!(f, "STATUS {}", self.tag)?;
        row(f, "owner", self.owner.uid.to_string())?;
        row(f, "retries", i64::from(self.retries).to_string())?;
        row(f, "failures", self.failures.to_string())?;
        row(f, "period", format!("{} minutes", i64::from(self.period)))?;
        row(f, "action", self.action.clone().unwrap_or_default())?;
        if let Some(level) = self.level {
            row(f, "monitor level", level.to_string())?;
        }
        row(f, "command", words(&self.command))?;
        let env = self.env.as_ref().map(|env| {
            env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        });
        row(f, "environment", env.map_or_else(|| "(hidden)".into(), |env| words(&env)))?;
        let pids: Vec<String> = self.pids.iter().map(i32::to_string).collect();
        row(f, "pids", words(&pids))?;
        if let Some(exit) = self.last_exit {
            row(f, "last end", exit.to_string())?;
        }
        row(f, "status", self.phase.word().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_their_range_are_refused_where_they_arrive() {
        for (retries, is_fine) in
            [(-2, false), (-1, true), (0, true), (10_000, true), (10_001, false)]
        {
            assert_eq!(Retries::try_from(retries).is_ok(), is_fine, "{retries}");
        }
        for (period, is_fine) in [(-2, false), (-1, true), (0, false), (1, true), (i64::MAX, false)]
        {
            assert_eq!(Period::try_from(period).is_ok(), is_fine, "{period}");
        }
        for (wait, is_fine) in [(-2, false), (-1, true), (0, true), (1 << 40, false)] {
            assert_eq!(Wait::try_from(wait).is_ok(), is_fine, "{wait}");
        }
        let text = r#"{"Modify":{"tag":"a","retries":-5,"period":null}}"#;
        assert!(serde_json::from_str::<PmfRequest>(text).is_err());
    }

    #[test]
    fn a_request_survives_the_way_over_the_admin_socket() {
        let mut create = CreateTag::new("a", ["sh", "-c", "x"]);
        create.retries = Retries::Unlimited;
        for request in [
            PmfRequest::Create(create),
            PmfRequest::Stop { tag: "a".into(), signal: Some(15), wait: Some(Wait::Forever) },
            PmfRequest::List,
        ] {
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<PmfRequest>(&text).unwrap(), request);
        }
    }

    #[test]
    fn the_status_is_written_as_pmfadm_shows_it() {
        let status = TagStatus {
            tag: "web".into(),
            owner: Owner { uid: 0, gid: 0 },
            retries: Retries::AtMost(4),
            period: Period::Minutes(2),
            failures: 1,
            deaths: 7,
            action: None,
            level: Some(0),
            command: vec!["/bin/sleep".into(), "9".into()],
            env: Some(vec![("A".into(), "1".into())]),
            pids: vec![5, 6],
            phase: TagPhase::Running,
            last_exit: Some(Exit::Signalled(9)),
        };
        assert_eq!(
            status.to_string(),
            "STATUS web\n\towner:          0\n\tretries:        4\n\tfailures:       1\n\t\
             period:         2 minutes\n\taction:         \n\tmonitor level:  0\n\t\
             command:        /bin/sleep 9\n\tenvironment:    A=1\n\tpids:           5 6\n\t\
             last end:       was ended by signal KILL (9)\n\tstatus:         Running\n"
        );
    }
}
