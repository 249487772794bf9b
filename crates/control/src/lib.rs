//! The control store: the cluster's replicated configuration, intents and leases, as a port with etcd's semantics.
//!
//! One port, three engines: `memory` (simulation and tests; a pure state machine with the time as an argument), `embedded` (one SQLite file
//! shared by the node daemons of one machine) and, in its own crate, etcd. All pass one suite (`conformance`). The semantics are
//! etcd's and nothing more: one global revision, guarded transactions, leases whose end deletes their keys, watches from a revision.
//! No consensus of our own lives here, ever (design §5.2).

pub mod conformance;
pub mod embedded;
mod lease;
pub mod memory;
mod mirror;
mod port;

pub use mirror::{Mirror, MirrorView, Patience};
pub use port::{
    BoxFuture, ControlStore, Entry, Error, Event, Granted, Guard, LeaseId, Op, Range, Revision,
    Txn, TxnOutcome, Watch,
};
