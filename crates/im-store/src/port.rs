//! The port: open, commit, read.

use crate::{AccountRow, KeptSession, Query, Reply, Write};

/// Number of an instance of the server; the store serves only the one that claimed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// Writes that become durable together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the order they take effect.
    pub writes: Vec<Write>,
}

/// What a commit tells besides being durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Whether there is room for more.
    pub room: Room,
}

/// How much room the store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Enough.
    Plenty,
    /// Only the reserve is left: refuse what stores anything new, so that what is under way can end.
    Scarce,
}

/// Why a batch was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another instance has claimed the store. End without telling clients anything.
    #[error("epoch {mine:?} is fenced: the store belongs to epoch {current:?} now")]
    Fenced {
        /// Ours.
        mine: Epoch,
        /// The one that may write.
        current: Epoch,
    },
    /// No room, not even the reserve. Nothing of the batch was written; the same batch may be tried again.
    #[error("no room for the batch: {0}; free space on the file system of the runtime directory")]
    Full(String),
    /// The store can no longer promise anything (a failed fsync, a corrupt page). End the process.
    #[error("the store has failed: {0}")]
    Broken(String),
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else holds it.
    #[error("{path} is in use by another process (pid {pid}); stop it first")]
    InUse {
        /// Its directory.
        path: String,
        /// The holder, 0 when unknown.
        pid: u32,
    },
    /// It was written by a newer version.
    #[error("{path} has format {found}, this version knows up to {known}; run the newer version")]
    TooNew {
        /// Its directory.
        path: String,
        /// Format found.
        found: u32,
        /// Newest format known.
        known: u32,
    },
    /// Anything else.
    #[error("cannot open the store in {path}: {why}")]
    Failed {
        /// Its directory.
        path: String,
        /// What happened and what to do.
        why: String,
    },
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read from the store: {0}")]
pub struct ReadError(pub String);

/// What an instance finds when it opens the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Every session kept.
    pub sessions: Vec<KeptSession>,
    /// Their accounts, each once.
    pub accounts: Vec<AccountRow>,
    /// Greater or equal to every id ever given for accounts, sessions and stanzas.
    pub last_account: u64,
    /// See `last_account`.
    pub last_session: u64,
    /// See `last_account`.
    pub last_stanza: u64,
}

/// The writing side; owned by one thread. Opening claims an epoch.
pub trait Store: Send {
    /// A reading side for another thread.
    type Reader: Reader;

    /// The epoch this instance claimed.
    fn epoch(&self) -> Epoch;

    /// What was found at opening. Later calls give an empty value.
    fn take_recovered(&mut self) -> Recovered;

    /// Makes a batch durable, or fails without a trace of it. Returns after stable storage has it.
    fn commit(&mut self, batch: &Batch) -> Result<Committed, CommitError>;

    /// A new reading side. What it reads includes every batch committed before the call of [`Reader::read`].
    fn reader(&self) -> Result<Self::Reader, ReadError>;
}

/// A reading side.
pub trait Reader: Send {
    /// Answers one question.
    fn read(&mut self, query: &Query) -> Result<Reply, ReadError>;
}
