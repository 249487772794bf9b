//! How a method fails: with one sentence, which goes to standard error, from there into the log and the group's history.

use node_api::ClientError;
use std::fmt::Display;
use std::io;

/// Why a method failed, by who is to blame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The operator asked for what cannot be: the sentence says what to change.
    #[error("{0}")]
    Wrong(String),
    /// This machine would not do it: the sentence says what, and what it said.
    #[error("{0}")]
    Environment(String),
    /// The node daemon did not answer or refused.
    #[error(transparent)]
    Daemon(#[from] ClientError),
}

/// The outcome of a method.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// A refusal of what the operator asked for.
pub(crate) fn wrong<T>(sentence: impl Into<String>) -> Outcome<T> {
    Err(Failure::Wrong(sentence.into()))
}

/// Something did not work.
pub(crate) fn failed<T>(sentence: impl Into<String>) -> Outcome<T> {
    Err(Failure::Environment(sentence.into()))
}

/// Puts what was being done in front of an error.
pub(crate) trait Doing<T> {
    /// `doing` is a clause such as "opening the netlink socket".
    fn doing(self, doing: impl Display) -> Outcome<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl Display) -> Outcome<T> {
        self.map_err(|error| Failure::Environment(format!("{doing}: {error}")))
    }
}

/// A line for the log. What a method writes to standard error is logged by the daemon under the method's tag.
pub(crate) fn say(sentence: impl Display) {
    use std::io::Write;
    // Nobody to read it is no reason to fail.
    let _ = writeln!(io::stderr(), "{sentence}");
}
