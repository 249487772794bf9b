//! Writing: changes become a guarded transaction. Nothing is written over what could not be understood, and nothing that the store would refuse
//! for its size leaves here.

use super::key::Key;
use super::{Change, Guard, Transaction};
use crate::model::Cluster;
use std::collections::BTreeSet;

/// Largest value, in bytes (`control::Entry::VALUE_BYTES_MAX`).
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// Keys and values of one transaction, in bytes (`control::Txn::BYTES_MAX`), less what the cluster's prefix adds to 256 keys.
pub(crate) const TRANSACTION_BYTES_MAX: usize = VALUE_BYTES_MAX + 128 * 1024;
/// Guards of one transaction, and writes of one, each (`control::Txn::OPS_MAX`).
pub(super) const OPERATIONS_MAX: usize = 128;
/// Longest key below the cluster's prefix, in bytes (`control::Entry::KEY_BYTES_MAX` less room for the prefix).
pub(super) const KEY_BYTES_MAX: usize = 900;

/// Why changes cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The operator must look: what lies there was not understood.
    #[error("{key} is not written, because what lies there could not be understood: {why}")]
    NotUnderstood {
        /// The key.
        key: String,
        /// The problem's sentence.
        why: String,
    },
    /// The value is too large.
    #[error(
        "the value of {key} would have {bytes} bytes, at most {VALUE_BYTES_MAX} are possible; make it smaller"
    )]
    ValueTooLarge {
        /// The key.
        key: String,
        /// Its size.
        bytes: usize,
    },
    /// The key is too long.
    #[error(
        "the key {key} has {bytes} bytes, at most {KEY_BYTES_MAX} are possible; use shorter names"
    )]
    KeyTooLong {
        /// The key.
        key: String,
        /// Its size.
        bytes: usize,
    },
    /// All together are too many bytes.
    #[error(
        "one change would write {bytes} bytes, at most {TRANSACTION_BYTES_MAX} are possible; do it in smaller parts"
    )]
    TransactionTooLarge {
        /// The size.
        bytes: usize,
    },
    /// All together are too many keys.
    #[error(
        "one change would touch {count} keys, with guards, at most {OPERATIONS_MAX} are possible; do it in smaller parts"
    )]
    TooMany {
        /// How many.
        count: usize,
    },
    /// We erred: the same key twice.
    #[error("{key} would be written twice in one change; report this")]
    Twice {
        /// The key.
        key: String,
    },
}

impl Transaction {
    /// Changes with their guards: `holder` (that the writer still is what it believes to be), and that each key is as `revision` says
    /// (`None`: absent).
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the changes may be written then.
    pub fn of_changes(
        cluster: &Cluster,
        changes: &[Change],
        holder: Option<Guard>,
        revision: impl Fn(&str) -> Option<i64>,
    ) -> Result<Self, WriteError> {
        let mut transaction = Self { guards: holder.into_iter().collect(), writes: Vec::new() };
        let mut seen = BTreeSet::new();
        let mut bytes = 0;
        for change in changes {
            let (key, value) = writable(cluster, change)?;
            if !seen.insert(key.clone()) {
                return Err(WriteError::Twice { key });
            }
            bytes += 2 * key.len() + value.as_ref().map_or(0, Vec::len);
            transaction.guards.push(match revision(&key) {
                Some(at) => Guard::ChangedAt(key.clone(), at),
                None => Guard::Absent(key.clone()),
            });
            transaction.writes.push((key, value, change.key.is_leased()));
        }
        let count = transaction.guards.len().max(transaction.writes.len());
        if count > OPERATIONS_MAX {
            return Err(WriteError::TooMany { count });
        }
        if bytes > TRANSACTION_BYTES_MAX {
            return Err(WriteError::TransactionTooLarge { bytes });
        }
        Ok(transaction)
    }
}

/// Key and value of a change, if they may be written.
fn writable(cluster: &Cluster, change: &Change) -> Result<(String, Option<Vec<u8>>), WriteError> {
    let key = change.key.to_string();
    // A node's own report may be written over: it is its only writer, and what it says now is the truth.
    let is_own_report = matches!(change.key, Key::Observed(..));
    if let Some(problem) = cluster.problems.get(&key).filter(|_| !is_own_report) {
        return Err(WriteError::NotUnderstood { key, why: problem.sentence.clone() });
    }
    if key.len() > KEY_BYTES_MAX {
        let bytes = key.len();
        return Err(WriteError::KeyTooLong { key, bytes });
    }
    let value = change.object.as_ref().map(super::Object::encode);
    match value.as_ref().map_or(0, Vec::len) {
        bytes if bytes > VALUE_BYTES_MAX => Err(WriteError::ValueTooLarge { key, bytes }),
        _ => Ok((key, value)),
    }
}
