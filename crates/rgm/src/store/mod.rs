//! The cluster as keys and values of the control store: paths, JSON with a format number, and changes with their guards.
//!
//! One function reads (`Cluster::apply`), one writes (`Object::encode`). A value is `{"format": 1, "kind": …, "value": …}`; a newer format
//! or one that cannot be read becomes a `Problem` and is never written over.

mod apply;
mod codec;
mod key;
#[cfg(test)]
mod tests;
mod transaction;

pub use codec::FORMAT;
pub use key::{Key, UnknownKey};
pub(crate) use transaction::TRANSACTION_BYTES_MAX;
pub use transaction::{VALUE_BYTES_MAX, WriteError};

use crate::model::{
    Answer, ClusterSettings, Fence, FiniOwed, Group, History, Intent, Job, LastMembers, Member,
    NodeConfig, Observed, President, Request, Resource, TypeConfig,
};

/// A value to be written.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is the value of the key of the same name")]
#[expect(clippy::large_enum_variant, reason = "short-lived; a box at every use would say nothing")]
pub enum Object {
    Cluster(ClusterSettings),
    Node(NodeConfig),
    Type(TypeConfig),
    Group(Group),
    Resource(Resource),
    Intent(Intent),
    History(History),
    Fini(FiniOwed),
    Fence(Fence),
    Request(Request),
    Answer(Answer),
    Job(Job),
    Member(Member),
    Observed(Observed),
    President(President),
    LastMembers(LastMembers),
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which key.
    pub key: Key,
    /// `None`: delete it.
    pub object: Option<Object>,
}

/// What must hold for a transaction, in the store's terms (`control::Guard` has the same three).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The key does not exist.
    Absent(String),
    /// The same holds since this create revision.
    CreatedAt(String, i64),
    /// Not changed since this revision.
    ChangedAt(String, i64),
}

/// A transaction in the store's terms. Keys are below the cluster's prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// What must hold.
    pub guards: Vec<Guard>,
    /// Key, value (`None`: delete), whether under the node's lease.
    pub writes: Vec<(String, Option<Vec<u8>>, bool)>,
}

/// A key as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// JSON.
    pub value: Vec<u8>,
    /// When it came into being.
    pub create_revision: i64,
    /// When it was last changed.
    pub mod_revision: i64,
}
