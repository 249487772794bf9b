//! The port: what any control store must do, in the terms of etcd.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A boxed future, so that the port can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The store's global version: every transaction that changes something raises it by one.
pub type Revision = i64;

/// Identifies a lease at the store; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

/// A key and its value as of some revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// UTF-8 by our convention.
    pub key: String,
    /// Opaque; at most [`VALUE_BYTES_MAX`](Self::VALUE_BYTES_MAX).
    pub value: Vec<u8>,
    /// Revision at which the key came into being (again).
    pub create_revision: Revision,
    /// Revision of the last change.
    pub mod_revision: Revision,
    /// The lease whose end deletes the key.
    pub lease: Option<LeaseId>,
}

impl Entry {
    /// Largest value a store takes (etcd's default request limit is 1.5 MiB).
    pub const VALUE_BYTES_MAX: usize = 1024 * 1024;
    /// Longest key a store takes; the shortest has one byte.
    pub const KEY_BYTES_MAX: usize = 1024;
}

/// A coherent reading of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The revision it is true at; a watch from `revision + 1` misses nothing.
    pub revision: Revision,
    /// In key order.
    pub entries: Vec<Entry>,
}

/// A condition of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The key does not exist.
    Absent(String),
    /// The key exists and came into being at this revision: the same holder since.
    CreatedAt(String, Revision),
    /// The key exists and was last changed at this revision: nothing happened since it was read.
    ChangedAt(String, Revision),
}

/// A change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a key, under a lease or for good.
    Put {
        /// The key.
        key: String,
        /// Its new value.
        value: Vec<u8>,
        /// `Some`: deleted when this lease ends. The transaction fails with [`Error::LeaseGone`] when it has ended already.
        lease: Option<LeaseId>,
    },
    /// Deletes a key; no error when absent.
    Delete {
        /// The key.
        key: String,
    },
}

/// All `ops` if all `guards` hold, otherwise nothing. A key appears in at most one op (etcd's rule). At most [`Txn::OPS_MAX`] of both together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must hold.
    pub guards: Vec<Guard>,
    /// What is done then, in order, at one revision.
    pub ops: Vec<Op>,
}

impl Txn {
    /// Guards of one transaction, and operations of one, each: etcd's default `--max-txn-ops`, which counts them apart.
    pub const OPS_MAX: usize = 128;
    /// All keys and values together: below etcd's default request limit of 1.5 MiB with its framing.
    pub const BYTES_MAX: usize = Entry::VALUE_BYTES_MAX + 256 * 1024;

    /// Checks the limits of the port, so that every engine refuses the same transactions in the same words.
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the limit and the key.
    pub fn check(&self) -> Result<(), Error> {
        let count = self.guards.len().max(self.ops.len());
        if count > Self::OPS_MAX {
            let max = Self::OPS_MAX;
            return invalid(format!(
                "{count} guards or operations in one transaction, at most {max}"
            ));
        }
        let mut bytes = 0;
        for guard in &self.guards {
            bytes += check_key(guard.key())?;
        }
        let mut keys = BTreeSet::new();
        for op in &self.ops {
            bytes += check_key(op.key())?;
            if !keys.insert(op.key()) {
                return invalid(format!("{} is changed twice in one transaction", op.key()));
            }
            if let Op::Put { key, value, .. } = op {
                let (size, max) = (value.len(), Entry::VALUE_BYTES_MAX);
                if size > max {
                    return invalid(format!("the value of {key} has {size} bytes, at most {max}"));
                }
                bytes += size;
            }
        }
        if bytes > Self::BYTES_MAX {
            let max = Self::BYTES_MAX;
            return invalid(format!("{bytes} bytes in one transaction, at most {max}"));
        }
        Ok(())
    }
}

impl Guard {
    /// The key it is about.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Absent(key) | Self::CreatedAt(key, _) | Self::ChangedAt(key, _) => key,
        }
    }

    /// Whether it holds, given what is under its key.
    #[must_use]
    pub fn holds(&self, found: Option<&Entry>) -> bool {
        match self {
            Self::Absent(_) => found.is_none(),
            Self::CreatedAt(_, at) => found.is_some_and(|entry| entry.create_revision == *at),
            Self::ChangedAt(_, at) => found.is_some_and(|entry| entry.mod_revision == *at),
        }
    }
}

impl Op {
    /// The key it changes.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

impl Event {
    /// The key that changed.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Deleted { key, .. } => key,
        }
    }

    /// When.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.mod_revision,
            Self::Deleted { revision, .. } => *revision,
        }
    }
}

/// Gives its size.
fn check_key(key: &str) -> Result<usize, Error> {
    let (size, max) = (key.len(), Entry::KEY_BYTES_MAX);
    match size {
        0 => invalid("a key is empty".into()),
        size if size > max => invalid(format!("a key has {size} bytes, at most {max}")),
        size => Ok(size),
    }
}

fn invalid<T>(why: String) -> Result<T, Error> {
    Err(Error::Invalid(why))
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnOutcome {
    /// Done at this revision.
    Committed(Revision),
    /// A guard did not hold as of this revision; nothing changed.
    Refused(Revision),
}

/// A lease as the store granted it: at least what was asked, in the store's steps (etcd: whole seconds, with a floor).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Its id.
    pub id: LeaseId,
    /// From when the store handled the request. A holder must count from *before it sent* the request.
    pub ttl: Duration,
}

impl Granted {
    /// Longest lease a store grants.
    pub const TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
}

/// A change seen by a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key was written.
    Put(Entry),
    /// A key was deleted, by an op or by the end of its lease.
    Deleted {
        /// The key.
        key: String,
        /// When.
        revision: Revision,
    },
}

/// Why a store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody can say whether it was done: the connection or the quorum was lost on the way. Read, then decide.
    #[error("the control store does not answer: {0}")]
    Unavailable(String),
    /// The lease has ended; its keys are gone.
    #[error("the lease has ended at the control store")]
    LeaseGone,
    /// The watch fell behind what the store keeps; read all and watch from there.
    #[error("the control store no longer has revision {asked}, the oldest is {oldest}")]
    Compacted {
        /// Asked for.
        asked: Revision,
        /// Still there.
        oldest: Revision,
    },
    /// The request breaks a limit of the port.
    #[error("the control store does not take this: {0}")]
    Invalid(String),
    /// The store's data is damaged or of a newer format; nothing was changed.
    #[error("the control store is damaged: {0}")]
    Damaged(String),
    /// It refuses us: certificate, role, password.
    #[error("the control store refuses us: {0}")]
    Denied(String),
}

/// A watch: batches of events, each batch the whole of one or more revisions, in order, with nothing left out. Ends with an error; a
/// new one is then opened (`mirror` does all of that).
pub trait Watch: Send {
    /// Waits for the next events; also returns an empty batch now and then as a sign of life, with the revision the watch is at.
    fn next(&mut self) -> BoxFuture<'_, Result<(Revision, Vec<Event>), Error>>;
}

/// A control store. Every method is linearizable: it sees all that was acknowledged to anybody before it began.
/// Dropping a future abandons the answer, not the work.
pub trait ControlStore: Send + Sync + 'static {
    /// Everything under a prefix.
    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, Error>>;
    /// A guarded transaction.
    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, Error>>;
    /// Watches a prefix from (and with) a revision.
    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<Box<dyn Watch>, Error>>;
    /// Asks for a lease.
    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<Granted, Error>>;
    /// Renews it, for its whole time from now.
    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<Granted, Error>>;
    /// Ends it, which deletes its keys; no error when it has ended already.
    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), Error>>;
    /// One line for `status`: which engine, where, how many members answer.
    fn describe(&self) -> BoxFuture<'_, String>;
}
